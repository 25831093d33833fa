//! `and`, `or`, `not` and comparisons, as `text/template` has them.

use std::cmp::Ordering;

use super::{Body, Function, Reflected, Rest, Table, Type};
use crate::go::format::sprint;
use crate::go::{Kind, Value};

pub(super) fn add(table: &mut Table) {
    for (name, stops_at) in [("and", false), ("or", true)] {
        let parameters = vec![Type::Reflect];
        let variadic = Some(Type::Reflect);
        table.insert(Function { name, parameters, variadic, body: Body::Logic(stops_at) });
    }
    table.add("not", |value: Reflected| !value.0.is_true());
    table.add("eq", |first: Reflected, others: Rest<Reflected>| equal_any(&first.0, &others.0));
    table.add("ne", |a: Reflected, b: Reflected| equal(&a.0, &b.0).map(|equal| !equal));
    table.add("lt", |a: Reflected, b: Reflected| less(&a.0, &b.0));
    table.add("le", |a: Reflected, b: Reflected| less_or_equal(&a.0, &b.0));
    table.add("gt", |a: Reflected, b: Reflected| less_or_equal(&a.0, &b.0).map(|less| !less));
    table.add("ge", |a: Reflected, b: Reflected| less(&a.0, &b.0).map(|less| !less));
}

/// What values are compared as.
#[derive(Clone, Copy, PartialEq)]
enum Basic<'v> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(&'v [u8]),
    None,
}

fn basic(value: &Value) -> Basic<'_> {
    match value {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(value) | Value::Int64(value) => Basic::Int(*value),
        Value::Uint(_, value) => Basic::Uint(*value),
        Value::Float(value) => Basic::Float(*value),
        Value::String(text) => Basic::Text(text.as_bytes()),
        Value::Object(object) => object.integer().map_or(Basic::None, Basic::Int),
        _ => Basic::None,
    }
}

fn incompatible(a: &Value, b: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name())
}

fn equal_any(first: &Value, others: &[Reflected]) -> Result<bool, String> {
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(first, &other.0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (basic(a), basic(b)) {
        (Basic::Bool(a), Basic::Bool(b)) => Ok(a == b),
        (Basic::Int(a), Basic::Int(b)) => Ok(a == b),
        (Basic::Uint(a), Basic::Uint(b)) => Ok(a == b),
        (Basic::Float(a), Basic::Float(b)) => Ok(a == b),
        (Basic::Text(a), Basic::Text(b)) => Ok(a == b),
        (Basic::Int(signed), Basic::Uint(unsigned)) | (Basic::Uint(unsigned), Basic::Int(signed)) => {
            Ok(u64::try_from(signed) == Ok(unsigned))
        }
        (Basic::None, Basic::None) => equal_others(a, b),
        _ if a.is_nil() || b.is_nil() => Ok(false),
        _ => Err(incompatible(a, b)),
    }
}

fn equal_others(a: &Value, b: &Value) -> Result<bool, String> {
    let shown = |value: &Value| String::from_utf8_lossy(&sprint(value)).into_owned();
    let is_nil = |value: &Value| value.is_nil() || matches!(value, Value::List(list) if list.is_nil());
    if a.is_nil() || b.is_nil() {
        return Ok(is_nil(a) && is_nil(b));
    }
    if a.kind() != b.kind() {
        return Err(format!(
            "non-comparable types {}: {}, {}: {}",
            shown(a),
            a.type_name(),
            b.type_name(),
            shown(b)
        ));
    }
    if matches!(b.kind(), Kind::Map | Kind::Slice) {
        return Err(format!("non-comparable type {}: {}", shown(b), b.type_name()));
    }
    Ok(a.deep_equal(b))
}

fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, String> {
    let invalid = || "invalid type for comparison".to_owned();
    match (basic(a), basic(b)) {
        (Basic::None, _) | (_, Basic::None) | (Basic::Bool(_), Basic::Bool(_)) => Err(invalid()),
        (Basic::Int(a), Basic::Int(b)) => Ok(Some(a.cmp(&b))),
        (Basic::Uint(a), Basic::Uint(b)) => Ok(Some(a.cmp(&b))),
        (Basic::Float(a), Basic::Float(b)) => Ok(a.partial_cmp(&b)),
        (Basic::Text(a), Basic::Text(b)) => Ok(Some(a.cmp(b))),
        (Basic::Int(a), Basic::Uint(b)) => Ok(Some(u64::try_from(a).map_or(Ordering::Less, |a| a.cmp(&b)))),
        (Basic::Uint(a), Basic::Int(b)) => {
            Ok(Some(u64::try_from(b).map_or(Ordering::Greater, |b| a.cmp(&b))))
        }
        _ => Err(incompatible(a, b)),
    }
}

fn less(a: &Value, b: &Value) -> Result<bool, String> {
    Ok(order(a, b)? == Some(Ordering::Less))
}

fn less_or_equal(a: &Value, b: &Value) -> Result<bool, String> {
    Ok(matches!(order(a, b)?, Some(Ordering::Less | Ordering::Equal)))
}
