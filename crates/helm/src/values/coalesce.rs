//! Values of users over those of charts, as `chartutil.CoalesceValues` and `MergeValues`
//! do it; null deletes in the one and stays in the other.

use super::Node;
use crate::go::{Map, Value};

/// What null in the stronger values does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// Deletes the key: `CoalesceValues`.
    Delete,
    /// Stays: `MergeValues`.
    Keep,
}

const GLOBAL: &[u8] = b"global";

/// All values of a chart and those it contains, with `values` over them.
///
/// # Errors
/// The values of a contained chart are no mapping.
pub(crate) fn coalesce_values(node: &Node<'_>, values: &Map, nulls: Nulls) -> Result<Map, String> {
    let values = values.deep_copy();
    coalesce(node, &values, nulls)?;
    Ok(values)
}

fn coalesce(node: &Node<'_>, values: &Map, nulls: Nulls) -> Result<(), String> {
    defaults(node, values, nulls);
    for inner in &node.dependencies {
        let name = inner.name.as_bytes();
        let table = match values.get(name) {
            None => {
                let table = Map::new();
                values.insert(inner.name.clone(), Value::Map(table.clone()));
                table
            }
            Some(Value::Map(table)) => table,
            Some(other) => {
                return Err(format!(
                    "the values of {} under {:?} are {}, not a mapping",
                    inner.name,
                    inner.name,
                    other.type_name()
                ));
            }
        };
        globals(&table, values);
        coalesce(inner, &table, nulls)?;
    }
    Ok(())
}

/// Gives the globals of a chart to one that it contains; the outer ones win.
fn globals(inner: &Map, outer: &Map) {
    let table = |map: &Map| match map.get(GLOBAL) {
        None => Some(Map::new()),
        Some(Value::Map(table)) => Some(table),
        Some(_) => None,
    };
    let (Some(into), Some(from)) = (table(inner), table(outer)) else { return };
    for (key, value) in from.entries() {
        let present = into.get(key.as_bytes());
        match (&value, present) {
            (Value::Map(map), None) => into.insert(key, Value::Map(map.shallow_copy())),
            (Value::Map(map), Some(Value::Map(present))) => {
                let copy = map.shallow_copy();
                tables(&copy, &present, Nulls::Keep);
                into.insert(key, Value::Map(copy));
            }
            (Value::Map(_), Some(_)) | (_, Some(Value::Map(_))) => {}
            (value, _) => into.insert(key, value.clone()),
        }
    }
    inner.insert("global", Value::Map(into));
}

/// Fills in the chart's own values.
fn defaults(node: &Node<'_>, values: &Map, nulls: Nulls) {
    let own = node.values.as_ref().map_or_else(|| node.defaults.thaw_map(), Map::deep_copy);
    for (key, default) in own.entries() {
        match values.get(key.as_bytes()) {
            None => values.insert(key, default),
            Some(Value::Nil) if nulls == Nulls::Delete => {
                values.remove(key.as_bytes());
            }
            Some(Value::Map(present)) => {
                if let Value::Map(default) = default {
                    // What is meant for a contained chart is decided there.
                    let is_inner = node.dependencies.iter().any(|inner| inner.name == key);
                    tables(&present, &default, if is_inner { Nulls::Keep } else { nulls });
                }
            }
            Some(_) => {}
        }
    }
}

/// `CoalesceTables`: what `into` lacks comes from `from`.
pub(super) fn tables(into: &Map, from: &Map, nulls: Nulls) {
    if into.is(from) {
        return;
    }
    for (key, value) in from.entries() {
        match (into.get(key.as_bytes()), &value) {
            (Some(Value::Nil), _) if nulls == Nulls::Delete => {
                into.remove(key.as_bytes());
            }
            (None, _) => into.insert(key, value),
            (Some(Value::Map(into)), Value::Map(from)) => tables(&into, from, nulls),
            (Some(_), _) => {}
        }
    }
}
