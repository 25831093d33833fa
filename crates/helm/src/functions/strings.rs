//! Cutting, joining, padding and quoting text.

use super::{Int, Rest, Table};
use crate::go::format::{sprint, sprintf};
use crate::go::quote::quote;
use crate::go::{ListType, Map, MapType, Str, Value};

pub(super) fn add(table: &mut Table) {
    table.add("trim", |text: Str| text.to_text().trim_matches(is_space).to_owned());
    for name in ["trimall", "trimAll"] {
        table.add(name, |cut: Str, text: Str| {
            let (cut, text) = (cut.to_text().into_owned(), text.to_text().into_owned());
            text.trim_matches(|c| cut.contains(c)).to_owned()
        });
    }
    table.add("trimSuffix", |suffix: Str, text: Str| {
        text.as_bytes().strip_suffix(suffix.as_bytes()).map_or(text.clone(), Str::from)
    });
    table.add("trimPrefix", |prefix: Str, text: Str| {
        text.as_bytes().strip_prefix(prefix.as_bytes()).map_or(text.clone(), Str::from)
    });
    table.add("contains", |part: Str, text: Str| {
        memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some()
    });
    table.add("hasPrefix", |prefix: Str, text: Str| text.as_bytes().starts_with(prefix.as_bytes()));
    table.add("hasSuffix", |suffix: Str, text: Str| text.as_bytes().ends_with(suffix.as_bytes()));
    table.add("replace", |old: Str, new: Str, text: Str| replace(&text, old.as_bytes(), new.as_bytes()));
    table.add("repeat", |count: Int, text: Str| -> Result<Vec<u8>, String> {
        let count = usize::try_from(count.0).map_err(|_| "strings: negative Repeat count".to_owned())?;
        // What a chart may need is far below, what Go would try is far above.
        if count.saturating_mul(text.len()) > 256 << 20 {
            return Err("strings: Repeat output length overflow".to_owned());
        }
        Ok(text.as_bytes().repeat(count))
    });
    table.add("nospace", |text: Str| {
        text.as_bytes().iter().copied().filter(|b| !is_space(char::from(*b))).collect::<Vec<u8>>()
    });
    table.add("trunc", |count: Int, text: Str| truncate(count.0, &text));
    table.add("substr", |start: Int, end: Int, text: Str| substring(start.0, end.0, &text));
    table.add("abbrev", |width: Int, text: Str| abbreviate(0, width.0, &text));
    table.add("abbrevboth", |left: Int, right: Int, text: Str| abbreviate(left.0, right.0, &text));
    table.add("indent", |spaces: Int, text: Str| indent(spaces.0, &text).map(Str::from));
    table.add("nindent", |spaces: Int, text: Str| {
        indent(spaces.0, &text).map(|mut text| {
            text.insert(0, b'\n');
            Str::from(text)
        })
    });
    table.add("wrap", |width: Int, text: Str| wrap(&text, width.0, "\n", false));
    table.add("wrapWith", |width: Int, separator: Str, text: Str| {
        wrap(&text, width.0, &separator.to_text(), true)
    });
    table.add("quote", |values: Rest<Value>| {
        let quoted: Vec<String> =
            present(&values.0).map(|v| quote(strval(v).as_bytes(), '"', false)).collect();
        quoted.join(" ")
    });
    table.add("squote", |values: Rest<Value>| {
        let mut out = Vec::new();
        for (at, value) in present(&values.0).enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            out.push(b'\'');
            out.extend_from_slice(&sprint(value));
            out.push(b'\'');
        }
        out
    });
    table.add("cat", |values: Rest<Value>| {
        let values: Vec<Value> = present(&values.0).cloned().collect();
        let format = "%v ".repeat(values.len());
        sprintf(format.trim().as_bytes(), &values)
    });
    table.add("plural", |one: Str, many: Str, count: Int| if count.0 == 1 { one } else { many });
    table.add("toString", |value: Value| strval(&value));
    table.add("toStrings", |value: Value| Value::strings(strings_of(&value)));
    table.add("join", |separator: Str, value: Value| {
        let parts = strings_of(&value);
        let mut out = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(separator.as_bytes());
            }
            out.extend_from_slice(part.as_bytes());
        }
        out
    });
    table.add("splitList", |separator: Str, text: Str| {
        Value::strings(split(&text, separator.as_bytes(), None))
    });
    table.add("split", |separator: Str, text: Str| numbered(split(&text, separator.as_bytes(), None)));
    table.add("splitn", |separator: Str, count: Int, text: Str| {
        let parts = match usize::try_from(count.0) {
            Ok(0) => Vec::new(),
            Ok(count) => split(&text, separator.as_bytes(), Some(count)),
            Err(_) => split(&text, separator.as_bytes(), None),
        };
        numbered(parts)
    });
    table.add("hello", || "Hello!");
}

