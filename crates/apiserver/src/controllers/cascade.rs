//! Deleting what is owned when its owner goes: afterwards, before, or never.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::{change, delete_all, remove_finalizer, resource_of};
use crate::api::Api;
use crate::kinds::Resource;
use crate::request::Propagation;
use crate::store::{EventKind, Key, Record, TableName};
use crate::verbs::{Deletion, FOREGROUND, ORPHAN};

const MANAGER: &str = "garbage-collector";

type Place = (TableName, Key);

/// Who owns what, and what is to be done about it.
#[derive(Default)]
pub(super) struct Cascade {
    /// What is owned, by the uid of the owner.
    owned: HashMap<Box<str>, BTreeSet<Place>>,
    /// The uids of the owners of what is owned.
    owners: BTreeMap<Place, Vec<Box<str>>>,
    /// What may have lost its last owner.
    suspects: BTreeSet<Place>,
    /// Owners that wait for what they own.
    waiting: BTreeSet<Place>,
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn references(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten()
}

fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|other| other == finalizer))
}

impl Cascade {
    /// Takes note of an event.
    pub fn see(&mut self, table: &TableName, key: &Key, kind: EventKind, record: &Record) {
        let place = (Arc::clone(table), key.clone());
        let was_owned = self.owners.contains_key(&place);
        if kind == EventKind::Deleted {
            self.forget(&place);
            self.waiting.remove(&place);
            if !self.owned.is_empty()
                && let Some(orphans) = self.owned.get(uid(&record.value()))
            {
                self.suspects.extend(orphans.iter().cloned());
            }
            return;
        }
        if record.is_deleting {
            let object = record.value();
            if has_finalizer(&object, FOREGROUND) || has_finalizer(&object, ORPHAN) {
                self.waiting.insert(place.clone());
            }
        }
        if !record.has_owners {
            if was_owned {
                self.forget(&place);
            }
            return;
        }
        let object = record.value();
        let uids: Vec<Box<str>> =
            references(&object).filter_map(|reference| reference["uid"].as_str()).map(Box::from).collect();
        if self.owners.get(&place) == Some(&uids) {
            return;
        }
        self.forget(&place);
        for uid in &uids {
            self.owned.entry(uid.clone()).or_default().insert(place.clone());
        }
        self.owners.insert(place.clone(), uids);
        // Its owner may be gone already.
        self.suspects.insert(place);
    }

    fn forget(&mut self, place: &Place) {
        for uid in self.owners.remove(place).into_iter().flatten() {
            if let Some(owned) = self.owned.get_mut(&uid) {
                owned.remove(place);
                if owned.is_empty() {
                    self.owned.remove(&uid);
                }
            }
        }
    }

    /// Does what is to be done now.
    pub async fn act(&mut self, api: &Arc<Api>) {
        let suspects = std::mem::take(&mut self.suspects);
        let mut orphans = Vec::new();
        let mut known: HashSet<Box<str>> = HashSet::new();
        for (table, key) in suspects {
            let Some(resource) = resource_of(api, &table) else { continue };
            let Some(record) = api.store.peek(&table, &key) else { continue };
            let object = record.value();
            let mut references = references(&object).peekable();
            if references.peek().is_some()
                && !references.any(|reference| exists(api, &key, reference, &mut known))
            {
                orphans.push((resource, key));
            }
        }
        let background = Deletion { propagation: Some(Propagation::Background), ..Deletion::default() };
        delete_all(api, orphans, &background).await;
        for (table, key) in self.waiting.clone() {
            let Some(resource) = resource_of(api, &table) else { continue };
            let Some(record) = api.store.peek(&table, &key) else { continue };
            let object = record.value();
            if has_finalizer(&object, ORPHAN) {
                self.release(api, &object).await;
                drop_finalizer(api, &resource, &key, ORPHAN).await;
            } else if has_finalizer(&object, FOREGROUND) && self.descend(api, &object).await {
                drop_finalizer(api, &resource, &key, FOREGROUND).await;
            }
            self.waiting.remove(&(table.clone(), key.clone()));
            if api.store.peek(&table, &key).is_some_and(|record| {
                let object = record.value();
                has_finalizer(&object, FOREGROUND) || has_finalizer(&object, ORPHAN)
            }) {
                self.waiting.insert((table, key));
            }
        }
    }

    /// Takes the owner out of all that it owns.
    async fn release(&self, api: &Arc<Api>, owner: &Value) {
        let uid = uid(owner);
        for (table, key) in self.owned.get(uid).cloned().unwrap_or_default() {
            let Some(resource) = resource_of(api, &table) else { continue };
            let release = |object: &mut Value| {
                let Some(metadata) = object["metadata"].as_object_mut() else { return };
                if let Some(references) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) {
                    references.retain(|reference| reference["uid"] != uid);
                    if references.is_empty() {
                        metadata.remove("ownerReferences");
                    }
                }
            };
            // What is gone needs no release.
            let _ = change(api, &resource, &key, "", MANAGER, &release).await;
        }
    }

    /// Deletes what an owner owns; tells whether nothing of it holds the owner up.
    async fn descend(&self, api: &Arc<Api>, owner: &Value) -> bool {
        let uid = uid(owner);
        let mut doomed = Vec::new();
        for (table, key) in self.owned.get(uid).into_iter().flatten() {
            let Some(resource) = resource_of(api, table) else { continue };
            let Some(record) = api.store.peek(table, key) else { continue };
            if !record.is_deleting {
                doomed.push((resource, key.clone()));
            }
        }
        let foreground = Deletion { propagation: Some(Propagation::Foreground), ..Deletion::default() };
        delete_all(api, doomed, &foreground).await;
        !self.owned.get(uid).into_iter().flatten().any(|(table, key)| {
            api.store.peek(table, key).is_some_and(|record| {
                let object = record.value();
                references(&object)
                    .any(|reference| reference["uid"] == uid && reference["blockOwnerDeletion"] == true)
            })
        })
    }
}

async fn drop_finalizer(api: &Arc<Api>, resource: &Arc<Resource>, key: &Key, finalizer: &str) {
    if let Err(error) =
        change(api, resource, key, "", MANAGER, &|object| remove_finalizer(object, finalizer)).await
        && error.reason != "NotFound"
    {
        tracing::warn!(name = %key.name, error = error.message, "a finalizer cannot be removed");
    }
}

/// Whether an owner is there: the object of the name, with the uid.
fn exists(api: &Arc<Api>, key: &Key, reference: &Value, known: &mut HashSet<Box<str>>) -> bool {
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    if known.contains(text("uid")) {
        return true;
    }
    let (group, _) = text("apiVersion").split_once('/').unwrap_or(("", ""));
    let Some(resource) = api.registry().of_kind(group, text("kind")).cloned() else {
        // Of a kind that is not known here: nobody can tell.
        return true;
    };
    let namespace = if resource.is_namespaced() { &*key.namespace } else { "" };
    let owner = api.store.peek(&resource.table, &Key::new(namespace, text("name")));
    let is_there = owner.is_some_and(|owner| uid(&owner.value()) == text("uid"));
    if is_there {
        known.insert(text("uid").into());
    }
    is_there
}
