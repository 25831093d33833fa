//! Joining what is applied into what is there.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::field_set::Step;
use super::structure::{Form, Structure, step_of};

/// What is there with all that is applied; where both say something about a leaf
/// the applied value counts. None when nothing is left.
pub(super) fn merge<S: Structure>(
    structure: S,
    live: Option<&Value>,
    applied: Option<&Value>,
) -> Option<Value> {
    let decisive = applied.or(live)?;
    let form = structure.form(decisive);
    match form {
        Form::Leaf => Some(decisive.clone()),
        Form::Granular => {
            merge_maps(structure, entries(live), entries(applied)).or_else(|| leaf(live, applied))
        }
        Form::Set | Form::Keyed => {
            let (ours, theirs) = (items(live), items(applied));
            if ours.is_empty() && theirs.is_empty() {
                return leaf(live, applied);
            }
            merge_lists(structure, form, ours, theirs)
        }
    }
}

fn leaf(live: Option<&Value>, applied: Option<&Value>) -> Option<Value> {
    applied.or(live).cloned()
}

pub(super) fn entries(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object).filter(|entries| !entries.is_empty())
}

pub(super) fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// None when there is nothing on either side.
fn merge_maps<S: Structure>(
    structure: S,
    live: Option<&Map<String, Value>>,
    applied: Option<&Map<String, Value>>,
) -> Option<Value> {
    if live.is_none() && applied.is_none() {
        return None;
    }
    let mut out = Map::new();
    for (name, ours) in live.into_iter().flatten() {
        let theirs = applied.and_then(|applied| applied.get(name));
        let merged = match structure.child(name) {
            Some(child) => merge(child, Some(ours), theirs),
            None => leaf(Some(ours), theirs),
        };
        if let Some(merged) = merged {
            out.insert(name.clone(), merged);
        }
    }
    for (name, theirs) in applied.into_iter().flatten() {
        if live.is_none_or(|live| !live.contains_key(name)) {
            out.insert(name.clone(), theirs.clone());
        }
    }
    Some(Value::Object(out))
}

/// An item by its step; None where several items have the step.
type Indexed<'v> = HashMap<Step, Option<&'v Value>>;

fn index<'v, S: Structure>(structure: S, form: Form, items: &'v [Value]) -> (Vec<Step>, Indexed<'v>) {
    let mut steps = Vec::with_capacity(items.len());
    let mut indexed = Indexed::with_capacity(items.len());
    for item in items {
        let Ok(step) = step_of(structure, form, item) else { continue };
        indexed.entry(step.clone()).and_modify(|known| *known = None).or_insert(Some(item));
        steps.push(step);
    }
    (steps, indexed)
}

/// The order of what is applied, with what is there alone kept at its place
/// between the items that both have.
fn merge_lists<S: Structure>(structure: S, form: Form, live: &[Value], applied: &[Value]) -> Option<Value> {
    let (ours, our_items) = index(structure, form, live);
    let (theirs, their_items) = index(structure, form, applied);
    let item = structure.item();
    let joined = |step: &Step, ours: Option<&Value>| {
        let theirs = their_items.get(step).copied().flatten();
        merge(item, ours, theirs)
    };
    let mut shared = theirs.iter().filter(|step| our_items.contains_key(*step));
    let mut next_shared = shared.next();
    let mut merged: HashSet<&Step> = HashSet::new();
    let mut out = Vec::with_capacity(live.len().max(applied.len()));
    let (mut left, mut right) = (0, 0);
    while left < ours.len() || right < theirs.len() {
        if left < ours.len() && right < theirs.len() {
            let step = &ours[left];
            if *step == theirs[right] {
                merged.insert(step);
                out.extend(joined(step, our_items.get(step).copied().flatten()));
                left += 1;
                right += 1;
                next_shared = shared.next();
                continue;
            }
            if their_items.contains_key(step) && next_shared.is_some_and(|next| next != step) {
                // Both have it, but it is not its turn.
                left += 1;
                continue;
            }
        }
        if left < ours.len() {
            let step = &ours[left];
            if !their_items.contains_key(step) {
                out.extend(merge(item, live.get(left), None));
                left += 1;
                continue;
            } else if merged.contains(step) {
                left += 1;
            }
        }
        if right < theirs.len() {
            let step = &theirs[right];
            merged.insert(step);
            out.extend(joined(step, our_items.get(step).copied().flatten()));
            right += 1;
            if next_shared == Some(step) {
                next_shared = shared.next();
            }
        }
    }
    (!out.is_empty()).then_some(Value::Array(out))
}
