//! Strict parsing: unknown fields are errors with a suggestion, all of them at
//! once, each with its place.
//!
//! serde alone stops at the first error and knows no paths. So the fields are
//! first walked beside the type's JSON Schema, which knows every name.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field, as a JSON pointer into the object.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl FieldError {
    /// An error at a JSON pointer.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> FieldError {
        FieldError { pointer: pointer.into(), message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> FieldError {
        self.hint = Some(hint.into());
        self
    }
}

/// The schemas of the kinds, made once: a fleet has thousands of objects of a few.
static SCHEMAS: LazyLock<Mutex<HashMap<TypeId, Arc<Schema>>>> = LazyLock::new(Mutex::default);

fn schema_of<T: JsonSchema + 'static>() -> Arc<Schema> {
    let mut schemas = SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
    let made = schemas.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(schemars::schema_for!(T)));
    Arc::clone(made)
}

/// Parses a value as a type that knows all its fields.
pub(super) fn parse<T: DeserializeOwned + JsonSchema + 'static>(value: &Value) -> Result<T, Vec<FieldError>> {
    let schema = schema_of::<T>();
    let root = schema.as_value();
    let mut errors = Vec::new();
    unknown_fields(value, root, root, "", &mut errors);
    let parsed = serde_path_to_error::deserialize::<_, T>(value);
    match parsed {
        Ok(parsed) if errors.is_empty() => Ok(parsed),
        Ok(_) => Err(errors),
        Err(error) => {
            let pointer = pointer_of(error.path());
            // An unknown variant or a missing field is often the shadow of a
            // misspelt one, which is already reported with a suggestion.
            let is_shadow = errors.iter().any(|e| parent(&e.pointer) == pointer);
            if !is_shadow {
                errors.push(FieldError::new(pointer, error.inner().to_string()));
            }
            Err(errors)
        }
    }
}

fn parent(pointer: &str) -> &str {
    pointer.rfind('/').map_or("", |at| &pointer[..at])
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

fn unknown_fields(value: &Value, schema: &Value, root: &Value, pointer: &str, errors: &mut Vec<FieldError>) {
    let Some(schema) = resolve(value, schema, root) else { return };
    match value {
        Value::Object(fields) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let additional = schema.get("additionalProperties");
            for (name, value) in fields {
                let at = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                if let Some(schema) = properties.and_then(|properties| properties.get(name)) {
                    unknown_fields(value, schema, root, &at, errors);
                } else if let Some(schema) = additional {
                    unknown_fields(value, schema, root, &at, errors);
                } else if let Some(properties) = properties
                    && !is_kubernetes_metadata(pointer)
                {
                    let error = FieldError::new(at, format!("unknown field {name:?}"));
                    let known = properties.keys().map(String::as_str);
                    errors.push(match suggest(name, known.clone()) {
                        Some(close) => error.hint(format!("did you mean {close}?")),
                        None => error.hint(format!("known here: {}", known.collect::<Vec<_>>().join(", "))),
                    });
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    unknown_fields(item, schema, root, &format!("{pointer}/{index}"), errors);
                }
            }
        }
        _ => {}
    }
}

/// Objects taken from a cluster carry metadata that means nothing in Git.
fn is_kubernetes_metadata(pointer: &str) -> bool {
    pointer == "/metadata"
}

/// Follows `$ref`, and of alternatives takes the one that fits the value's tag.
fn resolve<'s>(value: &Value, schema: &'s Value, root: &'s Value) -> Option<&'s Value> {
    let mut schema = schema;
    while let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        schema = root.pointer(reference.strip_prefix('#')?)?;
    }
    let alternatives = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array());
    let Some(alternatives) = alternatives else { return Some(schema) };
    alternatives
        .iter()
        .filter_map(|schema| resolve(value, schema, root))
        .filter(|schema| schema.get("type") != Some(&Value::from("null")))
        .find(|schema| match schema.pointer("/properties/type/const") {
            Some(tag) => value.get("type") == Some(tag),
            None => true,
        })
}

/// The known name closest to a misspelt one, if any is close.
pub fn suggest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = name.to_lowercase();
    known
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(name.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::super::{Cluster, ConfigKind, ConfigObject};
    use super::*;
    use serde_json::json;
    use syncline_manifest::GroupVersionKind;

    fn errors(value: &Value) -> Vec<(String, Option<String>)> {
        let gvk = GroupVersionKind::of(value);
        let kind = ConfigKind::of(&gvk).unwrap();
        let errors = ConfigObject::parse(kind, &gvk, value).unwrap_err();
        errors
            .into_iter()
            .map(|error| (format!("{}: {}", error.pointer, error.message), error.hint))
            .collect()
    }

    #[test]
    fn all_unknown_fields_are_named_at_once_with_the_closest_known_one() {
        let value = json!({
            "apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Cluster", "metadata": {"name": "a", "uid": "x"},
            "spec": {"kubeconfigSecretRf": {"name": "k"}, "variables": {"ANY": 1}, "zzzzzz": 1,
                     "maintenance": {"enabled": true, "schedul": "x"}},
        });
        insta::assert_json_snapshot!(errors(&value));
    }

    #[test]
    fn policy_errors_name_the_field() {
        let policy = |spec: Value| {
            json!({"apiVersion": "policy.kurator.dev/v1alpha1", "kind": "ClusterPropagationPolicy",
                   "metadata": {"name": "p"}, "spec": spec})
        };
        insta::assert_json_snapshot!([
            errors(&policy(json!({"resourceSelectors": []}))),
            errors(&policy(
                json!({"resourceSelectors": [{"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Inn", "values": []}]}}]})
            )),
            errors(&policy(
                json!({"resourceSelectors": [{"labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}]})
            )),
            errors(&policy(
                json!({"resourceSelectors": [{}], "placement": {"replicaScheduling": {"type": "Weighted", "weight": {"a": 1}}}})
            )),
            errors(&policy(
                json!({"resourceSelectors": [{}], "placement": {"replicaScheduling": {"type": "Weighted", "weights": {"a": 0}}}})
            )),
            errors(&policy(json!({"resourceSelectors": [{"kind": 5}]}))),
        ]);
    }

    #[test]
    fn schedules_are_times_or_cron_expressions() {
        let cluster = |schedule: &str| {
            parse::<Cluster>(&json!({"apiVersion": "x", "kind": "Cluster", "metadata": {"name": "a"},
                "spec": {"maintenance": {"enabled": true, "schedule": schedule}}}))
        };
        assert!(cluster("2023-12-15T02:00:00Z").is_ok());
        assert!(cluster("0 2 * * 6").is_ok());
        assert_eq!(cluster("tomorrow").unwrap_err()[0].pointer, "/spec/maintenance/schedule");
    }
}
