//! What a sync would do, as a value: for people before it happens, and for tests.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use syncline_manifest::ObjectKey;
use syncline_manifest::compare::{Difference, DifferenceKind, differences};
use syncline_manifest::schema::{Scope, Shape};

use super::FIELD_MANAGER;
use super::index::applied_body;
use super::inventory::Inventory;
use super::prune::{PruneHold, hold};
use crate::api::ClusterName;
use crate::fleet::{ApplyMode, ApplyOptions};
use crate::place::Desired;
use crate::target::{Discovery, Live};

/// What a sync of one target would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The target.
    pub target: ClusterName,
    /// Every object that is or should be on it.
    pub objects: Vec<PlannedObject>,
    /// Why nothing is pruned, if something would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_hold: Option<PruneHold>,
}

/// What would happen to one object.
#[derive(Debug, Serialize)]
pub struct PlannedObject {
    /// The object.
    #[serde(flatten)]
    pub key: ObjectKey,
    /// What would happen to it.
    #[serde(flatten)]
    pub action: Action,
}

/// What would happen to an object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "camelCase")]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It is otherwise.
    Update {
        /// What is otherwise.
        differences: Vec<Difference>,
    },
    /// It left Git and is deleted.
    Prune,
    /// It left Git and stays, because its annotation says so.
    Release,
    /// It is as it should be.
    Unchanged,
    /// It cannot be applied now.
    Blocked {
        /// Why.
        reason: String,
    },
}

/// Compares what is desired with what is there. `live` holds the members of the
/// inventory and whatever exists under a desired name.
pub fn plan(
    desired: &Desired,
    live: &BTreeMap<ObjectKey, Live>,
    inventory: &Inventory,
    discovery: &Discovery,
) -> Plan {
    let mut objects = Vec::new();
    let mut wanted = BTreeMap::new();
    for object in desired.objects.values() {
        let mut key = object.resource.key.clone();
        let kind = discovery.kind(&key.group_kind);
        match (kind.map(|kind| kind.scope), &key.namespace) {
            (Some(Scope::Namespaced), None) => key.namespace = Some("default".into()),
            (Some(Scope::Cluster), Some(_)) => key.namespace = None,
            _ => {}
        }
        let action = match (kind, live.get(&key)) {
            (None, _) => Action::Blocked { reason: format!("the server has no kind {}", key.group_kind) },
            (Some(_), None) => Action::Create,
            (Some(_), Some(_)) if object.resource.options.apply == ApplyMode::IfMissing => Action::Unchanged,
            (Some(_), Some(live)) => {
                let body = applied_body(object, &key, inventory);
                let mut found =
                    differences(&body, &live.value, Shape::of(&object.resource.gvk()), FIELD_MANAGER);
                if key.group_kind.is("", "Secret") {
                    found.iter_mut().for_each(hide_values);
                }
                if found.is_empty() { Action::Unchanged } else { Action::Update { differences: found } }
            }
        };
        wanted.insert(key.clone(), ());
        objects.push(PlannedObject { key, action });
    }
    for (key, conflict) in &desired.conflicts {
        let places: Vec<String> = conflict.origins.iter().map(ToString::to_string).collect();
        let reason = format!("is defined more than once: {}", places.join(", "));
        wanted.insert(key.clone(), ());
        objects.push(PlannedObject { key: key.clone(), action: Action::Blocked { reason } });
    }
    let is_member = |live: &Live| live.label(super::inventory::MEMBER_LABEL) == Some(inventory.id());
    let members = live.values().filter(|live| is_member(live));
    let total = members.clone().count();
    let mut pruned = 0;
    let unwanted = members.filter(|live| !wanted.contains_key(&live.key) && !live.is_terminating());
    for live in unwanted.filter(|live| !desired.keeps(&live.value)) {
        let action = if live.annotation(ApplyOptions::PRUNE) == Some("disabled") {
            Action::Release
        } else {
            pruned += 1;
            Action::Prune
        };
        objects.push(PlannedObject { key: live.key.clone(), action });
    }
    objects.sort_by(|a, b| a.key.cmp(&b.key));
    Plan { target: desired.target.clone(), objects, prune_hold: hold(desired, false, pruned, total) }
}

/// A plan is shown and stored; values of Secrets are not.
fn hide_values(difference: &mut Difference) {
    if let DifferenceKind::Value { desired, live } = &mut difference.kind {
        *desired = Value::from("***");
        *live = live.as_ref().map(|_| Value::from("***"));
    }
}

impl Plan {
    /// How many objects would be created, updated, pruned, left unchanged, blocked.
    pub fn counts(&self) -> [usize; 5] {
        let mut counts = [0; 5];
        for object in &self.objects {
            let place = match object.action {
                Action::Create => 0,
                Action::Update { .. } => 1,
                Action::Prune | Action::Release => 2,
                Action::Unchanged => 3,
                Action::Blocked { .. } => 4,
            };
            counts[place] += 1;
        }
        counts
    }
}
