//! The course of one release on a target: a machine of stages, plain data. It is told what
//! is seen and how what it asked for ended, and says what is to be done next.
//!
//! ```text
//!  Waiting ─► Before ─► Applying ─► After ─► Recording ─► Testing ─► Settled
//!                │          │         │                      │
//!                └──────────┴────┬────┴──────────────────────┘
//!                             Failing ─► Reading ─► Retreating ... ─► Resting ─► Waiting
//! ```

mod stage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use syncline_helm::record::{HookRun, Status};
use syncline_helm::release::{Hook, HookEvent, Operation};

use super::history::{Failed, History, Retreat};
use crate::api::{AfterFailure, ReleaseStep, Remedy, Retry};
use crate::place::{self, DesiredRelease};
use crate::render::release::Refused;
use crate::sync::backoff::Backoff;
use crate::sync::index::Gate;

pub(super) use stage::{Ended, FailedIn, Order, Recorded, Seen, Stage, Word, Writ};

/// One release on a target.
#[derive(Debug)]
pub(super) struct Course {
    pub release: DesiredRelease,
    pub stage: Stage,
    /// How often this version has failed, and why it did last.
    pub failures: u32,
    pub reason: Option<Arc<str>>,
    pub runs: Vec<HookRun>,
    retreat: Option<Retreat>,
    back_to: Option<Recorded>,
}

impl Course {
    /// The course of a release, from what its history says.
    pub fn new(release: DesiredRelease, history: &History, now: Instant) -> Course {
        let newest = history.newest();
        let failed =
            newest.and_then(|newest| newest.failed.as_ref()).filter(|it| it.digest == release.digest);
        let mut course = Course {
            failures: failed.map_or(0, |failed| failed.failures),
            reason: failed.map(|failed| Arc::clone(&failed.reason)),
            retreat: failed.and_then(|failed| failed.retreat),
            runs: Vec::new(),
            back_to: None,
            stage: Stage::Waiting,
            release,
        };
        let current = history.current(&course.release.digest);
        let status = newest.map(|newest| newest.status);
        course.stage = match (course.release.course, status) {
            (place::Course::Refused(_), Some(Status::Failed)) if course.retreat != Some(Retreat::Hold) => {
                // It was killed on the way back.
                Stage::Reading { retry: course.after_failure(course.failures).retry }
            }
            (place::Course::Refused(_), _) => course.rest(course.after_failure(course.failures).retry, now),
            (place::Course::Meant, _) => match current {
                Some(current) if current.status == Status::Deployed => {
                    match current.is_untested && course.is_tested() {
                        true => Stage::Testing,
                        false => Stage::Settled,
                    }
                }
                _ => course.beginning(),
            },
        };
        course
    }

    /// What is desired has changed in nothing but whether it is refused.
    pub fn follow(&mut self, release: DesiredRelease, history: &History, now: Instant) {
        let (before, after) = (self.release.course, release.course);
        self.release = release;
        match (before, after) {
            (place::Course::Refused(_), place::Course::Meant) => self.stage = self.beginning(),
            // Somebody else than this course has refused it: its history has.
            (place::Course::Meant, place::Course::Refused(_))
                if !matches!(self.stage, Stage::Retreating { .. }) =>
            {
                *self = Course::new(self.release.clone(), history, now);
            }
            _ => {}
        }
    }

    fn beginning(&self) -> Stage {
        if self.hooks_of(self.events().0).is_empty() {
            return Stage::Applying { since: None, is_overdue: false };
        }
        Stage::Waiting
    }

    fn step(&self) -> ReleaseStep {
        match self.release.occasion.operation {
            Operation::Install => ReleaseStep::Install,
            Operation::Upgrade => ReleaseStep::Upgrade,
        }
    }

    fn events(&self) -> (HookEvent, HookEvent) {
        match self.release.occasion.operation {
            Operation::Install => (HookEvent::PreInstall, HookEvent::PostInstall),
            Operation::Upgrade => (HookEvent::PreUpgrade, HookEvent::PostUpgrade),
        }
    }

    fn after_failure(&self, failures: u32) -> AfterFailure {
        self.release.release.after_failure(self.step(), failures)
    }

    fn is_tested(&self) -> bool {
        self.release.release.spec.test.enable && !self.tests().is_empty()
    }

