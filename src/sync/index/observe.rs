//! Taking in what watches see.

use std::collections::HashSet;
use std::time::Instant;

use serde_json::Value;
use syncline_manifest::compare::{Difference, differences, last_manager_of};
use syncline_manifest::schema::Shape;
use syncline_manifest::{GroupKind, ObjectKey};

use super::{Failure, Index, Member, MemberState, Notice};
use crate::fleet::{ApplyMode, Digest};
use crate::sync::FIELD_MANAGER;
use crate::sync::backoff::Backoff;
use crate::sync::health::Health;
use crate::target::{Live, TargetError, WatchEvent, Watched};

impl Index {
    /// Takes in what a watch saw.
    pub(in crate::sync) fn observe(&mut self, event: WatchEvent, now: Instant) -> Option<Notice> {
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
                self.gone(&live, now)
            }
            Watched::Failed(_) => None,
        }
    }

    /// Notes that the objects of a kind may not be listed: those that are wanted
    /// fail with the server's answer, all others go on.
    pub(in crate::sync) fn deny(&mut self, kind: &GroupKind, error: &TargetError, now: Instant) {
        self.listing.remove(kind);
        self.listed.remove(kind);
        let wanted: Vec<_> = self
            .wanted
            .iter()
            .filter(|(key, _)| key.group_kind == *kind)
            .map(|(key, wanted)| (key.clone(), wanted.object.resource.digest))
            .collect();
        for (key, digest) in wanted {
            self.failed(&key, error.clone(), Some(digest), now);
        }
    }

    pub(super) fn end_list(&mut self, kind: &GroupKind) {
        let seen = self.listing.remove(kind).unwrap_or_default();
        let in_flight = &self.in_flight;
        self.members
            .retain(|key, _| key.group_kind != *kind || seen.contains(key) || in_flight.contains_key(key));
        self.listed.insert(kind.clone());
        let keys: Vec<ObjectKey> =
            self.wanted.keys().filter(|key| key.group_kind == *kind).cloned().collect();
        for key in keys {
            if let Some(Failure { error: TargetError::Forbidden(_), .. }) = self.failures.get(&key) {
                self.undelay(&key);
            }
            self.consider(key);
        }
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
        let health = self.health.judge(live);
        let (state, found) = self.judge(live, same);
        let notice = self.notice(live, &health, was_healthy, before_state, state, &found, now);
        self.members.insert(key.clone(), Member::new(live, &self.inventory, health, state, same));
        if matches!(state, MemberState::Clean(_)) {
            // Whatever an apply met with before, the object is as it should be.
            self.failures.remove(key);
        }
        if state == MemberState::Differs {
            self.consider(key.clone());
        }
        self.open_gates(key);
        notice
    }

    pub(super) fn judge(
        &self,
        live: &Live,
        same: Option<(Digest, Digest)>,
    ) -> (MemberState, Vec<Difference>) {
        if live.is_terminating() {
            return (MemberState::Terminating, Vec::new());
        }
        let Some(wanted) = self.wanted.get(&live.key) else {
            let is_conflict = self.desired.conflicts.keys().any(|key| self.key_on_target(key) == live.key);
            let is_kept = self.desired.keeps(&live.value);
            return (
                if is_conflict || is_kept { MemberState::Differs } else { MemberState::Unwanted },
                Vec::new(),
            );
        };
        let resource = &wanted.object.resource;
        if resource.options.apply == ApplyMode::IfMissing {
            return (MemberState::Clean(resource.digest), Vec::new());
        }
        let found = differences(
            &self.body(wanted, &live.key),
            &live.value,
            Shape::of(&resource.gvk()),
            FIELD_MANAGER,
        );
        let is_same = same.is_some_and(|same| same == (resource.digest, content(&live.value)));
        if found.is_empty() || is_same || self.ignores_drift(&wanted.object.application) {
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
        let mut fields: Vec<String> = found.iter().map(|difference| difference.pointer.clone()).collect();
        // A field may differ in its value and in its owner.
        fields.dedup();
        let pointers: Vec<&str> = fields.iter().map(String::as_str).collect();
        let manager = last_manager_of(&live.value, &pointers, FIELD_MANAGER);
        self.note_drift(key, manager.clone(), fields.clone(), now);
        Some(Notice::Drifted { key: key.clone(), manager, fields })
    }

    fn note_drift(&mut self, key: &ObjectKey, manager: Option<String>, fields: Vec<String>, now: Instant) {
        let contest = self.drifts.entry(key.clone()).or_default().note(now, manager, fields);
        if contest > 0 {
            self.delay(key, now + Backoff::CONTESTED.after(contest));
        }
    }

    /// An object was deleted, or taken out of the inventory: by hand, or by another
    /// fleet that claims it too and would otherwise be fought without a pause.
    fn gone(&mut self, live: &Live, now: Instant) -> Option<Notice> {
        let key = &live.key;
        let member = self.members.get(key)?;
        if is_older_or_same(live.resource_version(), &member.version) && live.uid() != &*member.uid {
            return None;
        }
        let was_clean = matches!(member.state, MemberState::Clean(_));
        self.members.remove(key);
        let is_drift = was_clean && self.wanted.contains_key(key);
        if is_drift {
            self.note_drift(key, None, Vec::new(), now);
        }
        self.consider(key.clone());
        is_drift.then(|| Notice::Drifted { key: key.clone(), manager: None, fields: Vec::new() })
    }
}

/// A digest of what an apply could change: all but status and bookkeeping.
pub(super) fn content(value: &Value) -> Digest {
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
