//! The paths of kinds, with the options that clients look for.

use serde_json::{Map, Value, json};

use super::schemas::Dialect;
use crate::kinds::{Resource, Version};

const PATCHES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// Adds the paths of a kind.
pub(super) fn add(
    paths: &mut Map<String, Value>,
    dialect: Dialect,
    resource: &Resource,
    version: &Version,
    reference: &str,
) {
    let root = if resource.group.is_empty() {
        format!("/api/{}", version.name)
    } else {
        format!("/apis/{}/{}", resource.group, version.name)
    };
    let collection = if resource.is_namespaced() {
        format!("{root}/namespaces/{{namespace}}/{}", resource.plural)
    } else {
        format!("{root}/{}", resource.plural)
    };
    let operation = |action: &str, options: &[&str], body: &[&str]| {
        operation(dialect, resource, version, reference, action, options, body)
    };
    let listing = ["labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "watch"];
    let writing = ["dryRun", "fieldManager", "fieldValidation"];
    let patching = ["dryRun", "fieldManager", "fieldValidation", "force"];
    let deleting = ["dryRun", "gracePeriodSeconds", "propagationPolicy"];
    let json = ["application/json", "application/yaml"];
    let patches: Vec<&str> =
        PATCHES.iter().copied().filter(|patch| !resource.is_custom || !patch.contains("strategic")).collect();
    paths.insert(
        collection.clone(),
        json!({
            "get": operation("list", &listing, &[]), "post": operation("post", &writing, &json),
            "delete": operation("deletecollection", &deleting, &[]),
        }),
    );
    paths.insert(
        format!("{collection}/{{name}}"),
        json!({
            "get": operation("get", &[], &[]), "put": operation("put", &writing, &json),
            "patch": operation("patch", &patching, &patches), "delete": operation("delete", &deleting, &[]),
        }),
    );
    if resource.is_namespaced() {
        paths.insert(format!("{root}/{}", resource.plural), json!({"get": operation("list", &listing, &[])}));
    }
}

fn operation(
    dialect: Dialect,
    resource: &Resource,
    version: &Version,
    reference: &str,
    action: &str,
    options: &[&str],
    body: &[&str],
) -> Value {
    let mut parameters: Vec<Value> = options
        .iter()
        .map(|name| {
            let kind = match *name {
                "watch" | "force" => "boolean",
                "limit" | "gracePeriodSeconds" => "integer",
                _ => "string",
            };
            match dialect {
                Dialect::V3 => {
                    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
                }
                Dialect::V2 => json!({"name": name, "in": "query", "type": kind, "uniqueItems": true}),
            }
        })
        .collect();
    let mut operation = json!({
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": resource.group, "version": version.name, "kind": resource.kind},
    });
    match dialect {
        Dialect::V3 => {
            let content = |reference: &str| json!({"schema": {"$ref": reference}});
            operation["responses"] =
                json!({"200": {"description": "OK", "content": {"application/json": content(reference)}}});
            if !body.is_empty() {
                let all: Map<String, Value> =
                    body.iter().map(|media_type| ((*media_type).to_owned(), content(reference))).collect();
                operation["requestBody"] = json!({"content": all, "required": true});
            }
        }
        Dialect::V2 => {
            operation["responses"] = json!({"200": {"description": "OK", "schema": {"$ref": reference}}});
            if !body.is_empty() {
                operation["consumes"] = json!(body);
                parameters.push(
                    json!({"name": "body", "in": "body", "required": true, "schema": {"$ref": reference}}),
                );
            }
        }
    }
    operation["parameters"] = parameters.into();
    operation
}
