//! What the index knows of releases, in one pass over what is wanted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use syncline_manifest::ObjectKey;

use super::Tracked;
use super::course::{Course, Seen, Stage};
use super::history::Retreat;
use crate::fleet::Resource;
use crate::place::Role;
use crate::sync::health::Health;
use crate::sync::index::{Index, Wanted};
use crate::target::TargetError;

/// Which objects count as ready before they are healthy.
#[derive(Clone, Copy)]
struct Patience {
    waits: bool,
    waits_for_jobs: bool,
    /// Whether it is told what they wait for.
    tells: bool,
}

/// Looks at the releases that wait for something to be seen.
pub(super) fn survey(
    courses: &BTreeMap<Arc<str>, Tracked>,
    index: &Index,
    now: Instant,
) -> HashMap<Arc<str>, Seen> {
    let watched = courses.iter().filter(|(_, tracked)| tracked.busy.is_none() && tracked.course.is_watched());
    let mut all: HashMap<Arc<str>, (Seen, Patience)> = watched
        .map(|(application, tracked)| (Arc::clone(application), begin(&tracked.course, index, now)))
        .collect();
    if all.is_empty() {
        return HashMap::new();
    }
    for (key, wanted) in &index.wanted {
        if let Some((seen, patience)) = all.get_mut(&wanted.object.application) {
            look(seen, *patience, index, key, wanted);
        }
    }
    all.into_iter().map(|(application, (seen, _))| (application, seen)).collect()
}

fn begin(course: &Course, index: &Index, now: Instant) -> (Seen, Patience) {
    let (release, step) = (&course.release.release, course.waiting_step());
    let patience = Patience {
        waits: release.waits(step),
        waits_for_jobs: release.waits_for_jobs(step),
        tells: course.wakes_at().is_some_and(|at| at <= now),
    };
    let is_removed =
        course.retreat() == Some(Retreat::Uninstall) && matches!(course.stage, Stage::Retreating { .. });
    let seen = Seen {
        has_what_it_needs: index.has_what_it_needs(&course.release.application),
        is_founded: true,
        is_ready: true,
        failure: None,
        pending: None,
        has_objects: is_removed && index.has_objects_of(&course.release.owner()),
    };
    (seen, patience)
}

fn look(seen: &mut Seen, patience: Patience, index: &Index, key: &ObjectKey, wanted: &Wanted) {
    if wanted.object.role == Role::Foundation {
        seen.is_founded &= index.is_done(key);
    }
    let is_in_sync = index.is_in_sync(key);
    let is_job = key.group_kind.is("batch", "Job");
    let waits = patience.waits && (!is_job || patience.waits_for_jobs);
    if if waits { index.is_done(key) } else { is_in_sync } {
        return;
    }
    seen.is_ready = false;
    let failure = index.failures.get(key);
    if let Some(TargetError::Invalid { .. }) = failure.map(|failure| &failure.error)
        && seen.failure.is_none()
    {
        seen.failure = failure.map(|failure| format!("{key}: {}", failure.error));
    }
    let health = index.members.get(key).map(|member| &member.health);
    if let (true, true, Some(Health::Failed(reason)), None) = (waits, is_in_sync, health, &seen.failure) {
        seen.failure = Some(format!("{key}: {reason}"));
    }
    if patience.tells && seen.pending.is_none() {
        seen.pending = Some(match (failure, health) {
            (Some(failure), _) => format!("{key}: {}", failure.error),
            (None, Some(Health::Progressing(reason))) => format!("{key}: {reason}"),
            _ => format!("{key} is not applied"),
        });
    }
}

/// What releases consist of.
pub(super) fn objects_of(applications: &[Arc<str>], index: &Index) -> HashMap<Arc<str>, Vec<Arc<Resource>>> {
    let mut all: HashMap<Arc<str>, Vec<Arc<Resource>>> =
        applications.iter().map(|application| (Arc::clone(application), Vec::new())).collect();
    if all.is_empty() {
        return all;
    }
    for wanted in index.wanted.values().filter(|wanted| wanted.object.role == Role::Body) {
        if let Some(objects) = all.get_mut(&wanted.object.application) {
            objects.push(Arc::clone(&wanted.object.resource));
        }
    }
    all
}
