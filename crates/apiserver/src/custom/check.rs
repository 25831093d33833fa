//! Whether an object obeys its schema.

use std::collections::HashSet;

use serde_json::Value;

use super::format::has_format;
use super::schema::{Limits, Listing, Schema, Type};
use crate::error::Problem;

/// How many problems are told at once.
const MOST: usize = 100;

/// What breaks the schema in an object. `old` is the object before, for rules that
/// compare.
pub fn check(schema: &Schema, object: &Value, old: Option<&Value>) -> Vec<Problem> {
    let mut problems = Vec::new();
    visit(schema, object, old, "", &mut problems);
    // Rules may take it for granted that types and the like are right.
    if !problems.iter().any(hinders_rules) {
        check_rules(schema, object, old, "", &mut problems);
    } else if schema.has_rules() {
        problems.push(Problem {
            field: "<nil>".into(),
            reason: "FieldValueInvalid",
            message: "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation".into(),
        });
    }
    problems.truncate(MOST);
    problems
}

fn hinders_rules(problem: &Problem) -> bool {
    matches!(
        problem.reason,
        "FieldValueNotSupported"
            | "FieldValueRequired"
            | "FieldValueTooLong"
            | "FieldValueTooMany"
            | "FieldValueTypeInvalid"
    )
}

fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What was there before and is as it was may break rules that are newer than it is
/// (KEP-4008).
fn visit(schema: &Schema, value: &Value, old: Option<&Value>, path: &str, problems: &mut Vec<Problem>) {
    if old == Some(value) {
        return;
    }
    if problems.len() >= MOST {
        return;
    }
    if !schema.is_type_of(value) {
        let found = type_name(value);
        let wanted = match schema.kind {
            Type::Object => "object",
            Type::Array => "array",
            Type::String => "string",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Boolean => "boolean",
            Type::IntOrString => "integer,string",
            Type::Any => "any",
        };
        let why = format!("{path} in body must be of type {wanted}: {found:?}");
        problems.push(Problem::wrong_type(path, &found.into(), &why));
        return;
    }
    if value.is_null() {
        return;
    }
    if let Some(limits) = &schema.limits {
        limit(limits, value, path, problems);
    }
    match value {
        Value::Object(fields) => {
            for name in ["apiVersion", "kind"].into_iter().filter(|_| schema.is_embedded) {
                if fields.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
                    problems.push(Problem::required(child(path, name), "must not be empty"));
                }
            }
            for name in &schema.required {
                if !fields.contains_key(&**name) {
                    problems.push(Problem::required(child(path, name), ""));
                }
            }
            for (name, value) in fields {
                if let Some(field) = schema.field(name) {
                    let old = old.and_then(|old| old.get(name));
                    visit(field, value, old, &child(path, name), problems);
                }
            }
        }
        Value::Array(items) => {
            if let Some(of_items) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    let old = old.and_then(|old| counterpart(&schema.listing, item, old));
                    visit(of_items, item, old, &format!("{path}[{index}]"), problems);
                }
            }
            told_apart(&schema.listing, items, path, problems);
        }
        _ => {}
    }
}

