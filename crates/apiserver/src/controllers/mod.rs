//! What the server does by itself: collecting garbage, emptying namespaces, serving
//! custom kinds. A cluster has a control plane for this.

mod cascade;
mod definitions;
mod namespaces;
mod prepare;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt as _;
use serde_json::Value;

use crate::access::User;
use crate::api::Api;
use crate::custom::DEFINITIONS;
use crate::error::ApiError;
use crate::kinds::Resource;
use crate::request::Query;
use crate::response::Representation;
use crate::store::{EventKind, Key, Resumed, TableName};
use crate::verbs::{Call, Deletion, Modified, Precondition, Produced, delete_now, modify_stored};

use cascade::Cascade;

pub(crate) use definitions::definition_changed;
pub(crate) use prepare::prepare;

/// How many objects are deleted at once.
const CONCURRENCY: usize = 64;
/// How many events are looked at in one go.
const BATCH: usize = 1024;

/// Works until the server stops.
pub(crate) async fn run(api: Arc<Api>) {
    let mut changed = api.store.subscribe(None);
    let mut work = Work::default();
    let mut revision = work.begin(&api).await;
    loop {
        let _ = changed.borrow_and_update();
        match api.store.events_after(None, revision, BATCH) {
            Resumed::Gone => revision = work.begin(&api).await,
            Resumed::Events(events, reached) => {
                for event in &events {
                    work.see(&event.table, &event.key, event.kind, &event.record);
                }
                revision = reached;
                work.act(&api).await;
                if events.len() == BATCH {
                    continue;
                }
            }
        }
        tokio::select! {
            changed = changed.changed() => if changed.is_err() { return },
            () = api.stopped() => return,
        }
    }
}

/// What is to be done.
#[derive(Default)]
struct Work {
    cascade: Cascade,
    /// Namespaces that are being deleted.
    namespaces: BTreeSet<Box<str>>,
    /// Definitions of custom kinds that are being deleted.
    definitions: BTreeSet<Box<str>>,
}

impl Work {
    /// Looks at everything; gives the revision of what it saw.
    async fn begin(&mut self, api: &Arc<Api>) -> u64 {
        *self = Work::default();
        let revision = api.store.durable_revision();
        for table in api.store.tables() {
            let of_interest =
                |_: &Key, record: &crate::store::Record| record.has_owners || record.is_deleting;
            for (key, record) in api.store.list_now(&table, None, None, of_interest, usize::MAX).records {
                self.see(&table, &key, EventKind::Modified, &record);
            }
        }
        self.act(api).await;
        revision
    }

    fn see(&mut self, table: &TableName, key: &Key, kind: EventKind, record: &crate::store::Record) {
        let set = match &**table {
            "namespaces" => Some(&mut self.namespaces),
            DEFINITIONS => Some(&mut self.definitions),
            _ => None,
        };
        if let Some(set) = set {
            if kind != EventKind::Deleted && record.is_deleting {
                set.insert(key.name.clone());
            } else {
                set.remove(&key.name);
            }
        }
        self.cascade.see(table, key, kind, record);
    }

    async fn act(&mut self, api: &Arc<Api>) {
        self.cascade.act(api).await;
        for namespace in self.namespaces.clone() {
            namespaces::empty(api, &namespace).await;
        }
        for definition in self.definitions.clone() {
            definitions::finish(api, &definition).await;
        }
    }
}

/// Deletes objects, many at once; what cannot be deleted now comes again.
async fn delete_all(api: &Arc<Api>, objects: Vec<(Arc<Resource>, Key)>, deletion: &Deletion) {
    futures::stream::iter(objects)
        .for_each_concurrent(CONCURRENCY, |(resource, key)| async move {
            match delete_now(api, &resource, &key, deletion).await {
                Ok(_) => {}
                Err(error) if error.reason == "NotFound" => {}
                Err(error) => tracing::warn!(resource = %resource.qualified(), name = %key.name, error = error.message, "an object cannot be deleted"),
            }
        })
        .await;
}

/// The kind of a table's objects.
fn resource_of(api: &Arc<Api>, table: &str) -> Option<Arc<Resource>> {
    let (group, plural) = table.split_once('/').unwrap_or(("", table));
    api.registry().find(group, plural).cloned()
}

/// Takes a finalizer away from an object.
fn remove_finalizer(object: &mut Value, finalizer: &str) {
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
        finalizers.retain(|other| other != finalizer);
        if finalizers.is_empty() {
            metadata.remove("finalizers");
        }
    }
}

/// Changes an object in the name of the server.
pub(crate) async fn change(
    api: &Arc<Api>,
    resource: &Arc<Resource>,
    key: &Key,
    subresource: &str,
    manager: &str,
    change: &(dyn Fn(&mut Value) + Sync),
) -> Result<(), ApiError> {
    let user = User::server();
    let version = resource.version(&resource.storage_version).or(resource.versions.first());
    let Some(version) = version else { return Ok(()) };
    let mut call = Call {
        api,
        resource,
        version,
        namespace: &key.namespace,
        name: &key.name,
        subresource,
        query: Query { field_manager: Some(manager.to_owned()), ..Query::default() },
        user: &user,
        agent: manager,
        representation: Representation::negotiate("", false)?,
        warnings: Vec::new(),
    };
    let produce = |_: &Call<'_>, live: &Value| {
        let mut object = live.clone();
        change(&mut object);
        Ok(Produced::Object(object))
    };
    match modify_stored(&mut call, Precondition::None, &produce).await? {
        Modified::Kept(_) | Modified::Unchanged(_) | Modified::Tried(_) | Modified::Gone(_) => Ok(()),
    }
}
