//! The schemas of kinds.

use serde_json::{Map, Value, json};
use syncline_manifest::schema::{Division, Field, ListMerge, Shape};

use super::documentation::Documentation;
use crate::kinds::{Resource, Version};

/// The version of OpenAPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V2,
    V3,
}

/// Schemas by their names.
pub(super) struct Schemas {
    dialect: Dialect,
    documentation: Documentation,
    all: Map<String, Value>,
}

impl Schemas {
    pub fn new(dialect: Dialect) -> Schemas {
        Schemas { dialect, documentation: Documentation::of_builtin_kinds(), all: Map::new() }
    }

    pub fn all(self) -> Map<String, Value> {
        self.all
    }

    fn reference(&self, name: &str) -> String {
        match self.dialect {
            Dialect::V2 => format!("#/definitions/{name}"),
            Dialect::V3 => format!("#/components/schemas/{name}"),
        }
    }

    /// Adds the type of a built-in kind; gives the reference to it.
    pub fn builtin(&mut self, shape: Shape, resource: &Resource, version: &Version) -> String {
        let name = self.add(shape);
        if let Some(schema) = self.all.get_mut(&name) {
            schema["x-kubernetes-group-version-kind"] = kinds(resource, version);
        }
        self.reference(&name)
    }

    /// Adds a custom kind; gives the reference to it.
    pub fn custom(&mut self, resource: &Resource, version: &Version, raw: Option<Value>) -> String {
        let reversed: Vec<&str> = resource.group.rsplit('.').collect();
        let name = format!("{}.{}.{}", reversed.join("."), version.name, resource.kind);
        let mut schema = raw.filter(Value::is_object).unwrap_or_else(|| json!({"type": "object"}));
        if self.dialect == Dialect::V2 {
            without_unknown_words(&mut schema);
        }
        if !schema["properties"].is_object() {
            schema["properties"] = json!({});
        }
        let metadata = metadata_shape();
        let metadata = self.of(metadata);
        schema["properties"]["apiVersion"] = json!({"type": "string"});
        schema["properties"]["kind"] = json!({"type": "string"});
        schema["properties"]["metadata"] = metadata;
        schema["x-kubernetes-group-version-kind"] = kinds(resource, version);
        self.all.insert(name.clone(), schema);
        self.reference(&name)
    }

    /// Adds an object type and all that it refers to; gives its name.
    fn add(&mut self, shape: Shape) -> String {
        let short_name = shape.type_name().unwrap_or_default();
        let name = full_name(short_name);
        if self.all.contains_key(&name) {
            return name;
        }
        // Types refer to themselves: the place is taken before its fields are looked at.
        self.all.insert(name.clone(), Value::Null);
        let mut properties = Map::new();
        for field_name in shape.field_names() {
            if let Some(field) = shape.field(field_name) {
                let schema = match (short_name, field_name) {
                    // A set of fields has no form that can be told.
                    ("meta.v1.ManagedFieldsEntry", "fieldsV1") => {
                        self.named("meta.v1.FieldsV1", json!({"type": "object"}))
                    }
                    _ => self.field(field),
                };
                properties.insert(field_name.to_owned(), schema);
            }
        }
        let mut schema = json!({"type": "object"});
        if !properties.is_empty() {
            schema["properties"] = Value::Object(properties);
        }
        if shape.is_atomic() {
            schema["x-kubernetes-map-type"] = "atomic".into();
        }
        self.documentation.describe(&name, short_name, &mut schema);
        self.all.insert(name.clone(), schema);
        name
    }

