//! Structs of Go that templates can reach: fields and methods by name.

use super::text::Str;
use super::value::{Kind, Value};

/// What a method or a function can fail with: the message alone; who called it where
/// is added by the caller.
pub type Called = Result<Value, String>;

/// A struct, or a pointer to one, as templates see it.
pub trait Object {
    /// The name that `%T` prints, such as `*semver.Version`.
    fn type_name(&self) -> &'static str;

    /// `struct` or `ptr`; a named map (`engine.files`) is a `map`.
    fn kind(&self) -> Kind {
        Kind::Struct
    }

    /// A field, or None when the struct has none of this name.
    fn field(&self, name: &str) -> Option<Value>;

    /// Calls a method, or None when there is none of this name.
    fn call(&self, name: &str, arguments: &[Value]) -> Option<Called> {
        let _ = (name, arguments);
        None
    }

    /// The entries, for a named map; a struct has none.
    fn entries(&self) -> Option<Vec<(Str, Value)>> {
        None
    }

    /// The number that it is, for a named integer.
    fn integer(&self) -> Option<i64> {
        None
    }

    /// What `%v` prints, by its `String` method or as a struct.
    fn print(&self) -> String;

    /// The fields that `encoding/json` writes, in the order of the struct; None for what
    /// writes itself, as [`Object::json`].
    fn json_fields(&self) -> Option<Vec<(&'static str, Value)>> {
        None
    }

    /// The JSON that `encoding/json` gives.
    fn json(&self) -> serde_json::Value;

    /// This object as a concrete type of this crate.
    fn as_any(&self) -> &dyn std::any::Any;
}
