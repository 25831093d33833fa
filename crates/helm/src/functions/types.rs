//! What a value is, in the names that Go gives types.

use super::Table;
use crate::go::{Str, Value};

pub(super) fn add(table: &mut Table) {
    table.add("typeOf", |value: Value| type_of(&value).to_owned());
    table.add("typeIs", |name: Str, value: Value| name == *type_of(&value));
    table.add("typeIsLike", |name: Str, value: Value| {
        let of = type_of(&value);
        name == *of || of.strip_prefix('*').is_some_and(|of| name == *of)
    });
    table.add("kindOf", |value: Value| value.kind().name());
    table.add("kindIs", |name: Str, value: Value| name == *value.kind().name());
    table.add("deepEqual", |a: Value, b: Value| a.deep_equal(&b));
}

fn type_of(value: &Value) -> &str {
    value.type_name()
}
