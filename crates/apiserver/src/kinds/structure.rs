//! How objects of any kind divide into fields.

use serde_json::Value;
use syncline_manifest::GroupVersionKind;
use syncline_manifest::schema::Shape;
use syncline_manifest::structured::{Builtin, Expected, Form, Structure};

use crate::custom::{Listing, Schema, Type};

/// The structure of a built-in kind, of a custom kind, or of anything at all.
#[derive(Debug, Clone, Copy)]
pub enum AnyStructure<'s> {
    /// Of a built-in type.
    Builtin(Builtin),
    /// As a schema says.
    Custom(CustomStructure<'s>),
    /// Told by the values.
    Deduced,
}

/// The structure that a schema says.
#[derive(Debug, Clone, Copy)]
pub struct CustomStructure<'s> {
    schema: &'s Schema,
    /// Whether it is of whole objects.
    is_object: bool,
}

impl<'s> CustomStructure<'s> {
    /// Of whole objects.
    pub fn root(schema: &'s Schema) -> CustomStructure<'s> {
        CustomStructure { schema, is_object: true }
    }
}

impl AnyStructure<'_> {
    /// Of whole objects of a built-in shape.
    pub fn builtin(shape: Shape) -> AnyStructure<'static> {
        AnyStructure::Builtin(Builtin::new(shape))
    }
}

fn metadata() -> AnyStructure<'static> {
    let config_map = AnyStructure::builtin(Shape::of(&GroupVersionKind::parse("v1", "ConfigMap")));
    config_map.child("metadata").unwrap_or(AnyStructure::Deduced)
}

impl Structure for AnyStructure<'_> {
    fn form(self, value: &Value) -> Form {
        match self {
            AnyStructure::Builtin(builtin) => builtin.form(value),
            AnyStructure::Custom(CustomStructure { schema, is_object }) => {
                match (schema.kind, &schema.listing) {
                    _ if is_object => Form::Granular,
                    (_, _) if schema.is_atomic => Form::Leaf,
                    (Type::Object, _) => Form::Granular,
                    (Type::Array, Listing::Set) => Form::Set,
                    (Type::Array, Listing::Map(_)) => Form::Keyed,
                    (Type::Any, _) => AnyStructure::Deduced.form(value),
                    _ => Form::Leaf,
                }
            }
            AnyStructure::Deduced if value.is_object() => Form::Granular,
            AnyStructure::Deduced => Form::Leaf,
        }
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        let (builtin, custom) = match self {
            AnyStructure::Builtin(builtin) => (Some(builtin.keys()), None),
            AnyStructure::Custom(CustomStructure { schema, .. }) => match &schema.listing {
                Listing::Map(keys) => (None, Some(keys.iter().map(|key| &**key))),
                _ => (None, None),
            },
            AnyStructure::Deduced => (None, None),
        };
        builtin.into_iter().flatten().chain(custom.into_iter().flatten())
    }

    fn item(self) -> Self {
        match self {
            AnyStructure::Builtin(builtin) => AnyStructure::Builtin(builtin.item()),
            AnyStructure::Custom(CustomStructure { schema, .. }) => match &schema.items {
                Some(items) => {
                    AnyStructure::Custom(CustomStructure { schema: items, is_object: items.is_embedded })
                }
                None => AnyStructure::Deduced,
            },
            AnyStructure::Deduced => AnyStructure::Deduced,
        }
    }

    fn child(self, name: &str) -> Option<Self> {
        match self {
            AnyStructure::Builtin(builtin) => builtin.child(name).map(AnyStructure::Builtin),
            AnyStructure::Custom(CustomStructure { schema, is_object }) => match (name, schema.field(name)) {
                ("metadata", _) if is_object => Some(metadata()),
                ("apiVersion" | "kind", None) if is_object => Some(AnyStructure::Deduced),
                (_, Some(field)) => Some(AnyStructure::Custom(CustomStructure {
                    schema: field,
                    is_object: field.is_embedded,
                })),
                (_, None) if schema.keeps_unknown => Some(AnyStructure::Deduced),
                (_, None) => None,
            },
            deduced @ AnyStructure::Deduced => Some(deduced),
        }
    }

    fn names(self, field: &str) -> bool {
        match self {
            AnyStructure::Builtin(builtin) => builtin.names(field),
            AnyStructure::Custom(CustomStructure { schema, is_object }) => {
                schema.properties.contains_key(field)
                    || (is_object && matches!(field, "metadata" | "apiVersion" | "kind"))
            }
            AnyStructure::Deduced => false,
        }
    }

    fn default_of(self, key: &str) -> Option<Value> {
        match self {
            AnyStructure::Builtin(builtin) => builtin.default_of(key),
            AnyStructure::Custom(CustomStructure { schema, .. }) => {
                schema.properties.get(key)?.default.clone()
            }
            AnyStructure::Deduced => None,
        }
    }

    fn expected(self) -> Option<Expected> {
        match self {
            AnyStructure::Builtin(builtin) => builtin.expected(),
            AnyStructure::Custom(CustomStructure { schema, is_object }) => match schema.kind {
                Type::Object if schema.keeps_unknown => None,
                Type::Object => Some(Expected::Map),
                Type::Array => Some(Expected::List),
                Type::String => Some(Expected::String),
                Type::Integer | Type::Number => Some(Expected::Numeric),
                Type::Boolean => Some(Expected::Boolean),
                Type::IntOrString => Some(Expected::Scalar),
                Type::Any if is_object => None,
                Type::Any => None,
            },
            AnyStructure::Deduced => None,
        }
    }
}
