//! values.schema.json, checked by the `jsonschema` crate.

use std::fmt;

use super::Node;
use crate::go::{Map, Value, json};

/// A value that a chart's schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaViolation {
    /// The chart.
    pub chart: String,
    /// The path of the value, with dots; empty for the values as a whole.
    pub path: String,
    /// What the schema wants.
    pub message: String,
}

impl fmt::Display for SchemaViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "(root)" } else { &self.path };
        write!(f, "{}: {path}: {}", self.chart, self.message)
    }
}

/// Checks the values of a chart and of those within; gives all violations.
pub(crate) fn validate(node: &Node<'_>, values: &Map, violations: &mut Vec<SchemaViolation>) {
    if let Some(schema) = &node.chart.schema {
        let name = node.name.to_text();
        check(&name, schema.as_bytes(), &json::to_json(&Value::Map(values.clone())), violations);
    }
    for inner in &node.dependencies {
        if let Some(Value::Map(values)) = values.get(inner.name.as_bytes()) {
            validate(inner, &values, violations);
        }
    }
}

fn check(chart: &str, schema: &[u8], values: &serde_json::Value, violations: &mut Vec<SchemaViolation>) {
    let mut failed = |path: String, message: String| {
        violations.push(SchemaViolation { chart: chart.to_owned(), path, message });
    };
    let schema = match serde_json::from_slice(schema) {
        Ok(schema) => schema,
        Err(error) => return failed(String::new(), format!("values.schema.json is no JSON: {error}")),
    };
    match jsonschema::validator_for(&schema) {
        Ok(validator) => {
            for error in validator.iter_errors(values) {
                let path = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
                failed(path, error.to_string());
            }
        }
        Err(error) => failed(String::new(), format!("values.schema.json: {error}")),
    }
}
