//! What is carried out for releases beside applying their objects: hooks are run, records
//! are read and written.

use std::sync::Arc;

use syncline_helm::record::{self, HookRun, Status};
use syncline_helm::release::Operation;
use syncline_manifest::GroupKind;
use tokio_util::sync::CancellationToken;

use super::course::{Course, Ended, Order, Recorded, Writ};
use super::departure::Parting;
use super::history::{ACTING_AS, History, KEEP_HISTORY, NO_DELETE_HOOKS, Retreat, Revision};
use super::hooks::{HookError, HookRunner, Hooks};
use super::records::{Content, Secrets, Writing};
use crate::fleet::Resource;
use crate::render::release::{InForce, Refused, ReleaseId, recorded};
use crate::sync::index::Index;
use crate::sync::metrics::Metrics;
use crate::sync::step::Namespaces;
use crate::target::{Cluster, TargetError};

/// What it takes to carry something out.
pub(in crate::sync) struct Means {
    secrets: Secrets,
    hooks: HookRunner,
}

impl Means {
    /// None where the target has no Secrets.
    pub fn new(
        cluster: &Cluster,
        index: &Index,
        namespaces: &Namespaces,
        metrics: &Arc<Metrics>,
    ) -> Option<Means> {
        let discovery = index.discovery();
        Some(Means {
            secrets: Secrets {
                cluster: cluster.clone(),
                kind: discovery.kind(&GroupKind::new("", "Secret"))?.clone(),
                inventory: index.inventory.id().into(),
            },
            hooks: HookRunner {
                cluster: cluster.clone(),
                discovery,
                namespaces: Arc::clone(namespaces),
                metrics: Arc::clone(metrics),
            },
        })
    }
}

/// Something to carry out.
pub(in crate::sync) struct Task {
    pub(super) whose: Whose,
    pub(super) work: Work,
}

#[derive(Clone)]
pub(super) enum Whose {
    Course(Arc<str>),
    Departure(ReleaseId),
    /// A release that cannot be rendered.
    Broken(ReleaseId),
    /// A release whose failure is past.
    Forgiven,
}

pub(super) enum Work {
    Hooks(Hooks),
    Write(Box<Writing>),
    Read(History),
    ReadHooks(History),
    Remove { history: History, is_kept: bool },
    Forgive(Revision),
}

impl Work {
    /// Whether records are read or written, of which few are at once.
    pub fn is_record(&self) -> bool {
        !matches!(self, Work::Hooks(_))
    }
}

/// What became of it.
pub(in crate::sync) struct Done {
    pub(super) whose: Whose,
    pub(super) result: Result<Outcome, TargetError>,
    pub(super) is_record: bool,
}

pub(super) enum Outcome {
    Ended(Ended, Vec<HookRun>),
    Written(History),
    Hooks(Option<Parting>),
    Nothing,
}

/// What a release says of a version that has failed, with the objects in force instead.
pub(super) async fn refused(secrets: &Secrets, history: &History) -> Result<Option<Refused>, TargetError> {
    let Some(newest) = history.newest() else { return Ok(None) };
    let Some(failed) = newest.failed.as_ref().filter(|failed| failed.retreat.is_some()) else {
        return Ok(None);
    };
    let in_force = read_back(history, secrets).await?.map(|back| back.in_force);
    Ok(Some(Refused { digest: failed.digest, in_force }))
}

