//! Objects as Kubernetes' own types write them: which fields are written though
//! they are empty, and which vanish. The table `written.txt` is printed by
//! `tests/oracles/fieldtable`, which describes its format.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::{Map, Value};
use syncline_manifest::quantity;
use syncline_manifest::schema::Shape;

use crate::error::ApiError;

const TABLE: &str = include_str!("written.txt");

/// What becomes of a field that is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    /// It is always written; this stands for nothing.
    Written(Nothing),
    /// Zero is kept when it was given.
    Kept,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nothing {
    Text,
    Zero,
    False,
    Null,
    Object,
    Quantity,
}

type Table = HashMap<&'static str, HashMap<&'static str, Empty>>;

fn table() -> &'static Table {
    static PARSED: OnceLock<Table> = OnceLock::new();
    PARSED.get_or_init(|| {
        let field = |word: &'static str| {
            if let Some(name) = word.strip_suffix('?') {
                return Some((name, Empty::Kept));
            }
            let (name, nothing) = word.split_once('!')?;
            let nothing = match nothing {
                "s" => Nothing::Text,
                "i" => Nothing::Zero,
                "b" => Nothing::False,
                "o" => Nothing::Object,
                "q" => Nothing::Quantity,
                _ => Nothing::Null,
            };
            Some((name, Empty::Written(nothing)))
        };
        let line = |line: &'static str| {
            let (name, fields) = line.split_once(' ')?;
            Some((name, fields.split(' ').filter_map(field).collect()))
        };
        TABLE.lines().filter_map(line).collect()
    })
}

/// An object of a shape as it is written. Fields that the shape does not have are
/// dropped, their paths are added to `unknown`.
///
/// # Errors
/// When a field holds something of another type.
pub(super) fn written(shape: Shape, object: &Value, unknown: &mut Vec<String>) -> Result<Value, ApiError> {
    Decoder { unknown, path: Vec::new(), owners: Vec::new() }.value(shape, object)
}

struct Decoder<'d, 'v> {
    unknown: &'d mut Vec<String>,
    path: Vec<Segment<'v>>,
    /// The names of the types that hold what is read.
    owners: Vec<&'static str>,
}

enum Segment<'v> {
    Field(&'v str),
    Index(usize),
}

impl<'v> Decoder<'_, 'v> {
    fn value(&mut self, shape: Shape, value: &'v Value) -> Result<Value, ApiError> {
        Ok(match (shape, value) {
            (_, Value::Null) | (Shape::Any, _) => value.clone(),
            (Shape::Object(_), Value::Object(fields)) => Value::Object(self.object(shape, fields)?),
            (Shape::Map(_), Value::Object(entries)) => {
                let mut out = Map::new();
                for (name, value) in entries {
                    self.path.push(Segment::Field(name));
                    out.insert(name.clone(), self.value(shape.item(), value)?);
                    self.path.pop();
                }
                Value::Object(out)
            }
            (Shape::List(_), Value::Array(items)) => {
                let mut out = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    self.path.push(Segment::Index(index));
                    out.push(self.value(shape.item(), item)?);
                    self.path.pop();
                }
                Value::Array(out)
            }
            (Shape::Quantity, Value::String(text)) => {
                Value::from(quantity::canonical(text).ok_or_else(|| self.mismatch("a quantity", value))?)
            }
            (Shape::Quantity, Value::Number(number)) => {
                let text = number.to_string();
                Value::from(quantity::canonical(&text).ok_or_else(|| self.mismatch("a quantity", value))?)
            }
            (Shape::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => value.clone(),
            (Shape::String | Shape::Bytes | Shape::Time, Value::String(_))
            | (Shape::Number, Value::Number(_))
            | (Shape::Boolean, Value::Bool(_))
            | (Shape::IntOrString, Value::String(_) | Value::Number(_)) => value.clone(),
            (shape, value) => return Err(self.mismatch(go_type(shape), value)),
        })
    }

    fn object(
        &mut self,
        shape: Shape,
        fields: &'v Map<String, Value>,
    ) -> Result<Map<String, Value>, ApiError> {
        let empties = shape.type_name().and_then(|name| table().get(name));
        self.owners.push(shape.type_name().unwrap_or_default());
        let mut out = Map::new();
        for (name, value) in fields {
            self.path.push(Segment::Field(name));
            match shape.field(name) {
                None => self.unknown.push(self.spelled()),
                Some(_) if value.is_null() => {}
                Some(field) => {
                    let value = self.value(field.shape, value)?;
                    let is_marked = empties.is_some_and(|empties| empties.contains_key(name.as_str()));
                    if is_marked || !is_empty(&value) {
                        out.insert(name.clone(), value);
                    }
                }
            }
            self.path.pop();
        }
        for (name, empty) in empties.into_iter().flatten() {
            let Empty::Written(nothing) = empty else { continue };
            if !out.contains_key(*name)
                && let Some(field) = shape.field(name)
            {
                out.insert((*name).to_owned(), nothing_of(*nothing, field.shape));
            }
        }
        Ok(out)
    }

    fn spelled(&self) -> String {
        let mut out = String::new();
        for segment in &self.path {
            match segment {
                Segment::Field(name) if out.is_empty() => out.push_str(name),
                Segment::Field(name) => out.push_str(&format!(".{name}")),
                Segment::Index(index) => out.push_str(&format!("[{index}]")),
            }
        }
        out
    }

    fn mismatch(&self, expected: &str, value: &Value) -> ApiError {
        let found = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(number) => format!("number {number}"),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        // As Go tells it: the type that has the field, and the path without numbers.
        let owner = self.owners.last().and_then(|name| name.rsplit('.').next()).unwrap_or_default();
        let names = self.path.iter().filter_map(|segment| match segment {
            Segment::Field(name) => Some(*name),
            Segment::Index(_) => None,
        });
        let path = names.collect::<Vec<_>>().join(".");
        ApiError::bad_request(format!(
            "json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {expected}"
        ))
    }
}

