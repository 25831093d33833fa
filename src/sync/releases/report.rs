//! What is told of releases.

use std::collections::BTreeMap;

use super::Releases;
use super::course::{Course, Stage};
use super::history::Retreat;
use crate::place::{Desired, Kept};
use crate::sync::release_status::{ReleaseState, ReleaseStatus};

impl Releases {
    /// How many releases are not what Git says yet.
    pub fn unsettled(&self) -> usize {
        self.courses.values().filter(|tracked| state_of(&tracked.course).is_some()).count()
    }

    /// What there is to say of releases.
    pub fn report(&self, desired: &Desired) -> BTreeMap<String, ReleaseStatus> {
        let mut report = BTreeMap::new();
        for (application, tracked) in &self.courses {
            let course = &tracked.course;
            // Of those that only become ready their objects tell.
            let state = state_of(course).filter(|state| *state != ReleaseState::Applying);
            if let Some(state) = state {
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
        for kept in desired.kept.values() {
            let (state, reason) = match &kept.why {
                Kept::Suspended => (ReleaseState::Suspended, None),
                Kept::Awaited => (ReleaseState::Awaited, None),
                Kept::Broken { reason, .. } => (ReleaseState::Broken, Some(reason.to_string())),
            };
            let status = ReleaseStatus { revision: 0, state, failures: 0, reason };
            report.insert(kept.application.to_string(), status);
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
