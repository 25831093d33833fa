//! Package `regexp`: RE2 as Go reads it, run by the engine of the `regex` crate.
//!
//! The two agree but in a few spellings: Go's Perl classes and word boundaries are
//! ASCII, `\Q...\E` quotes and `\z` ends the text, `\C` is one byte.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use regex_automata::Match;
use regex_automata::meta::{Config, Regex as Engine};
use regex_automata::util::syntax;

/// An expression that is ready to be looked for.
#[derive(Debug)]
pub struct Regex {
    pattern: String,
    of_bytes: Option<Engine>,
    of_characters: OnceLock<Option<Engine>>,
}

/// What `.` and classes take one of. To be ready for all characters takes several times as
/// long as for bytes, and makes no difference in texts that are ASCII: nearly all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Bytes,
    Characters,
}

impl Regex {
    /// An expression in the spelling of the `regex` crate, for texts that may be no UTF-8.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(pattern: &str) -> Result<Regex, String> {
        // What is repeated too often is too large for characters before it is for bytes.
        let is_small = !pattern.contains('{');
        let of_bytes = is_small.then(|| engine(pattern, Reading::Bytes).ok()).flatten();
        let of_characters = match of_bytes {
            Some(_) => OnceLock::new(),
            None => OnceLock::from(Some(engine(pattern, Reading::Characters)?)),
        };
        Ok(Regex { pattern: pattern.to_owned(), of_bytes, of_characters })
    }

    /// What looks for it in a text.
    fn engine(&self, text: &[u8]) -> Option<&Engine> {
        let of_characters = || engine(&self.pattern, Reading::Characters).ok();
        match &self.of_bytes {
            Some(of_bytes) if text.is_ascii() => Some(of_bytes),
            _ => self.of_characters.get_or_init(of_characters).as_ref(),
        }
    }

    /// Whether it is found in a text.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.engine(text).is_some_and(|engine| engine.is_match(text))
    }

    /// Where it is found, from left to right.
    pub fn matches<'t>(&self, text: &'t [u8]) -> impl Iterator<Item = Match> + use<'_, 't> {
        self.engine(text).into_iter().flat_map(move |engine| engine.find_iter(text))
    }

    /// The text with each place where it is found replaced. In what replaces it, `$1` and
    /// `${name}` stand for groups, as in `Regexp.ReplaceAll`.
    pub fn replace_all(&self, text: &[u8], with: &[u8]) -> Vec<u8> {
        if !with.contains(&b'$') {
            return self.replace_all_literal(text, with);
        }
        let found = self.engine(text).into_iter().flat_map(|engine| engine.captures_iter(text));
        let found = found.filter_map(|groups| Some((groups.get_match()?, groups)));
        replace(text, found, |groups, out| groups.interpolate_bytes_into(text, with, out))
    }

    /// The text with each place where it is found replaced by just this.
    pub fn replace_all_literal(&self, text: &[u8], with: &[u8]) -> Vec<u8> {
        replace(text, self.matches(text).map(|found| (found, ())), |(), out| out.extend_from_slice(with))
    }
}

fn replace<F>(
    text: &[u8],
    found: impl Iterator<Item = (Match, F)>,
    with: impl Fn(F, &mut Vec<u8>),
) -> Vec<u8> {
    let (mut out, mut from) = (Vec::with_capacity(text.len()), 0);
    for (place, found) in found {
        out.extend_from_slice(&text[from..place.start()]);
        with(found, &mut out);
        from = place.end();
    }
    out.extend_from_slice(&text[from..]);
    out
}

fn engine(pattern: &str, reading: Reading) -> Result<Engine, String> {
    // Automata for all of a text take longer to make than a chart's texts to search; parts
    // of one are made while searching. What is empty stands between characters.
    let config = Config::new().dfa(false).onepass(false).utf8_empty(reading == Reading::Characters);
    let config = config.nfa_size_limit(Some(10 << 20));
    let syntax = syntax::Config::new().utf8(false).unicode(reading == Reading::Characters);
    Engine::builder().configure(config).syntax(syntax).build(pattern).map_err(|error| {
        let reason = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
        reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
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
            // What is no count of repetitions is meant as itself.
            '{' if !in_class && !is_count(chars.clone()) => out.push_str("\\{"),
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

/// Whether what follows a brace is how often something is repeated: `n}`, `n,}` or `n,m}`.
fn is_count(text: impl Iterator<Item = char>) -> bool {
    let inside: String = text.take_while(|c| *c != '}').collect();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match inside.split_once(',') {
        None => is_number(&inside),
        Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
    }
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
            ("{(v[0-9])*[^}]*}}$", "{v1 x}}", true),
            (r"^\$(?:env)?{[^}]+}$", "${a}", true),
            ("^a{,2}$", "a{,2}", true),
            ("^a{2}b{1,}$", "aab", true),
        ] {
            assert_eq!(compile(pattern).unwrap().is_match(text.as_bytes()), matches, "{pattern} on {text}");
        }
        for (pattern, text, replaced) in [
            ("x*", "éaxé", "-é-a-é-"),
            ("[^a]", "éa日", "-a-"),
            ("(?i)k", "K\u{212a}", "--"),
            (r"\pL+", "abcé1", "-1"),
            ("(é)|b", "aéb", "a--"),
            ("^.{2}", "日本語", "-語"),
        ] {
            let regex = compile(pattern).unwrap();
            assert_eq!(regex.replace_all(text.as_bytes(), b"-"), replaced.as_bytes(), "{pattern} in {text}");
        }
        assert!(compile("a(").unwrap_err().starts_with("error parsing regexp: "));
    }
}
