//! Package `regexp`: RE2 as Go reads it, run by the engine of the `regex` crate.
//!
//! The two agree but in a few spellings: Go's Perl classes and word boundaries are
//! ASCII, `\Q...\E` quotes and `\z` ends the text, `\C` is one byte.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use regex_automata::Match;
use regex_automata::meta::{Config, Regex as Engine};
use regex_automata::util::syntax;

/// An expression that is ready to be looked for.
#[derive(Debug)]
pub struct Regex(Engine);

impl Regex {
    /// An expression in the spelling of the `regex` crate, for bytes that may be no UTF-8.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(pattern: &str) -> Result<Regex, String> {
        // Automata for all of a text take longer to make than a chart's texts to search;
        // parts of one are made while searching.
        let config = Config::new().dfa(false).onepass(false).utf8_empty(false);
        let config = config.nfa_size_limit(Some(10 << 20));
        let syntax = syntax::Config::new().utf8(false);
        Engine::builder().configure(config).syntax(syntax).build(pattern).map(Regex).map_err(|error| {
            let reason = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
            reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        })
    }

    /// Whether it is found in a text.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }

    /// Where it is found, from left to right.
    pub fn matches<'t>(&self, text: &'t [u8]) -> impl Iterator<Item = Match> + use<'_, 't> {
        self.0.find_iter(text)
    }

    /// The text with each place where it is found replaced. In what replaces it, `$1` and
    /// `${name}` stand for groups, as in `Regexp.ReplaceAll`.
    pub fn replace_all(&self, text: &[u8], with: &[u8]) -> Vec<u8> {
        if !with.contains(&b'$') {
            return self.replace_all_literal(text, with);
        }
        let (mut out, mut from) = (Vec::with_capacity(text.len()), 0);
        for groups in self.0.captures_iter(text) {
            let Some(found) = groups.get_match() else { continue };
            out.extend_from_slice(&text[from..found.start()]);
            groups.interpolate_bytes_into(text, with, &mut out);
            from = found.end();
        }
        out.extend_from_slice(&text[from..]);
        out
    }

    /// The text with each place where it is found replaced by just this.
    pub fn replace_all_literal(&self, text: &[u8], with: &[u8]) -> Vec<u8> {
        let (mut out, mut from) = (Vec::with_capacity(text.len()), 0);
        for found in self.matches(text) {
            out.extend_from_slice(&text[from..found.start()]);
            out.extend_from_slice(with);
            from = found.end();
        }
        out.extend_from_slice(&text[from..]);
        out
    }
}

/// Expressions are few and used again and again; the table starts anew when it is full.
const CACHED: usize = 4096;

static CACHE: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);

/// `regexp.Compile`.
///
/// # Errors
/// As Go words it: "error parsing regexp: ...".
pub fn compile(pattern: &str) -> Result<Arc<Regex>, String> {
    // A thread that panics while it holds the lock leaves a table that is whole.
    let lock = || CACHE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(regex) = lock().get(pattern) {
        return Ok(Arc::clone(regex));
    }
    let compiled = Regex::new(&translate(pattern))
        .map_err(|reason| format!("error parsing regexp: {reason}: `{pattern}`"))?;
    let compiled = Arc::new(compiled);
    let mut cache = lock();
    if cache.len() >= CACHED {
        cache.clear();
    }
    cache.insert(pattern.to_owned(), Arc::clone(&compiled));
    Ok(compiled)
}

fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(class @ ('d' | 'D' | 'w' | 'W' | 's' | 'S')) => {
                    out.push_str(match class {
                        'd' => "[0-9]",
                        'D' => "[^0-9]",
                        'w' => "[0-9A-Za-z_]",
                        'W' => "[^0-9A-Za-z_]",
                        's' => "[\\t\\n\\f\\r ]",
                        _ => "[^\\t\\n\\f\\r ]",
                    });
                    // A class is no end of a range: the dash behind it is one.
                    if in_class && chars.peek() == Some(&'-') {
                        chars.next();
                        out.push_str("\\-");
                    }
                }
                Some('b') => out.push_str("(?-u:\\b)"),
                Some('B') => out.push_str("(?-u:\\B)"),
                Some('C') => out.push_str("(?s-u:.)"),
                Some('Q') => {
                    let mut quoted = String::new();
                    while let Some(c) = chars.next() {
                        if c == '\\' && chars.peek() == Some(&'E') {
                            chars.next();
                            break;
                        }
                        quoted.push(c);
                    }
                    out.push_str(&regex_syntax::escape(&quoted));
                }
                Some(c) => {
                    out.push('\\');
                    out.push(c);
                }
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
                // A bracket that stands first is meant as itself.
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
            }
            '[' if chars.peek() == Some(&':') => out.push('['),
            '[' => out.push_str("\\["),
            ':' if in_class && chars.peek() == Some(&']') && out.contains("[:") && is_posix_class(&out) => {
                chars.next();
                out.push_str(":]");
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // The crate has set operations in classes, Go has not.
            '&' | '~' | '-' if in_class && chars.peek() == Some(&c) => {
                chars.next();
                out.push('\\');
                out.push(c);
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

fn is_posix_class(out: &str) -> bool {
    out.rfind("[:").is_some_and(|at| out[at + 2..].chars().all(|c| c.is_ascii_lowercase() || c == '^'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_go_are_understood() {
        for (pattern, text, matches) in [
            (r"^\d+$", "12", true),
            (r"^\d+$", "٣", false),
            (r"[[:alpha:]_-]+$", "a_-", true),
            (r"[]a]", "]", true),
            (r"^[^]a]$", "b", true),
            (r"\Qa.b\E", "a.b", true),
            (r"\Qa.b\E", "axb", false),
            (r"a\z", "a", true),
            (r"^[\w.-]+$", "a.b-c", true),
            (r"(?i)ABC", "abc", true),
            (r"[a&&b]", "&", true),
            (r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a-b", true),
            (r"\bfoo\b", "a foo b", true),
            (r"^[\w-\.]+$", "a-b.c", true),
            (r"[[]", "[", true),
        ] {
            assert_eq!(compile(pattern).unwrap().is_match(text.as_bytes()), matches, "{pattern} on {text}");
        }
        assert!(compile("a(").unwrap_err().starts_with("error parsing regexp: "));
    }
}
