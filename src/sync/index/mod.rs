//! What is known of one target, and what to do next. Plain data: no clock, no
//! client, no task; fed by calls and asked for steps.
//!
//! This file holds the state and what a new commit does to it; `observe` takes in
//! what watches see, `steps` gives steps and takes in how they ended, `waves` and
//! `prune` are the rules of their names.

mod dependencies;
mod gates;
mod observe;
mod prune;
mod steps;
mod waves;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use syncline_manifest::schema::Scope;
use syncline_manifest::{GroupKind, ObjectKey};

use super::drift::DriftLog;
use super::health::Health;
use super::health_expressions::HealthExpressions;
use super::inventory::{Inventory, MEMBER_LABEL};
use super::order::Phase;
use crate::fleet::{ApplyMode, ApplyOptions, Digest, OnImmutable, remove_field};
use crate::place::{Desired, DesiredObject};
use crate::render::release::Owner;
use crate::target::{Discovery, KindOnServer, Live, TargetError, Watched};
use dependencies::Dependencies;
pub(super) use gates::Gate;

/// One thing to do on a target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub key: ObjectKey,
    pub on_server: KindOnServer,
    /// Whose permissions are used; syncline's own where nobody is named.
    pub acting_as: Option<Arc<str>>,
    pub action: StepAction,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum StepAction {
    /// Server-side apply.
    Apply {
        version: String,
        body: Vec<u8>,
        digest: Digest,
        /// Whether the object was not there: its namespace may be missing too.
        is_new: bool,
        mode: ApplyMode,
        immutable: OnImmutable,
    },
    /// Delete an object that left Git.
    Delete { uid: String },
    /// Take an object out of the inventory and leave it alone.
    Release,
}

/// How a step ended.
#[derive(Debug)]
pub(super) enum Outcome {
    Applied { live: Box<Live>, digest: Digest },
    Removed,
    Failed { error: TargetError, digest: Option<Digest> },
}

/// Something that people should hear of at once.
#[derive(Debug, PartialEq)]
pub(super) enum Notice {
    /// An object that was in sync no longer is; `fields` names what changed.
    Drifted { key: ObjectKey, manager: Option<String>, fields: Vec<String> },
    /// A CustomResourceDefinition became usable.
    KindsChanged,
}

pub(super) struct Wanted {
    pub object: DesiredObject,
    phase: Phase,
}

/// What is kept of an object of the target: what a decision needs.
pub(super) struct Member {
    uid: Box<str>,
    version: Box<str>,
    pub health: Health,
    pub state: MemberState,
    is_released_on_prune: bool,
    /// It was there before, and stays whatever happens: it was only to be seen to that there
    /// is one. Watches do not see it.
    is_foreign: bool,
    /// The release that it is of, if it is of one.
    pub owner: Option<Owner>,
    /// An apply of this digest changed nothing in an object of that content, though
    /// they looked different.
    same: Option<(Digest, Digest)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberState {
    /// It is what the digest says.
    Clean(Digest),
    /// It is wanted otherwise.
    Differs,
    /// It left Git.
    Unwanted,
    /// It is being deleted.
    Terminating,
}

pub(super) struct Failure {
    pub error: TargetError,
    pub attempts: u32,
    digest: Option<Digest>,
}

/// What is known of one target.
pub(super) struct Index {
    pub inventory: Inventory,
    discovery: Arc<Discovery>,
    pub desired: Arc<Desired>,
    health: HealthExpressions,
    confirm_prune: bool,
    pub wanted: BTreeMap<ObjectKey, Wanted>,
    pub members: HashMap<ObjectKey, Member>,
    queue: BTreeSet<(Phase, ObjectKey)>,
    in_flight: HashMap<ObjectKey, Phase>,
    /// What was seen of an object while a step for it was under way.
    stash: HashMap<ObjectKey, Watched>,
    pub failures: HashMap<ObjectKey, Failure>,
    retries: BTreeSet<(Instant, ObjectKey)>,
    /// The same, by object.
    delayed: HashMap<ObjectKey, Instant>,
    gated: BTreeSet<ObjectKey>,
    waiting_for_kind: BTreeSet<ObjectKey>,
    listing: HashMap<GroupKind, HashSet<ObjectKey>>,
    listed: HashSet<GroupKind>,
    pub drifts: HashMap<ObjectKey, DriftLog>,
    /// Applications with more than one wave.
    waves: HashMap<Arc<str>, BTreeMap<i32, Vec<ObjectKey>>>,
    /// Releases that wait for others.
    dependencies: Dependencies,
    /// How far the releases of charts are, by application.
    gates: HashMap<Arc<str>, Gate>,
    /// Releases that left Git, whose objects wait for hooks before they are deleted.
    prune_held: HashSet<Owner>,
}

impl Index {
    pub fn new(
        inventory: Inventory,
        discovery: Arc<Discovery>,
        desired: Arc<Desired>,
        confirm_prune: bool,
    ) -> Index {
        let mut index = Index {
            inventory,
            discovery,
            desired: Arc::clone(&desired),
            health: HealthExpressions::new(&desired.health_checks),
            confirm_prune,
            wanted: BTreeMap::new(),
            members: HashMap::new(),
            queue: BTreeSet::new(),
            in_flight: HashMap::new(),
            stash: HashMap::new(),
            failures: HashMap::new(),
            retries: BTreeSet::new(),
            delayed: HashMap::new(),
            gated: BTreeSet::new(),
            waiting_for_kind: BTreeSet::new(),
            listing: HashMap::new(),
            listed: HashSet::new(),
            drifts: HashMap::new(),
            waves: HashMap::new(),
            dependencies: Dependencies::default(),
            gates: HashMap::new(),
            prune_held: HashSet::new(),
        };
        index.set_desired(desired);
        index
    }

