//! Bodies: JSON and YAML, read with an eye on fields that are given twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::error::ApiError;

/// The format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML, of which JSON is a part.
    Yaml,
    /// Protobuf, for built-in kinds.
    Protobuf,
}

/// A body that was read.
#[derive(Debug)]
pub struct Decoded {
    /// What it holds.
    pub value: Value,
    /// The paths of fields that are given twice; the last one counts.
    pub duplicates: Vec<String>,
}

/// Reads a body.
///
/// # Errors
/// When it is not in the format.
pub fn decode(format: Format, body: &[u8]) -> Result<Decoded, ApiError> {
    if format == Format::Protobuf {
        return Ok(Decoded { value: super::protobuf::decode(body)?, duplicates: Vec::new() });
    }
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    match (format, first) {
        (_, Some(b'{' | b'[')) | (Format::Json, _) => match decode_json(body) {
            // Not JSON after all, but a flow mapping.
            Err(error) if format == Format::Yaml => decode_yaml(body).map_err(|_| error),
            outcome => outcome,
        },
        _ => decode_yaml(body),
    }
}

fn decode_json(body: &[u8]) -> Result<Decoded, ApiError> {
    let mut duplicates = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let seed = Strict { path: &mut Vec::new(), duplicates: &mut duplicates };
    let value = seed
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| ApiError::bad_request(format!("the object provided is unrecognized: {error}")))?;
    Ok(Decoded { value, duplicates })
}

fn decode_yaml(body: &[u8]) -> Result<Decoded, ApiError> {
    let malformed =
        |why: String| ApiError::bad_request(format!("error converting YAML to JSON: yaml: {why}"));
    let text = std::str::from_utf8(body).map_err(|error| malformed(error.to_string()))?;
    let documents = syncline_manifest::yaml::read(text).map_err(|error| malformed(error.to_string()))?;
    let mut documents = documents.into_iter().map(|document| document.value).filter(|value| !value.is_null());
    match (documents.next(), documents.next()) {
        (Some(value), None) => Ok(Decoded { value, duplicates: Vec::new() }),
        (None, _) => Ok(Decoded { value: Value::Null, duplicates: Vec::new() }),
        _ => Err(malformed("more than one document".into())),
    }
}

/// Reads the options of a deletion from its body; null where there is none.
///
/// # Errors
/// When it is in no format that is known.
pub fn decode_options(body: &[u8]) -> Result<Value, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    // Clients do not always say in which format the options are.
    let format = if body.starts_with(b"k8s\0") { Format::Protobuf } else { Format::Yaml };
    decode(format, body).map(|decoded| decoded.value)
}

struct Strict<'s> {
    path: &'s mut Vec<Step>,
    duplicates: &'s mut Vec<String>,
}

enum Step {
    Field(String),
    Item(usize),
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            self.path.push(Step::Item(items.len()));
            let item = access.next_element_seed(Strict { path: self.path, duplicates: self.duplicates });
            self.path.pop();
            match item? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(Name(name)) = access.next_key::<Name>()? {
            self.path.push(Step::Field(name));
            let value = access.next_value_seed(Strict { path: self.path, duplicates: self.duplicates })?;
            let Some(Step::Field(name)) = self.path.pop() else { continue };
            if fields.contains_key(&name) {
                self.duplicates.push(spelled(self.path, &name));
            }
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

struct Name(String);

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        String::deserialize(deserializer).map(Name)
    }
}

fn spelled(path: &[Step], name: &str) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Field(name) if out.is_empty() => out.push_str(name),
            Step::Field(name) => out.push_str(&format!(".{name}")),
            Step::Item(index) => out.push_str(&format!("[{index}]")),
        }
    }
    if out.is_empty() { name.to_owned() } else { format!("{out}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_are_given_twice_are_found() {
        let decoded = decode(Format::Json, br#"{"a":[{"b":1,"b":2}],"c":1,"c":1}"#).unwrap();
        assert_eq!(decoded.value, json!({"a": [{"b": 2}], "c": 1}));
        assert_eq!(decoded.duplicates, ["a[0].b", "c"]);
    }

    #[test]
    fn yaml_and_json_are_told_apart() {
        assert_eq!(decode(Format::Yaml, b"a: 1\n").unwrap().value, json!({"a": 1}));
        assert_eq!(decode(Format::Yaml, b"{a: yes}").unwrap().value, json!({"a": true}));
        assert_eq!(decode(Format::Yaml, b"{\"a\": 1}").unwrap().value, json!({"a": 1}));
        assert!(decode(Format::Json, b"a: 1").is_err());
        assert!(decode(Format::Yaml, b"a: 1\n---\nb: 1\n").is_err());
        assert!(decode(Format::Json, b"{} {}").is_err());
    }

    #[test]
    fn depth_is_refused_before_it_costs_anything() {
        let deep = "[".repeat(1 << 20);
        assert!(decode(Format::Json, deep.as_bytes()).is_err());
        assert!(decode(Format::Yaml, deep.as_bytes()).is_err());
        let deep = "{a: ".repeat(100_000);
        assert!(decode(Format::Yaml, deep.as_bytes()).is_err());
    }
}