fn told_apart(listing: &Listing, items: &[Value], path: &str, problems: &mut Vec<Problem>) {
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let identity = match listing {
            Listing::Atomic => return,
            Listing::Set => item.clone(),
            Listing::Map(keys) => keys
                .iter()
                .map(|key| (key.to_string(), item[&**key].clone()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        };
        if !seen.insert(identity.to_string()) {
            problems.push(Problem::duplicate(format!("{path}[{index}]"), &identity));
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn limit(limits: &Limits, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    let mut invalid =
        |why: String| problems.push(Problem::invalid(path, value, &format!("{path} in body {why}")));
    if let Some(number) = value.as_f64() {
        if let Some((bound, is_excluded)) = limits.minimum
            && (number < bound || (is_excluded && number == bound))
        {
            let or = if is_excluded { "" } else { " or equal to" };
            invalid(format!("should be greater than{or} {bound}"));
        }
        if let Some((bound, is_excluded)) = limits.maximum
            && (number > bound || (is_excluded && number == bound))
        {
            let or = if is_excluded { "" } else { " or equal to" };
            invalid(format!("should be less than{or} {bound}"));
        }
        if let Some(factor) = limits.multiple_of
            && (number / factor).fract() != 0.0
        {
            invalid(format!("should be a multiple of {factor}"));
        }
    }
    if let Value::String(text) = value {
        if let Some(pattern) = &limits.pattern
            && !pattern.is_match(text)
        {
            invalid(format!("should match '{}'", pattern.as_str()));
        }
        if let Some(format) = &limits.format
            && !has_format(format, text)
        {
            invalid(format!("must be of type {format}: {text:?}"));
        }
    }
    let (size, unit) = match value {
        Value::String(text) => (Some(text.chars().count()), "chars long"),
        Value::Array(items) => (Some(items.len()), "items"),
        Value::Object(fields) => (Some(fields.len()), "properties"),
        _ => (None, ""),
    };
    if let Some(size) = size {
        if let Some(least) = limits.at_least.filter(|least| size < *least) {
            invalid(format!("should be at least {least} {unit}"));
        }
        if let Some(most) = limits.at_most.filter(|most| size > *most) {
            let (reason, message) = if value.is_string() {
                ("FieldValueTooLong", format!("Too long: may not be more than {most} bytes"))
            } else {
                ("FieldValueTooMany", format!("Too many: {size}: must have at most {most} items"))
            };
            problems.push(Problem { field: path.to_owned(), reason, message });
        }
    }
    if !limits.allowed.is_empty() && !limits.allowed.contains(value) {
        let allowed: Vec<String> = limits.allowed.iter().map(ToString::to_string).collect();
        problems.push(Problem {
            field: path.to_owned(),
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {value}: supported values: {}", allowed.join(", ")),
        });
    }
    if limits.unique
        && let Value::Array(items) = value
    {
        told_apart(&Listing::Set, items, path, problems);
    }
    combined(limits, value, path, problems);
}

fn combined(limits: &Limits, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    let holds = |schema: &Schema| {
        let mut found = Vec::new();
        visit(schema, value, None, path, &mut found);
        found.is_empty()
    };
    for schema in &limits.all_of {
        visit(schema, value, None, path, problems);
    }
    let mut invalid =
        |why: &str| problems.push(Problem::invalid(path, value, &format!("{path:?} must validate {why}")));
    if !limits.any_of.is_empty() && !limits.any_of.iter().any(holds) {
        invalid("at least one schema (anyOf)");
    }
    if !limits.one_of.is_empty() {
        match limits.one_of.iter().filter(|schema| holds(schema)).count() {
            1 => {}
            0 => invalid("one and only one schema (oneOf). Found none valid"),
            found => invalid(&format!("one and only one schema (oneOf). Found {found} valid alternatives")),
        }
    }
    if limits.not.as_ref().is_some_and(|not| holds(not)) {
        problems.push(Problem::invalid(path, value, &format!("{path:?} must not validate the schema (not)")));
    }
}

/// Checks the rules of a value and of what is in it.
fn check_rules(schema: &Schema, value: &Value, old: Option<&Value>, path: &str, problems: &mut Vec<Problem>) {
    for rule in &schema.rules {
        problems.extend(rule.check(value, old, path));
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(field) = schema.field(name) {
                    let old = old.and_then(|old| old.get(name));
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    check_rules(field, value, old, &path, problems);
                }
            }
        }
        Value::Array(items) => {
            let Some(of_items) = &schema.items else { return };
            for (index, item) in items.iter().enumerate() {
                let old = old.and_then(|old| counterpart(&schema.listing, item, old));
                check_rules(of_items, item, old, &format!("{path}[{index}]"), problems);
            }
        }
        _ => {}
    }
}

/// The item of the list before that is the same one, where items can be told apart.
fn counterpart<'v>(listing: &Listing, item: &Value, old: &'v Value) -> Option<&'v Value> {
    let Listing::Map(keys) = listing else { return None };
    old.as_array()?.iter().find(|other| keys.iter().all(|key| other.get(&**key) == item.get(&**key)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_limit_is_kept_and_named() {
        for (schema, good, bad, message) in [
            (json!({"type": "integer"}), json!(1), json!("1"), "must be of type integer: \"string\""),
            (json!({"type": "integer", "minimum": 2}), json!(2), json!(1), "greater than or equal to 2"),
            (
                json!({"type": "number", "maximum": 2, "exclusiveMaximum": true}),
                json!(1.5),
                json!(2),
                "less than 2",
            ),
            (json!({"type": "string", "pattern": "^a+$"}), json!("aa"), json!("b"), "should match '^a+$'"),
            (json!({"type": "string", "maxLength": 1}), json!("a"), json!("ab"), "Too long"),
            (
                json!({"type": "string", "enum": ["a", "b"]}),
                json!("a"),
                json!("c"),
                "supported values: \"a\", \"b\"",
            ),
            (
                json!({"type": "string", "format": "date-time"}),
                json!("2026-01-01T00:00:00Z"),
                json!("x"),
                "must be of type date-time",
            ),
            (
                json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}),
                json!(["a"]),
                json!(["a", "a"]),
                "Duplicate value",
            ),
            (
                json!({"type": "array", "minItems": 1, "items": {"type": "string"}}),
                json!(["a"]),
                json!([]),
                "at least 1 items",
            ),
            (json!({"type": "object", "required": ["b"]}), json!({"b": 1}), json!({}), "Required value"),
            (json!({"x-kubernetes-int-or-string": true}), json!("5%"), json!(true), "integer,string"),
            (
                json!({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
                json!({"a": 1}),
                json!({"a": 1, "b": 1}),
                "oneOf",
            ),
            (json!({"type": "integer", "not": {"enum": [5]}}), json!(4), json!(5), "must not validate"),
        ] {
            let source = json!({"type": "object", "properties": {"f": schema}});
            let schema = Schema::read(&source, "", &mut Vec::new());
            assert_eq!(check(&schema, &json!({"f": good}), None), [], "{source}");
            let problems = check(&schema, &json!({"f": bad}), None);
            assert_eq!(problems.len(), 1, "{source} {problems:?}");
            assert!(problems[0].message.contains(message), "{source} {problems:?}");
        }
    }

    #[test]
    fn rules_hold_for_what_is_and_for_what_was() {
        let schema = json!({"type": "object", "properties": {"spec": {
            "type": "object",
            "x-kubernetes-validations": [
                {"rule": "self.min <= self.max", "message": "min must not be above max"},
                {"rule": "!has(oldSelf.name) || self.name == oldSelf.name", "message": "name stays"},
            ],
            "properties": {"min": {"type": "integer"}, "max": {"type": "integer"}, "name": {"type": "string"}},
        }}});
        let mut problems = Vec::new();
        let schema = Schema::read(&schema, "", &mut problems);
        assert_eq!(problems, []);
        let object = |min: i64, name: &str| json!({"spec": {"min": min, "max": 5, "name": name}});
        assert_eq!(check(&schema, &object(1, "a"), None), []);
        let found = check(&schema, &object(9, "a"), None);
        assert_eq!(found[0].message, "Invalid value: min must not be above max");
        assert_eq!(found[0].field, "spec");
        assert_eq!(
            check(&schema, &object(1, "b"), Some(&object(1, "a")))[0].message,
            "Invalid value: name stays"
        );
        assert!(super::super::rules::Rule::read(&json!({"rule": "self.("})).is_err());
    }
}
