//! Custom kinds come and go with their definitions.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{change, delete_all, remove_finalizer, resource_of};
use crate::api::Api;
use crate::custom::{self, DEFINITION_FINALIZER, DEFINITIONS};
use crate::request::Propagation;
use crate::store::{Key, Record};
use crate::verbs::{Deletion, now};

const MANAGER: &str = "kube-apiserver";

/// A definition was stored (or deleted, if there is none): from now on its kind is
/// served as it says.
pub(crate) fn definition_changed<'a>(
    api: &'a Arc<Api>,
    key: &'a Key,
    definition: Option<&'a Value>,
) -> BoxFuture<'a, ()> {
    Box::pin(take_up(api, key, definition))
}

async fn take_up(api: &Arc<Api>, key: &Key, definition: Option<&Value>) {
    let Some(definition) = definition else {
        let (plural, group) = key.name.split_once('.').unwrap_or((&key.name, ""));
        api.change_registry(|registry| registry.remove(group, plural));
        return;
    };
    if definition["metadata"].get("deletionTimestamp").is_some() {
        return;
    }
    serve(api, definition);
    let Some(resource) = resource_of(api, DEFINITIONS) else { return };
    if !is_told(definition) {
        let outcome = change(api, &resource, key, "status", MANAGER, &tell).await;
        if let Err(error) = outcome {
            tracing::warn!(name = %key.name, error = error.message, "the status of a definition cannot be written");
        }
    }
}

/// Serves a kind as its definition says.
pub(super) fn serve(api: &Arc<Api>, definition: &Value) {
    let read = custom::read(definition);
    if !read.resource.versions.is_empty() {
        api.change_registry(|registry| registry.add(read.resource));
    }
}

/// Whether the status says all that it should.
fn is_told(definition: &Value) -> bool {
    let established = definition["status"]["conditions"].as_array().is_some_and(|all| {
        all.iter().any(|condition| condition["type"] == "Established" && condition["status"] == "True")
    });
    let stored = storage_version(definition);
    let is_listed =
        definition["status"]["storedVersions"].as_array().is_some_and(|all| all.contains(&stored));
    established && is_listed && definition["status"]["acceptedNames"] == definition["spec"]["names"]
}

fn storage_version(definition: &Value) -> Value {
    let versions = definition["spec"]["versions"].as_array();
    versions
        .into_iter()
        .flatten()
        .find(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .unwrap_or_default()
}

fn tell(definition: &mut Value) {
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now(), "reason": reason, "message": message});
    let stored = storage_version(definition);
    let mut versions = definition["status"]["storedVersions"].as_array().cloned().unwrap_or_default();
    if !versions.contains(&stored) {
        versions.push(stored);
    }
    let conditions = match &definition["status"]["conditions"] {
        Value::Array(conditions) if !conditions.is_empty() => Value::Array(conditions.clone()),
        _ => json!([
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ]),
    };
    definition["status"] = json!({
        "conditions": conditions, "acceptedNames": definition["spec"]["names"], "storedVersions": versions,
    });
}

/// A definition that is being deleted: first all objects of its kind go.
pub(super) async fn finish(api: &Arc<Api>, name: &str) {
    let (plural, group) = name.split_once('.').unwrap_or((name, ""));
    if let Some(resource) = api.registry().find(group, plural).cloned() {
        let all = |matches: &dyn Fn(&Record) -> bool| {
            let listed =
                api.store.list_now(&resource.table, None, None, |_, record| matches(record), usize::MAX);
            listed.records.into_iter().map(|(key, _)| (Arc::clone(&resource), key)).collect::<Vec<_>>()
        };
        let deletion = Deletion { propagation: Some(Propagation::Background), ..Deletion::default() };
        delete_all(api, all(&|record| !record.is_deleting), &deletion).await;
        if !all(&|_| true).is_empty() {
            return;
        }
    }
    let Some(resource) = resource_of(api, DEFINITIONS) else { return };
    let key = Key::new("", name);
    let outcome = change(api, &resource, &key, "", MANAGER, &|definition| {
        remove_finalizer(definition, DEFINITION_FINALIZER)
    })
    .await;
    if let Err(error) = outcome
        && error.reason != "NotFound"
    {
        tracing::warn!(name, error = error.message, "a definition cannot be finished");
    }
}
