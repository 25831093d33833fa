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
    /// An integer that `--set` gave.
    Int(i64),
    /// Any other number.
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
    pub fn from_yaml(json: &Json) -> Frozen {
        Frozen::convert(json, true)
    }

    /// Values as they are: integers stay integers.
    pub fn from_json(json: &Json) -> Frozen {
        Frozen::convert(json, false)
    }

    fn convert(json: &Json, floats: bool) -> Frozen {
        match json {
            Json::Null => Frozen::Nil,
            Json::Bool(flag) => Frozen::Bool(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(int) if !floats => Frozen::Int(int),
                _ => Frozen::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Frozen::Text(text.as_str().into()),
            Json::Array(items) => {
                Frozen::List(items.iter().map(|item| Frozen::convert(item, floats)).collect())
            }
            Json::Object(entries) => {
                let mut entries: Vec<(Str, Frozen)> = entries
                    .iter()
                    .map(|(key, value)| (Str::from(key.as_str()), Frozen::convert(value, floats)))
                    .collect();
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
            Frozen::Int(int) => Value::Int64(*int),
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
