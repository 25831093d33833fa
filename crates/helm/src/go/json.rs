//! Package `encoding/json`: values as JSON text and JSON text as values.

use super::number::format_json_float;
use super::text::Str;
use super::value::{List, ListType, MAX_DEPTH, Map, MapType, Value};

/// Whether `<`, `>` and `&` are written as escapes, which `json.Marshal` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Html {
    /// `json.Marshal`
    Escaped,
    /// An encoder with `SetEscapeHTML(false)`
    Raw,
}

/// `json.Marshal`, or `MarshalIndent` with two spaces when `pretty`.
///
/// # Errors
/// Infinity and NaN have no JSON.
pub fn marshal(value: &Value, html: Html, pretty: bool) -> Result<String, String> {
    let mut writer = Writer { out: String::new(), html, pretty };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    html: Html,
    pretty: bool,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        match value {
            _ if depth > MAX_DEPTH => return Err("json: unsupported value: encountered a cycle".to_owned()),
            Value::Invalid | Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) | Value::Int64(value) => self.out.push_str(&value.to_string()),
            Value::Uint(_, value) => self.out.push_str(&value.to_string()),
            Value::Float(value) if !value.is_finite() => {
                return Err(format!("json: unsupported value: {}", super::number::format_float(*value)));
            }
            Value::Float(value) => self.out.push_str(&format_json_float(*value)),
            Value::String(text) => self.text(text.as_bytes()),
            Value::Bytes(bytes) => {
                use base64::Engine as _;
                self.out.push('"');
                base64::engine::general_purpose::STANDARD.encode_string(bytes, &mut self.out);
                self.out.push('"');
            }
            Value::List(list) if list.is_nil() => self.out.push_str("null"),
            Value::List(list) => {
                self.sequence(list, depth)?;
            }
            Value::Map(map) => map.with(|entries| self.mapping(entries.iter(), depth))?,
            Value::Object(object) => match object.json_fields() {
                Some(fields) => {
                    let fields: Vec<(Str, Value)> =
                        fields.into_iter().map(|(name, value)| (Str::from(name), value)).collect();
                    self.mapping(fields.iter().map(|(name, value)| (name, value)), depth)?;
                }
                None => self.value(&Value::from_json(&object.json()), depth)?,
            },
        }
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if self.pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", depth));
        }
    }

    fn sequence(&mut self, items: &[Value], depth: usize) -> Result<(), String> {
        self.out.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            self.value(item, depth + 1)?;
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.out.push(']');
        Ok(())
    }

    fn mapping<'v>(
        &mut self,
        entries: impl ExactSizeIterator<Item = (&'v Str, &'v Value)>,
        depth: usize,
    ) -> Result<(), String> {
        let empty = entries.len() == 0;
        self.out.push('{');
        for (at, (key, value)) in entries.enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            self.text(key.as_bytes());
            self.out.push_str(if self.pretty { ": " } else { ":" });
            self.value(value, depth + 1)?;
        }
        if !empty {
            self.line(depth);
        }
        self.out.push('}');
        Ok(())
    }

    fn text(&mut self, bytes: &[u8]) {
        use std::fmt::Write as _;
        self.out.push('"');
        for chunk in bytes.utf8_chunks() {
            let valid = chunk.valid();
            let mut plain = 0;
            for (at, c) in valid.char_indices() {
                let escape: &str = match c {
                    '"' => "\\\"",
                    '\\' => "\\\\",
                    '\n' => "\\n",
                    '\r' => "\\r",
                    '\t' => "\\t",
                    '\u{8}' => "\\b",
                    '\u{c}' => "\\f",
                    '\u{2028}' => "\\u2028",
                    '\u{2029}' => "\\u2029",
                    '<' if self.html == Html::Escaped => "\\u003c",
                    '>' if self.html == Html::Escaped => "\\u003e",
                    '&' if self.html == Html::Escaped => "\\u0026",
                    c if c < ' ' => "",
                    _ => continue,
                };
                self.out.push_str(&valid[plain..at]);
                plain = at + c.len_utf8();
                if escape.is_empty() {
                    // Writing to a String cannot fail.
                    let _ = write!(self.out, "\\u{:04x}", u32::from(c));
                } else {
                    self.out.push_str(escape);
                }
            }
            self.out.push_str(&valid[plain..]);
            self.out.extend(std::iter::repeat_n("\\ufffd", chunk.invalid().len()));
        }
        self.out.push('"');
    }
}

/// `json.Unmarshal` into an `interface{}`: all numbers are `float64`.
///
/// # Errors
/// The text is no JSON.
pub fn unmarshal(text: &[u8]) -> Result<Value, String> {
    let json: serde_json::Value = serde_json::from_slice(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => "unexpected end of JSON input".to_owned(),
        _ => error.to_string(),
    })?;
    Ok(with_floats(&json))
}

/// A JSON value with every number as a `float64`, as Go decodes it.
pub fn with_floats(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::Array(items) => {
            Value::List(List::new(ListType::Any, items.iter().map(with_floats).collect()))
        }
        serde_json::Value::Object(entries) => Value::Map(Map::from_entries(
            MapType::Any,
            entries.iter().map(|(key, value)| (Str::from(key.as_str()), with_floats(value))).collect(),
        )),
        other => Value::from_json(other),
    }
}

/// A value as `serde_json` holds it: what is rendered from it, or checked by a schema.
pub fn to_json(value: &Value) -> serde_json::Value {
    json_within(value, 0)
}

fn json_within(value: &Value, depth: usize) -> serde_json::Value {
    match value {
        _ if depth > MAX_DEPTH => serde_json::Value::Null,
        Value::Invalid | Value::Nil => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) | Value::Int64(value) => (*value).into(),
        Value::Uint(_, value) => (*value).into(),
        // JSON makes no difference between 1 and 1.0.
        Value::Float(value) if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 => {
            (*value as i64).into()
        }
        Value::Float(value) => (*value).into(),
        Value::String(text) => text.to_text().into_owned().into(),
        Value::Bytes(bytes) => {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(bytes).into()
        }
        Value::List(list) if list.is_nil() => serde_json::Value::Null,
        Value::List(list) => list.iter().map(|item| json_within(item, depth + 1)).collect(),
        Value::Map(map) => serde_json::Value::Object(map.with(|entries| {
            entries
                .iter()
                .map(|(key, value)| (key.to_text().into_owned(), json_within(value, depth + 1)))
                .collect()
        })),
        Value::Object(object) => object.json(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_go_writes_it() {
        let map = Map::new();
        map.insert("b", Value::text("<a href=\"x\">&\u{1}\u{2028}"));
        map.insert("a", Value::list(vec![Value::Float(1e6), Value::Float(0.5), Value::Nil, Value::Int(3)]));
        map.insert("c", Value::Map(Map::new()));
        let value = Value::Map(map);
        assert_eq!(
            marshal(&value, Html::Escaped, false).unwrap(),
            r#"{"a":[1000000,0.5,null,3],"b":"\u003ca href=\"x\"\u003e\u0026\u0001\u2028","c":{}}"#
        );
        assert_eq!(
            marshal(&Value::list(vec![Value::text("<"), Value::list(vec![])]), Html::Raw, true).unwrap(),
            "[\n  \"<\",\n  []\n]"
        );
        assert!(marshal(&Value::Float(f64::NAN), Html::Raw, false).is_err());
    }
}
