//! The two kinds of patterns that Helm knows: `filepath.Match` and `gobwas/glob`.

use crate::go::regex::Regex;

/// `filepath.Match`: `*` and `?` stop at slashes. A pattern that is none matches nothing.
pub fn matches_path(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern;
    let mut name = name;
    loop {
        let Some(first) = pattern.chars().next() else { return name.is_empty() };
        let rest = &pattern[first.len_utf8()..];
        if first == '*' {
            if !rest.contains(['*', '?', '[', '\\']) {
                return name.strip_suffix(rest).is_some_and(|skipped| !skipped.contains('/'));
            }
            // Each place up to the next slash may be where the star ends.
            let reach = name.find('/').unwrap_or(name.len());
            let mut ends = (0..=reach).filter(|at| name.is_char_boundary(*at));
            return ends.any(|at| matches_path(rest, &name[at..]));
        }
        let Some(found) = name.chars().next() else { return false };
        let left = match first {
            '?' if found != '/' => Some(rest),
            '?' => None,
            '[' => class(rest, found),
            '\\' => rest.strip_prefix(found),
            c if c == found => Some(rest),
            _ => None,
        };
        let Some(left) = left else { return false };
        pattern = left;
        name = &name[found.len_utf8()..];
    }
}

/// What follows a class such as `[a-z]` that has this character.
fn class(pattern: &str, found: char) -> Option<&str> {
    let (negated, mut rest) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
    let mut matched = false;
    let mut empty = true;
    let next = |text: &str| -> Option<(char, usize)> {
        match text.strip_prefix('\\') {
            Some(escaped) => escaped.chars().next().map(|c| (c, 1 + c.len_utf8())),
            None => text.chars().next().map(|c| (c, c.len_utf8())),
        }
    };
    loop {
        if let Some(behind) = rest.strip_prefix(']')
            && !empty
        {
            return (matched != negated).then_some(behind);
        }
        let (low, length) = next(rest)?;
        rest = &rest[length..];
        let mut high = low;
        if let Some(range) = rest.strip_prefix('-') {
            let (end, length) = next(range)?;
            high = end;
            rest = &range[length..];
        }
        matched |= (low..=high).contains(&found);
        empty = false;
    }
}

/// `glob.Compile(pattern, '/')`: also `**`, `{a,b}` and `[!...]`; None when it is no pattern.
pub fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(&expression(pattern)?).ok()
}

fn expression(pattern: &str) -> Option<String> {
    let mut out = String::from("(?s)^");
    let mut chars = pattern.chars().peekable();
    let mut braces = 0;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                while chars.peek() == Some(&'*') {
                    chars.next();
                }
                out.push_str(".*");
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '\\' => out.push_str(&regex_syntax::escape(&chars.next()?.to_string())),
            '[' => {
                out.push('[');
                if chars.peek() == Some(&'!') {
                    chars.next();
                    out.push('^');
                }
                let mut empty = true;
                loop {
                    match chars.next()? {
                        ']' if !empty => break,
                        '\\' => out.push_str(&regex_syntax::escape(&chars.next()?.to_string())),
                        '-' => out.push('-'),
                        c => out.push_str(&regex_syntax::escape(&c.to_string())),
                    }
                    empty = false;
                }
                out.push(']');
            }
            '{' => {
                braces += 1;
                out.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                out.push(')');
            }
            ',' if braces > 0 => out.push('|'),
            c => out.push_str(&regex_syntax::escape(&c.to_string())),
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
