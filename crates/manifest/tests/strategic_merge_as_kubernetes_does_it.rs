//! Strategic merge against a table that Kubernetes' own implementation filled
//! (`tests/oracles/mergetable`).

use serde_json::Value;
use syncline_manifest::{GroupVersionKind, merge::strategic, schema::Shape};

const TABLE: &str = include_str!("../../../tests/fixtures/merge/table.json");

/// Merges that syncline does otherwise on purpose, and why.
const DIFFERENCES: &[(&str, &str)] = &[(
    "an item is replaced",
    "Kubernetes empties the whole list; here, as in kustomize, `$patch: replace` with a key replaces that item",
)];

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    api_version: String,
    kind: String,
    base: Value,
    patch: Value,
    merged: Option<Value>,
    #[serde(default)]
    refused: bool,
}

#[test]
fn every_merge_of_the_table_equals_kubernetes() {
    let rows: Vec<Row> = serde_json::from_str(TABLE).unwrap();
    let mut wrong = Vec::new();
    for row in rows {
        if DIFFERENCES.iter().any(|(name, _)| *name == row.name) {
            continue;
        }
        let shape = Shape::of(&GroupVersionKind::parse(&row.api_version, &row.kind));
        assert_ne!(shape, Shape::Any, "{} is not a built-in kind", row.kind);
        let merged = strategic(row.base, &row.patch, shape);
        let same = match &merged {
            Ok(merged) => !row.refused && *merged == row.merged,
            Err(_) => row.refused,
        };
        if !same {
            wrong.push(format!("{}\n  kubernetes: {:?}\n  here:       {merged:?}", row.name, row.merged));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
