//! The rules that objects of built-in kinds obey beyond the types of their fields,
//! for the kinds that people write, and those that all objects obey.

mod immutable;
mod metadata;
mod pod;
mod rules;

use serde_json::Value;

use super::Resource;
use crate::custom;
use crate::error::Problem;

pub use metadata::check_metadata;

/// What breaks the rules of its kind in a new object.
pub fn check_create(resource: &Resource, object: &Value) -> Vec<Problem> {
    if resource.is_custom {
        return Vec::new();
    }
    if &*resource.kind == "CustomResourceDefinition" {
        return custom::read(object).problems;
    }
    let mut problems = Vec::new();
    rules::check(&resource.group, &resource.kind, object, &mut problems);
    problems
}

/// What breaks the rules of its kind in a changed object.
pub fn check_update(resource: &Resource, old: &Value, new: &Value) -> Vec<Problem> {
    if resource.is_custom {
        return Vec::new();
    }
    let mut problems = check_create(resource, new);
    immutable::check(&resource.group, &resource.kind, old, new, &mut problems);
    problems
}
