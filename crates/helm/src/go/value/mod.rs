//! The values that templates work on, with the types that Go gives them.
//!
//! Maps and lists are references, as in Go: `set` on a dict that came from `.Values`
//! is seen by everyone who holds it. A value therefore belongs to one rendering on one
//! thread; what is compiled once and shared holds [`Str`]s and JSON instead.

mod map;

pub use map::{Entries, Map, MapType};

use std::rc::Rc;

use super::object::Object;
use super::text::Str;

/// How deep values may lie in each other: a template can make a map that holds itself, and
/// whatever walks values ends here.
pub(crate) const MAX_DEPTH: usize = 500;

/// A value, with what `reflect` knows about it.
// A small tag would have small fields beside it, and whoever moves a value would move those
// byte by byte.
#[derive(Clone)]
#[repr(u64)]
pub enum Value {
    /// No value at all: `reflect`'s zero Value. What a pipeline makes of nil.
    Invalid,
    /// An interface that holds nothing: what a map gives for a key it has not.
    Nil,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `int64`
    Int64(i64),
    /// The unsigned types.
    Uint(UintKind, u64),
    /// `float64`
    Float(f64),
    /// `string`
    String(Str),
    /// `[]uint8`
    Bytes(Rc<[u8]>),
    /// A slice.
    List(List),
    /// A map with string keys.
    Map(Map),
    /// A struct with fields and methods: a time, a version, a chart.
    Object(Rc<dyn Object>),
}

/// Go's unsigned types that templates can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UintKind {
    /// `uint8`: a byte of a string.
    U8,
    /// `uint64`: a number of a semantic version.
    U64,
}

/// The type of a list's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListType {
    /// `[]interface {}`
    Any,
    /// `[]string`
    Strings,
    /// `[]int`
    Ints,
    /// `[][]interface {}`
    Lists,
    /// `[]map[string]interface {}`
    Maps,
    /// `chartutil.VersionSet`
    VersionSet,
    /// `[]*chart.Maintainer`
    Maintainers,
    /// `[]*chart.Dependency`
    Dependencies,
}

impl ListType {
    /// The name that `%T` prints.
    pub fn name(self) -> &'static str {
        match self {
            ListType::Any => "[]interface {}",
            ListType::Strings => "[]string",
            ListType::Ints => "[]int",
            ListType::Lists => "[][]interface {}",
            ListType::Maps => "[]map[string]interface {}",
            ListType::VersionSet => "chartutil.VersionSet",
            ListType::Maintainers => "[]*chart.Maintainer",
            ListType::Dependencies => "[]*chart.Dependency",
        }
    }
}

/// A slice: shared, never changed in place (no template function does).
#[derive(Clone)]
pub struct List {
    /// What it holds.
    pub kind: ListType,
    /// None of a slice that is nil: as JSON and YAML it is null.
    items: Option<Rc<[Value]>>,
}

impl List {
    /// A slice of one element type.
    pub fn new(kind: ListType, items: Vec<Value>) -> List {
        List { kind, items: Some(items.into()) }
    }

    /// A slice that is nil: it has no elements either, and is written as null.
    pub fn nil(kind: ListType) -> List {
        List { kind, items: None }
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        self.items.is_none()
    }
}

impl std::ops::Deref for List {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        self.items.as_deref().unwrap_or_default()
    }
}

/// `reflect.Kind`, as far as templates see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No value.
    Invalid,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `uint8`
    Uint8,
    /// `uint64`
    Uint64,
    /// `float64`
    Float64,
    /// `string`
    String,
    /// `slice`
    Slice,
    /// `map`
    Map,
    /// `struct`
    Struct,
    /// `ptr`
    Pointer,
}

impl Kind {
    /// The name that `kindOf` gives.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Bool => "bool",
            Kind::Int => "int",
            Kind::Int64 => "int64",
            Kind::Uint8 => "uint8",
            Kind::Uint64 => "uint64",
            Kind::Float64 => "float64",
            Kind::String => "string",
            Kind::Slice => "slice",
            Kind::Map => "map",
            Kind::Struct => "struct",
            Kind::Pointer => "ptr",
        }
    }
}

impl Value {
    /// A `string`.
    pub fn text(text: impl Into<Str>) -> Value {
        Value::String(text.into())
    }

