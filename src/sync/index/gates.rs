//! Gates: what the state of a chart's release lets happen to its objects.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use syncline_manifest::ObjectKey;

use super::Index;
use crate::api::DriftMode;
use crate::place::Role;
use crate::render::release::Owner;

/// What may happen to the objects of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) enum Gate {
    /// They wait, for a hook or a decision; only what the release stands on is applied.
    Held,
    /// They are applied.
    Open,
    /// They were applied; what others change since is treated as the release says.
    Settled(DriftMode),
}

impl Index {
    /// Takes over how far releases are, and which of those that left Git are not yet to be
    /// deleted.
    pub(in crate::sync) fn set_gates(&mut self, gates: HashMap<Arc<str>, Gate>, held: HashSet<Owner>) {
        self.prune_held = held;
        if self.gates != gates {
            self.gates = gates;
            self.reconsider_gated();
        }
    }

    /// Takes over how far one release is; gives whether that is news.
    pub(in crate::sync) fn set_gate(&mut self, application: &Arc<str>, gate: Gate) -> bool {
        if self.gates.insert(Arc::clone(application), gate) == Some(gate) {
            return false;
        }
        self.reconsider_gated();
        true
    }

    /// What waits is looked at once more.
    pub(super) fn reconsider_gated(&mut self) {
        for key in std::mem::take(&mut self.gated) {
            self.consider(key);
        }
    }

    /// Whether a release lets an object of it be applied.
    pub(super) fn is_let_through(&self, application: &Arc<str>, role: Role) -> bool {
        match self.gates.get(application) {
            Some(Gate::Held) => role == Role::Foundation,
            Some(Gate::Settled(mode)) => *mode == DriftMode::Enabled,
            Some(Gate::Open) | None => true,
        }
    }

    /// Whether an application is no release, or a release that is all that it should be.
    pub(super) fn is_settled(&self, application: &Arc<str>) -> bool {
        matches!(self.gates.get(application), Some(Gate::Settled(_)) | None)
    }

    /// Whether what others change of an object counts for nothing.
    pub(super) fn ignores_drift(&self, application: &Arc<str>) -> bool {
        self.gates.get(application) == Some(&Gate::Settled(DriftMode::Disabled))
    }

    /// Whether an object is left as others made it, because its release says so.
    pub(in crate::sync) fn is_left_drifted(&self, key: &ObjectKey) -> bool {
        let application = self.wanted.get(key).map(|wanted| &wanted.object.application);
        let gate = application.and_then(|application| self.gates.get(application));
        self.gated.contains(key) && matches!(gate, Some(Gate::Settled(DriftMode::Warn | DriftMode::Disabled)))
    }

    /// Whether all that an application waits for is done.
    pub(in crate::sync) fn has_what_it_needs(&self, application: &Arc<str>) -> bool {
        self.dependencies.are_met(
            application,
            |key| self.is_done(key),
            |application| self.is_settled(application),
        )
    }

    /// Whether any object of a release is there that is not meant to stay.
    pub(in crate::sync) fn has_objects_of(&self, owner: &Owner) -> bool {
        self.members
            .values()
            .any(|member| member.owner.as_ref() == Some(owner) && !member.is_released_on_prune)
    }
}
