//! Large and small letters, and names written in one case or another.

use super::Table;
use super::strings::is_space;
use crate::go::Str;

pub(super) fn add(table: &mut Table) {
    table.add("upper", |text: Str| text.to_text().chars().flat_map(single_upper).collect::<String>());
    table.add("lower", |text: Str| text.to_text().chars().flat_map(single_lower).collect::<String>());
    table.add("title", |text: Str| title(&text.to_text()));
    table.add("untitle", |text: Str| untitle(&text.to_text()));
    table.add("swapcase", |text: Str| swap_case(&text.to_text()));
    table.add("initials", |text: Str| initials(text.as_bytes()));
    table.add("snakecase", |text: Str| words_joined(&text.to_text(), '_'));
    table.add("kebabcase", |text: Str| words_joined(&text.to_text(), '-'));
    table.add("camelcase", |text: Str| pascal_case(&text.to_text()));
}

/// Go maps one letter to one letter: `ß` stays.
fn single_upper(c: char) -> Option<char> {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => Some(upper),
        _ => Some(c),
    }
}

fn single_lower(c: char) -> Option<char> {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => Some(lower),
        // The dotted I is the one letter with two; Go keeps its first.
        (Some(lower), Some(_)) => Some(lower),
        _ => Some(c),
    }
}

fn upper(c: char) -> char {
    single_upper(c).unwrap_or(c)
}

fn lower(c: char) -> char {
    single_lower(c).unwrap_or(c)
}

/// `strings.Title`.
fn title(text: &str) -> String {
    let is_separator = |c: char| match c {
        '0'..='9' | 'a'..='z' | 'A'..='Z' | '_' => false,
        c if c.is_ascii() => true,
        c if c.is_alphanumeric() => false,
        c => is_space(c),
    };
    let mut previous = ' ';
    text.chars()
        .map(|c| {
            let written = if is_separator(previous) { upper(c) } else { c };
            previous = c;
            written
        })
        .collect()
}

fn untitle(text: &str) -> String {
    let mut first = true;
    text.chars()
        .map(|c| {
            if is_space(c) {
                first = true;
                return c;
            }
            if std::mem::take(&mut first) { lower(c) } else { c }
        })
        .collect()
}

fn swap_case(text: &str) -> String {
    let mut after_space = true;
    text.chars()
        .map(|c| {
            if c.is_uppercase() {
                after_space = false;
                lower(c)
            } else if c.is_lowercase() {
                after_space = false;
                upper(c)
            } else {
                after_space = is_space(c);
                c
            }
        })
        .collect()
}

/// The first byte of each word, taken for a character.
fn initials(text: &[u8]) -> String {
    let mut after_gap = true;
    let mut out = String::new();
    for byte in text {
        let c = char::from(*byte);
        if is_space(c) {
            after_gap = true;
        } else if std::mem::take(&mut after_gap) {
            out.push(c);
        }
    }
    out
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || is_space(c)
}

fn is_punctuation(c: char) -> bool {
    // The symbols among ASCII's signs are no punctuation to Unicode.
    if c.is_ascii() {
        return c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c);
    }
    matches!(c, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}')
}

fn is_letter(c: char) -> bool {
    // `xstrings` takes letters without case (Han and others) for no alphabet.
    c.is_uppercase() || c.is_lowercase()
}