    /// A `[]interface {}`.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List::new(ListType::Any, items))
    }

    /// A `[]string`.
    pub fn strings<T: Into<Str>>(items: impl IntoIterator<Item = T>) -> Value {
        let items = items.into_iter().map(|item| Value::String(item.into())).collect();
        Value::List(List::new(ListType::Strings, items))
    }

    /// A slice as appending to nil gives it: nil if nothing was appended.
    pub fn appended(kind: ListType, items: Vec<Value>) -> Value {
        Value::List(if items.is_empty() { List::nil(kind) } else { List::new(kind, items) })
    }

    /// The value of a JSON document, as `encoding/json` and Helm's reader of values
    /// give it: every number that is written with a float is a `float64`, integers are
    /// taken as they are (the reader of values files makes them floats beforehand).
    pub fn from_json(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Null => Value::Nil,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(value) => Value::Int64(value),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Value::text(text.as_str()),
            serde_json::Value::Array(items) => Value::list(items.iter().map(Value::from_json).collect()),
            serde_json::Value::Object(entries) => Value::Map(Map::from_json(entries)),
        }
    }

    /// Whether there is nothing: no value or a nil interface.
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Invalid | Value::Nil)
    }

    /// `reflect.Value.Kind` of what the interface holds.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Invalid | Value::Nil => Kind::Invalid,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) => Kind::Int,
            Value::Int64(_) => Kind::Int64,
            Value::Uint(UintKind::U8, _) => Kind::Uint8,
            Value::Uint(UintKind::U64, _) => Kind::Uint64,
            Value::Float(_) => Kind::Float64,
            Value::String(_) => Kind::String,
            Value::Bytes(_) | Value::List(_) => Kind::Slice,
            Value::Map(_) => Kind::Map,
            Value::Object(object) => object.kind(),
        }
    }

    /// The name that `%T` prints.
    pub fn type_name(&self) -> &str {
        match self {
            Value::Invalid | Value::Nil => "<nil>",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Int64(_) => "int64",
            Value::Uint(UintKind::U8, _) => "uint8",
            Value::Uint(UintKind::U64, _) => "uint64",
            Value::Float(_) => "float64",
            Value::String(_) => "string",
            Value::Bytes(_) => "[]uint8",
            Value::List(list) => list.kind.name(),
            Value::Map(map) => map.kind.name(),
            Value::Object(object) => object.type_name(),
        }
    }

    /// `text/template`'s truth: not the zero value of its type.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Invalid | Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(value) | Value::Int64(value) => *value != 0,
            Value::Uint(_, value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::String(text) => !text.is_empty(),
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::List(list) => !list.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Object(object) => match object.integer() {
                Some(number) => number != 0,
                None => object.entries().is_none_or(|entries| !entries.is_empty()),
            },
        }
    }

    /// The same value that shares nothing with this one.
    pub fn deep_copy(&self) -> Value {
        self.copied(0)
    }

    fn copied(&self, depth: usize) -> Value {
        match self {
            // What holds itself has no copy of its own down to the leaves.
            _ if depth > MAX_DEPTH => self.clone(),
            Value::Map(map) => {
                let copied = |entries: &Entries| entries.map(|value| value.copied(depth + 1));
                Value::Map(Map::from_entries(map.kind, map.with(copied)))
            }
            Value::List(list) if !list.is_nil() => {
                Value::List(List::new(list.kind, list.iter().map(|item| item.copied(depth + 1)).collect()))
            }
            other => other.clone(),
        }
    }

    /// `reflect.DeepEqual`: the same type, and the same content down to the leaves.
    pub fn deep_equal(&self, other: &Value) -> bool {
        self.equals(other, 0)
    }

    fn equals(&self, other: &Value, depth: usize) -> bool {
        match (self, other) {
            // What holds itself is told apart by no leaf.
            _ if depth > MAX_DEPTH => false,
            (Value::Invalid | Value::Nil, Value::Invalid | Value::Nil) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) | (Value::Int64(a), Value::Int64(b)) => a == b,
            (Value::Uint(ak, a), Value::Uint(bk, b)) => ak == bk && a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::List(a), Value::List(b)) => {
                a.kind == b.kind
                    && a.is_nil() == b.is_nil()
                    && a.len() == b.len()
                    && a.iter().zip(b.iter()).all(|(a, b)| a.equals(b, depth + 1))
            }
            (Value::Map(a), Value::Map(b)) => {
                a.is(b)
                    || a.kind == b.kind
                        && a.with(|a| {
                            b.with(|b| {
                                a.len() == b.len()
                                    && a.iter()
                                        .zip(b.iter())
                                        .all(|((ak, av), (bk, bv))| ak == bk && av.equals(bv, depth + 1))
                            })
                        })
            }
            (Value::Object(a), Value::Object(b)) => {
                Rc::ptr_eq(a, b) || a.type_name() == b.type_name() && a.print() == b.print()
            }
            _ => false,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<Str> for Value {
    fn from(value: Str) -> Value {
        Value::String(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::String(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::String(value.into())
    }
}

impl From<Map> for Value {
    fn from(value: Map) -> Value {
        Value::Map(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Float(value)
    }
}
