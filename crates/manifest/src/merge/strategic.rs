//! Strategic merge: how `kubectl patch` and kustomize join a partial object with
//! a whole one. Lists of maps join by the keys that the kind's schema names; where
//! the schema says nothing (custom kinds) this is JSON merge, RFC 7386.
//!
//! Directives: `$patch: delete | replace | merge`, `$retainKeys`,
//! `$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>`; `null` removes.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::schema::{ListMerge, Shape};

/// Why two objects cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A list joins by a key that one of its items lacks.
    #[error("an item of {pointer} lacks {key:?}, by which this list is merged")]
    NoMergeKey {
        /// The list, as a JSON pointer into the patch.
        pointer: String,
        /// The key.
        key: &'static str,
    },
    /// `$patch` says something else than delete, replace or merge.
    #[error("$patch at {pointer} must be delete, replace or merge, not {found}")]
    UnknownDirective {
        /// The mapping that holds it.
        pointer: String,
        /// What it says.
        found: String,
    },
    /// A list of plain values whose patch holds something else.
    #[error("{pointer} is a list of plain values; the patch holds a mapping or list")]
    NotPlain {
        /// The list.
        pointer: String,
    },
}

impl MergeError {
    /// The JSON pointer into the patch at which it stands.
    pub fn pointer(&self) -> &str {
        match self {
            MergeError::NoMergeKey { pointer, .. }
            | MergeError::UnknownDirective { pointer, .. }
            | MergeError::NotPlain { pointer } => pointer,
        }
    }
}

/// Merges a partial object into a whole one of the given shape. None when the
/// patch deletes the object (`$patch: delete` at its top).
///
/// # Errors
/// When the patch does not follow the rules of its lists; the base is then lost,
/// so pass a clone where it is still needed.
pub fn strategic(base: Value, patch: &Value, shape: Shape) -> Result<Option<Value>, MergeError> {
    if let Value::Object(fields) = patch
        && directive(fields, "")? == Directive::Delete
    {
        return Ok(None);
    }
    merge_value(Some(base), patch, shape, "").map(Some)
}

#[derive(PartialEq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(fields: &Map<String, Value>, pointer: &str) -> Result<Directive, MergeError> {
    match fields.get("$patch") {
        None => Ok(Directive::Merge),
        Some(Value::String(text)) if text == "merge" => Ok(Directive::Merge),
        Some(Value::String(text)) if text == "replace" => Ok(Directive::Replace),
        Some(Value::String(text)) if text == "delete" => Ok(Directive::Delete),
        Some(other) => {
            Err(MergeError::UnknownDirective { pointer: pointer.into(), found: other.to_string() })
        }
    }
}

fn merge_value(base: Option<Value>, patch: &Value, shape: Shape, pointer: &str) -> Result<Value, MergeError> {
    let Value::Object(fields) = patch else { return Ok(patch.clone()) };
    let base = match base {
        Some(Value::Object(base)) => base,
        _ => Map::new(),
    };
    match directive(fields, pointer)? {
        Directive::Merge => merge_objects(base, fields, shape, pointer).map(Value::Object),
        Directive::Replace => {
            let mut replaced = fields.clone();
            replaced.remove("$patch");
            Ok(Value::Object(replaced))
        }
        Directive::Delete => Ok(Value::Object(Map::new())),
    }
}

fn merge_objects(
    mut base: Map<String, Value>,
    patch: &Map<String, Value>,
    shape: Shape,
    pointer: &str,
) -> Result<Map<String, Value>, MergeError> {
    if let Some(Value::Array(retained)) = patch.get("$retainKeys") {
        base.retain(|key, _| retained.iter().any(|retained| retained == key));
    }
    let before = orders_before(&base, patch, shape);
    for (key, value) in patch {
        let at = || format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(items)), Value::Array(deleted)) = (base.get_mut(list), value) {
                items.retain(|item| !deleted.contains(item));
            }
            continue;
        }
        if key == "$patch" || key == "$retainKeys" || key.starts_with("$setElementOrder/") {
            continue;
        }
        if value.is_null() {
            base.remove(key);
            continue;
        }
        let field = shape.field(key);
        let field_shape = field.map_or(Shape::Any, |field| field.shape);
        let list_merge = field.map_or(ListMerge::Replace, |field| field.list_merge);
        let merged = match (value, list_merge) {
            (Value::Array(patch), ListMerge::ByKey(merge_key)) => {
                merge_by_key(take_list(&mut base, key), patch, merge_key, field_shape.item(), &at())?
            }
            (Value::Array(patch), ListMerge::ByValue) => {
                merge_by_value(take_list(&mut base, key), patch, &at())?
            }
            _ => merge_value(base.remove(key), value, field_shape, &at())?,
        };
        base.insert(key.clone(), merged);
    }
    order_elements(&mut base, patch, shape, &before);
    Ok(base)
}

