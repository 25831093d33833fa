//! How types divide into fields that are owned apart.

use std::fmt::Write as _;

use compact_str::format_compact;
use serde_json::Value;

use super::field_set::Step;
use crate::schema::{Division, Shape};

/// How a value is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It is owned as a whole.
    Leaf,
    /// An object or map: every entry apart.
    Granular,
    /// A list: every value apart.
    Set,
    /// A list: every item apart, told apart by its keys.
    Keyed,
}

/// What a type says of the fields of its values: the part of a schema that
/// structured merge needs.
pub trait Structure: Copy {
    /// How a value of this type is divided.
    fn form(self, value: &Value) -> Form;
    /// The keys of the items of a keyed list.
    fn keys(&self) -> impl Iterator<Item = &str>;
    /// The type of the items of a list.
    fn item(self) -> Self;
    /// The type of a field or entry; None where the type has no such field.
    fn child(self, name: &str) -> Option<Self>;
    /// Whether the type itself names a field, rather than taking any name.
    fn names(self, field: &str) -> bool;
    /// What an item of a keyed list that leaves a key out has for it.
    fn default_of(self, key: &str) -> Option<Value>;
    /// What a value must be; None where it may be anything.
    fn expected(self) -> Option<Expected>;
}

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A mapping.
    Map,
    /// A list.
    List,
    /// Text.
    String,
    /// A number.
    Numeric,
    /// True or false.
    Boolean,
    /// Anything but a mapping or list.
    Scalar,
}

/// The structure of a built-in type.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    shape: Shape,
    division: Division,
}

impl Builtin {
    /// Of whole objects of a shape.
    pub fn new(shape: Shape) -> Builtin {
        Builtin { shape, division: Division::ByShape }
    }
}

impl Structure for Builtin {
    fn form(self, _: &Value) -> Form {
        match (self.shape, self.division) {
            (_, Division::Atomic) => Form::Leaf,
            (Shape::List(_), Division::Set) => Form::Set,
            (Shape::List(_), Division::Keyed(_)) => Form::Keyed,
            (Shape::Object(_) | Shape::Map(_), _) if !self.shape.is_atomic() => Form::Granular,
            _ => Form::Leaf,
        }
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        match self.division {
            Division::Keyed(keys) => keys,
            _ => "",
        }
        .split(',')
    }

    fn item(self) -> Builtin {
        Builtin::new(self.shape.item())
    }

    fn child(self, name: &str) -> Option<Builtin> {
        if self.shape == Shape::Any {
            return Some(self);
        }
        let field = self.shape.field(name)?;
        Some(Builtin { shape: field.shape, division: field.division })
    }

    fn names(self, field: &str) -> bool {
        matches!(self.shape, Shape::Object(_)) && self.shape.field(field).is_some()
    }

    /// Of the built-in kinds `protocol` of ports is the only key with a default.
    fn default_of(self, key: &str) -> Option<Value> {
        (key == "protocol").then(|| Value::from("TCP"))
    }

    fn expected(self) -> Option<Expected> {
        Some(match self.shape {
            Shape::Object(_) | Shape::Map(_) => Expected::Map,
            Shape::List(_) => Expected::List,
            Shape::String | Shape::Bytes | Shape::Time => Expected::String,
            Shape::Integer | Shape::Number => Expected::Numeric,
            Shape::Boolean => Expected::Boolean,
            Shape::Quantity | Shape::IntOrString => Expected::Scalar,
            Shape::Any => return None,
        })
    }
}

/// The step to an item of a list that is a set or keyed; why there is none.
pub(super) fn step_of<S: Structure>(structure: S, form: Form, item: &Value) -> Result<Step, String> {
    if form == Form::Set {
        return match item {
            Value::Object(_) => Err("associative list without keys has an element that's a map type".into()),
            Value::Array(_) => Err("not supported: associative list with lists as elements".into()),
            Value::Null => Err("associative list without keys has an element that's an explicit null".into()),
            value => Ok(format_compact!("v:{value}")),
        };
    }
    let fields = match item {
        Value::Object(fields) => fields,
        Value::Null => return Err("associative list with keys may not have a null element".into()),
        _ => return Err("associative list with keys may not have non-map elements".into()),
    };
    let mut keys: Vec<(&str, std::borrow::Cow<'_, Value>)> = structure
        .keys()
        .filter_map(|key| {
            let value = match fields.get(key) {
                Some(value) => std::borrow::Cow::Borrowed(value),
                None => std::borrow::Cow::Owned(structure.item().default_of(key)?),
            };
            Some((key, value))
        })
        .collect();
    if keys.is_empty() {
        let names: Vec<String> = structure.keys().map(|key| format!("{key:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
            names.join(" ")
        ));
    }
    keys.sort_unstable_by_key(|(key, _)| *key);
    let mut step = Step::from("k:{");
    for (index, (key, value)) in keys.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Writing into a text cannot fail.
        let _ = write!(step, "{comma}{key:?}:{value}");
    }
    step.push('}');
    Ok(step)
}
