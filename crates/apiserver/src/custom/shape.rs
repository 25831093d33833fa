//! Objects brought into the shape of their schema: without fields that it does not
//! name, with its defaults.

use serde_json::{Map, Value};

use super::schema::{Schema, Type};

/// Drops what the schema does not name; adds the paths to `unknown`.
pub fn prune(schema: &Schema, object: &mut Value, unknown: &mut Vec<String>) {
    Pruner { unknown, path: String::new() }.prune(schema, object, true);
}

struct Pruner<'p> {
    unknown: &'p mut Vec<String>,
    path: String,
}

impl Pruner<'_> {
    fn prune(&mut self, schema: &Schema, value: &mut Value, is_object: bool) {
        match value {
            Value::Object(fields) => self.fields(schema, fields, is_object || schema.is_embedded),
            Value::Array(items) => {
                let Some(of_items) = &schema.items else { return };
                for (index, item) in items.iter_mut().enumerate() {
                    self.below(&format!("[{index}]"), |this| this.prune(of_items, item, false));
                }
            }
            _ => {}
        }
    }

    fn fields(&mut self, schema: &Schema, fields: &mut Map<String, Value>, is_object: bool) {
        let mut gone = Vec::new();
        for (name, value) in &mut *fields {
            if is_object && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                continue;
            }
            let step = if self.path.is_empty() { name.clone() } else { format!(".{name}") };
            match schema.field(name) {
                Some(field) => self.below(&step, |this| this.prune(field, value, false)),
                None if schema.keeps_unknown => {}
                None => {
                    self.unknown.push(format!("{}{step}", self.path));
                    gone.push(name.clone());
                }
            }
        }
        for name in gone {
            fields.remove(&name);
        }
    }

    fn below(&mut self, step: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        visit(self);
        self.path.truncate(length);
    }
}

/// Fills in defaults; drops nulls where a default or nothing should be.
pub fn fill(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, property) in &schema.properties {
                let is_missing = match fields.get(&**name) {
                    None => true,
                    Some(value) => value.is_null() && !property.nullable,
                };
                if is_missing && let Some(default) = &property.default {
                    fields.insert(name.to_string(), default.clone());
                }
            }
            fields.retain(|name, value| {
                // A null that cannot be is as good as nothing.
                !value.is_null()
                    || schema
                        .properties
                        .get(name.as_str())
                        .is_none_or(|field| field.nullable || field.default.is_none())
            });
            for (name, value) in fields {
                if let Some(field) = schema.field(name) {
                    fill(field, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(of_items) = &schema.items {
                items.iter_mut().for_each(|item| fill(of_items, item));
            }
        }
        _ => {}
    }
}

impl Schema {
    /// Whether a value is of the type.
    pub(super) fn is_type_of(&self, value: &Value) -> bool {
        match (self.kind, value) {
            (_, Value::Null) => self.nullable || self.kind == Type::Any,
            (Type::Any, _)
            | (Type::Object, Value::Object(_))
            | (Type::Array, Value::Array(_))
            | (Type::String, Value::String(_))
            | (Type::Number, Value::Number(_))
            | (Type::Boolean, Value::Bool(_))
            | (Type::IntOrString, Value::String(_)) => true,
            (Type::Integer | Type::IntOrString, Value::Number(number)) => {
                number.is_i64()
                    || number.is_u64()
                    || number.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_pruned_and_filled() {
        let schema = Schema::read(
            &json!({"type": "object", "properties": {
                "spec": {"type": "object", "default": {}, "properties": {
                    "size": {"type": "integer", "default": 3},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "list": {"type": "array", "items": {"type": "object", "properties": {
                        "name": {"type": "string"}, "mode": {"type": "string", "default": "on"}}}},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                }},
            }}),
            "",
            &mut Vec::new(),
        );
        let mut object = json!({"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "a"}, "extra": 1,
            "spec": {"free": {"x": 1}, "list": [{"name": "a", "y": 2}], "labels": {"a": "b"}, "size": null}});
        let mut unknown = Vec::new();
        prune(&schema, &mut object, &mut unknown);
        fill(&schema, &mut object);
        assert_eq!(unknown, ["extra", "spec.list[0].y"]);
        assert_eq!(
            object["spec"],
            json!({"free": {"x": 1}, "list": [{"name": "a", "mode": "on"}], "labels": {"a": "b"}, "size": 3})
        );
        let mut empty = json!({});
        fill(&schema, &mut empty);
        assert_eq!(empty, json!({"spec": {"size": 3}}));
    }
}
