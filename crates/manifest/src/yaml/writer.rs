//! JSON values as YAML in the layout that kubectl prints: block style, sequences
//! level with their key, quotes only where the text would be read as something else.

use std::fmt::Write as _;

use serde_json::Value;

use super::scalar;

/// Appends one value as a YAML document body (no `---`), ending with a newline.
pub fn write(out: &mut String, value: &Value) {
    match value {
        Value::Object(entries) if !entries.is_empty() => mapping(out, entries, 0),
        Value::Array(items) if !items.is_empty() => sequence(out, items, 0),
        scalar => {
            inline(out, scalar, 0);
            out.push('\n');
        }
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn mapping(out: &mut String, entries: &serde_json::Map<String, Value>, depth: usize) {
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 {
            indent(out, depth);
        }
        text(out, key);
        out.push(':');
        nested(out, value, depth);
    }
}

fn sequence(out: &mut String, items: &[Value], depth: usize) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            indent(out, depth);
        }
        out.push('-');
        match item {
            Value::Object(entries) if !entries.is_empty() => {
                out.push(' ');
                mapping(out, entries, depth + 1);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push(' ');
                sequence(out, items, depth + 1);
            }
            other => {
                out.push(' ');
                inline(out, other, depth + 1);
                out.push('\n');
            }
        }
    }
}

fn nested(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            indent(out, depth + 1);
            mapping(out, entries, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            indent(out, depth);
            sequence(out, items, depth);
        }
        other => {
            out.push(' ');
            inline(out, other, depth + 1);
            out.push('\n');
        }
    }
}

fn inline(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::String(value) if is_block_text(value) => block(out, value, depth),
        Value::String(value) => text(out, value),
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        other => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{other}");
        }
    }
}

/// Text of several lines that a literal block can carry unchanged.
fn is_block_text(value: &str) -> bool {
    let first_line = value.lines().next().unwrap_or_default();
    value.contains('\n')
        && !first_line.starts_with([' ', '\t'])
        && !first_line.is_empty()
        && value.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
        && value.lines().all(|line| !line.ends_with([' ', '\t']))
}

fn block(out: &mut String, value: &str, depth: usize) {
    let body = value.trim_end_matches('\n');
    let trailing = value.len() - body.len();
    out.push_str(match trailing {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(out, depth.max(1));
            out.push_str(line);
        }
    }
    // The caller writes the last newline of the block.
    out.extend(std::iter::repeat_n('\n', trailing.saturating_sub(1)));
}

fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn text(out: &mut String, value: &str) {
    if is_plain(value) {
        out.push_str(value);
    } else {
        double_quoted(out, value);
    }
}

fn double_quoted(out: &mut String, value: &str) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) <= 0xff => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if u32::from(c) <= 0xffff => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
}

/// Whether a string reads back as itself without quotes, in YAML 1.1 and 1.2.
fn is_plain(value: &str) -> bool {
    let resolves_to_itself = matches!(scalar::plain(value), Ok(Value::String(_)));
    let mut chars = value.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return false };
    let is_flag =
        first == '-' && second.is_some_and(|c| c.is_ascii_alphabetic() || c == '-') && value != "---";
    resolves_to_itself
        && !value.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '.')
        && (is_flag || first.is_alphanumeric() || matches!(first, '/' | '_' | '(' | '$' | '^' | '\\'))
        && !value.ends_with([' ', ':'])
        && !value.contains(": ")
        && !value.contains(" #")
        && value.chars().all(|c| is_printable(c) && c != '\t')
        // Words that other YAML readers take for booleans or null.
        && !matches!(value.to_ascii_lowercase().as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "nan" | "inf")
        || is_version_like(value)
}

/// Dotted or colon-less numbers such as `10.0.0.1/8` and `500m` need no quotes.
fn is_version_like(value: &str) -> bool {
    let plain_number =
        value.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.' | '-' | '+' | 'e' | 'E' | ':'));
    let starts_with_digit = value.starts_with(|c: char| c.is_ascii_digit());
    let alphabet = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-'));
    starts_with_digit
        && alphabet
        && !plain_number
        && !value.starts_with("0x")
        && !value.starts_with("0o")
        && !value.starts_with("0b")
        && matches!(scalar::plain(value), Ok(Value::String(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::read;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_manifest_is_written_as_kubectl_prints_it() {
        let value = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "labels": {}, "annotations": {"on": "yes"}},
            "data": {"script": "#!/bin/sh\n\nexit 0\n", "mode": "0644", "size": "500m", "tab": "\t", "n": "a: b"},
            "list": [{"name": "x", "args": ["-v", "1"]}, [1, [2]], null, true, 1.5],
        });
        let mut out = String::new();
        write(&mut out, &value);
        insta::assert_snapshot!(out);
        assert_eq!(read(&out).unwrap()[0].value, value);
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>(),
            "[ \\t\\n#:'\"|>a-z0-9._+-]{0,12}",
            "(yes|no|0[0-9]{1,3}|1_0|null|~|0x1F|1e3|2024-01-01|<<|-|---|\\.\\.\\.)",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(text.clone(), inner, 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_itself(value in values()) {
            let mut out = String::from("value:");
            super::nested(&mut out, &value, 0);
            let documents = read(&out);
            prop_assert!(documents.is_ok(), "{out}\n{documents:?}");
            prop_assert_eq!(&documents.unwrap()[0].value["value"], &value, "{}", out);
        }
    }
}
