//! What is told of releases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Releases;
use super::course::{Course, Stage};
use super::history::Retreat;
use crate::place::{Desired, Kept};

/// A release of which there is something to say: that is not deployed as Git says it.
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

impl Releases {
    /// What there is to say of releases.
    pub fn report(&self, desired: &Desired) -> BTreeMap<String, ReleaseStatus> {
        let mut report = BTreeMap::new();
        for (application, tracked) in &self.courses {
            let course = &tracked.course;
            if let Some(state) = state_of(course) {
                let status = ReleaseStatus {
                    revision: course.release.occasion.revision,
                    state,
                    failures: course.failures,
                    reason: course.reason.as_deref().map(str::to_owned),
                };
                report.insert(application.to_string(), status);
            }
        }
        for departure in self.departures.values() {
            let status = ReleaseStatus {
                revision: 0,
                state: ReleaseState::Leaving,
                failures: 0,
                reason: departure.reason.clone(),
            };
            report.insert(format!("release {}", departure.owner()), status);
        }
        for (owner, kept) in &desired.kept {
            let (state, reason) = match kept {
                Kept::Suspended => (ReleaseState::Suspended, None),
                Kept::Awaited => (ReleaseState::Awaited, None),
                Kept::Broken { reason, .. } => (ReleaseState::Broken, Some(reason.to_string())),
            };
            let status = ReleaseStatus { revision: 0, state, failures: 0, reason };
            report.insert(format!("release {owner}"), status);
        }
        report
    }
}

fn state_of(course: &Course) -> Option<ReleaseState> {
    Some(match course.stage {
        Stage::Settled | Stage::Recording | Stage::Passing => return None,
        Stage::Waiting => ReleaseState::Waiting,
        Stage::Before | Stage::After => ReleaseState::RunningHooks,
        Stage::Applying { is_overdue: false, .. } => ReleaseState::Applying,
        Stage::Applying { is_overdue: true, .. } => ReleaseState::Failed { again: false },
        Stage::Testing => ReleaseState::Testing,
        Stage::Resting { until } => resting(course, until.is_some()),
        Stage::Returning => ReleaseState::Waiting,
        Stage::Failing { .. }
        | Stage::Reading { .. }
        | Stage::Leaving { .. }
        | Stage::Turning { .. }
        | Stage::Retreating { .. }
        | Stage::Left { .. }
        | Stage::Noting { .. } => ReleaseState::Retreating,
    })
}

fn resting(course: &Course, again: bool) -> ReleaseState {
    match (course.retreat(), course.release.course) {
        (Some(Retreat::Rollback), crate::place::Course::Refused(Some(to))) => {
            ReleaseState::RolledBack { to, again }
        }
        (Some(Retreat::Uninstall), _) => ReleaseState::Uninstalled { again },
        _ => ReleaseState::Failed { again },
    }
}