    /// Takes over what a new commit wants.
    pub fn set_desired(&mut self, desired: Arc<Desired>) {
        self.desired = desired;
        self.wanted = self
            .desired
            .objects
            .values()
            .map(|object| {
                let key = self.key_on_target(&object.resource.key);
                let phase = Phase::of(&key.group_kind);
                (key, Wanted { object: object.clone(), phase })
            })
            .collect();
        self.waves = waves::of(&self.wanted);
        self.dependencies = Dependencies::of(&self.desired.releases, &self.wanted);
        self.queue.clear();
        self.gated.clear();
        self.waiting_for_kind.clear();
        let wanted = &self.wanted;
        self.failures.retain(|key, failure| {
            wanted.get(key).is_some_and(|wanted| failure.digest == Some(wanted.object.resource.digest))
        });
        self.drifts.retain(|key, _| wanted.contains_key(key));
        // A new commit is tried at once, whatever the one before it met with.
        let (failures, drifts) = (&self.failures, &self.drifts);
        self.delayed.retain(|key, _| {
            failures.contains_key(key) || drifts.get(key).is_some_and(DriftLog::is_contested)
        });
        self.retries = self.delayed.iter().map(|(key, at)| (*at, key.clone())).collect();
        let conflicts: HashSet<ObjectKey> =
            self.desired.conflicts.keys().map(|key| self.key_on_target(key)).collect();
        let wanted = &self.wanted;
        self.members.retain(|key, member| !member.is_foreign || wanted.contains_key(key));
        let kept = &self.desired.kept;
        for (key, member) in &mut self.members {
            let is_kept = member.owner.as_ref().is_some_and(|owner| kept.contains_key(owner));
            let is_wanted = self.wanted.contains_key(key) || conflicts.contains(key) || is_kept;
            member.state = match member.state {
                MemberState::Unwanted if is_wanted => MemberState::Differs,
                MemberState::Clean(_) | MemberState::Differs if !is_wanted => MemberState::Unwanted,
                other => other,
            };
        }
        let keys: Vec<ObjectKey> = self.wanted.keys().cloned().collect();
        keys.into_iter().for_each(|key| self.consider(key));
    }

    /// The kinds the server has.
    pub fn discovery(&self) -> Arc<Discovery> {
        Arc::clone(&self.discovery)
    }

    /// Takes over what kinds the server has now.
    pub fn set_discovery(&mut self, discovery: Arc<Discovery>) {
        self.discovery = discovery;
        self.set_desired(Arc::clone(&self.desired));
    }

    /// The key under which the target knows an object.
    fn key_on_target(&self, key: &ObjectKey) -> ObjectKey {
        let mut key = key.clone();
        match (self.discovery.kind(&key.group_kind).map(|kind| kind.scope), &key.namespace) {
            (Some(Scope::Namespaced), None) => key.namespace = Some("default".into()),
            (Some(Scope::Cluster), Some(_)) => key.namespace = None,
            _ => {}
        }
        key
    }

    /// The kinds of which objects are or may be on the target, with how to reach
    /// them; kinds that the server no longer has hold nothing.
    pub fn kinds_to_watch(&self) -> Vec<(GroupKind, KindOnServer)> {
        let kinds: BTreeSet<&GroupKind> =
            self.inventory.kinds.iter().chain(self.wanted.keys().map(|key| &key.group_kind)).collect();
        kinds
            .into_iter()
            .filter_map(|kind| Some((kind.clone(), self.discovery.kind(kind)?.clone())))
            .filter(|(_, on_server)| on_server.is_watchable)
            .collect()
    }

