//! OpenAPI documents, versions 3 and 2, as clients of the API read them: which fields
//! kinds have, how lists merge, which options writes take.
//!
//! The documents of built-in kinds are the same for all servers of a process and made
//! once; those of custom kinds are made when they are asked for.

mod binary;
mod documentation;
mod paths;
mod schemas;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::discovery::VERSION;
use crate::error::ApiError;
use crate::kinds::{Model, Registry, Resource, Version, builtin};
use crate::response::Reply;
use crate::store::Key;

use schemas::Dialect;

fn info() -> Value {
    json!({"title": "Kubernetes", "version": VERSION.2})
}

/// The documents there are: `api/v1`, `apis/apps/v1`.
fn document_names(registry: &Registry) -> BTreeMap<String, u64> {
    let mut names = BTreeMap::new();
    for resource in registry.sorted() {
        for version in &resource.versions {
            let name = document_name(&resource.group, &version.name);
            let serial = if resource.is_custom { resource.serial } else { 0 };
            let newest = names.entry(name).or_insert(0);
            *newest = serial.max(*newest);
        }
    }
    names
}

fn document_name(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// `/openapi/v3`.
pub(crate) fn index(registry: &Registry) -> Reply {
    let paths: Map<String, Value> = document_names(registry)
        .into_iter()
        .map(|(name, serial)| {
            let hash = format!("{}-{serial}", env!("CARGO_PKG_VERSION"));
            let url = format!("/openapi/v3/{name}?hash={hash}");
            (name, json!({"serverRelativeURL": url}))
        })
        .collect();
    Reply::value(StatusCode::OK, &json!({"paths": paths}))
}

/// One document of version 3.
pub(crate) fn document(api: &Arc<Api>, name: &str) -> Result<Reply, ApiError> {
    static BUILTIN: OnceLock<HashMap<String, OnceLock<Bytes>>> = OnceLock::new();
    let builtin = BUILTIN
        .get_or_init(|| document_names(&builtin()).into_keys().map(|name| (name, OnceLock::new())).collect());
    if let Some(document) = builtin.get(name) {
        let bytes = document.get_or_init(|| {
            made(&crate::kinds::builtin(), name, Dialect::V3, &|_, _| None).to_string().into()
        });
        return Ok(Reply::json(StatusCode::OK, bytes.clone()));
    }
    let registry = api.registry();
    if !document_names(&registry).contains_key(name) {
        return Err(ApiError::no_such_path());
    }
    let raw = |resource: &Resource, version: &Version| raw_schema(api, resource, version);
    Ok(Reply::json(StatusCode::OK, made(&registry, name, Dialect::V3, &raw).to_string().into()))
}

/// `/openapi/v2`: everything in one document.
pub(crate) fn everything(api: &Arc<Api>, accept: &str) -> Reply {
    let raw = |resource: &Resource, version: &Version| raw_schema(api, resource, version);
    let document = made(&api.registry(), "", Dialect::V2, &raw);
    if accept.contains("proto-openapi") {
        Reply::bytes(StatusCode::OK, binary::MEDIA_TYPE, binary::encoded(&document).into())
    } else {
        Reply::value(StatusCode::OK, &document)
    }
}

/// The schema of a custom kind, as its definition has it.
fn raw_schema(api: &Arc<Api>, resource: &Resource, version: &Version) -> Option<Value> {
    let key = Key::new("", &format!("{}.{}", resource.plural, resource.group));
    let definition = api.store.peek("apiextensions.k8s.io/customresourcedefinitions", &key)?.value();
    let versions = definition["spec"]["versions"].as_array()?;
    let found = versions.iter().find(|found| found["name"] == *version.name)?;
    Some(found["schema"]["openAPIV3Schema"].clone())
}

/// A document of one group and version, or of all.
fn made(
    registry: &Registry,
    name: &str,
    dialect: Dialect,
    raw: &dyn Fn(&Resource, &Version) -> Option<Value>,
) -> Value {
    let mut schemas = schemas::Schemas::new(dialect);
    let mut paths = Map::new();
    for resource in registry.sorted() {
        for version in &resource.versions {
            if !name.is_empty() && document_name(&resource.group, &version.name) != name {
                continue;
            }
            let reference = match &version.model {
                Model::Builtin(shape) => schemas.builtin(*shape, resource, version),
                Model::Custom(_) => schemas.custom(resource, version, raw(resource, version)),
            };
            paths::add(&mut paths, dialect, resource, version, &reference);
        }
    }
    match dialect {
        Dialect::V3 => {
            json!({"openapi": "3.0.0", "info": info(), "paths": paths, "components": {"schemas": schemas.all()}})
        }
        Dialect::V2 => {
            json!({"swagger": "2.0", "info": info(), "paths": paths, "definitions": schemas.all()})
        }
    }
}
