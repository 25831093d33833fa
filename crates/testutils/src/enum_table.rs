//! The table of fields that have one of a few values, derived from the OpenAPI v2
//! document that a real API server publishes. `syncline-apiserver` carries the
//! result; an end-to-end test compares it with the server it runs against.

use std::fmt::Write as _;

use serde_json::Value;

use crate::schema_table::short;

/// The text of `crates/apiserver/src/openapi/enums.txt` for one OpenAPI document:
/// type, field (with `[]` where its items are meant), values.
pub fn derive(openapi: &Value) -> String {
    let definitions = openapi["definitions"].as_object().expect("an OpenAPI v2 document has definitions");
    let mut lines = Vec::new();
    for (name, definition) in definitions {
        for (field, schema) in definition["properties"].as_object().into_iter().flatten() {
            for (field, values) in
                [(field.clone(), &schema["enum"]), (format!("{field}[]"), &schema["items"]["enum"])]
            {
                let Some(values) = values.as_array() else { continue };
                let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
                lines.push(format!("{} {field} {}", short(name), values.join(" ")));
            }
        }
    }
    lines.sort_unstable();
    let mut out = String::new();
    for line in lines {
        writeln!(out, "{line}").expect("a String takes all");
    }
    out
}