    fn tests(&self) -> Vec<Hook> {
        let filters = &self.release.release.spec.test.filters;
        let is_meant = |hook: &&Hook| {
            let named = |exclude: bool| {
                filters.iter().any(|filter| filter.exclude == exclude && filter.name == hook.name)
            };
            let is_included = filters.iter().all(|filter| filter.exclude) || named(false);
            hook.events.contains(&HookEvent::Test) && is_included && !named(true)
        };
        self.release.rendered.hooks.iter().filter(is_meant).cloned().collect()
    }

    /// The hooks of an event of the release itself, where they are run.
    fn hooks_of(&self, event: HookEvent) -> Vec<Hook> {
        if event == HookEvent::Test {
            return self.tests();
        }
        if !self.release.release.runs_hooks(self.step_of(event)) {
            return Vec::new();
        }
        let from = match (event, &self.back_to) {
            (HookEvent::PreRollback | HookEvent::PostRollback, Some(back)) => &back.hooks,
            _ => &self.release.rendered.hooks,
        };
        from.iter().filter(|hook| hook.events.contains(&event)).cloned().collect()
    }

    fn step_of(&self, event: HookEvent) -> ReleaseStep {
        match event {
            HookEvent::Test => ReleaseStep::Test,
            HookEvent::PreDelete | HookEvent::PostDelete => ReleaseStep::Uninstall,
            HookEvent::PreRollback | HookEvent::PostRollback => ReleaseStep::Rollback,
            _ => self.step(),
        }
    }

    fn hooks(&self, event: HookEvent) -> Option<Order> {
        let hooks = self.hooks_of(event);
        let timeout = self.release.release.timeout(self.step_of(event));
        (!hooks.is_empty()).then_some(Order::Hooks { hooks, event, timeout })
    }

    fn failed(&self) -> Failed {
        Failed {
            digest: self.release.digest,
            failures: self.failures,
            reason: self.reason.clone().unwrap_or_default(),
            retreat: self.retreat,
        }
    }

    fn rest(&self, retry: Retry, now: Instant) -> Stage {
        let until = match retry {
            Retry::NotThisVersion => None,
            Retry::BackingOff => Some(now + Backoff::OBJECT.after(self.failures)),
            Retry::After(pause) => Some(now + pause),
        };
        Stage::Resting { until }
    }

    /// What may happen to its objects.
    pub fn gate(&self) -> Gate {
        let mode = self.release.release.spec.drift_detection.as_ref().map(|drift| drift.mode);
        match self.stage {
            Stage::Waiting | Stage::Before | Stage::Reading { .. } | Stage::Leaving { .. } => Gate::Held,
            Stage::Failing { in_stage: FailedIn::Before, .. } => Gate::Held,
            Stage::Turning { .. } | Stage::Returning => Gate::Held,
            Stage::Retreating { .. } if self.release.course == place::Course::Meant => Gate::Held,
            Stage::Settled | Stage::Recording => Gate::Settled(mode.unwrap_or_default()),
            _ => Gate::Open,
        }
    }

    /// Whether what is seen of it matters now.
    pub fn is_watched(&self) -> bool {
        !matches!(self.stage, Stage::Settled | Stage::Returning)
    }

    /// When it goes on though nothing happens.
    pub fn wakes_at(&self) -> Option<Instant> {
        match self.stage {
            Stage::Resting { until } => until,
            Stage::Applying { since: Some(since), is_overdue: false } => {
                Some(since + self.release.release.timeout(self.step()))
            }
            Stage::Retreating { since: Some(since), .. } => {
                Some(since + self.release.release.timeout(self.retreat_step()))
            }
            _ => None,
        }
    }

    /// The step whose waiting counts now.
    pub fn waiting_step(&self) -> ReleaseStep {
        match self.stage {
            Stage::Retreating { .. } => self.retreat_step(),
            _ => self.step(),
        }
    }

    fn retreat_step(&self) -> ReleaseStep {
        match self.retreat {
            Some(Retreat::Uninstall) => ReleaseStep::Uninstall,
            _ => ReleaseStep::Rollback,
        }
    }