/// Go's `unicode.IsSpace`.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
        || !c.is_ascii() && c.is_whitespace()
}

fn present(values: &[Value]) -> impl Iterator<Item = &Value> {
    values.iter().filter(|value| !value.is_nil())
}

/// A value as text: strings and bytes as they are, the rest as `print` has it.
pub(crate) fn strval(value: &Value) -> Str {
    match value {
        Value::String(text) => text.clone(),
        Value::Bytes(bytes) => Str::from(&**bytes),
        other => Str::from(sprint(other)),
    }
}

/// The elements of a list as text; anything else is a list of itself.
pub(crate) fn strings_of(value: &Value) -> Vec<Str> {
    match value {
        Value::List(list) => list.iter().filter(|item| !item.is_nil()).map(strval).collect(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| Str::from(byte.to_string())).collect(),
        Value::Invalid | Value::Nil => Vec::new(),
        other => vec![strval(other)],
    }
}

pub(super) fn replace(text: &Str, old: &[u8], new: &[u8]) -> Str {
    if old.is_empty() {
        return text.to_text().replace("", &String::from_utf8_lossy(new)).into();
    }
    let bytes = text.as_bytes();
    let finder = memchr::memmem::Finder::new(old);
    let mut out = Vec::new();
    let mut rest = 0;
    for at in finder.find_iter(bytes) {
        out.extend_from_slice(&bytes[rest..at]);
        out.extend_from_slice(new);
        rest = at + old.len();
    }
    if rest == 0 && out.is_empty() {
        return text.clone();
    }
    out.extend_from_slice(&bytes[rest..]);
    out.into()
}

/// `strings.SplitN`; an empty separator splits into characters.
pub(super) fn split(text: &Str, separator: &[u8], limit: Option<usize>) -> Vec<Str> {
    if separator.is_empty() {
        let text = text.to_text();
        let mut parts: Vec<Str> = text.chars().map(|c| Str::from(c.to_string())).collect();
        if let Some(limit) = limit
            && parts.len() > limit
        {
            let tail: String = text.chars().skip(limit - 1).collect();
            parts.truncate(limit - 1);
            parts.push(tail.into());
        }
        return parts;
    }
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let mut rest = 0;
    for at in memchr::memmem::find_iter(bytes, separator) {
        if limit.is_some_and(|limit| parts.len() + 1 >= limit) {
            break;
        }
        parts.push(Str::from(&bytes[rest..at]));
        rest = at + separator.len();
    }
    parts.push(Str::from(&bytes[rest..]));
    parts
}

fn numbered(parts: Vec<Str>) -> Value {
    let entries =
        parts.into_iter().enumerate().map(|(at, part)| (Str::from(format!("_{at}")), Value::String(part)));
    Value::Map(Map::from_entries(MapType::Strings, entries.collect()))
}

fn truncate(count: i64, text: &Str) -> Str {
    let bytes = text.as_bytes();
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    if count < 0 && length.saturating_add(count) > 0 {
        return Str::from(&bytes[usize::try_from(length + count).unwrap_or(0)..]);
    }
    if count >= 0 && length > count {
        return Str::from(&bytes[..usize::try_from(count).unwrap_or(0)]);
    }
    text.clone()
}

