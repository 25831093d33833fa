//! Giving steps, and taking in how they ended.

use std::time::Instant;

use serde_json::Value;
use syncline_manifest::ObjectKey;

use super::observe::content;
use super::{Failure, Index, Member, MemberState, Notice, Outcome, Step, StepAction, Wanted, applied_body};
use crate::fleet::Digest;
use crate::sync::backoff::Backoff;
use crate::target::{Live, TargetError, WatchEvent};

impl Index {
    /// The next step that can be taken now, if any; it then counts as under way.
    pub(in crate::sync) fn next(&mut self, now: Instant) -> Option<Step> {
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
    pub(in crate::sync) fn wakes_at(&self) -> Option<Instant> {
        self.retries.first().map(|(at, _)| *at)
    }

    fn apply_step(&self, key: &ObjectKey) -> Option<Step> {
        let wanted = self.wanted.get(key)?;
        let resource = &wanted.object.resource;
        let version = resource.api_version.rsplit('/').next().unwrap_or_default().to_owned();
        Some(Step {
            key: key.clone(),
            on_server: self.discovery.kind(&key.group_kind)?.clone(),
            acting_as: wanted.object.acting_as.clone(),
            action: StepAction::Apply {
                version,
                body: self.body(wanted, key).to_string().into_bytes(),
                digest: resource.digest,
                is_new: !self.members.contains_key(key),
                mode: resource.options.apply,
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
    pub(in crate::sync) fn finish(
        &mut self,
        key: &ObjectKey,
        outcome: Outcome,
        now: Instant,
    ) -> Option<Notice> {
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
        let was_healthy = before.is_some_and(|member| member.health.is_healthy());
        // Whatever still looks different right after an apply is only spelled
        // otherwise by the server; this very content counts as clean from now on.
        let looks_different = !self.judge(live, None).1.is_empty();
        let same = looks_different.then(|| (digest, content(&live.value)));
        let state =
            if self.wanted.contains_key(key) { MemberState::Clean(digest) } else { MemberState::Unwanted };
        let member = Member::new(live, &self.inventory, self.health.judge(live), state, same);
        let is_new_kind = key.group_kind.is("apiextensions.k8s.io", "CustomResourceDefinition")
            && member.health.is_healthy()
            && !was_healthy;
        // What is of others and no longer wanted is nobody's business.
        if !member.is_foreign || self.wanted.contains_key(key) {
            self.members.insert(key.clone(), member);
        }
        // A newer commit may want something else by now.
        self.consider(key.clone());
        self.open_gates(key);
        is_new_kind.then_some(Notice::KindsChanged)
    }

    pub(super) fn failed(
        &mut self,
        key: &ObjectKey,
        error: TargetError,
        digest: Option<Digest>,
        now: Instant,
    ) {
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
}
