//! What a field manager owns, as `metadata.managedFields` records it, against
//! what it asks for.
//!
//! Follows the FieldsV1 format of structured-merge-diff: `f:<name>` is a field,
//! `k:{...}` a list item by its keys, `v:...` a list item by its value, `.` the
//! thing itself; an empty mapping is a leaf, which for lists and maps means that
//! the manager owns them whole.

use serde_json::{Map, Value};

use super::{Difference, DifferenceKind, child};

/// The FieldsV1 of what `manager` has applied to an object; None when it has not.
pub fn manager_fields<'v>(live: &'v Value, manager: &str) -> Option<&'v Map<String, Value>> {
    entries(live)
        .find(|entry| {
            entry["manager"] == manager
                && entry["operation"] == "Apply"
                && entry.get("subresource").is_none_or(|s| s == "")
        })?
        .get("fieldsV1")?
        .as_object()
}

/// The manager, other than `except`, that owns one of the given fields and wrote
/// last: who to name when a field keeps changing.
pub fn last_manager_of(live: &Value, pointers: &[&str], except: &str) -> Option<String> {
    entries(live)
        .filter(|entry| entry["manager"] != except)
        .filter(|entry| {
            entry.get("fieldsV1").is_some_and(|fields| pointers.iter().any(|pointer| owns(fields, pointer)))
        })
        .max_by_key(|entry| entry["time"].as_str().unwrap_or_default().to_owned())
        .and_then(|entry| entry["manager"].as_str())
        .map(str::to_owned)
}

fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    live.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
}

fn owns(fields: &Value, pointer: &str) -> bool {
    let mut node = fields;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let Some(map) = node.as_object() else { return false };
        if let Some(next) = map.get(&format!("f:{token}")) {
            node = next;
        } else {
            // A list item: which one an index means is not recorded, so any will do.
            return map.keys().any(|key| key.starts_with("k:") || key.starts_with("v:")) || map.is_empty();
        }
    }
    true
}

pub(super) fn compare(desired: &Value, live: &Value, manager: &str, out: &mut Vec<Difference>) {
    let Some(fields) = manager_fields(live, manager) else {
        out.push(unowned(String::new()));
        return;
    };
    no_longer_desired(fields, desired, "", out);
    not_owned(desired, fields, "", out);
}

/// Owned fields that desired does not have.
fn no_longer_desired(fields: &Map<String, Value>, desired: &Value, pointer: &str, out: &mut Vec<Difference>) {
    for (path, below) in fields {
        if path == "." {
            continue;
        }
        let (found, at) = if let Some(name) = path.strip_prefix("f:") {
            (desired.get(name), child(pointer, name))
        } else if let Some(key) = path.strip_prefix("k:") {
            (item_by_key(desired, key), child(pointer, key))
        } else if let Some(value) = path.strip_prefix("v:") {
            let item = serde_json::from_str::<Value>(value).ok();
            let found = desired.as_array().and_then(|items| items.iter().find(|i| Some(*i) == item.as_ref()));
            (found, child(pointer, value))
        } else {
            continue;
        };
        match found {
            None => {
                let mut leaves = Vec::new();
                collect_leaves(below, &at, &mut leaves);
                out.extend(
                    leaves
                        .into_iter()
                        .map(|pointer| Difference { pointer, kind: DifferenceKind::NoLongerDesired }),
                );
            }
            Some(value) => {
                if let Value::Object(below) = below {
                    no_longer_desired(below, value, &at, out);
                }
            }
        }
    }
}

fn collect_leaves(below: &Value, pointer: &str, out: &mut Vec<String>) {
    let named: Vec<_> = below
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(path, below)| path.strip_prefix("f:").map(|name| (name, below)))
        .collect();
    let is_item_or_leaf = named.is_empty() || below.get(".").is_some();
    if is_item_or_leaf {
        out.push(pointer.to_owned());
        return;
    }
    for (name, below) in named {
        collect_leaves(below, &child(pointer, name), out);
    }
}

/// Desired fields that the manager does not own.
fn not_owned(desired: &Value, fields: &Map<String, Value>, pointer: &str, out: &mut Vec<Difference>) {
    match desired {
        Value::Object(entries) => {
            for (name, value) in entries {
                if is_identity(pointer, name) || value.is_null() {
                    continue;
                }
                match fields.get(&format!("f:{name}")) {
                    None => out.push(unowned(child(pointer, name))),
                    Some(Value::Object(below)) if !is_leaf(below) => {
                        not_owned(value, below, &child(pointer, name), out);
                    }
                    Some(_) => {}
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let owned = fields.iter().find(|(path, _)| is_path_of(path, item));
                match owned {
                    None => out.push(unowned(child(pointer, &index.to_string()))),
                    Some((_, Value::Object(below))) if !is_leaf(below) => {
                        not_owned(item, below, &child(pointer, &index.to_string()), out);
                    }
                    Some(_) => {}
                }
            }
        }
        _ => {}
    }
}

fn unowned(pointer: String) -> Difference {
    Difference { pointer, kind: DifferenceKind::NotOwned }
}

/// What names an object is nobody's field.
fn is_identity(pointer: &str, name: &str) -> bool {
    matches!((pointer, name), ("", "apiVersion" | "kind") | ("/metadata", "name" | "namespace"))
}

fn is_leaf(below: &Map<String, Value>) -> bool {
    below.keys().all(|path| path == ".")
}

fn is_path_of(path: &str, item: &Value) -> bool {
    if let Some(key) = path.strip_prefix("k:") {
        return serde_json::from_str::<Map<String, Value>>(key).is_ok_and(|keys| has_keys(item, &keys));
    }
    path.strip_prefix("v:")
        .is_some_and(|text| serde_json::from_str::<Value>(text).is_ok_and(|value| value == *item))
}

fn item_by_key<'v>(list: &'v Value, key: &str) -> Option<&'v Value> {
    let keys: Map<String, Value> = serde_json::from_str(key).ok()?;
    let items = list.as_array()?;
    // An item that spells out all keys is meant before one that leaves some to
    // their defaults.
    let spelled_out = |item: &&Value| keys.iter().all(|(name, value)| item.get(name) == Some(value));
    items.iter().find(spelled_out).or_else(|| items.iter().find(|item| has_keys(item, &keys)))
}

/// A key that the item leaves out was filled in by the server's default; of the
/// built-in kinds that is `protocol` alone, and its default is TCP.
fn has_keys(item: &Value, keys: &Map<String, Value>) -> bool {
    item.is_object()
        && keys.iter().any(|(name, value)| item.get(name) == Some(value))
        && keys.iter().all(|(name, value)| match item.get(name) {
            Some(own) => own == value,
            None => name != "protocol" || value == "TCP",
        })
}
