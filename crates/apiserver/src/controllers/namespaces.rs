//! Namespaces that are being deleted: emptied first, then gone.

use std::sync::Arc;

use super::{change, delete_all};
use crate::api::Api;
use crate::request::Propagation;
use crate::store::{Key, Record};
use crate::verbs::Deletion;

/// Deletes what is in a namespace; when nothing is, the namespace goes.
pub(super) async fn empty(api: &Arc<Api>, namespace: &str) {
    let everything = |deleting: bool| {
        let registry = api.registry();
        let mut found = Vec::new();
        for resource in registry.sorted().into_iter().filter(|resource| resource.is_namespaced()) {
            let matches = |_: &Key, record: &Record| deleting || !record.is_deleting;
            let listed = api.store.list_now(&resource.table, Some(namespace), None, matches, usize::MAX);
            found.extend(listed.records.into_iter().map(|(key, _)| (Arc::clone(resource), key)));
        }
        found
    };
    // Nobody keeps what is in a namespace that goes.
    let deletion =
        Deletion { propagation: Some(Propagation::Background), grace_period: Some(0), ..Deletion::default() };
    delete_all(api, everything(false), &deletion).await;
    if !everything(true).is_empty() {
        return;
    }
    let Some(resource) = api.registry().find("", "namespaces").cloned() else { return };
    let key = Key::new("", namespace);
    let finalize = |object: &mut serde_json::Value| {
        if let Some(spec) = object["spec"].as_object_mut() {
            spec.remove("finalizers");
        }
    };
    if let Err(error) = change(api, &resource, &key, "finalize", "namespace-controller", &finalize).await
        && error.reason != "NotFound"
    {
        tracing::warn!(namespace, error = error.message, "a namespace cannot be finished");
    }
}
