//! What is known of a target, in the form in which it is recorded and shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use syncline_manifest::ObjectKey;

use super::health::Health;
use super::prune::PruneHold;
use super::release_status::ReleaseStatus;
use crate::api::ClusterName;
use crate::git::CommitId;

/// The state of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// The target.
    pub target: ClusterName,
    /// The commit that is wanted on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<CommitId>,
    /// Whether it can be reached.
    pub connection: ConnectionState,
    /// Whether everything it has was seen since it was connected.
    pub is_observed: bool,
    /// How many objects are wanted.
    pub objects: usize,
    /// How many of them are as they should be.
    pub in_sync: usize,
    /// How many of those are healthy.
    pub healthy: usize,
    /// Objects that left Git and are still there.
    pub leftovers: usize,
    /// Why nothing is pruned, if something would be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prune_hold: Option<PruneHold>,
    /// Applications, by name.
    pub applications: BTreeMap<String, ApplicationStatus>,
    /// How many releases of charts are not what Git says yet.
    #[serde(default)]
    pub unsettled: usize,
    /// Releases of charts of which there is something to say.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub releases: BTreeMap<String, ReleaseStatus>,
    /// Objects of which there is something to say.
    pub troubles: Vec<ObjectStatus>,
}

/// Whether a target can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "connection", rename_all = "camelCase")]
pub enum ConnectionState {
    /// Nothing was tried yet.
    Pending,
    /// It answers.
    Connected,
    /// It does not, or refuses.
    Unreachable {
        /// What is wrong.
        reason: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        hint: Option<String>,
        /// How often it was tried in a row.
        attempts: u32,
    },
}

/// The state of one application on a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationStatus {
    /// How many objects are wanted.
    pub objects: usize,
    /// How many of them are as they should be.
    pub in_sync: usize,
    /// How many of those are healthy.
    pub healthy: usize,
    /// The earlier commit that some of it is taken from, because the newest does
    /// not load.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stale: Option<CommitId>,
}

/// An object of which there is something to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectStatus {
    /// The object.
    #[serde(flatten)]
    pub key: ObjectKey,
    /// Where it is defined; None for leftovers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<String>,
    /// What is the matter.
    #[serde(flatten)]
    pub state: ObjectState,
}

/// What is the matter with an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum ObjectState {
    /// The server refuses it.
    Failed {
        /// What the server says.
        message: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        hint: Option<String>,
        /// How often it was tried.
        attempts: u32,
        /// Whether trying again can only fail again.
        permanent: bool,
    },
    /// The server does not have its kind.
    WaitingForKind,
    /// An earlier wave is not done.
    WaitingForWave {
        /// Its own wave.
        wave: i32,
    },
    /// Somebody has changed it, and its release says that it is left so.
    Drifted,
    /// Somebody keeps changing it.
    Contested {
        /// Who.
        manager: Option<String>,
        /// Which fields.
        fields: Vec<String>,
    },
    /// It is applied, but not yet or no longer healthy.
    Unhealthy {
        /// How it is.
        #[serde(flatten)]
        health: Health,
    },
    /// Several files say different things about it.
    Conflict {
        /// The files.
        origins: Vec<String>,
    },
}

impl TargetStatus {
    /// A target of which nothing is known yet.
    pub fn unknown(target: ClusterName, commit: Option<CommitId>) -> TargetStatus {
        TargetStatus {
            target,
            commit,
            connection: ConnectionState::Pending,
            is_observed: false,
            objects: 0,
            in_sync: 0,
            healthy: 0,
            leftovers: 0,
            prune_hold: None,
            applications: BTreeMap::new(),
            unsettled: 0,
            releases: BTreeMap::new(),
            troubles: Vec::new(),
        }
    }

    /// Whether the target is exactly what Git says.
    pub fn is_in_sync(&self) -> bool {
        self.connection == ConnectionState::Connected
            && self.is_observed
            && self.in_sync == self.objects
            && self.leftovers == 0
            && !self.troubles.iter().any(|trouble| matches!(trouble.state, ObjectState::Conflict { .. }))
    }

    /// Whether the target is exactly what Git says, and well.
    pub fn is_done(&self) -> bool {
        self.is_in_sync()
            && self.healthy == self.objects
            && self.unsettled == 0
            && !self.releases.values().any(ReleaseStatus::is_pending)
    }

    /// Whether waiting alone cannot make the target done: everything was tried, and
    /// what is missing was refused for good or is held.
    pub fn is_stuck(&self) -> bool {
        match &self.connection {
            ConnectionState::Pending => false,
            ConnectionState::Unreachable { attempts, .. } => *attempts >= 3,
            ConnectionState::Connected => {
                let is_hopeless = |trouble: &ObjectStatus| match &trouble.state {
                    ObjectState::Failed { permanent, attempts, .. } => *permanent || *attempts >= 3,
                    ObjectState::Conflict { .. } => true,
                    ObjectState::WaitingForKind | ObjectState::WaitingForWave { .. } => true,
                    ObjectState::Drifted => true,
                    ObjectState::Contested { .. } | ObjectState::Unhealthy { .. } => false,
                };
                let hopeless = self.troubles.iter().filter(|trouble| is_hopeless(trouble)).count();
                let conflicts = self
                    .troubles
                    .iter()
                    .filter(|trouble| matches!(trouble.state, ObjectState::Conflict { .. }))
                    .count();
                let failed = self.releases.values().any(ReleaseStatus::is_hopeless);
                let moving = self.releases.values().any(ReleaseStatus::is_moving);
                self.is_observed
                    && !moving
                    && self.in_sync + hopeless - conflicts >= self.objects
                    && (hopeless > 0 || failed || self.prune_hold.is_some())
            }
        }
    }
}