/// `xstrings.ToPascalCase`.
fn pascal_case(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    let mut current = None;
    let mut first_was_upper = false;
    for c in chars.by_ref() {
        if !is_connector(c) {
            first_was_upper = c.is_uppercase();
            current = Some(upper(c));
            break;
        }
        out.push(c);
    }
    let Some(mut current) = current else {
        // Of connectors alone, the last is written twice.
        out.extend(text.chars().next_back());
        return out;
    };
    let rest: Vec<char> = chars.collect();
    if rest.is_empty() {
        out.push(current);
        return out;
    }
    for c in rest {
        let previous = current;
        current = c;
        if is_connector(current) && is_connector(previous) {
            out.push(previous);
            continue;
        }
        if is_connector(previous) {
            first_was_upper = current.is_uppercase();
            current = upper(current);
        } else {
            if first_was_upper {
                if current.is_uppercase() {
                    current = lower(current);
                } else {
                    first_was_upper = false;
                }
            }
            out.push(previous);
        }
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Number,
    UpperCase,
    Alphabet,
    Connector,
    Punctuation,
    Other,
    None,
}

/// The first word of a text, and what follows it.
fn next_word(text: &[char]) -> (Word, &[char], &[char]) {
    let Some(&first) = text.first() else { return (Word::None, &[], &[]) };
    let run = |from: usize, fits: &dyn Fn(char) -> bool| {
        from + text[from..].iter().take_while(|c| fits(**c)).count()
    };
    let small_letters = |c: char| is_letter(c) && !c.is_uppercase();
    let (word, end) = if is_connector(first) {
        (Word::Connector, run(1, &is_connector))
    } else if is_punctuation(first) {
        (Word::Punctuation, run(1, &is_punctuation))
    } else if first.is_uppercase() {
        let end = match text.get(1) {
            Some(second) if second.is_uppercase() => {
                let end = run(2, &char::is_uppercase);
                // The last of several large letters begins the next word.
                if text.get(end).copied().is_some_and(is_letter) { end - 1 } else { end }
            }
            Some(second) if is_letter(*second) => run(2, &small_letters),
            _ => 1,
        };
        (Word::UpperCase, end)
    } else if is_letter(first) {
        (Word::Alphabet, run(1, &small_letters))
    } else if first.is_numeric() {
        (Word::Number, run(1, &char::is_numeric))
    } else {
        let other = |c: char| !(is_connector(c) || is_letter(c) || c.is_numeric() || is_punctuation(c));
        (Word::Other, run(1, &other))
    };
    (word, &text[..end], &text[end..])
}

fn push_lower(out: &mut String, kind: Word, word: &[char], connector: char) {
    if kind != Word::UpperCase && kind != Word::Connector {
        out.extend(word);
        return;
    }
    out.extend(word.iter().map(|c| if is_connector(*c) { connector } else { lower(*c) }));
}

/// `xstrings.ToSnakeCase` and `ToKebabCase`.
fn words_joined(text: &str, connector: char) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let (mut kind, mut word, mut rest) = next_word(&chars);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push_lower(&mut out, kind, word, connector);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        let is_run = |kind: Word| matches!(kind, Word::Alphabet | Word::Number);
        let is_end = |kind: Word| matches!(kind, Word::None | Word::Punctuation | Word::Connector);
        match previous {
            Word::Number => {
                while is_run(kind) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !is_end(kind) {
                    out.push(connector);
                }
            }
            Word::Connector => push_lower(&mut out, previous, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if kind != Word::Connector && kind != Word::Punctuation {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind == Word::Alphabet {
                    out.push(connector);
                    push_lower(&mut out, Word::Number, number, connector);
                    while is_run(kind) {
                        push_lower(&mut out, kind, word, connector);
                        (kind, word, rest) = next_word(rest);
                    }
                    if !is_end(kind) {
                        out.push(connector);
                    }
                } else {
                    push_lower(&mut out, Word::Number, number, connector);
                    if kind != Word::Connector && kind != Word::Punctuation {
                        out.push(connector);
                    }
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_their_case_as_in_sprig() {
        for (text, snake, camel) in [
            ("FirstName", "first_name", "FirstName"),
            ("HTTPServer", "http_server", "Httpserver"),
            ("http_server", "http_server", "HttpServer"),
            ("Bld4Floor3rd", "bld4_floor_3rd", "Bld4Floor3rd"),
            ("no-dash", "no_dash", "NoDash"),
            ("a b", "a_b", "AB"),
        ] {
            assert_eq!(words_joined(text, '_'), snake, "{text}");
            assert_eq!(pascal_case(text), camel, "{text}");
        }
        assert_eq!(title("hello wide-world o'neil ünder"), "Hello Wide-World O'Neil Ünder");
        assert_eq!(untitle("First Try"), "first try");
        assert_eq!(swap_case("This Is A.Test"), "tHIS iS a.tEST");
        assert_eq!(initials(b"First  Try"), "FT");
    }
}