/// What an order means for a course.
pub(super) fn meant(
    course: &Course,
    order: Order,
    cancel: &CancellationToken,
    history: History,
    objects: Vec<Arc<Resource>>,
) -> Work {
    let release = &course.release;
    let writ = match order {
        Order::Hooks { hooks, event, timeout } => {
            return Work::Hooks(Hooks {
                hooks,
                event,
                namespace: release.release.target_namespace().to_owned(),
                timeout,
                acting_as: release.acting_as(),
                cancel: cancel.clone(),
            });
        }
        Order::Read => return Work::Read(history),
        Order::Write(writ) => writ,
    };
    let desired = |objects| Content::Desired { objects, runs: course.runs.clone() };
    let number = release.occasion.revision;
    let verb = match release.occasion.operation {
        Operation::Install => "Install",
        Operation::Upgrade => "Upgrade",
    };
    let newest = history.newest().map_or(0, |newest| newest.number);
    let (number, status, description, content, digest, failed, is_untested) = match writ {
        Writ::Deployed { is_untested } => {
            let text = format!("{verb} complete");
            (number, Status::Deployed, text, desired(objects), Some(release.digest), None, is_untested)
        }
        Writ::Failed(failed) => {
            let text = format!("{verb} {:?} failed: {}", release.id.name, failed.reason);
            let digest = Some(release.digest);
            (number, Status::Failed, text, desired(objects), digest, Some(failed), false)
        }
        Writ::Retreat(failed) => match (course.retreat(), course.back_to()) {
            (Some(Retreat::Rollback), Some(back)) => {
                let text = format!("Rollback to {}", back.in_force.revision);
                let content = Content::Recorded(Arc::clone(&back.record));
                (newest + 1, Status::Deployed, text, content, back.digest, Some(failed), false)
            }
            _ => {
                let text = format!("Uninstallation complete: {}", failed.reason);
                let digest = Some(release.digest);
                (newest.max(1), Status::Uninstalled, text, desired(Vec::new()), digest, Some(failed), false)
            }
        },
    };
    Work::Write(Box::new(Writing {
        id: release.id.clone(),
        number,
        status,
        description,
        content,
        digest,
        failed,
        is_untested,
        release: release.clone(),
        history,
    }))
}

/// Carries something out.
pub(in crate::sync) async fn carry_out(task: Task, means: Arc<Means>) -> Done {
    let Task { whose, work } = task;
    let is_record = work.is_record();
    let secrets = &means.secrets;
    let result = match work {
        Work::Hooks(hooks) => {
            let (runs, outcome) = means.hooks.clone().run(hooks).await;
            match outcome {
                Ok(()) => Ok(Outcome::Ended(Ended::Done, runs)),
                Err(HookError::Failed(reason)) => Ok(Outcome::Ended(Ended::Failed(reason), runs)),
                Err(HookError::Cancelled) => Ok(Outcome::Nothing),
                Err(HookError::Target(error)) => Err(error),
            }
        }
        Work::Write(writing) => secrets.write(*writing).await.map(Outcome::Written),
        Work::Read(history) => {
            let back = read_back(&history, secrets).await;
            back.map(|back| Outcome::Ended(Ended::Read(back.map(Box::new)), Vec::new()))
        }
        Work::ReadHooks(history) => read_hooks(&history, secrets).await.map(Outcome::Hooks),
        Work::Forgive(revision) => secrets.forgive(&revision).await.map(|()| Outcome::Nothing),
        Work::Remove { history, is_kept } => remove(history, is_kept, secrets).await.map(Outcome::Written),
    };
    Done { whose, result, is_record }
}

/// Reads the revision that is in force where the newest is not.
async fn read_back(history: &History, secrets: &Secrets) -> Result<Option<Recorded>, TargetError> {
    let Some(revision) = history.in_force() else { return Ok(None) };
    let record = secrets.read(revision).await?;
    Ok(record.map(|record| Recorded {
        in_force: Arc::new(InForce { revision: revision.number, objects: recorded(&record) }),
        hooks: record.hooks(),
        record: Arc::new(record),
        digest: revision.digest,
    }))
}

/// Reads what the newest record says of the end of its release.
async fn read_hooks(history: &History, secrets: &Secrets) -> Result<Option<Parting>, TargetError> {
    let Some(newest) = history.newest().filter(|newest| newest.status != Status::Uninstalled) else {
        return Ok(None);
    };
    let Some(secret) = secrets.secret(newest).await? else { return Ok(None) };
    let Ok(record) = record::read(&secret.value) else { return Ok(None) };
    let runs_hooks = secret.annotation(NO_DELETE_HOOKS).is_none();
    Ok(Some(Parting {
        hooks: if runs_hooks { record.hooks() } else { Vec::new() },
        namespace: record.namespace().to_owned(),
        acting_as: secret.annotation(ACTING_AS).map(Arc::from),
        is_kept: secret.annotation(KEEP_HISTORY).is_some(),
    }))
}

/// Deletes the records of a release, or marks it as uninstalled where they are kept.
async fn remove(mut history: History, is_kept: bool, secrets: &Secrets) -> Result<History, TargetError> {
    if !is_kept {
        secrets.forget(&history).await?;
        return Ok(History::default());
    }
    if let Some(newest) = history.0.values_mut().next_back() {
        secrets.mark(newest, Status::Uninstalled).await?;
    }
    for revision in history.0.values_mut() {
        secrets.disown(revision).await?;
    }
    Ok(history)
}
