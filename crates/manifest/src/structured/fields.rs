//! Which fields a value has, values without some of their fields, and whether a
//! value fits its type.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::field_set::{FieldSet, Path, Step, field, spelled};
use super::structure::{Expected, Form, Structure, step_of};

/// The fields that a value has, as whoever applies it owns them.
pub fn fields<S: Structure>(structure: S, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    collect(structure, value, &mut Vec::new(), &mut set);
    set
}

fn collect<S: Structure>(structure: S, value: &Value, path: &mut Path, set: &mut FieldSet) {
    let form = structure.form(value);
    match (form, value) {
        (Form::Granular, Value::Object(entries)) => {
            for (name, value) in entries {
                path.push(field(name));
                match structure.child(name) {
                    Some(child) => collect(child, value, path, set),
                    None => set.insert(path),
                }
                let is_empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                if is_empty || !structure.names(name) {
                    set.insert(path);
                }
                path.pop();
            }
        }
        (Form::Set | Form::Keyed, Value::Array(items)) => {
            let steps: Vec<Option<Step>> =
                items.iter().map(|item| step_of(structure, form, item).ok()).collect();
            let mut seen = HashSet::new();
            let twice: HashSet<&Step> = steps.iter().flatten().filter(|step| !seen.insert(*step)).collect();
            for (item, step) in items.iter().zip(&steps) {
                let Some(step) = step else { continue };
                path.push(step.clone());
                if !twice.contains(step) {
                    collect(structure.item(), item, path, set);
                }
                set.insert(path);
                path.pop();
            }
        }
        (Form::Granular | Form::Set | Form::Keyed, _) => {}
        (Form::Leaf, _) => set.insert(path),
    }
}

/// A value without some of its fields; None when nothing is left of it.
pub(super) fn without<S: Structure>(structure: S, value: &Value, gone: &FieldSet) -> Option<Value> {
    let form = structure.form(value);
    match (form, value) {
        (Form::Granular, Value::Object(entries)) => {
            let mut out = Map::new();
            for (name, value) in entries {
                let step = field(name);
                if gone.has_member(&step) {
                    continue;
                }
                let kept = match (gone.below(&step), structure.child(name)) {
                    (Some(gone), Some(child)) => without(child, value, gone).unwrap_or(Value::Null),
                    _ => value.clone(),
                };
                out.insert(name.clone(), kept);
            }
            (!out.is_empty()).then_some(Value::Object(out))
        }
        (Form::Set | Form::Keyed, Value::Array(items)) => {
            let mut out = Vec::with_capacity(items.len());
            for item in items {
                let Ok(step) = step_of(structure, form, item) else {
                    out.push(item.clone());
                    continue;
                };
                if gone.has_member(&step) {
                    continue;
                }
                out.push(match gone.below(&step) {
                    Some(gone) => without(structure.item(), item, gone).unwrap_or(Value::Null),
                    None => item.clone(),
                });
            }
            (!out.is_empty()).then_some(Value::Array(out))
        }
        // What is below a leaf cannot be taken away from it alone.
        _ => None,
    }
}

/// Why a value does not fit its type, or holds an item twice; in the words of the
/// API.
///
/// # Errors
/// The first mismatch.
pub fn check<S: Structure>(structure: S, value: &Value) -> Result<(), String> {
    check_at(structure, value, &mut Vec::new())
}

fn check_at<S: Structure>(structure: S, value: &Value, path: &mut Path) -> Result<(), String> {
    let at = |path: &Path, message: String| {
        if path.is_empty() { message } else { format!("{}: {message}", spelled(path)) }
    };
    if value.is_null() {
        return Ok(());
    }
    if let Some(expected) = structure.expected()
        && let Some(message) = mismatch(expected, value)
    {
        return Err(at(path, message));
    }
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                path.push(field(name));
                match structure.child(name) {
                    Some(child) => check_at(child, value, path)?,
                    None if structure.expected().is_none() => {}
                    None => return Err(at(path, "field not declared in schema".into())),
                }
                path.pop();
            }
        }
        Value::Array(items) => {
            let form = structure.form(value);
            let mut seen = HashSet::new();
            for (index, item) in items.iter().enumerate() {
                let step = if matches!(form, Form::Set | Form::Keyed) {
                    let step = step_of(structure, form, item)
                        .map_err(|error| at(path, format!("element {index}: {error}")))?;
                    if !seen.insert(step.clone()) {
                        return Err(at(
                            path,
                            format!("duplicate entries for key {}", spelled(std::slice::from_ref(&step))),
                        ));
                    }
                    step
                } else {
                    format!("i:{index}").into()
                };
                path.push(step);
                check_at(structure.item(), item, path)?;
                path.pop();
            }
        }
        _ => {}
    }
    Ok(())
}

fn mismatch(expected: Expected, value: &Value) -> Option<String> {
    let (fits, name) = match expected {
        Expected::Map => (value.is_object(), "map"),
        Expected::List => (value.is_array(), "list"),
        Expected::String => (value.is_string(), "string"),
        Expected::Numeric => (value.is_number(), "numeric (int or float)"),
        Expected::Boolean => (value.is_boolean(), "boolean"),
        Expected::Scalar => (!value.is_object() && !value.is_array(), "any scalar"),
    };
    (!fits).then(|| format!("expected {name}, got {value}"))
}
