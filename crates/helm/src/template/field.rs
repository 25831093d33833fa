//! `.name` of a value: a field, a method or a key.

use super::ast::Operand;
use super::exec::{At, Execution, Failed, Frame, Missing};
use super::handle::Id;
use crate::go::{MapType, Str, Value};

/// Why a value has no such field; the place is added by who asked.
pub(super) struct NoField {
    message: String,
    nil: bool,
}

impl NoField {
    fn new(message: String) -> NoField {
        NoField { message, nil: false }
    }

    /// The error with its place, and with the path that holds nothing.
    pub(super) fn located(self, frame: Frame<'_>, at: &Operand, names: &[Id<Str>], depth: usize) -> Failed {
        let mut error = frame.error(At::Operand(at), self.message);
        if self.nil && depth > 0 {
            let path: Vec<_> = names[..depth].iter().map(|name| frame.tree().get(*name).to_text()).collect();
            error.hint = Some(format!("{} has no value", path.join(".")));
        }
        error
    }
}

impl Execution<'_> {
    /// `receiver.name`, with arguments for a method.
    pub(super) fn field(
        &mut self,
        _frame: Frame<'_>,
        receiver: Value,
        name: &Str,
        arguments: Option<&[Value]>,
    ) -> Result<Value, NoField> {
        let strict = self.missing() == Missing::Error;
        match &receiver {
            Value::Invalid => {
                if strict {
                    return Err(NoField::new(format!("nil data; no entry for key {}", quoted(name))));
                }
                Ok(Value::Invalid)
            }
            Value::Nil => {
                Err(NoField { message: format!("nil pointer evaluating interface {{}}.{name}"), nil: true })
            }
            Value::Map(map) => {
                if map.kind == MapType::Values
                    && matches!(name.as_bytes(), b"AsMap" | b"YAML" | b"Table" | b"PathValue")
                    && let Some(result) = values_method(&receiver, name, arguments)
                {
                    return result.map_err(NoField::new);
                }
                if arguments.is_some() {
                    return Err(NoField::new(format!("{name} is not a method but has arguments")));
                }
                if let Some(value) = map.get(name.as_bytes()) {
                    return Ok(value);
                }
                if strict {
                    return Err(NoField::new(format!("map has no entry for key {}", quoted(name))));
                }
                Ok(match map.kind {
                    MapType::Strings => Value::text(""),
                    MapType::Any | MapType::Values => Value::Nil,
                })
            }
            Value::Object(object) => {
                let Some(name_text) = name.as_utf8() else { return Err(no_such_field(&receiver, name)) };
                if let Some(result) = object.call(name_text, arguments.unwrap_or_default()) {
                    return result
                        .map_err(|message| NoField::new(format!("error calling {name}: {message}")));
                }
                match object.field(name_text) {
                    Some(_) if arguments.is_some() => {
                        Err(NoField::new(format!("{name} has arguments but cannot be invoked as function")))
                    }
                    Some(value) => Ok(value),
                    None => Err(no_such_field(&receiver, name)),
                }
            }
            Value::List(list) if list.kind == crate::go::ListType::VersionSet && *name == *"Has" => {
                match arguments {
                    Some([Value::String(wanted)]) => Ok(Value::Bool(
                        list.iter().any(|item| matches!(item, Value::String(version) if version == wanted)),
                    )),
                    Some([other]) => Err(NoField::new(format!(
                        "wrong type for value; expected string; got {}",
                        if other.is_nil() { "interface {}" } else { other.type_name() }
                    ))),
                    other => Err(NoField::new(format!(
                        "wrong number of args for Has: want 1 got {}",
                        other.map_or(0, <[Value]>::len)
                    ))),
                }
            }
            _ => Err(no_such_field(&receiver, name)),
        }
    }
}

fn quoted(name: &Str) -> String {
    crate::go::quote::quote(name.as_bytes(), '"', false)
}

fn no_such_field(receiver: &Value, name: &Str) -> NoField {
    // An element of a map is an interface to Go, whatever it holds.
    let type_name = match receiver {
        Value::Object(_) => receiver.type_name(),
        _ => "interface {}",
    };
    NoField::new(format!("can't evaluate field {name} in type {type_name}"))
}

/// The methods of `chartutil.Values`.
fn values_method(receiver: &Value, name: &Str, arguments: Option<&[Value]>) -> Option<Result<Value, String>> {
    let Value::Map(map) = receiver else { return None };
    match (name.to_text().as_ref(), arguments) {
        ("AsMap", None) => Some(Ok(Value::Map(map.converted(MapType::Any)))),
        ("YAML", None) => {
            Some(crate::go::yaml::marshal(receiver, crate::go::yaml::Layout::Compact).map(Value::from))
        }
        ("Table" | "PathValue", Some([Value::String(path)])) => {
            let mut current = receiver.clone();
            for part in path.as_bytes().split(|b| *b == b'.') {
                let next = match &current {
                    Value::Map(map) => map.get(part),
                    _ => None,
                };
                let Some(next) = next else {
                    let part = String::from_utf8_lossy(part).into_owned();
                    return Some(Err(format!("\"{part}\" is not a table")));
                };
                current = next;
            }
            Some(Ok(match current {
                Value::Map(map) => Value::Map(map.converted(MapType::Values)),
                other => other,
            }))
        }
        _ => None,
    }
}