fn take_list(base: &mut Map<String, Value>, key: &str) -> Vec<Value> {
    match base.remove(key) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

fn merge_by_value(mut base: Vec<Value>, patch: &[Value], pointer: &str) -> Result<Value, MergeError> {
    for item in patch {
        if item.is_object() || item.is_array() {
            return Err(MergeError::NotPlain { pointer: pointer.into() });
        }
        if !base.contains(item) {
            base.push(item.clone());
        }
    }
    Ok(Value::Array(base))
}

fn merge_by_key(
    mut base: Vec<Value>,
    patch: &[Value],
    key: &'static str,
    item_shape: Shape,
    pointer: &str,
) -> Result<Value, MergeError> {
    let is_directive_only = |item: &Value| {
        item.as_object().is_some_and(|fields| fields.contains_key("$patch") && !fields.contains_key(key))
    };
    for (index, item) in patch.iter().enumerate() {
        if !is_directive_only(item) {
            continue;
        }
        let at = format!("{pointer}/{index}");
        match item.as_object().map(|fields| directive(fields, &at)).transpose()? {
            // `- $patch: replace` stands for the whole list.
            Some(Directive::Replace) => {
                let rest = patch.iter().filter(|item| !is_directive_only(item)).cloned().collect();
                return Ok(Value::Array(rest));
            }
            _ => return Err(MergeError::NoMergeKey { pointer: pointer.into(), key }),
        }
    }
    // Where there is no list yet, the patch is the list: two ports of one number stay
    // two.
    let is_new = base.is_empty();
    for (index, item) in patch.iter().enumerate() {
        let at = format!("{pointer}/{index}");
        let (Some(fields), Some(name)) = (item.as_object(), item.get(key)) else {
            return Err(MergeError::NoMergeKey { pointer: pointer.into(), key });
        };
        let existing = base.iter().position(|other| !is_new && other.get(key) == Some(name));
        match (directive(fields, &at)?, existing) {
            (Directive::Delete, _) => base.retain(|other| other.get(key) != Some(name)),
            (_, Some(existing)) => {
                let old = std::mem::take(&mut base[existing]);
                base[existing] = merge_value(Some(old), item, item_shape, &at)?;
            }
            (_, None) => base.push(merge_value(None, item, item_shape, &at)?),
        }
    }
    Ok(Value::Array(base))
}

/// The order Kubernetes gives a merged list: what the patch names stands in the
/// patch's order (or that of `$setElementOrder/<field>`), new items before all
/// others; items it does not name keep their place before what they preceded.
fn order_elements(
    base: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    shape: Shape,
    before: &HashMap<&str, Vec<Value>>,
) {
    for (list, list_before) in before {
        let list_merge = shape.field(list).map_or(ListMerge::Replace, |field| field.list_merge);
        let identity = |item: &Value| match list_merge {
            ListMerge::ByKey(key) => item.get(key).cloned(),
            _ => Some(item.clone()),
        };
        let order = patch.get(&format!("$setElementOrder/{list}")).or_else(|| patch.get(*list));
        let (Some(Value::Array(items)), Some(Value::Array(order))) = (base.get_mut(*list), order) else {
            continue;
        };
        let order: Vec<_> = order.iter().filter_map(identity).collect();
        let place = |order: &[Value], item: &Value| {
            identity(item).and_then(|id| order.iter().position(|other| *other == id))
        };
        let (mut named, unnamed): (Vec<_>, Vec<_>) =
            std::mem::take(items).into_iter().partition(|item| place(&order, item).is_some());
        named.sort_by_key(|item| place(&order, item));
        let mut named = named.into_iter().peekable();
        for item in unnamed {
            let own = place(list_before, &item);
            // None, the place of a new item, is before every other.
            while let Some(first) = named.next_if(|first| place(list_before, first) < own) {
                items.push(first);
            }
            items.push(item);
        }
        items.extend(named);
    }
}

/// The identities of the items of every list that the patch merges or orders, as
/// they stood before.
fn orders_before<'p>(
    base: &Map<String, Value>,
    patch: &'p Map<String, Value>,
    shape: Shape,
) -> HashMap<&'p str, Vec<Value>> {
    let names = patch.keys().map(|key| key.strip_prefix("$setElementOrder/").unwrap_or(key));
    names
        .filter_map(|name| {
            let items = base.get(name)?.as_array()?;
            match shape.field(name)?.list_merge {
                ListMerge::Replace => None,
                ListMerge::ByValue => Some((name, items.clone())),
                ListMerge::ByKey(key) => {
                    Some((name, items.iter().filter_map(|i| i.get(key).cloned()).collect()))
                }
            }
        })
        .collect()
}
