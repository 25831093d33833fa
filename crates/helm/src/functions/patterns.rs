//! Regular expressions.

use std::sync::Arc;

use super::{Int, Rest, Table};
use crate::go::regex::{Regex, compile};
use crate::go::{ListType, Str, Value};

pub(super) fn add(table: &mut Table) {
    // The plain form takes an expression that is none for one that never matches.
    table.add("regexMatch", |pattern: Str, text: Str| {
        compile(&pattern.to_text()).is_ok_and(|regex| regex.is_match(text.as_bytes()))
    });
    table.add("mustRegexMatch", |pattern: Str, text: Str| {
        compile(&pattern.to_text()).map(|regex| regex.is_match(text.as_bytes()))
    });
    for (name, must) in [("regexFind", false), ("mustRegexFind", true)] {
        table.add(name, move |pattern: Str, text: Str| {
            let regex = compiled(&pattern, must)?;
            let found = regex.matches(text.as_bytes()).next();
            Ok::<Str, String>(
                found.map_or_else(|| Str::from(""), |found| Str::from(&text.as_bytes()[found.range()])),
            )
        });
    }
    for (name, must) in [("regexFindAll", false), ("mustRegexFindAll", true)] {
        table.add(name, move |pattern: Str, text: Str, count: Int| {
            let regex = compiled(&pattern, must)?;
            let limit = usize::try_from(count.0).unwrap_or(usize::MAX);
            let found = regex.matches(text.as_bytes()).take(limit);
            let texts = found.map(|found| Str::from(&text.as_bytes()[found.range()]).into()).collect();
            Ok::<Value, String>(Value::appended(ListType::Strings, texts))
        });
    }
    for (name, must) in [("regexReplaceAll", false), ("mustRegexReplaceAll", true)] {
        table.add(name, move |pattern: Str, text: Str, with: Str| {
            let regex = compiled(&pattern, must)?;
            Ok::<Str, String>(regex.replace_all(text.as_bytes(), with.as_bytes()).into())
        });
    }
    for (name, must) in [("regexReplaceAllLiteral", false), ("mustRegexReplaceAllLiteral", true)] {
        table.add(name, move |pattern: Str, text: Str, with: Str| {
            let regex = compiled(&pattern, must)?;
            Ok::<Str, String>(regex.replace_all_literal(text.as_bytes(), with.as_bytes()).into())
        });
    }
    for (name, must) in [("regexSplit", false), ("mustRegexSplit", true)] {
        table.add(name, move |pattern: Str, text: Str, count: Int| {
            let regex = compiled(&pattern, must)?;
            let parts = split(&pattern, &regex, text.as_bytes(), count.0);
            let parts = parts.into_iter().map(Value::String).collect();
            Ok::<Value, String>(Value::appended(ListType::Strings, parts))
        });
    }
    table.add("regexQuoteMeta", |text: Str, _: Rest<Value>| {
        let mut out = Vec::with_capacity(text.len());
        for byte in text.as_bytes() {
            if b"\\.+*?()|[]{}^$".contains(byte) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out
    });
}

fn compiled(pattern: &Str, must: bool) -> Result<Arc<Regex>, String> {
    compile(&pattern.to_text()).map_err(|error| {
        // The plain form panics in Go, with the expression in its message.
        if must { error } else { format!("regexp: Compile(`{}`): {error}", pattern.to_text()) }
    })
}

/// `Regexp.Split`.
fn split(pattern: &Str, regex: &Regex, text: &[u8], count: i64) -> Vec<Str> {
    if count == 0 {
        return Vec::new();
    }
    if !pattern.is_empty() && text.is_empty() {
        return vec![Str::from("")];
    }
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let (mut from, mut end) = (0, 0);
    for found in regex.matches(text) {
        if parts.len() == limit.saturating_sub(1) {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(Str::from(&text[from..end]));
        }
        from = found.end();
    }
    if end != text.len() {
        parts.push(Str::from(&text[from..]));
    }
    parts
}