    /// The kinds and namespaces that the inventory must list before anything else
    /// happens.
    pub fn needed(&self) -> (BTreeSet<GroupKind>, BTreeSet<String>) {
        let keys = || self.wanted.keys().chain(self.members.keys());
        (
            keys().map(|key| key.group_kind.clone()).collect(),
            keys().filter_map(|key| key.namespace.as_deref().map(str::to_owned)).collect(),
        )
    }

    /// Puts a wanted object where it belongs: nowhere when it is clean, else into
    /// the queue or among those that wait.
    fn consider(&mut self, key: ObjectKey) {
        let Some(wanted) = self.wanted.get(&key) else { return };
        let digest = wanted.object.resource.digest;
        if wanted.object.resource.options.apply == ApplyMode::IfMissing
            && let Some(member) = self.members.get_mut(&key)
            && member.state != MemberState::Terminating
        {
            member.state = MemberState::Clean(digest);
        }
        let state = self.members.get(&key).map(|member| member.state);
        if self.in_flight.contains_key(&key)
            || state == Some(MemberState::Clean(digest))
            || state == Some(MemberState::Terminating)
        {
            return;
        }
        let version = wanted.object.resource.api_version.rsplit('/').next().unwrap_or_default();
        let is_served = self
            .discovery
            .kind(&key.group_kind)
            .is_some_and(|kind| kind.is_watchable && kind.versions.iter().any(|served| served == version));
        if !is_served {
            self.waiting_for_kind.insert(key);
        } else if self.listed.contains(&key.group_kind) && !self.is_delayed(&key) {
            self.queue.insert((wanted.phase, key));
        }
    }

    fn is_delayed(&self, key: &ObjectKey) -> bool {
        self.delayed.contains_key(key)
    }

    fn undelay(&mut self, key: &ObjectKey) {
        if let Some(at) = self.delayed.remove(key) {
            self.retries.remove(&(at, key.clone()));
        }
    }

    fn delay(&mut self, key: &ObjectKey, until: Instant) {
        if let Some(before) = self.delayed.insert(key.clone(), until) {
            self.retries.remove(&(before, key.clone()));
        }
        self.retries.insert((until, key.clone()));
    }

    /// Whether a wanted object is in sync and healthy.
    pub fn is_done(&self, key: &ObjectKey) -> bool {
        self.is_in_sync(key) && self.members.get(key).is_some_and(|member| member.health.is_healthy())
    }

    /// Whether a wanted object is as it should be.
    pub fn is_in_sync(&self, key: &ObjectKey) -> bool {
        let digest = self.wanted.get(key).map(|wanted| wanted.object.resource.digest);
        matches!((self.members.get(key), digest), (Some(member), Some(digest)) if member.state == MemberState::Clean(digest))
    }

    /// Whether an object waits for an earlier wave.
    pub fn is_gated(&self, key: &ObjectKey) -> bool {
        self.gated.contains(key)
    }

    /// Whether an object waits for its kind to exist.
    pub fn is_waiting_for_kind(&self, key: &ObjectKey) -> bool {
        self.waiting_for_kind.contains(key)
    }

    /// Whether any object waits for its kind to exist.
    pub fn waits_for_kinds(&self) -> bool {
        !self.waiting_for_kind.is_empty()
    }

    /// Whether everything the target has is known.
    pub fn is_complete(&self) -> bool {
        self.kinds_to_watch().iter().all(|(kind, _)| self.listed.contains(kind))
    }

    /// Whether steps are waiting or under way.
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty() || !self.in_flight.is_empty()
    }
}

impl Member {
    fn new(
        live: &Live,
        inventory: &Inventory,
        health: Health,
        state: MemberState,
        same: Option<(Digest, Digest)>,
    ) -> Member {
        Member {
            uid: live.uid().into(),
            version: live.resource_version().into(),
            health,
            state,
            owner: Owner::of_object(&live.value),
            is_foreign: live.label(MEMBER_LABEL) != Some(inventory.id()),
            is_released_on_prune: live.annotation(ApplyOptions::PRUNE) == Some("disabled"),
            same,
        }
    }
}

/// An object as it is applied to a target.
pub(super) fn applied_body(object: &DesiredObject, key: &ObjectKey, inventory: &Inventory) -> Value {
    let mut value = object.resource.value();
    for pointer in &object.resource.options.ignored {
        remove_field(&mut value, pointer);
    }
    inventory.stamp(&mut value, key);
    value
}