fn substring(start: i64, end: i64, text: &Str) -> Result<Str, String> {
    let bytes = text.as_bytes();
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let (from, to) = if start < 0 {
        (0, end)
    } else if end < 0 || end > length {
        (start, length)
    } else {
        (start, end)
    };
    let cut =
        usize::try_from(from).ok().zip(usize::try_from(to).ok()).and_then(|(from, to)| bytes.get(from..to));
    cut.map(Str::from)
        .ok_or_else(|| format!("runtime error: slice bounds out of range [{from}:{to}] with length {length}"))
}

fn abbreviate(offset: i64, width: i64, text: &Str) -> Str {
    if width < 4 || offset > 0 && width < 7 {
        return text.clone();
    }
    let bytes = text.as_bytes();
    let (Ok(width), Ok(offset)) = (usize::try_from(width), usize::try_from(offset.max(0))) else {
        return text.clone();
    };
    if bytes.len() <= width {
        return text.clone();
    }
    let mut offset = offset.min(bytes.len());
    if bytes.len() - offset < width - 3 {
        offset = bytes.len() - (width - 3);
    }
    if offset <= 4 {
        return [&bytes[..width - 3], b"..."].concat().into();
    }
    if width < 7 {
        return Str::from("");
    }
    if offset + width - 3 < bytes.len() {
        let inner = abbreviate(0, i64::try_from(width - 3).unwrap_or(0), &Str::from(&bytes[offset..]));
        return [b"...".as_slice(), inner.as_bytes()].concat().into();
    }
    [b"...".as_slice(), &bytes[bytes.len() - (width - 3)..]].concat().into()
}

fn indent(spaces: i64, text: &Str) -> Result<Vec<u8>, String> {
    let spaces = usize::try_from(spaces).map_err(|_| "strings: negative Repeat count".to_owned())?;
    let bytes = text.as_bytes();
    let lines = memchr::memchr_iter(b'\n', bytes).count() + 1;
    if spaces.saturating_mul(lines) > 256 << 20 {
        return Err("strings: Repeat output length overflow".to_owned());
    }
    let mut out = Vec::with_capacity(bytes.len() + spaces * lines);
    out.extend(std::iter::repeat_n(b' ', spaces));
    let mut rest = 0;
    for at in memchr::memchr_iter(b'\n', bytes) {
        out.extend_from_slice(&bytes[rest..=at]);
        out.extend(std::iter::repeat_n(b' ', spaces));
        rest = at + 1;
    }
    out.extend_from_slice(&bytes[rest..]);
    Ok(out)
}

/// `goutils.WrapCustom`: breaks at spaces, which are left out.
fn wrap(text: &Str, width: i64, separator: &str, break_words: bool) -> Str {
    let bytes = text.as_bytes();
    let width = usize::try_from(width.max(1)).unwrap_or(1);
    let separator = if separator.is_empty() { "\n" } else { separator };
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / width);
    let mut offset = 0;
    while bytes.len() - offset > width {
        if bytes[offset] == b' ' {
            offset += 1;
            continue;
        }
        let line = &bytes[offset..=width + offset];
        if let Some(space) = line.iter().rposition(|b| *b == b' ') {
            out.extend_from_slice(&bytes[offset..offset + space]);
            out.extend_from_slice(separator.as_bytes());
            offset += space + 1;
        } else if break_words {
            out.extend_from_slice(&bytes[offset..offset + width]);
            out.extend_from_slice(separator.as_bytes());
            offset += width;
        } else {
            let end = offset + width;
            match bytes[end..].iter().position(|b| *b == b' ') {
                None => {
                    out.extend_from_slice(&bytes[offset..]);
                    offset = bytes.len();
                }
                Some(space) => {
                    out.extend_from_slice(&bytes[offset..end + space]);
                    out.extend_from_slice(separator.as_bytes());
                    offset = end + space + 1;
                }
            }
        }
    }
    out.extend_from_slice(&bytes[offset..]);
    out.into()
}

/// A list of strings as templates hold it.
pub(super) fn is_string_list(value: &Value) -> bool {
    matches!(value, Value::List(list) if list.kind == ListType::Strings)
}
