//! Filling in `${NAME}`.
//!
//! Only names that some cluster of the fleet declares are variables; everything
//! else that looks like one (`${HOME}` in a script) stays as it is. `${NAME:=x}`
//! gives a default, `$${NAME}` stands for `${NAME}` itself. `${cluster.name}` and
//! `${cluster.labels.<label>}` always exist.

use std::sync::Arc;

use serde_json::Value;
use syncline_manifest::schema::Shape;

use super::{Facts, Rendered};
use crate::api::VariableValue;
use crate::fleet::Diagnostic;

pub(super) fn fill_in(rendered: Rendered, facts: &Facts, errors: &mut Vec<Diagnostic>) -> Rendered {
    let resource = &rendered.resource;
    if !resource.body().windows(2).any(|pair| pair == b"${") {
        return rendered;
    }
    let mut value = resource.value();
    let mut missing = Vec::new();
    let mut changed = false;
    fill_value(&mut value, Shape::of(&resource.gvk()), facts, &mut missing, &mut changed);
    missing.sort();
    missing.dedup();
    for name in missing {
        errors.push(
            Diagnostic::error(
                &resource.origin,
                format!("{}: variable {name} has no value on cluster {}", resource.key, facts.cluster),
            )
            .hint(format!("set spec.variables.{name} of the Cluster, or give a default: ${{{name}:=...}}")),
        );
    }
    if !changed {
        return rendered;
    }
    Rendered { resource: Arc::new(resource.with_value(value)), ..rendered }
}

fn fill_value(value: &mut Value, shape: Shape, facts: &Facts, missing: &mut Vec<String>, changed: &mut bool) {
    match value {
        Value::String(text) if text.contains("${") => {
            if let Some(filled) = fill_text(text, shape, facts, missing) {
                *value = filled;
                *changed = true;
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| fill_value(item, shape.item(), facts, missing, changed));
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let shape = shape.field(name).map_or(Shape::Any, |field| field.shape);
                fill_value(value, shape, facts, missing, changed);
            }
        }
        _ => {}
    }
}

/// The text with its variables filled in; None when it holds none. A text that is
/// one variable and nothing else takes its type, unless the field is a text.
fn fill_text(text: &str, shape: Shape, facts: &Facts, missing: &mut Vec<String>) -> Option<Value> {
    let mut out = String::new();
    let mut rest = text;
    let mut filled = false;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let Some(expression) = Expression::parse(from) else {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        if !expression.is_variable(facts) {
            out.push_str(&rest[..at + expression.length]);
        } else if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(escaped);
            out.push_str(&from[..expression.length]);
            filled = true;
        } else {
            filled = true;
            out.push_str(before);
            match expression.value(facts) {
                Some(value) if expression.length == text.len() && shape != Shape::String => {
                    return Some(typed(value));
                }
                Some(value) => out.push_str(&value.to_string()),
                None => missing.push(expression.name.to_owned()),
            }
        }
        rest = &from[expression.length..];
    }
    out.push_str(rest);
    filled.then_some(Value::String(out))
}

fn typed(value: VariableValue) -> Value {
    match value {
        VariableValue::Boolean(value) => Value::from(value),
        VariableValue::Number(value) => Value::Number(value),
        VariableValue::Text(value) => Value::from(value),
    }
}

struct Expression<'t> {
    name: &'t str,
    default: Option<&'t str>,
    /// With the braces.
    length: usize,
}

impl<'t> Expression<'t> {
    /// Reads `${name}` or `${name:=default}` at the start of a text.
    fn parse(text: &'t str) -> Option<Expression<'t>> {
        let inside = text.strip_prefix("${")?;
        let end = inside.find('}')?;
        let inside = &inside[..end];
        let (name, default) = match inside.split_once(":=") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/'));
        is_name.then_some(Expression { name, default, length: end + 3 })
    }

    fn is_variable(&self, facts: &Facts) -> bool {
        self.name == "cluster.name"
            || self.name.starts_with("cluster.labels.")
            || facts.declared.contains(self.name)
    }

    fn value(&self, facts: &Facts) -> Option<VariableValue> {
        let own = match self.name.strip_prefix("cluster.labels.") {
            Some(label) => facts.labels.get(label).cloned().map(VariableValue::Text),
            None if self.name == "cluster.name" => Some(VariableValue::Text(facts.cluster.to_string())),
            None => facts.variables.get(self.name).cloned(),
        };
        own.or_else(|| self.default.map(default_value))
    }
}

/// A default is typed as YAML would type it.
fn default_value(text: &str) -> VariableValue {
    match text {
        "true" => VariableValue::Boolean(true),
        "false" => VariableValue::Boolean(false),
        _ => match text.parse::<i64>() {
            Ok(number) => VariableValue::Number(number.into()),
            Err(_) => VariableValue::Text(text.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ClusterName;
    use crate::fleet::Digest;
    use serde_json::json;

    fn facts() -> Facts {
        Facts {
            abilities: None,
            cluster: ClusterName::new("asia"),
            labels: [("region".to_owned(), "east".to_owned())].into(),
            variables: [
                ("N".to_owned(), VariableValue::Number(3.into())),
                ("HOST".to_owned(), VariableValue::Text("a.example".into())),
            ]
            .into(),
            declared: std::sync::Arc::new(["N".to_owned(), "HOST".to_owned(), "ONLY_EU".to_owned()].into()),
            hierarchy: [].into(),
            digest: Digest::of(b""),
        }
    }

    #[test]
    fn declared_names_are_filled_in_and_all_else_is_left_alone() {
        for (text, shape, filled) in [
            ("${N}", Shape::Integer, json!(3)),
            ("${N}", Shape::String, json!("3")),
            ("${N}", Shape::Any, json!(3)),
            ("https://${HOST}:${N}/", Shape::String, json!("https://a.example:3/")),
            ("${cluster.name}-${cluster.labels.region}", Shape::String, json!("asia-east")),
            ("${ONLY_EU:=7}", Shape::Integer, json!(7)),
            ("x${ONLY_EU:=}y", Shape::String, json!("xy")),
            ("$${HOST} is ${HOST}", Shape::String, json!("${HOST} is a.example")),
        ] {
            let mut missing = Vec::new();
            assert_eq!(fill_text(text, shape, &facts(), &mut missing), Some(filled), "{text}");
            assert!(missing.is_empty());
        }
        for text in ["${HOME}", "$${HOME}", "${HOME:=x} ${1} ${}", "${unclosed", "${a b}", "$(N)", "${#N}"] {
            assert_eq!(fill_text(text, Shape::String, &facts(), &mut Vec::new()), None, "{text}");
        }
    }

    #[test]
    fn a_declared_name_without_a_value_here_is_missing() {
        let mut missing = Vec::new();
        fill_text("${ONLY_EU} ${cluster.labels.zone}", Shape::String, &facts(), &mut missing);
        assert_eq!(missing, ["ONLY_EU", "cluster.labels.zone"]);
    }
}
