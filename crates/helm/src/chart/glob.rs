//! The two kinds of patterns that Helm knows: `filepath.Match` and `gobwas/glob`.

use regex::bytes::Regex;

/// `filepath.Match`: `*` and `?` stop at slashes. A pattern that is none matches nothing.
pub fn matches_path(pattern: &str, name: &str) -> bool {
    let Some(expression) = expression(pattern, Kind::Path) else { return false };
    Regex::new(&expression).is_ok_and(|regex| regex.is_match(name.as_bytes()))
}

/// `glob.Compile(pattern, '/')`: also `**`, `{a,b}` and `[!...]`; None when it is no pattern.
pub fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(&expression(pattern, Kind::Glob)?).ok()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Path,
    Glob,
}

fn expression(pattern: &str, kind: Kind) -> Option<String> {
    let mut out = String::from("(?s)^");
    let mut chars = pattern.chars().peekable();
    let mut braces = 0;
    while let Some(c) = chars.next() {
        match c {
            '*' if kind == Kind::Glob && chars.peek() == Some(&'*') => {
                while chars.peek() == Some(&'*') {
                    chars.next();
                }
                out.push_str(".*");
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '\\' => out.push_str(&regex::escape(&chars.next()?.to_string())),
            '[' => {
                out.push('[');
                let negations: &[char] = if kind == Kind::Path { &['^'] } else { &['!'] };
                if chars.peek().is_some_and(|c| negations.contains(c)) {
                    chars.next();
                    out.push('^');
                }
                let mut empty = true;
                loop {
                    match chars.next()? {
                        ']' if !empty => break,
                        '\\' => out.push_str(&regex::escape(&chars.next()?.to_string())),
                        '-' => out.push('-'),
                        c => out.push_str(&regex::escape(&c.to_string())),
                    }
                    empty = false;
                }
                out.push(']');
            }
            '{' if kind == Kind::Glob => {
                braces += 1;
                out.push_str("(?:");
            }
            '}' if kind == Kind::Glob && braces > 0 => {
                braces -= 1;
                out.push(')');
            }
            ',' if kind == Kind::Glob && braces > 0 => out.push('|'),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    if braces > 0 {
        return None;
    }
    out.push('$');
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_gos_and_gobwas() {
        for (pattern, name, matched) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "d/a.yaml", false),
            ("d/?.yaml", "d/a.yaml", true),
            ("[a-c].x", "b.x", true),
            ("[^a].x", "a.x", false),
            ("a\\*", "a*", true),
            ("{a}", "{a}", true),
            ("[", "[", false),
        ] {
            assert_eq!(matches_path(pattern, name), matched, "{pattern} {name}");
        }
        for (pattern, name, matched) in [
            ("**.yaml", "d/a.yaml", true),
            ("files/*", "files/a", true),
            ("files/*", "files/d/a", false),
            ("files/**", "files/d/a", true),
            ("{a,b}/*.conf", "b/x.conf", true),
            ("[!a]x", "bx", true),
            ("**", "a/b", true),
        ] {
            assert_eq!(compile(pattern).unwrap().is_match(name.as_bytes()), matched, "{pattern} {name}");
        }
    }
}
