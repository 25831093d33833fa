//! Whether every desired field is in live, with the same meaning.

use serde_json::{Map, Value};

use super::{Difference, DifferenceKind, child};
use crate::quantity::same_quantity;
use crate::schema::{ListMerge, Shape};

pub(super) fn compare(
    desired: &Value,
    live: Option<&Value>,
    shape: Shape,
    pointer: &mut String,
    out: &mut Vec<Difference>,
) {
    match (desired, live) {
        (Value::Object(desired), Some(Value::Object(live))) => {
            compare_fields(desired, live, shape, pointer, out);
        }
        (Value::Array(desired), Some(Value::Array(live))) => {
            compare_items(desired, live, ListMerge::Replace, shape, pointer, out);
        }
        _ if same_leaf(desired, live, shape) => {}
        _ => out.push(Difference {
            pointer: pointer.clone(),
            kind: DifferenceKind::Value { desired: desired.clone(), live: live.cloned() },
        }),
    }
}

fn compare_fields(
    desired: &Map<String, Value>,
    live: &Map<String, Value>,
    shape: Shape,
    pointer: &mut String,
    out: &mut Vec<Difference>,
) {
    for (key, value) in desired {
        // Whoever compares has matched the two by kind already; lists leave it out.
        if pointer.is_empty() && matches!(key.as_str(), "apiVersion" | "kind") {
            continue;
        }
        let field = shape.field(key);
        let field_shape = field.map_or(Shape::Any, |field| field.shape);
        let length = pointer.len();
        *pointer = child(pointer, key);
        match (value, live.get(key), field.map(|field| field.list_merge)) {
            (Value::Array(desired), Some(Value::Array(live)), Some(list_merge)) => {
                compare_items(desired, live, list_merge, field_shape, pointer, out);
            }
            (value, live, _) => compare(value, live, field_shape, pointer, out),
        }
        pointer.truncate(length);
    }
}

fn compare_items(
    desired: &[Value],
    live: &[Value],
    list_merge: ListMerge,
    shape: Shape,
    pointer: &mut String,
    out: &mut Vec<Difference>,
) {
    let item_shape = shape.item();
    let mut at = |index: usize, candidate: Option<&Value>, item: &Value, out: &mut Vec<Difference>| {
        let length = pointer.len();
        *pointer = child(pointer, &index.to_string());
        compare(item, candidate, item_shape, pointer, out);
        pointer.truncate(length);
    };
    match list_merge {
        ListMerge::Replace if desired.len() == live.len() => {
            for (index, (item, live)) in desired.iter().zip(live).enumerate() {
                at(index, Some(live), item, out);
            }
        }
        ListMerge::Replace => out.push(Difference {
            pointer: pointer.clone(),
            kind: DifferenceKind::Value {
                desired: Value::Array(desired.to_vec()),
                live: Some(Value::Array(live.to_vec())),
            },
        }),
        ListMerge::ByValue => {
            for (index, item) in desired.iter().enumerate() {
                if !live.contains(item) {
                    at(index, None, item, out);
                }
            }
        }
        ListMerge::ByKey(key) => {
            for (index, item) in desired.iter().enumerate() {
                // Several live items may share the merge key (a port under two
                // protocols): one that contains the desired item is enough.
                let candidates = || live.iter().filter(|other| other.get(key) == item.get(key));
                let contains = |candidate: &&Value| {
                    let mut found = Vec::new();
                    compare(item, Some(*candidate), item_shape, &mut String::new(), &mut found);
                    found.is_empty()
                };
                if !candidates().any(|candidate| contains(&candidate)) {
                    at(index, candidates().next(), item, out);
                }
            }
        }
    }
}

fn same_leaf(desired: &Value, live: Option<&Value>, shape: Shape) -> bool {
    let Some(live) = live else {
        // The server stores no null, and built-in kinds leave zero values out.
        return desired.is_null() || is_empty(desired) || (shape != Shape::Any && is_zero(desired));
    };
    match (desired, live, shape) {
        (Value::Number(a), Value::Number(b), Shape::Quantity) => a == b,
        (_, _, Shape::Quantity) => same_quantity(&text_of(desired), &text_of(live)),
        (Value::String(a), Value::String(b), Shape::Bytes) => {
            let compact = |text: &str| text.split_whitespace().collect::<String>();
            a == b || compact(a) == compact(b)
        }
        (Value::Number(a), Value::Number(b), _) => a == b || a.as_f64() == b.as_f64(),
        _ => desired == live,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
