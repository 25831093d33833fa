//! TOML as `github.com/BurntSushi/toml` writes it. Reading is the work of the `toml` crate.

use super::number::format_precise;
use super::text::Str;
use super::value::{MAX_DEPTH, Map, Value};

/// `toml.NewEncoder(w).Encode(value)`.
///
/// # Errors
/// What TOML has no form for, with what was written before it left out.
pub fn marshal(value: &Value) -> Result<String, String> {
    let mut writer = Writer { out: String::new(), depth: 0 };
    match value {
        Value::Map(map) => writer.table(&[], map)?,
        Value::Object(object) => return marshal(&Value::from_json(&object.json())),
        Value::Invalid | Value::Nil => return Err("toml: cannot encode a nil pointer".to_owned()),
        _ if is_table_array(value) => {
            return Err("toml: top-level values must be Go maps or structs".to_owned());
        }
        _ => writer.element(value)?,
    }
    Ok(writer.out)
}

struct Writer {
    out: String,
    depth: usize,
}

fn bound(depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("toml: a value holds itself".to_owned());
    }
    Ok(())
}

/// A list of tables only, and not empty: written as `[[key]]`.
fn is_table_array(value: &Value) -> bool {
    matches!(value, Value::List(list) if !list.is_empty() && list.iter().all(|item| matches!(item, Value::Map(_))))
}

impl Writer {
    fn newline(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn indent(&mut self, key: &[Str]) {
        self.out.extend(std::iter::repeat_n("  ", key.len().saturating_sub(1)));
    }

    fn table(&mut self, key: &[Str], map: &Map) -> Result<(), String> {
        bound(key.len())?;
        let is_sub =
            |value: &Value| matches!(value, Value::Map(_) | Value::Object(_)) || is_table_array(value);
        let (sub, direct): (Vec<_>, Vec<_>) = map.entries().into_iter().partition(|(_, value)| is_sub(value));
        for (name, value) in direct.into_iter().chain(sub) {
            let mut path = key.to_vec();
            path.push(name);
            self.entry(&path, &value)?;
        }
        Ok(())
    }

    fn entry(&mut self, key: &[Str], value: &Value) -> Result<(), String> {
        match value {
            Value::Invalid | Value::Nil => {}
            Value::List(list) if list.is_nil() => {}
            Value::Object(object) => self.entry(key, &Value::from_json(&object.json()))?,
            Value::Map(map) => {
                if key.len() == 1 {
                    self.newline();
                }
                self.indent(key);
                self.out.push_str(&format!("[{}]", dotted(key)));
                self.newline();
                self.table(key, map)?;
            }
            Value::List(list) if is_table_array(value) => {
                for item in list.iter() {
                    let Value::Map(map) = item else { continue };
                    self.newline();
                    self.indent(key);
                    self.out.push_str(&format!("[[{}]]", dotted(key)));
                    self.newline();
                    self.table(key, map)?;
                }
            }
            other => {
                self.indent(key);
                self.key_value(&quoted_key(&key[key.len() - 1]), other)?;
                self.newline();
            }
        }
        Ok(())
    }

    fn key_value(&mut self, key: &str, value: &Value) -> Result<(), String> {
        self.out.push_str(key);
        self.out.push_str(" = ");
        self.element(value)
    }

    fn element(&mut self, value: &Value) -> Result<(), String> {
        self.depth += 1;
        bound(self.depth)?;
        let result = self.element_within(value);
        self.depth -= 1;
        result
    }

    fn element_within(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::String(text) => self.text(&text.to_text()),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) | Value::Int64(value) => self.out.push_str(&value.to_string()),
            Value::Uint(_, value) => self.out.push_str(&value.to_string()),
            Value::Float(value) if value.is_nan() => self.out.push_str("nan"),
            Value::Float(value) if value.is_infinite() => {
                self.out.push_str(if *value < 0.0 { "-inf" } else { "inf" });
            }
            Value::Float(value) => {
                let text = format_precise(*value, 'f', None);
                self.out.push_str(&text);
                if !text.contains('.') {
                    self.out.push_str(".0");
                }
            }
            Value::Bytes(bytes) => {
                let items: Vec<String> = bytes.iter().map(u8::to_string).collect();
                self.out.push_str(&format!("[{}]", items.join(", ")));
            }
            Value::List(list) => {
                self.out.push('[');
                for (at, item) in list.iter().enumerate() {
                    if at > 0 {
                        self.out.push_str(", ");
                    }
                    if item.is_nil() {
                        return Err("toml: cannot encode array with nil element".to_owned());
                    }
                    self.element(item)?;
                }
                self.out.push(']');
            }
            Value::Map(map) => {
                self.out.push('{');
                let is_sub = |value: &Value| matches!(value, Value::Map(_)) || is_table_array(value);
                let (sub, direct): (Vec<_>, Vec<_>) =
                    map.entries().into_iter().partition(|(_, value)| is_sub(value));
                let count = direct.len() + sub.len();
                for (at, (key, value)) in direct.into_iter().chain(sub).enumerate() {
                    if value.is_nil() {
                        continue;
                    }
                    self.key_value(&quoted_key(&key), &value)?;
                    if at + 1 < count {
                        self.out.push_str(", ");
                    }
                }
                self.out.push('}');
            }
            Value::Object(object) => self.element(&Value::from_json(&object.json()))?,
            Value::Invalid | Value::Nil => {
                return Err("toml: cannot encode array with nil element".to_owned());
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\u{8}' => self.out.push_str("\\b"),
                '\t' => self.out.push_str("\\t"),
                '\n' => self.out.push_str("\\n"),
                '\u{c}' => self.out.push_str("\\f"),
                '\r' => self.out.push_str("\\r"),
                c if c < ' ' || c == '\u{7f}' => self.out.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

fn quoted_key(key: &Str) -> String {
    let text = key.to_text();
    let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare {
        return text.into_owned();
    }
    let mut writer = Writer { out: String::new(), depth: 0 };
    writer.text(&text);
    writer.out
}

fn dotted(key: &[Str]) -> String {
    key.iter().map(quoted_key).collect::<Vec<_>>().join(".")
}

/// `toml.Unmarshal` into a `map[string]interface{}`: integers are `int64`.
///
/// # Errors
/// The text is no TOML.
pub fn unmarshal(text: &str) -> Result<Map, String> {
    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| format!("toml: {}", error.message()))?;
    Ok(from_table(&table))
}

fn from_table(table: &toml::Table) -> Map {
    let map = Map::new();
    for (key, value) in table {
        map.insert(key.as_str(), from_toml(value));
    }
    map
}

fn from_toml(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::text(text.as_str()),
        toml::Value::Integer(value) => Value::Int64(*value),
        toml::Value::Float(value) => Value::Float(*value),
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Datetime(value) => super::time::parse_rfc3339(&value.to_string())
            .map_or_else(|| Value::text(value.to_string()), super::time::Time::into_value),
        toml::Value::Array(items) => {
            let tables = !items.is_empty() && items.iter().all(toml::Value::is_table);
            let kind = if tables { super::ListType::Maps } else { super::ListType::Any };
            Value::List(super::List::new(kind, items.iter().map(from_toml).collect()))
        }
        toml::Value::Table(table) => Value::Map(from_table(table)),
    }
}
