//! What is known of one target, and what to do next. Plain data: no clock, no
//! client, no task; fed by calls and asked for steps.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use syncline_manifest::compare::{Difference, differences, last_manager_of};
use syncline_manifest::schema::{Scope, Shape};
use syncline_manifest::{GroupKind, ObjectKey};

use super::FIELD_MANAGER;
use super::backoff::Backoff;
use super::drift::DriftLog;
use super::health::{Health, health};
use super::inventory::Inventory;
use super::order::Phase;
use super::prune::{PruneHold, hold};
use crate::fleet::{ApplyOptions, Digest, OnImmutable, remove_field};
use crate::place::{Desired, DesiredObject};
use crate::target::{Discovery, KindOnServer, Live, TargetError, WatchEvent, Watched};

/// One thing to do on a target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub key: ObjectKey,
    pub on_server: KindOnServer,
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
        self.waves = waves(&self.wanted);
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
        for (key, member) in &mut self.members {
            let is_wanted = self.wanted.contains_key(key) || conflicts.contains(key);
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

    fn delay(&mut self, key: &ObjectKey, until: Instant) {
        if let Some(before) = self.delayed.insert(key.clone(), until) {
            self.retries.remove(&(before, key.clone()));
        }
        self.retries.insert((until, key.clone()));
    }

    /// Takes in what a watch saw.
    pub fn observe(&mut self, event: WatchEvent, now: Instant) -> Option<Notice> {
        match event.watched {
            Watched::ListBegins => {
                self.listing.insert(event.kind, HashSet::new());
                None
            }
            Watched::ListEnds => {
                self.end_list(&event.kind);
                None
            }
            Watched::Exists(live) => {
                if let Some(seen) = self.listing.get_mut(&event.kind) {
                    seen.insert(live.key.clone());
                }
                if self.in_flight.contains_key(&live.key) {
                    self.stash.insert(live.key.clone(), Watched::Exists(live));
                    return None;
                }
                self.exists(&live, now)
            }
            Watched::Gone(live) => {
                if self.in_flight.contains_key(&live.key) {
                    self.stash.insert(live.key.clone(), Watched::Gone(live));
                    return None;
                }
                self.gone(&live)
            }
            Watched::Failed(_) => None,
        }
    }

    fn end_list(&mut self, kind: &GroupKind) {
        let seen = self.listing.remove(kind).unwrap_or_default();
        let in_flight = &self.in_flight;
        self.members
            .retain(|key, _| key.group_kind != *kind || seen.contains(key) || in_flight.contains_key(key));
        self.listed.insert(kind.clone());
        let keys: Vec<ObjectKey> =
            self.wanted.keys().filter(|key| key.group_kind == *kind).cloned().collect();
        keys.into_iter().for_each(|key| self.consider(key));
    }

    fn exists(&mut self, live: &Live, now: Instant) -> Option<Notice> {
        let key = &live.key;
        let before = self.members.get(key);
        if before.is_some_and(|member| is_older_or_same(live.resource_version(), &member.version)) {
            return None;
        }
        let before_state = before.map(|member| member.state);
        let was_healthy = before.is_some_and(|member| member.health.is_healthy());
        let same = before.and_then(|member| member.same);
        let health = health(live);
        let (state, found) = self.judge(live, same);
        let notice = self.notice(live, &health, was_healthy, before_state, state, &found, now);
        self.members.insert(
            key.clone(),
            Member {
                uid: live.uid().into(),
                version: live.resource_version().into(),
                health,
                state,
                is_released_on_prune: live.annotation(ApplyOptions::PRUNE) == Some("disabled"),
                same,
            },
        );
        if state == MemberState::Differs {
            self.consider(key.clone());
        }
        self.open_gates(key);
        notice
    }

    fn judge(&self, live: &Live, same: Option<(Digest, Digest)>) -> (MemberState, Vec<Difference>) {
        if live.is_terminating() {
            return (MemberState::Terminating, Vec::new());
        }
        let Some(wanted) = self.wanted.get(&live.key) else {
            let is_conflict = self.desired.conflicts.keys().any(|key| self.key_on_target(key) == live.key);
            return (if is_conflict { MemberState::Differs } else { MemberState::Unwanted }, Vec::new());
        };
        let resource = &wanted.object.resource;
        let found = differences(
            &self.body(wanted, &live.key),
            &live.value,
            Shape::of(&resource.gvk()),
            FIELD_MANAGER,
        );
        let is_same = same.is_some_and(|same| same == (resource.digest, content(&live.value)));
        if found.is_empty() || is_same {
            (MemberState::Clean(resource.digest), Vec::new())
        } else {
            (MemberState::Differs, found)
        }
    }

    /// Notes drift, and definitions that became usable.
    #[allow(clippy::too_many_arguments)]
    fn notice(
        &mut self,
        live: &Live,
        health: &Health,
        was_healthy: bool,
        before: Option<MemberState>,
        after: MemberState,
        found: &[Difference],
        now: Instant,
    ) -> Option<Notice> {
        let key = &live.key;
        if key.group_kind.is("apiextensions.k8s.io", "CustomResourceDefinition")
            && health.is_healthy()
            && !was_healthy
        {
            return Some(Notice::KindsChanged);
        }
        let digest = self.wanted.get(key).map(|wanted| wanted.object.resource.digest);
        let was_clean =
            matches!((before, digest), (Some(MemberState::Clean(clean)), Some(digest)) if clean == digest);
        if !was_clean || after != MemberState::Differs {
            return None;
        }
        let fields: Vec<String> = found.iter().map(|difference| difference.pointer.clone()).collect();
        let pointers: Vec<&str> = fields.iter().map(String::as_str).collect();
        let manager = last_manager_of(&live.value, &pointers, FIELD_MANAGER);
        let log = self.drifts.entry(key.clone()).or_default();
        let contest = log.note(now, manager.clone(), fields.clone());
        if contest > 0 {
            self.delay(key, now + Backoff::CONTESTED.after(contest));
        }
        Some(Notice::Drifted { key: key.clone(), manager, fields })
    }

    fn gone(&mut self, live: &Live) -> Option<Notice> {
        let key = &live.key;
        let member = self.members.get(key)?;
        if is_older_or_same(live.resource_version(), &member.version) && live.uid() != &*member.uid {
            return None;
        }
        let was_clean = matches!(member.state, MemberState::Clean(_));
        self.members.remove(key);
        self.consider(key.clone());
        let is_wanted = self.wanted.contains_key(key);
        (was_clean && is_wanted).then(|| Notice::Drifted {
            key: key.clone(),
            manager: None,
            fields: Vec::new(),
        })
    }

    /// The next step that can be taken now, if any; it then counts as under way.
    pub fn next(&mut self, now: Instant) -> Option<Step> {
        self.wake(now);
        while let Some((phase, key)) = self.queue.first().cloned() {
            if self.in_flight.values().any(|other| *other < phase) {
                return None;
            }
            self.queue.pop_first();
            if !self.is_gate_open(&key) {
                self.gated.insert(key);
                continue;
            }
            let Some(step) = self.apply_step(&key) else { continue };
            self.in_flight.insert(key, phase);
            return Some(step);
        }
        self.prune_step()
    }

    fn wake(&mut self, now: Instant) {
        while let Some((at, key)) = self.retries.first().cloned() {
            if at > now {
                break;
            }
            self.retries.pop_first();
            self.delayed.remove(&key);
            self.consider(key);
        }
    }

    /// When to ask for steps again though nothing happens.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.retries.first().map(|(at, _)| *at)
    }

    fn apply_step(&self, key: &ObjectKey) -> Option<Step> {
        let wanted = self.wanted.get(key)?;
        let resource = &wanted.object.resource;
        let version = resource.api_version.rsplit('/').next().unwrap_or_default().to_owned();
        Some(Step {
            key: key.clone(),
            on_server: self.discovery.kind(&key.group_kind)?.clone(),
            action: StepAction::Apply {
                version,
                body: self.body(wanted, key).to_string().into_bytes(),
                digest: resource.digest,
                is_new: !self.members.contains_key(key),
                immutable: resource.options.immutable,
            },
        })
    }

    /// The object as it is applied: a member of the inventory, without the fields
    /// that are left to others.
    pub(super) fn body(&self, wanted: &Wanted, key: &ObjectKey) -> Value {
        applied_body(&wanted.object, key, &self.inventory)
    }

    /// Notes how a step ended.
    pub fn finish(&mut self, key: &ObjectKey, outcome: Outcome, now: Instant) -> Option<Notice> {
        self.in_flight.remove(key);
        let mut notice = None;
        match outcome {
            Outcome::Applied { live, digest } => notice = self.applied(&live, digest),
            Outcome::Removed => {
                if let Some(member) = self.members.get_mut(key) {
                    member.state = MemberState::Terminating;
                }
            }
            Outcome::Failed { error, digest } => self.failed(key, error, digest, now),
        }
        if let Some(watched) = self.stash.remove(key) {
            let event = WatchEvent { kind: key.group_kind.clone(), watched };
            notice = self.observe(event, now).or(notice);
        }
        notice
    }

    fn applied(&mut self, live: &Live, digest: Digest) -> Option<Notice> {
        let key = &live.key;
        self.failures.remove(key);
        let before = self.members.get(key);
        let changed_nothing = before.is_some_and(|member| *member.version == *live.resource_version());
        let was_healthy = before.is_some_and(|member| member.health.is_healthy());
        let same = changed_nothing.then(|| (digest, content(&live.value)));
        let health = health(live);
        let is_new_kind = key.group_kind.is("apiextensions.k8s.io", "CustomResourceDefinition")
            && health.is_healthy()
            && !was_healthy;
        let state =
            if self.wanted.contains_key(key) { MemberState::Clean(digest) } else { MemberState::Unwanted };
        self.members.insert(
            key.clone(),
            Member {
                uid: live.uid().into(),
                version: live.resource_version().into(),
                health,
                state,
                is_released_on_prune: live.annotation(ApplyOptions::PRUNE) == Some("disabled"),
                same,
            },
        );
        // A newer commit may want something else by now.
        self.consider(key.clone());
        self.open_gates(key);
        is_new_kind.then_some(Notice::KindsChanged)
    }

    fn failed(&mut self, key: &ObjectKey, error: TargetError, digest: Option<Digest>, now: Instant) {
        if error.is_about_target() {
            self.consider(key.clone());
            return;
        }
        if let TargetError::NoSuchKind(_) = error {
            self.waiting_for_kind.insert(key.clone());
            return;
        }
        let failure =
            self.failures.entry(key.clone()).or_insert(Failure { error: error.clone(), attempts: 0, digest });
        failure.attempts += 1;
        failure.error = error;
        failure.digest = digest;
        let is_superseded =
            self.wanted.get(key).is_some_and(|wanted| Some(wanted.object.resource.digest) != digest);
        if is_superseded && digest.is_some() {
            self.consider(key.clone());
            return;
        }
        let at = now + Backoff::OBJECT.after(failure.attempts);
        self.delay(key, at);
    }

    /// A wave may begin when all before it, in its application, are in sync and
    /// healthy.
    fn is_gate_open(&self, key: &ObjectKey) -> bool {
        let Some(wanted) = self.wanted.get(key) else { return true };
        let Some(waves) = self.waves.get(&wanted.object.application) else { return true };
        waves
            .range(..wanted.object.resource.options.wave)
            .flat_map(|(_, keys)| keys)
            .all(|key| self.is_done(key))
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

    fn open_gates(&mut self, key: &ObjectKey) {
        if self.gated.is_empty() {
            return;
        }
        let Some(application) = self.wanted.get(key).map(|wanted| Arc::clone(&wanted.object.application))
        else {
            return;
        };
        if !self.waves.contains_key(&application) {
            return;
        }
        for key in std::mem::take(&mut self.gated) {
            self.consider(key);
        }
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

    fn unwanted(&self) -> impl Iterator<Item = (&ObjectKey, &Member)> {
        self.members.iter().filter(|(_, member)| member.state == MemberState::Unwanted)
    }

    /// Why nothing is pruned, if something would be.
    pub fn prune_hold(&self) -> Option<PruneHold> {
        let count = self.unwanted().filter(|(_, member)| !member.is_released_on_prune).count();
        hold(&self.desired, self.confirm_prune, count, self.members.len())
    }

    /// The next object to delete. Only when everything is known, everything wanted
    /// has been applied and nothing holds; namespaces that still hold wanted
    /// objects stay.
    fn prune_step(&mut self) -> Option<Step> {
        let is_applying = self.in_flight.keys().any(|key| self.wanted.contains_key(key));
        if !self.queue.is_empty() || is_applying || self.unwanted().next().is_none() {
            return None;
        }
        if !self.is_complete() || self.prune_hold().is_some() {
            return None;
        }
        let troubled: HashSet<Option<&str>> = self
            .failures
            .keys()
            .chain(&self.gated)
            .chain(&self.waiting_for_kind)
            .filter(|key| self.wanted.contains_key(*key))
            .map(|key| key.namespace.as_deref())
            .collect();
        let (phase, key) = self
            .unwanted()
            .map(|(key, _)| (Phase::of(&key.group_kind), key))
            .filter(|(_, key)| !self.in_flight.contains_key(*key) && !self.is_delayed(key))
            .filter(|(_, key)| !troubled.contains(&key.namespace.as_deref()))
            .filter(|(_, key)| !self.is_used_namespace(key))
            .max()?;
        if self.in_flight.values().any(|other| *other > phase) {
            return None;
        }
        let key = key.clone();
        let member = self.members.get(&key)?;
        let action = if member.is_released_on_prune {
            StepAction::Release
        } else {
            StepAction::Delete { uid: member.uid.to_string() }
        };
        let on_server = self.discovery.kind(&key.group_kind)?.clone();
        self.in_flight.insert(key.clone(), phase);
        Some(Step { key, on_server, action })
    }

    fn is_used_namespace(&self, key: &ObjectKey) -> bool {
        key.group_kind.is("", "Namespace")
            && self.wanted.keys().any(|wanted| wanted.namespace.as_deref() == Some(&*key.name))
    }

    /// Objects that left Git and are still there.
    pub fn leftovers(&self) -> usize {
        self.unwanted().filter(|(key, _)| !self.is_used_namespace(key)).count()
            + self.members.values().filter(|member| member.state == MemberState::Terminating).count()
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

fn waves(wanted: &BTreeMap<ObjectKey, Wanted>) -> HashMap<Arc<str>, BTreeMap<i32, Vec<ObjectKey>>> {
    let mut used: HashMap<&Arc<str>, BTreeSet<i32>> = HashMap::new();
    for wanted in wanted.values() {
        used.entry(&wanted.object.application).or_default().insert(wanted.object.resource.options.wave);
    }
    let several: HashSet<Arc<str>> =
        used.into_iter().filter(|(_, waves)| waves.len() > 1).map(|(name, _)| Arc::clone(name)).collect();
    let mut out: HashMap<Arc<str>, BTreeMap<i32, Vec<ObjectKey>>> = HashMap::new();
    for (key, wanted) in wanted {
        if several.contains(&wanted.object.application) {
            let waves = out.entry(Arc::clone(&wanted.object.application)).or_default();
            waves.entry(wanted.object.resource.options.wave).or_default().push(key.clone());
        }
    }
    out
}

/// A digest of what an apply could change: all but status and bookkeeping.
fn content(value: &Value) -> Digest {
    let mut value = value.clone();
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            for bookkeeping in ["resourceVersion", "managedFields", "generation"] {
                metadata.remove(bookkeeping);
            }
        }
    }
    Digest::of(value.to_string().as_bytes())
}

/// Resource versions of one kind are numbers that grow (KEP-5504); where they are
/// not, only equality is known.
fn is_older_or_same(version: &str, known: &str) -> bool {
    match (version.parse::<u64>(), known.parse::<u64>()) {
        (Ok(version), Ok(known)) => version <= known,
        _ => version == known,
    }
}
