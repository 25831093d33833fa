//! Objects as rows, as `kubectl get` prints them.

mod builtin;
mod cell;
mod time;

use serde_json::{Value, json};

use crate::kinds::{Model, Resource, Version};

pub(crate) use time::age;

/// A table of objects.
pub(crate) fn table(resource: &Resource, version: &Version, metadata: &Value, objects: &[Value]) -> Value {
    // Nobody reads events by their names.
    let is_named = resource.is_custom || &*resource.kind != "Event";
    let mut headings = Vec::new();
    if is_named {
        headings.push(heading("Name", "string", "name", 0, "the name of the object"));
    }
    let rows: Vec<Vec<Value>> = match &version.model {
        Model::Builtin(_) => {
            let columns = builtin::columns(&resource.group, &resource.kind);
            headings.extend(
                columns.iter().map(|column| heading(column.name, column.kind, "", column.priority, "")),
            );
            objects
                .iter()
                .map(|object| columns.iter().map(|column| (column.cell)(object)).collect())
                .collect()
        }
        Model::Custom(_) if version.columns.is_empty() => {
            headings.push(heading("Age", "date", "", 0, ""));
            objects.iter().map(|object| vec![cell::age_of(object)]).collect()
        }
        Model::Custom(_) => {
            headings.extend(version.columns.iter().map(|column| {
                heading(&column.name, &column.kind, &column.format, column.priority, &column.description)
            }));
            objects
                .iter()
                .map(|object| version.columns.iter().map(|column| column.cell(object)).collect())
                .collect()
        }
    };
    let rows: Vec<Value> = objects
        .iter()
        .zip(rows)
        .map(|(object, cells)| {
            let name = is_named.then(|| object["metadata"]["name"].clone());
            let all: Vec<Value> = name.into_iter().chain(cells).collect();
            json!({"cells": all, "object": {
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
            }})
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": headings, "rows": rows})
}

/// The table of a scale.
pub(crate) fn scale(scale: &Value) -> Value {
    let headings = [("Name", "string"), ("Desired", "integer"), ("Available", "integer"), ("Age", "string")]
        .map(|(name, kind)| heading(name, kind, "", 0, ""));
    let cells = json!([
        scale["metadata"]["name"],
        scale["spec"]["replicas"].as_i64().unwrap_or(0),
        scale["status"]["replicas"],
        cell::age_of(scale),
    ]);
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": scale["metadata"]["resourceVersion"]},
        "columnDefinitions": headings,
        "rows": [{"cells": cells, "object": {
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": scale["metadata"],
        }}],
    })
}

fn heading(name: &str, kind: &str, format: &str, priority: i64, description: &str) -> Value {
    json!({"name": name, "type": kind, "format": format, "description": description, "priority": priority})
}
