//! Objects as Kubernetes' own types write them: which fields are written though
//! they are empty, and which vanish. The table `written.txt` is printed by
//! `tests/oracles/fieldtable`, which describes its format.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::{Map, Value};
use syncline_manifest::quantity;
use syncline_manifest::schema::{self, Shape, TypeId};

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

/// The marked fields of a type, by their names, in order.
type Marked = Vec<(&'static str, Empty)>;

/// What is marked, by the place of the type.
fn table() -> &'static [Marked] {
    static PARSED: OnceLock<Vec<Marked>> = OnceLock::new();
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
            let mut marked: Marked = fields.split(' ').filter_map(field).collect();
            marked.sort_unstable_by_key(|(name, _)| *name);
            Some((name, marked))
        };
        let mut by_name: HashMap<&str, Marked> = TABLE.lines().filter_map(line).collect();
        schema::types().map(|name| by_name.remove(name).unwrap_or_default()).collect()
    })
}

/// Writes an object as its type does. Fields that the type does not have are dropped,
/// their paths are added to `unknown`.
///
/// # Errors
/// When a field holds something of another type.
pub(super) fn write(shape: Shape, object: &mut Value, unknown: &mut Vec<String>) -> Result<(), ApiError> {
    Decoder { unknown }.value(shape, object).map_err(|mismatch| {
        // As Go tells it: the type that has the field, and the path without numbers.
        let path: Vec<&str> = mismatch.path.iter().rev().map(String::as_str).collect();
        let owner = mismatch.owner.rsplit('.').next().unwrap_or_default();
        ApiError::bad_request(format!(
            "json: cannot unmarshal {} into Go struct field {owner}.{} of type {}",
            mismatch.found,
            path.join("."),
            mismatch.expected
        ))
    })
}

/// A value of another type than its field.
struct Mismatch {
    found: String,
    expected: &'static str,
    /// The type that has the field.
    owner: &'static str,
    /// The names of the fields around it, the innermost first.
    path: Vec<String>,
}

impl Mismatch {
    fn of(expected: &'static str, value: &Value) -> Mismatch {
        let found = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(number) => format!("number {number}"),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        Mismatch { found, expected, owner: "", path: Vec::new() }
    }

    fn below(mut self, name: &str) -> Mismatch {
        self.path.push(name.to_owned());
        self
    }
}

struct Decoder<'d> {
    unknown: &'d mut Vec<String>,
}

impl Decoder<'_> {
    fn value(&mut self, shape: Shape, value: &mut Value) -> Result<(), Mismatch> {
        match (shape, &mut *value) {
            (_, Value::Null) | (Shape::Any, _) => {}
            (Shape::Object(id), Value::Object(fields)) => self.object(shape, id, fields)?,
            (Shape::Map(_), Value::Object(entries)) => {
                for (name, value) in entries {
                    self.below(name, |decoder| decoder.value(shape.item(), value))
                        .map_err(|mismatch| mismatch.below(name))?;
                }
            }
            (Shape::List(_), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.below(&format_args!("[{index}]"), |decoder| decoder.value(shape.item(), item))?;
                }
            }
            (Shape::Quantity, Value::String(text)) => match quantity::canonical(text) {
                Some(canonical) if canonical == *text => {}
                Some(canonical) => *value = canonical.into(),
                None => return Err(Mismatch::of("a quantity", value)),
            },
            (Shape::Quantity, Value::Number(number)) => match quantity::canonical(&number.to_string()) {
                Some(canonical) => *value = canonical.into(),
                None => return Err(Mismatch::of("a quantity", value)),
            },
            (Shape::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {}
            (Shape::String | Shape::Bytes | Shape::Time, Value::String(_))
            | (Shape::Number, Value::Number(_))
            | (Shape::Boolean, Value::Bool(_))
            | (Shape::IntOrString, Value::String(_) | Value::Number(_)) => {}
            (shape, value) => return Err(Mismatch::of(go_type(shape), value)),
        }
        Ok(())
    }

    /// What is found unknown inside is told with the way to it.
    fn below<T>(&mut self, step: &impl std::fmt::Display, inside: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.unknown.len();
        let outcome = inside(self);
        for path in self.unknown.iter_mut().skip(before) {
            let dot = if path.starts_with('[') { "" } else { "." };
            *path = format!("{step}{dot}{path}");
        }
        outcome
    }

    fn object(&mut self, shape: Shape, id: TypeId, fields: &mut Map<String, Value>) -> Result<(), Mismatch> {
        let marked = &table()[id.index()];
        let mut failed = None;
        fields.retain(|name, value| {
            let Some(field) = shape.field(name) else {
                self.unknown.push(name.clone());
                return false;
            };
            if value.is_null() {
                return false;
            }
            if failed.is_none()
                && let Err(mismatch) = self.below(name, |decoder| decoder.value(field.shape, value))
            {
                failed = Some(mismatch.below(name));
            }
            !is_empty(value) || marked.binary_search_by(|(known, _)| (*known).cmp(name)).is_ok()
        });
        if let Some(mut mismatch) = failed {
            if mismatch.owner.is_empty() {
                mismatch.owner = shape.type_name().unwrap_or_default();
            }
            return Err(mismatch);
        }
        for (name, empty) in marked {
            let Empty::Written(nothing) = empty else { continue };
            if !fields.contains_key(*name)
                && let Some(field) = shape.field(name)
            {
                fields.insert((*name).to_owned(), nothing_of(*nothing, field.shape));
            }
        }
        Ok(())
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
        Nothing::Object => {
            let mut object = Value::Object(Map::new());
            // Nothing is of no wrong type.
            let _ = write(shape, &mut object, &mut Vec::new());
            object
        }
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
        let mut written = object;
        write(shape, &mut written, &mut unknown).unwrap();
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
        let error = write(shape, &mut json!({"spec": {"replicas": "3"}}), &mut Vec::new()).unwrap_err();
        assert!(
            error.message.contains("string into Go struct field DeploymentSpec.spec.replicas of type int32"),
            "{error:?}"
        );
    }
}
