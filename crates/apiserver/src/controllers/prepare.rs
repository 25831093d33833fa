//! What every server begins with: a few namespaces, the roles that Kubernetes has,
//! the custom kinds that are defined already.

use std::sync::Arc;

use serde_json::{Value, json};

use super::definitions;
use crate::access::initial;
use crate::api::Api;
use crate::custom::DEFINITIONS;
use crate::kinds::prepare_create;
use crate::store::{Change, Encoded, Expect, Key, Record};
use crate::verbs::{new_uid, now};

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Creates what is missing; serves the kinds that are defined.
pub(crate) async fn prepare(api: &Arc<Api>) {
    let everything = |_: &Key, _: &Record| true;
    for (_, record) in api.store.list_now(DEFINITIONS, None, None, everything, usize::MAX).records {
        definitions::serve(api, &record.value());
    }
    let namespaces =
        NAMESPACES.map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    let objects: Vec<Value> = namespaces.into_iter().chain(initial()).collect();
    // All at once: they are made durable together.
    futures::future::join_all(objects.into_iter().map(|object| create(api, object))).await;
}

async fn create(api: &Arc<Api>, mut object: Value) {
    let (group, version) = match object["apiVersion"].as_str().unwrap_or_default().split_once('/') {
        Some((group, version)) => (group.to_owned(), version.to_owned()),
        None => (String::new(), "v1".to_owned()),
    };
    let registry = api.registry();
    let Some(resource) = registry.of_kind(&group, object["kind"].as_str().unwrap_or_default()) else {
        return;
    };
    let key = Key::new("", object["metadata"]["name"].as_str().unwrap_or_default());
    if api.store.peek(&resource.table, &key).is_some() {
        return;
    }
    if let Some(version) = resource.version(&version) {
        // What this program says is of the right types.
        let _ = version.normalize(&resource.kind, &mut object, &mut Vec::new());
    }
    prepare_create(resource, &mut object);
    object["metadata"]["uid"] = new_uid().into();
    object["metadata"]["creationTimestamp"] = now().into();
    // Another process cannot be here: the folder is locked.
    let _ = api.store.write(&resource.table, &key, Expect::Absent, Change::Put(Encoded::new(&object))).await;
}
