//! Deleting what left Git.

use std::collections::HashSet;

use syncline_manifest::ObjectKey;

use super::{Index, Member, MemberState, Step, StepAction};
use crate::sync::order::Phase;
use crate::sync::prune::{PruneHold, hold};

impl Index {
    pub(super) fn unwanted(&self) -> impl Iterator<Item = (&ObjectKey, &Member)> {
        self.members.iter().filter(|(_, member)| member.state == MemberState::Unwanted)
    }

    /// Why nothing is pruned, if something would be.
    pub(in crate::sync) fn prune_hold(&self) -> Option<PruneHold> {
        // What is removed because it has failed was never confirmed to be there.
        let withdrawn = &self.desired.withdrawn;
        let is_withdrawn =
            |member: &Member| member.owner.as_ref().is_some_and(|owner| withdrawn.contains(owner));
        let count = self
            .unwanted()
            .filter(|(_, member)| !member.is_released_on_prune && !is_withdrawn(member))
            .count();
        hold(&self.desired, self.confirm_prune, count, self.members.len())
    }

    /// The next object to delete. Only when everything is known, everything wanted
    /// has been applied and nothing holds; namespaces that still hold wanted
    /// objects stay.
    pub(super) fn prune_step(&mut self) -> Option<Step> {
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
            .filter(|(_, key)| !self.is_used_namespace(key) && !self.waits_for_hooks(key))
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
        Some(Step { key, on_server, action, acting_as: None })
    }

    fn waits_for_hooks(&self, key: &ObjectKey) -> bool {
        let owner = self.members.get(key).and_then(|member| member.owner.as_ref());
        owner.is_some_and(|owner| self.prune_held.contains(owner))
    }

    fn is_used_namespace(&self, key: &ObjectKey) -> bool {
        key.group_kind.is("", "Namespace")
            && self.wanted.keys().any(|wanted| wanted.namespace.as_deref() == Some(&*key.name))
    }

    /// Objects that left Git and are still there.
    pub(in crate::sync) fn leftovers(&self) -> usize {
        self.unwanted().filter(|(key, _)| !self.is_used_namespace(key)).count()
            + self.members.values().filter(|member| member.state == MemberState::Terminating).count()
    }
}