    fn field(&mut self, field: Field) -> Value {
        let mut schema = self.of(field.shape);
        if self.dialect == Dialect::V3 && schema.get("$ref").is_some() {
            schema = json!({"allOf": [schema]});
        }
        let is_list = matches!(field.shape, Shape::List(_));
        match field.division {
            Division::ByShape if is_list => schema["x-kubernetes-list-type"] = "atomic".into(),
            Division::ByShape => {}
            Division::Atomic if is_list => schema["x-kubernetes-list-type"] = "atomic".into(),
            Division::Atomic => schema["x-kubernetes-map-type"] = "atomic".into(),
            Division::Set => schema["x-kubernetes-list-type"] = "set".into(),
            Division::Keyed(keys) => {
                schema["x-kubernetes-list-type"] = "map".into();
                schema["x-kubernetes-list-map-keys"] = keys.split(',').collect::<Vec<_>>().into();
            }
        }
        let merges = match field.list_merge {
            ListMerge::Replace => false,
            ListMerge::ByValue => true,
            ListMerge::ByKey(key) => {
                schema["x-kubernetes-patch-merge-key"] = key.into();
                true
            }
        };
        match (merges, field.retains_keys) {
            (true, true) => schema["x-kubernetes-patch-strategy"] = "merge,retainKeys".into(),
            (true, false) => schema["x-kubernetes-patch-strategy"] = "merge".into(),
            (false, true) => schema["x-kubernetes-patch-strategy"] = "retainKeys".into(),
            (false, false) => {}
        }
        schema
    }

    /// A type that is no object of fields; gives the reference to it.
    fn named(&mut self, short_name: &str, schema: Value) -> Value {
        let name = full_name(short_name);
        let reference = json!({"$ref": self.reference(&name)});
        self.all.entry(name).or_insert(schema);
        match self.dialect {
            Dialect::V2 => reference,
            Dialect::V3 => json!({"allOf": [reference]}),
        }
    }

    fn of(&mut self, shape: Shape) -> Value {
        let v2 = self.dialect == Dialect::V2;
        match shape {
            Shape::String => json!({"type": "string"}),
            Shape::Integer => json!({"type": "integer", "format": "int32"}),
            Shape::Number => json!({"type": "number", "format": "double"}),
            Shape::Boolean => json!({"type": "boolean"}),
            Shape::Bytes => json!({"type": "string", "format": "byte"}),
            Shape::Time => json!({"type": "string", "format": "date-time"}),
            Shape::Quantity => self.named(
                QUANTITY,
                if v2 {
                    json!({"type": "string"})
                } else {
                    json!({"oneOf": [{"type": "string"}, {"type": "number"}]})
                },
            ),
            Shape::IntOrString => self.named(
                INT_OR_STRING,
                if v2 {
                    json!({"type": "string", "format": "int-or-string"})
                } else {
                    json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
                },
            ),
            Shape::Any => json!({"type": "object"}),
            Shape::List(_) => json!({"type": "array", "items": self.of(shape.item())}),
            Shape::Map(_) => json!({"type": "object", "additionalProperties": self.of(shape.item())}),
            Shape::Object(_) => {
                let name = self.add(shape);
                json!({"$ref": self.reference(&name)})
            }
        }
    }
}

fn metadata_shape() -> Shape {
    let kind = syncline_manifest::GroupVersionKind::parse("v1", "ConfigMap");
    Shape::of(&kind).field("metadata").map_or(Shape::Any, |field| field.shape)
}

fn kinds(resource: &Resource, version: &Version) -> Value {
    json!([{"group": resource.group, "version": version.name, "kind": resource.kind}])
}

const QUANTITY: &str = "api.resource.Quantity";
const INT_OR_STRING: &str = "util.intstr.IntOrString";

/// `core.v1.Pod` as the API's documents name it.
fn full_name(name: &str) -> String {
    let prefix = match name.split('.').next() {
        _ if matches!(name, QUANTITY | INT_OR_STRING) => "io.k8s.apimachinery.pkg.",
        Some("meta") => "io.k8s.apimachinery.pkg.apis.",
        Some("apiextensions") => "io.k8s.apiextensions-apiserver.pkg.apis.",
        Some("apiregistration") => "io.k8s.kube-aggregator.pkg.apis.",
        _ => "io.k8s.api.",
    };
    format!("{prefix}{name}")
}

/// Version 2 knows fewer words than version 3.
fn without_unknown_words(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for word in ["oneOf", "anyOf", "not", "nullable", "x-kubernetes-validations"] {
                // A field of an object may bear the name of a word.
                if fields.get(word).is_some_and(|value| !value.is_object() || word == "not") {
                    fields.remove(word);
                }
            }
            fields.values_mut().for_each(without_unknown_words);
        }
        Value::Array(items) => items.iter_mut().for_each(without_unknown_words),
        _ => {}
    }
}