fn go_type(shape: Shape) -> &'static str {
    match shape {
        Shape::String | Shape::Bytes | Shape::Time => "string",
        Shape::Integer => "int32",
        Shape::Number => "float64",
        Shape::Boolean => "bool",
        Shape::IntOrString => "int32 or string",
        Shape::Quantity => "a quantity",
        Shape::List(_) => "a list",
        Shape::Map(_) | Shape::Object(_) | Shape::Any => "an object",
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

fn nothing_of(nothing: Nothing, shape: Shape) -> Value {
    match nothing {
        Nothing::Text => Value::from(""),
        Nothing::Zero => Value::from(0),
        Nothing::False => Value::from(false),
        Nothing::Null => Value::Null,
        Nothing::Quantity => Value::from("0"),
        // An object of a type that is always written holds what is always written.
        Nothing::Object => written(shape, &Value::Object(Map::new()), &mut Vec::new()).unwrap_or(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use syncline_manifest::GroupVersionKind;

    use super::*;

    #[test]
    fn empty_fields_vanish_stay_or_appear_as_kubernetes_types_have_it() {
        let shape = Shape::of(&GroupVersionKind::parse("apps/v1", "Deployment"));
        let mut unknown = Vec::new();
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "labels": {}, "generateName": "", "extra": 1},
            "spec": {
                "replicas": 0, "paused": false, "minReadySeconds": 0, "selector": {"matchLabels": {"a": "b"}},
                "template": {"spec": {"containers": [{"name": "c", "image": null, "imagePull": "x",
                    "resources": {"limits": {"cpu": "1000m", "memory": 1024}}}]}},
            },
        });
        let written = written(shape, &object, &mut unknown).unwrap();
        assert_eq!(
            written,
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
                "spec": {
                    "replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "strategy": {},
                    "template": {"metadata": {}, "spec": {"containers": [{"name": "c",
                        "resources": {"limits": {"cpu": "1", "memory": "1024"}}}]}},
                },
                "status": {},
            })
        );
        assert_eq!(unknown, ["metadata.extra", "spec.template.spec.containers[0].imagePull"]);
    }

    #[test]
    fn a_field_of_another_type_is_named() {
        let shape = Shape::of(&GroupVersionKind::parse("apps/v1", "Deployment"));
        let error = written(shape, &json!({"spec": {"replicas": "3"}}), &mut Vec::new()).unwrap_err();
        assert!(
            error.message.contains("string into Go struct field DeploymentSpec.spec.replicas of type int32"),
            "{error:?}"
        );
    }
}
