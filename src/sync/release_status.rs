//! What is told of a release, in the form in which it is recorded and shown.

use serde::{Deserialize, Serialize};

/// A release of which there is something to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// The revision that it is about.
    pub revision: u64,
    /// How far it is.
    #[serde(flatten)]
    pub state: ReleaseState,
    /// How often this version has failed.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub failures: u32,
    /// Why it did last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// How far a release is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "release", rename_all = "camelCase")]
pub enum ReleaseState {
    /// It waits for others, or for what it stands on.
    Waiting,
    /// Hooks run.
    RunningHooks,
    /// Its objects are applied, and become ready.
    Applying,
    /// Its tests run.
    Testing,
    /// It has failed; what was there before it is being put back, or removed.
    Retreating,
    /// It has failed.
    Failed {
        /// Whether it is tried again without another version.
        again: bool,
    },
    /// It has failed, and what was there before is in force.
    RolledBack {
        /// The revision in force.
        to: u64,
        /// Whether it is tried again without another version.
        again: bool,
    },
    /// It has failed, and was removed.
    Uninstalled {
        /// Whether it is tried again without another version.
        again: bool,
    },
    /// It left Git, and is being removed.
    Leaving,
    /// Git says that nothing is changed.
    Suspended,
    /// Its chart is being fetched, or its cluster asked for what the chart looks up.
    Awaited,
    /// It has no chart, or cannot be rendered: its last good revision stays.
    Broken,
}

impl ReleaseStatus {
    /// Whether it keeps a target from being what Git says.
    pub fn is_pending(&self) -> bool {
        self.state != ReleaseState::Suspended
    }

    /// Whether it is on its way beside its objects.
    pub fn is_moving(&self) -> bool {
        match self.state {
            ReleaseState::RunningHooks
            | ReleaseState::Testing
            | ReleaseState::Retreating
            | ReleaseState::Awaited
            | ReleaseState::Leaving => true,
            ReleaseState::Failed { again }
            | ReleaseState::RolledBack { again, .. }
            | ReleaseState::Uninstalled { again } => again,
            ReleaseState::Waiting
            | ReleaseState::Applying
            | ReleaseState::Suspended
            | ReleaseState::Broken => false,
        }
    }

    /// Whether waiting alone cannot make it better.
    pub fn is_hopeless(&self) -> bool {
        match self.state {
            ReleaseState::Failed { again }
            | ReleaseState::RolledBack { again, .. }
            | ReleaseState::Uninstalled { again } => !again,
            ReleaseState::Broken => true,
            _ => false,
        }
    }
}