    /// The failure counts, and what follows from it begins.
    fn fail(&mut self, in_stage: FailedIn, reason: String) {
        self.failures += 1;
        self.reason = Some(reason.into());
        let AfterFailure { remedy, retry } = self.after_failure(self.failures);
        self.retreat = match (remedy, in_stage) {
            (Some(Remedy::Rollback), _) => Some(Retreat::Rollback),
            (Some(Remedy::Uninstall), _) => Some(Retreat::Uninstall),
            (None, FailedIn::Before) => Some(Retreat::Hold),
            (None, _) => None,
        };
        self.stage = Stage::Failing { in_stage, retry };
    }

    /// What is to be done now, with what others have to hear of.
    pub fn advance(&mut self, seen: &Seen, now: Instant) -> (Option<Order>, Option<Word>) {
        loop {
            let next = match self.stage {
                Stage::Waiting if seen.has_what_it_needs && seen.is_founded => Stage::Before,
                Stage::Before => match self.hooks(self.events().0) {
                    Some(hooks) => return (Some(hooks), None),
                    None => Stage::Applying { since: Some(now), is_overdue: false },
                },
                Stage::Applying { since: None, is_overdue } if seen.has_what_it_needs => {
                    Stage::Applying { since: Some(now), is_overdue }
                }
                Stage::Applying { since: Some(_), .. } if seen.is_ready => Stage::After,
                Stage::Applying { since: Some(since), is_overdue: false } => {
                    let timeout = self.release.release.timeout(self.step());
                    let reason = match &seen.failure {
                        Some(failure) => failure.clone(),
                        None if now >= since + timeout => overdue(timeout, seen),
                        None => return (None, None),
                    };
                    self.fail(FailedIn::Applying, reason);
                    continue;
                }
                Stage::After => match self.hooks(self.events().1) {
                    Some(hooks) => return (Some(hooks), None),
                    None => Stage::Recording,
                },
                Stage::Recording => {
                    let writ = Writ::Deployed { is_untested: self.is_tested() };
                    return (Some(Order::Write(writ)), None);
                }
                Stage::Testing => match self.hooks(HookEvent::Test) {
                    Some(hooks) => return (Some(hooks), None),
                    None => Stage::Settled,
                },
                Stage::Passing => {
                    return (Some(Order::Write(Writ::Deployed { is_untested: false })), None);
                }
                Stage::Failing { .. } => return (Some(Order::Write(Writ::Failed(self.failed()))), None),
                Stage::Reading { retry } if self.retreat == Some(Retreat::Uninstall) => {
                    Stage::Leaving { retry }
                }
                Stage::Reading { .. } => return (Some(Order::Read), None),
                Stage::Leaving { retry } => {
                    match self.retreat_hooks([HookEvent::PreRollback, HookEvent::PreDelete]) {
                        Some(hooks) => return (Some(hooks), None),
                        None => Stage::Turning { retry },
                    }
                }
                Stage::Turning { retry } => {
                    self.stage = Stage::Retreating { since: None, retry };
                    let in_force = self.back_to.as_ref().map(|back| Arc::clone(&back.in_force));
                    let refused = Refused { digest: self.release.digest, in_force };
                    return (None, Some(Word::Refuse(refused)));
                }
                Stage::Retreating { .. } if self.release.course == place::Course::Meant => {
                    return (None, None);
                }
                Stage::Retreating { since: None, retry } => Stage::Retreating { since: Some(now), retry },
                Stage::Retreating { since: Some(since), retry } => {
                    let is_done = match self.retreat {
                        Some(Retreat::Uninstall) => !seen.has_objects,
                        Some(Retreat::Rollback) => seen.is_ready,
                        _ => true,
                    };
                    let timeout = self.release.release.timeout(self.retreat_step());
                    if is_done {
                        Stage::Left { retry }
                    } else if now >= since + timeout {
                        let before = self.reason.take().unwrap_or_default();
                        let way = self.retreat.map_or("", Retreat::name);
                        self.reason = Some(format!("{before}; the {way}: {}", overdue(timeout, seen)).into());
                        Stage::Resting { until: None }
                    } else {
                        return (None, None);
                    }
                }
                Stage::Left { retry } if self.retreat == Some(Retreat::Hold) => self.rest(retry, now),
                Stage::Left { retry } => {
                    match self.retreat_hooks([HookEvent::PostRollback, HookEvent::PostDelete]) {
                        Some(hooks) => return (Some(hooks), None),
                        None => Stage::Noting { retry },
                    }
                }
                Stage::Noting { .. } => return (Some(Order::Write(Writ::Retreat(self.failed()))), None),
                Stage::Resting { until: Some(until) } if until <= now => match self.release.course {
                    place::Course::Meant => self.beginning(),
                    place::Course::Refused(_) => {
                        self.stage = Stage::Returning;
                        return (None, Some(Word::Allow));
                    }
                },
                Stage::Waiting
                | Stage::Applying { .. }
                | Stage::Settled
                | Stage::Resting { .. }
                | Stage::Returning => return (None, None),
            };
            self.stage = next;
        }
    }

