//! The reader against a table whose values came from sigs.k8s.io/yaml, the
//! library kubectl reads with (`tests/oracles/yamltable` fills it).

use serde_json::Value;
use syncline_manifest::yaml;

const TABLE: &str = include_str!("../../../tests/fixtures/yaml/table.json");

/// Inputs that syncline reads otherwise on purpose, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("\"1\": a\n1: b", "as JSON keys the two are one, so this is a duplicate like any other"),
    (".inf: x", "infinity is refused as a key too"),
    ("\ta: b", "a tab before the first key indents nothing, and the parser lets it pass"),
    ("a: \"\\/\"", "an escape that YAML 1.2 took over from JSON"),
    ("a: \"\\ud83d\\ude00\"", "surrogate pairs, as JSON writes them"),
];

#[derive(serde::Deserialize)]
struct Row {
    yaml: String,
    json: Option<Value>,
    #[serde(default)]
    refused: bool,
}

#[test]
fn every_input_of_the_table_reads_as_kubectl_reads_it() {
    let rows: Vec<Row> = serde_json::from_str(TABLE).unwrap();
    assert!(rows.len() > 200, "the table has {} rows", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        if DIFFERENCES.iter().any(|(input, _)| *input == row.yaml) {
            continue;
        }
        let read = yaml::read(&row.yaml);
        let same = match (&read, row.refused) {
            (Err(_), refused) => refused,
            (Ok(_), true) => false,
            (Ok(documents), false) => {
                let value = documents.first().map_or(Value::Null, |document| document.value.clone());
                same_json(&value, &row.json.clone().unwrap_or(Value::Null))
            }
        };
        if !same {
            wrong.push(format!("{:?}\n  kubectl: {:?}\n  here:    {:?}", row.yaml, row.json, read));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// JSON does not tell 1000 from 1e3.
fn same_json(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same_json(value, other)))
        }
        _ => left == right,
    }
}
