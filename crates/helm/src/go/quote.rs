//! Quoted strings as `strconv.Quote` writes and `strconv.Unquote` reads them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A character with a glyph, by `unicode.IsPrint` as far as texts of charts go.
pub fn is_print(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\u{ad}' | '\u{a0}' => false,
        c if (c as u32) < 0xa1 => false,
        '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' => false,
        '\u{3000}' | '\u{feff}' | '\u{1680}' | '\u{fff9}'..='\u{fffb}' | '\u{180e}' | '\u{61c}' => false,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'.. => false,
        _ => true,
    }
}

/// `strconv.Quote` (`"`) or `QuoteRune` (`'`), optionally with everything beyond ASCII escaped.
pub fn quote(bytes: &[u8], delimiter: char, ascii_only: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(delimiter);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            quote_char(&mut out, c, delimiter, ascii_only);
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push(delimiter);
    out
}

fn quote_char(out: &mut String, c: char, delimiter: char, ascii_only: bool) {
    let code = u32::from(c);
    match c {
        c if c == delimiter || c == '\\' => {
            out.push('\\');
            out.push(c);
        }
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        c if c.is_ascii() && is_print(c) || !c.is_ascii() && !ascii_only && is_print(c) => out.push(c),
        _ => {
            let _ = match code {
                0..0x80 => write!(out, "\\x{code:02x}"),
                0x80..0x10000 => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
        }
    }
}

/// `strconv.Unquote`: the content of a string in double quotes, back quotes or, for a
/// single character, single quotes.
pub fn unquote(text: &str) -> Option<Cow<'_, [u8]>> {
    let delimiter = text.chars().next()?;
    if text.len() < 2 || !text.ends_with(delimiter) {
        return None;
    }
    let inner = &text[1..text.len() - 1];
    match delimiter {
        '`' if inner.contains('`') => None,
        '`' if inner.contains('\r') => Some(inner.bytes().filter(|b| *b != b'\r').collect()),
        '`' => Some(inner.as_bytes().into()),
        '"' if !inner.contains(['\\', '"', '\n']) => Some(inner.as_bytes().into()),
        '"' => unescape(inner, delimiter).map(Cow::Owned),
        '\'' => {
            let bytes = unescape(inner, delimiter)?;
            let single = std::str::from_utf8(&bytes).map_or(bytes.len(), |text| text.chars().count());
            (single == 1).then_some(Cow::Owned(bytes))
        }
        _ => None,
    }
}

fn unescape(text: &str, delimiter: char) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    let put = |out: &mut Vec<u8>, c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    while let Some(c) = chars.next() {
        if c == delimiter || c == '\n' {
            return None;
        }
        if c != '\\' {
            put(&mut out, c);
            continue;
        }
        match chars.next()? {
            'a' => out.push(7),
            'b' => out.push(8),
            'f' => out.push(12),
            'n' => out.push(b'\n'),
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'v' => out.push(11),
            '\\' => out.push(b'\\'),
            c @ ('\'' | '"') if c == delimiter => put(&mut out, c),
            'x' => out.push(u8::try_from(digits(&mut chars, 2, 16)?).ok()?),
            'u' => put(&mut out, char::from_u32(digits(&mut chars, 4, 16)?)?),
            'U' => put(&mut out, char::from_u32(digits(&mut chars, 8, 16)?)?),
            c @ '0'..='7' => {
                let rest = digits(&mut chars, 2, 8)?;
                out.push(u8::try_from(c.to_digit(8)? * 64 + rest).ok()?);
            }
            _ => return None,
        }
    }
    Some(out)
}

fn digits(chars: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Option<u32> {
    let mut value = 0u32;
    for _ in 0..count {
        value = value.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_gos() {
        for (text, quoted) in [
            ("a\"b\\c", r#""a\"b\\c""#),
            ("tab\tnl\n", r#""tab\tnl\n""#),
            ("é\u{7f}", r#""é\x7f""#),
            ("\u{a0}\u{feff}", r#""\u00a0\ufeff""#),
        ] {
            assert_eq!(quote(text.as_bytes(), '"', false), quoted);
            assert_eq!(unquote(quoted).unwrap(), text.as_bytes());
        }
        assert_eq!(quote(&[0xff, b'a'], '"', false), r#""\xffa""#);
        assert_eq!(quote("é".as_bytes(), '"', true), r#""\u00e9""#);
    }

    #[test]
    fn what_is_no_quoted_string_is_refused() {
        for text in ["", "\"", "\"a", "\"\\q\"", "'ab'", "\"a\nb\"", "\"\\'\"", "a"] {
            assert_eq!(unquote(text), None, "{text}");
        }
        assert_eq!(&*unquote("`a\r\nb`").unwrap(), b"a\nb");
        assert_eq!(unquote(r#""\101\x42\u00e9""#).unwrap(), "AB\u{e9}".as_bytes());
    }
}
