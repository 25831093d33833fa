//! The compact table of Kubernetes' built-in kinds, derived from the OpenAPI v2
//! document that a real API server publishes. `syncline-manifest` carries the
//! result; an end-to-end test compares it with the server it runs against.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

/// The text of `crates/manifest/src/schema/builtin.txt` for one OpenAPI document.
pub fn derive(openapi: &Value) -> String {
    let definitions = openapi["definitions"].as_object().expect("an OpenAPI v2 document has definitions");
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for (path, item) in openapi["paths"].as_object().expect("an OpenAPI v2 document has paths") {
        collect_kind(&mut kinds, path, item);
    }
    let mut wanted: BTreeSet<String> = kinds.values().map(|kind| kind.definition.clone()).collect();
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    while let Some(name) = wanted.pop_first() {
        let Some(properties) = definitions.get(&name).and_then(|d| d["properties"].as_object()) else {
            continue;
        };
        let mut line = String::new();
        for (field, schema) in properties {
            let shape = shape(schema, definitions, &mut |reference| {
                if !types.contains_key(&short(reference)) && reference != name {
                    wanted.insert(reference.to_owned());
                }
            });
            write!(line, " {field}:{shape}{}{}", structure(schema), patch_strategy(schema))
                .expect("a String takes all");
        }
        let mark = if definitions[&name]["x-kubernetes-map-type"] == "atomic" { "^" } else { "" };
        types.insert(short(&name), format!("{mark}{line}"));
    }
    let mut out = String::new();
    for (id, kind) in &kinds {
        let scope = if kind.namespaced { "namespaced" } else { "cluster" };
        let scale = if kind.scale { " scale" } else { "" };
        writeln!(out, "@ {id} {} {scope} {}{scale}", kind.plural, short(&kind.definition)).expect("as above");
    }
    for (name, fields) in &types {
        writeln!(out, "{name}{fields}").expect("as above");
    }
    out
}

struct Kind {
    plural: String,
    namespaced: bool,
    scale: bool,
    definition: String,
}

/// Kinds are what can be put at `.../{plural}/{name}`.
fn collect_kind(kinds: &mut BTreeMap<String, Kind>, path: &str, item: &Value) {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ((*version).to_owned(), rest),
        ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
        _ => return,
    };
    let (namespaced, rest) = match rest {
        ["namespaces", "{namespace}", rest @ ..] if !rest.is_empty() => (true, rest),
        rest => (false, rest),
    };
    let [plural, "{name}", subresource @ ..] = rest else { return };
    // `/namespaces/{namespace}/finalize` and its like belong to Namespace itself.
    let gvk = |operation: &Value| {
        let kind = operation["x-kubernetes-group-version-kind"]["kind"].as_str()?.to_owned();
        let body = operation["parameters"].as_array()?.iter().find(|p| p["in"] == "body")?;
        let definition = body["schema"]["$ref"].as_str()?.trim_start_matches("#/definitions/").to_owned();
        Some((kind, definition))
    };
    match subresource {
        [] => {
            let Some((kind, definition)) = gvk(&item["put"]) else { return };
            kinds.insert(
                format!("{version} {kind}"),
                Kind { plural: (*plural).to_owned(), namespaced, scale: false, definition },
            );
        }
        ["scale"] => {
            for (id, kind) in kinds.iter_mut() {
                if kind.plural == *plural && id.starts_with(&format!("{version} ")) {
                    kind.scale = true;
                }
            }
        }
        _ => {}
    }
}

pub(crate) fn short(definition: &str) -> String {
    let parts: Vec<&str> = definition.split('.').collect();
    parts[parts.len().saturating_sub(3)..].join(".")
}

fn shape(
    schema: &Value,
    definitions: &serde_json::Map<String, Value>,
    refer: &mut impl FnMut(&str),
) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/definitions/");
        if name.ends_with(".Quantity") {
            return "q".into();
        }
        let target = &definitions[name];
        if target["properties"].is_object() {
            refer(name);
            return short(name);
        }
        return shape(target, definitions, refer);
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("array"), _) => format!("[]{}", shape(&schema["items"], definitions, refer)),
        (Some("object"), _) if schema["additionalProperties"].is_object() => {
            format!("{{}}{}", shape(&schema["additionalProperties"], definitions, refer))
        }
        (Some("string"), Some("int-or-string")) => "x".into(),
        (Some("string"), Some("byte")) => "y".into(),
        (Some("string"), Some("date-time")) => "t".into(),
        (Some("string"), _) => "s".into(),
        (Some("integer"), _) => "i".into(),
        (Some("number"), _) => "n".into(),
        (Some("boolean"), _) => "b".into(),
        _ => "*".into(),
    }
}

/// What server-side apply takes for one field, where it is not what the shape says.
fn structure(schema: &Value) -> String {
    let keys = schema["x-kubernetes-list-map-keys"].as_array();
    match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => {
            let keys: Vec<_> = keys.into_iter().flatten().filter_map(Value::as_str).collect();
            format!("#{}", keys.join(","))
        }
        Some("set") => "#".into(),
        _ if schema["x-kubernetes-map-type"] == "atomic" => "^".into(),
        _ => String::new(),
    }
}

fn patch_strategy(schema: &Value) -> String {
    let strategy = schema["x-kubernetes-patch-strategy"].as_str().unwrap_or_default();
    let mut out = String::new();
    if strategy.split(',').any(|s| s == "merge") {
        out.push('+');
        out.push_str(schema["x-kubernetes-patch-merge-key"].as_str().unwrap_or_default());
    }
    if strategy.split(',').any(|s| s == "retainKeys") {
        out.push('~');
    }
    out
}
