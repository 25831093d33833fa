//! The other functions of `text/template`: printing, escaping, indexing.

use super::{Int, Reflected, Rest, Table};
use crate::go::format::{print_value, sprint_all, sprintf};
use crate::go::url::query_escape;
use crate::go::{MapType, Str, UintKind, Value};

pub(super) fn add(table: &mut Table) {
    table.add("print", |values: Rest<Value>| sprint_all(&values.0));
    table.add("println", |values: Rest<Value>| {
        let mut out = Vec::new();
        for (at, value) in values.0.iter().enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            print_value(&mut out, value);
        }
        out.push(b'\n');
        out
    });
    table.add("printf", |format: Str, values: Rest<Value>| sprintf(format.as_bytes(), &values.0));
    table.add("html", |values: Rest<Value>| html(&evaluated(&values.0)));
    table.add("js", |values: Rest<Value>| js(&evaluated(&values.0)));
    table.add("urlquery", |values: Rest<Value>| query_escape(&evaluated(&values.0)));
    table.add("len", |value: Reflected| length(&value.0).map(Int));
    table.add("index", |item: Reflected, keys: Rest<Reflected>| index(item.0, &keys.0));
    table.add("call", |function: Reflected, _: Rest<Reflected>| -> Result<Value, String> {
        if function.0.is_nil() {
            return Err("call of nil".to_owned());
        }
        Err(format!("non-function of type {}", function.0.type_name()))
    });
}

/// What escapes work on: one string as it is, else as `print` has it.
fn evaluated(values: &[Value]) -> Vec<u8> {
    match values {
        [Value::String(text)] => text.as_bytes().to_vec(),
        [Value::Nil] => b"<no value>".to_vec(),
        values => sprint_all(values),
    }
}

fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(*byte),
        }
    }
    out
}

fn js(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' => out.push_str("\\u003C"),
            '>' => out.push_str("\\u003E"),
            '&' => out.push_str("\\u0026"),
            '=' => out.push_str("\\u003D"),
            c if c < ' ' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c.is_ascii() || crate::go::quote::is_print(c) => out.push(c),
            c => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out
}

fn length(value: &Value) -> Result<i64, String> {
    let length = match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Nil => return Err("len of nil pointer".to_owned()),
        Value::Invalid => return Err(super::TYPE_OF_NIL.to_owned()),
        Value::Object(object) => match object.entries() {
            Some(entries) => entries.len(),
            None => return Err(format!("len of type {}", value.type_name())),
        },
        other => return Err(format!("len of type {}", other.type_name())),
    };
    i64::try_from(length).map_err(|error| error.to_string())
}

fn position(key: &Value, length: usize) -> Result<usize, String> {
    let at = match key {
        Value::Int(at) | Value::Int64(at) => *at,
        Value::Uint(_, at) => i64::try_from(*at).unwrap_or(-1),
        Value::Invalid | Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        other => return Err(format!("cannot index slice/array with type {}", other.type_name())),
    };
    usize::try_from(at).ok().filter(|at| *at <= length).ok_or_else(|| format!("index out of range: {at}"))
}

fn index(item: Value, keys: &[Reflected]) -> Result<Value, String> {
    let mut item = item;
    if item.is_nil() {
        return Err("index of untyped nil".to_owned());
    }
    for Reflected(key) in keys {
        let out_of_range = |at: usize, length: usize| {
            format!("error calling index: reflect: slice index out of range [{at}] with length {length}")
        };
        item = match &item {
            Value::Nil | Value::Invalid => return Err("index of nil pointer".to_owned()),
            Value::List(list) => {
                let at = position(key, list.len())?;
                list.get(at).cloned().ok_or_else(|| out_of_range(at, list.len()))?
            }
            Value::String(text) => {
                let at = position(key, text.len())?;
                let byte = text.as_bytes().get(at).ok_or_else(|| out_of_range(at, text.len()))?;
                Value::Uint(UintKind::U8, u64::from(*byte))
            }
            Value::Bytes(bytes) => {
                let at = position(key, bytes.len())?;
                let byte = bytes.get(at).ok_or_else(|| out_of_range(at, bytes.len()))?;
                Value::Uint(UintKind::U8, u64::from(*byte))
            }
            Value::Map(map) => {
                let name = match key {
                    Value::String(name) => name,
                    key if key.is_nil() => return Err("value is nil; should be of type string".to_owned()),
                    key => return Err(format!("value has type {}; should be string", key.type_name())),
                };
                map.get(name.as_bytes()).unwrap_or(match map.kind {
                    MapType::Strings => Value::text(""),
                    MapType::Any | MapType::Values => Value::Nil,
                })
            }
            Value::Object(object) if object.entries().is_some() => {
                let Value::String(name) = key else {
                    return Err(format!("value has type {}; should be string", key.type_name()));
                };
                let entries = object.entries().unwrap_or_default();
                entries.into_iter().find(|(key, _)| key == name).map_or(Value::Nil, |(_, value)| value)
            }
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}
