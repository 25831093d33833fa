//! What is empty, and what stands in for it.

use super::{Rest, Table};
use crate::go::Value;

pub(super) fn add(table: &mut Table) {
    table.add("default", |default: Value, given: Rest<Value>| match given.0.first() {
        Some(value) if !is_empty(value) => value.clone(),
        _ => default,
    });
    table.add("empty", |value: Value| is_empty(&value));
    table.add("coalesce", |values: Rest<Value>| {
        values.0.into_iter().find(|value| !is_empty(value)).unwrap_or(Value::Nil)
    });
    table.add("all", |values: Rest<Value>| !values.0.iter().any(is_empty));
    table.add("any", |values: Rest<Value>| !values.0.iter().all(is_empty));
    table.add("ternary", |yes: Value, no: Value, decides: bool| if decides { yes } else { no });
}

/// sprig's `empty`: the zero value of its type; a struct never is.
pub(crate) fn is_empty(value: &Value) -> bool {
    !value.is_true()
}
