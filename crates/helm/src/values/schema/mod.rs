//! values.schema.json, checked by the `jsonschema` crate where it is not plain that the
//! values are allowed.

mod usual;

use std::fmt;
use std::sync::OnceLock;

use jsonschema::Validator;

use self::usual::Usual;
use super::Node;
use crate::go::{Map, Str, Value, json};

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

/// values.schema.json of a chart, made ready once: that takes longer than to check values.
#[derive(Debug)]
pub struct Schema {
    text: Str,
    usual: OnceLock<Option<Usual>>,
    validator: OnceLock<Result<Validator, String>>,
}

impl Schema {
    /// That of a file.
    pub(crate) fn new(text: Str) -> Schema {
        Schema { text, usual: OnceLock::new(), validator: OnceLock::new() }
    }

    /// The file.
    pub(crate) fn text(&self) -> &Str {
        &self.text
    }

    /// Whether it is plain that it allows the values.
    fn plainly_allows(&self, values: &Map) -> bool {
        let usual = self.usual.get_or_init(|| self.text.as_utf8().and_then(Usual::read));
        usual.as_ref().is_some_and(|usual| usual.allows(values))
    }

    fn validator(&self) -> Result<&Validator, &str> {
        let make = || {
            let schema = serde_json::from_slice(self.text.as_bytes())
                .map_err(|error| format!("values.schema.json is no JSON: {error}"))?;
            jsonschema::validator_for(&schema).map_err(|error| format!("values.schema.json: {error}"))
        };
        self.validator.get_or_init(make).as_ref().map_err(String::as_str)
    }
}

/// Checks the values of a chart and of those within; gives all violations.
pub(crate) fn validate(node: &Node<'_>, values: &Map, violations: &mut Vec<SchemaViolation>) {
    if let Some(schema) = node.chart.schema.as_ref().filter(|schema| !schema.plainly_allows(values)) {
        let name = node.name.to_text();
        check(&name, schema, &json::to_json(&Value::Map(values.clone())), violations);
    }
    for inner in &node.dependencies {
        if let Some(Value::Map(values)) = values.get(inner.name.as_bytes()) {
            validate(inner, &values, violations);
        }
    }
}

fn check(chart: &str, schema: &Schema, values: &serde_json::Value, violations: &mut Vec<SchemaViolation>) {
    let mut failed = |path: String, message: String| {
        violations.push(SchemaViolation { chart: chart.to_owned(), path, message });
    };
    match schema.validator() {
        Ok(validator) => {
            for error in validator.iter_errors(values) {
                let path = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
                failed(path, error.to_string());
            }
        }
        Err(message) => failed(String::new(), message.to_owned()),
    }
}
