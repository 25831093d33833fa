//! Values at rest: shared by renderings on all threads.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::go::{Map, MapType, Str, Value};

/// A value that never changes; [`Frozen::thaw`] gives a rendering one of its own.
#[derive(Debug, Clone)]
pub enum Frozen {
    /// `null`
    Nil,
    /// A boolean.
    Bool(bool),
    /// A number.
    Float(f64),
    /// A text.
    Text(Str),
    /// A list.
    List(Arc<[Frozen]>),
    /// A mapping, in the order of its keys.
    Map(Arc<[(Str, Frozen)]>),
}

impl Frozen {
    /// A mapping without entries.
    pub fn empty() -> Frozen {
        Frozen::Map(Arc::from([]))
    }

    /// Values as YAML was read: every number is a float.
    pub fn of(json: &Json) -> Frozen {
        match json {
            Json::Null => Frozen::Nil,
            Json::Bool(flag) => Frozen::Bool(*flag),
            Json::Number(number) => Frozen::Float(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Frozen::Text(text.as_str().into()),
            Json::Array(items) => Frozen::List(items.iter().map(Frozen::of).collect()),
            Json::Object(entries) => {
                let mut entries: Vec<(Str, Frozen)> =
                    entries.iter().map(|(key, value)| (Str::from(key.as_str()), Frozen::of(value))).collect();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                Frozen::Map(entries.into())
            }
        }
    }

    /// The value for one rendering.
    pub fn thaw(&self) -> Value {
        match self {
            Frozen::Nil => Value::Nil,
            Frozen::Bool(flag) => Value::Bool(*flag),
            Frozen::Float(float) => Value::Float(*float),
            Frozen::Text(text) => Value::String(text.clone()),
            Frozen::List(items) => Value::list(items.iter().map(Frozen::thaw).collect()),
            Frozen::Map(_) => Value::Map(self.thaw_map()),
        }
    }

    /// The mapping for one rendering; what is none is an empty one.
    pub fn thaw_map(&self) -> Map {
        let entries = match self {
            Frozen::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), value.thaw())).collect(),
            _ => crate::go::Entries::default(),
        };
        Map::from_entries(MapType::Any, entries)
    }
}