    /// The hooks of a retreat: those of a rollback, or of an uninstallation.
    fn retreat_hooks(&self, [rollback, uninstall]: [HookEvent; 2]) -> Option<Order> {
        match self.retreat? {
            Retreat::Hold => None,
            Retreat::Rollback => self.hooks(rollback),
            Retreat::Uninstall => self.hooks(uninstall),
        }
    }

    /// The revision that it went back to.
    pub fn back_to(&self) -> Option<&Recorded> {
        self.back_to.as_ref()
    }

    /// What is done about its failure.
    pub fn retreat(&self) -> Option<Retreat> {
        self.retreat
    }

    /// Takes in how an order ended.
    pub fn ended(&mut self, ended: Ended, now: Instant) {
        self.stage = match (self.stage, ended) {
            (Stage::Before, Ended::Done) => Stage::Applying { since: Some(now), is_overdue: false },
            (Stage::Before, Ended::Failed(reason)) => return self.fail(FailedIn::Before, reason),
            (Stage::After, Ended::Done) => Stage::Recording,
            (Stage::After, Ended::Failed(reason)) => return self.fail(FailedIn::After, reason),
            (Stage::Recording, Ended::Done) => {
                self.retreat = None;
                if self.is_tested() {
                    Stage::Testing
                } else {
                    self.forgive();
                    Stage::Settled
                }
            }
            (Stage::Testing, Ended::Done) => Stage::Passing,
            (Stage::Testing, Ended::Failed(reason)) => {
                if self.release.release.ignores_test_failures(self.step()) {
                    Stage::Passing
                } else {
                    return self.fail(FailedIn::After, reason);
                }
            }
            (Stage::Passing, _) => {
                self.forgive();
                Stage::Settled
            }
            (Stage::Failing { in_stage, retry }, _) => match (self.retreat, in_stage) {
                (Some(_), _) => Stage::Reading { retry },
                (None, FailedIn::Applying) if retry == Retry::NotThisVersion => {
                    Stage::Applying { since: Some(now), is_overdue: true }
                }
                (None, _) => self.rest(retry, now),
            },
            (Stage::Reading { retry }, Ended::Read(recorded)) => {
                self.back_to = recorded.map(|recorded| *recorded);
                if self.back_to.is_none() && self.retreat == Some(Retreat::Rollback) {
                    // There is nothing to go back to: what is there stays.
                    self.retreat = None;
                    self.rest(retry, now)
                } else {
                    Stage::Leaving { retry }
                }
            }
            (Stage::Leaving { retry } | Stage::Left { retry }, Ended::Failed(reason)) => {
                // A retreat goes on whatever its hooks do: what has failed must not stay.
                let before = self.reason.take().unwrap_or_default();
                self.reason = Some(format!("{before}; {reason}").into());
                match self.stage {
                    Stage::Leaving { .. } => Stage::Turning { retry },
                    _ => Stage::Noting { retry },
                }
            }
            (Stage::Leaving { retry }, _) => Stage::Turning { retry },
            (Stage::Left { retry }, _) => Stage::Noting { retry },
            (Stage::Noting { retry }, _) => self.rest(retry, now),
            (other, _) => other,
        };
    }

    fn forgive(&mut self) {
        (self.failures, self.reason) = (0, None);
    }
}

fn overdue(timeout: Duration, seen: &Seen) -> String {
    let seconds = timeout.as_secs();
    match &seen.pending {
        Some(pending) => format!("not ready after {seconds}s: {pending}"),
        None => format!("not ready after {seconds}s"),
    }
}

#[cfg(test)]
mod tests;
