//! Releases of charts on one target: hooks, tests, remedies and Helm's records.
//!
//! Objects of releases are applied as all others are. What a release adds is when: its
//! [`Course`] opens and closes the gates of the index, and orders what is done beside.
//! Nothing is remembered elsewhere than in Helm's records on the target.

mod course;
mod departure;
mod history;
mod hooks;
mod records;
mod report;
mod survey;
mod work;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use syncline_helm::record::Status;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::index::{Gate, Index};
use super::learned::Learned;
use crate::api::ClusterName;
use crate::place::{self, Desired, DesiredRelease, Kept};
use crate::render::release::{Owner, ReleaseId, Standing};
use crate::target::{Cluster, KindOnServer, TargetError};
use course::{Course, Ended, Order, Stage, Word};
use departure::Departure;
use history::{History, Retreat};
use records::Secrets;
use survey::{objects_of, survey};
pub(super) use work::{Done, Means, carry_out};
use work::{Outcome, Task, Whose, Work, meant, refused};

/// Records that are read or written at once: few, for objects come first.
const CONCURRENCY: usize = 8;

/// The releases of a target.
pub(super) struct Releases {
    courses: BTreeMap<Arc<str>, Tracked>,
    histories: HashMap<ReleaseId, History>,
    departures: HashMap<ReleaseId, Departure>,
    /// Releases that cannot be rendered, and of which what is in force is read or known.
    broken: HashSet<ReleaseId>,
    /// Releases of which another version was asked for since one has failed: their records
    /// still say that this one may not come again.
    forgiven: HashSet<ReleaseId>,
    writes: usize,
    /// Applications whose gates may be others now.
    changed: HashSet<Arc<str>>,
    /// All gates may be, and what may be pruned.
    is_all_changed: bool,
    /// When something goes on though nothing happens.
    wake: Option<Instant>,
    learned: Arc<Learned>,
}

struct Tracked {
    course: Course,
    /// What is under way for it.
    busy: Option<CancellationToken>,
    /// A newer version waits until that has ended.
    successor: Option<DesiredRelease>,
    /// After a request that the target refused.
    again: Option<(u32, Instant)>,
}

impl Releases {
    /// Reads what the target has of releases, and says where they stand.
    pub async fn begin(
        desired: &Desired,
        cluster: &Cluster,
        kind: Option<&KindOnServer>,
        inventory: &str,
        learned: &Arc<Learned>,
    ) -> Result<Releases, TargetError> {
        let (histories, standings) = match kind {
            Some(kind) => read(cluster, kind, inventory).await?,
            None => Default::default(),
        };
        learned.stand(&desired.target, standings);
        let learned = Arc::clone(learned);
        let mut releases = Releases {
            courses: BTreeMap::new(),
            histories,
            departures: HashMap::new(),
            broken: HashSet::new(),
            forgiven: HashSet::new(),
            writes: 0,
            changed: HashSet::new(),
            is_all_changed: true,
            wake: None,
            learned,
        };
        releases.desired_changes(desired, Instant::now());
        Ok(releases)
    }

    /// Takes over what is desired now.
    pub fn desired_changes(&mut self, desired: &Desired, now: Instant) {
        let names: HashSet<&Arc<str>> = desired.releases.iter().map(|release| &release.application).collect();
        self.courses.retain(|application, tracked| {
            let is_kept = names.contains(application);
            if let (false, Some(busy)) = (is_kept, &tracked.busy) {
                busy.cancel();
            }
            is_kept
        });
        for release in &desired.releases {
            let history = self.histories.entry(release.id.clone()).or_default();
            if release.course == place::Course::Meant
                && let Some(newest) = history.0.values_mut().next_back()
                && newest.failed.as_ref().is_some_and(|failed| failed.digest != release.digest)
                && newest.status == Status::Deployed
            {
                // Another version has been asked for since: the one that failed may come again.
                newest.failed = None;
                self.forgiven.insert(release.id.clone());
                self.learned.forgive(&desired.target, &release.id);
            }
            match self.courses.get_mut(&release.application) {
                Some(tracked) if tracked.course.release.is_same_version(release) => {
                    tracked.successor = None;
                    tracked.course.follow(release.clone(), history, now);
                }
                Some(tracked) => match &tracked.busy {
                    // The newest version supersedes every wait at once.
                    Some(busy) => {
                        busy.cancel();
                        tracked.successor = Some(release.clone());
                    }
                    None => *tracked = Tracked::new(release.clone(), history, now),
                },
                None => {
                    let tracked = Tracked::new(release.clone(), history, now);
                    self.courses.insert(Arc::clone(&release.application), tracked);
                }
            }
        }
        self.is_all_changed = true;
    }

    /// Opens and closes the gates of an index, if anything has changed; gives whether it has.
    pub fn set_gates(&mut self, index: &mut Index) -> bool {
        let changed = std::mem::take(&mut self.changed);
        if std::mem::take(&mut self.is_all_changed) {
            let gates =
                self.courses.iter().map(|(application, it)| (Arc::clone(application), it.gate())).collect();
            let mut held: HashSet<Owner> =
                self.departing(&index.desired).map(|(_, history)| history).filter_map(owner_of).collect();
            for departure in self.departures.values().filter(|departure| !departure.holds()) {
                held.remove(departure.owner());
            }
            index.set_gates(gates, held);
            return true;
        }
        let mut is_any = false;
        for application in changed {
            if let Some(tracked) = self.courses.get(&application) {
                is_any |= index.set_gate(&application, tracked.gate());
            }
        }
        is_any
    }

    /// Releases that this inventory has recorded and Git has no more.
    fn departing<'r>(&'r self, desired: &'r Desired) -> impl Iterator<Item = (&'r ReleaseId, &'r History)> {
        let wanted: HashSet<&ReleaseId> = desired.releases.iter().map(|release| &release.id).collect();
        self.histories.iter().filter(move |(id, history)| {
            let newest = history.newest();
            newest.is_some_and(|newest| newest.is_ours && !desired.kept.contains_key(&newest.owner))
                && !wanted.contains(id)
        })
    }

    /// Whether the target has no releases, and should have none.
    pub fn are_none(&self) -> bool {
        self.courses.is_empty() && self.histories.is_empty()
    }

    /// What can be done now.
    pub fn tasks(&mut self, index: &Index, now: Instant) -> Vec<Task> {
        let mut tasks = self.broken(&index.desired);
        tasks.extend(self.forgive());
        self.depart(index);
        let seen = survey(&self.courses, index, now);
        let target = index.desired.target.clone();
        let mut orders = Vec::new();
        for (application, tracked) in &mut self.courses {
            if tracked.busy.is_some() || tracked.again.is_some_and(|(_, at)| at > now) {
                continue;
            }
            let Some(seen) = seen.get(application) else { continue };
            let before = tracked.gate();
            let (order, word) = tracked.course.advance(seen, now);
            if tracked.gate() != before {
                self.changed.insert(Arc::clone(application));
            }
            let id = &tracked.course.release.id;
            match word {
                Some(Word::Refuse(refused)) => self.learned.refuse(&target, id, Some(refused)),
                Some(Word::Allow) => self.learned.refuse(&target, id, None),
                None => {}
            }
            let Some(order) = order else { continue };
            let is_record = !matches!(order, Order::Hooks { .. });
            if is_record && self.writes >= CONCURRENCY {
                continue;
            }
            self.writes += usize::from(is_record);
            let cancel = CancellationToken::new();
            tracked.busy = Some(cancel.clone());
            orders.push((Arc::clone(application), order, cancel));
        }
        let written = orders.iter().filter(|(_, order, _)| matches!(order, Order::Write(_)));
        let written: Vec<Arc<str>> = written.map(|(application, ..)| Arc::clone(application)).collect();
        let mut objects = objects_of(&written, index);
        for (application, order, cancel) in orders {
            let Some(tracked) = self.courses.get(&application) else { continue };
            let history = self.histories.get(&tracked.course.release.id).cloned().unwrap_or_default();
            let objects = objects.remove(&application).unwrap_or_default();
            let work = meant(&tracked.course, order, &cancel, history, objects);
            tasks.push(Task { whose: Whose::Course(application), work });
        }
        for (id, departure) in &mut self.departures {
            if self.writes >= CONCURRENCY {
                break;
            }
            let Some(history) = self.histories.get(id) else { continue };
            let before = departure.holds();
            if let Some(order) = departure.advance(index, now) {
                let history = history.clone();
                let work = match order {
                    departure::Order::Read => Work::ReadHooks(history),
                    departure::Order::Hooks(hooks) => Work::Hooks(hooks),
                    departure::Order::Remove { is_kept } => Work::Remove { history, is_kept },
                };
                self.writes += usize::from(work.is_record());
                tasks.push(Task { whose: Whose::Departure(id.clone()), work });
            }
            self.is_all_changed |= departure.holds() != before;
        }
        self.set_wake(now);
        tasks
    }

    /// What is in force of releases that cannot be rendered is read, so that it stays so.
    fn broken(&mut self, desired: &Desired) -> Vec<Task> {
        let broken = desired.kept.values().filter_map(|kept| match &kept.why {
            Kept::Broken { id, .. } => Some(id),
            Kept::Suspended | Kept::Awaited => None,
        });
        let broken: HashSet<&ReleaseId> = broken.collect();
        self.broken.retain(|id| broken.contains(id));
        let mut tasks = Vec::new();
        for id in broken {
            if self.writes >= CONCURRENCY {
                break;
            }
            let Some(history) = self.histories.get(id).filter(|history| history.in_force().is_some()) else {
                continue;
            };
            if self.broken.insert(id.clone()) {
                self.writes += 1;
                let work = Work::Read(history.clone());
                tasks.push(Task { whose: Whose::Broken(id.clone()), work });
            }
        }
        tasks
    }

    /// What was forgiven is written down, so that it is after a restart too.
    fn forgive(&mut self) -> Vec<Task> {
        let room = CONCURRENCY.saturating_sub(self.writes);
        let some: Vec<ReleaseId> = self.forgiven.iter().take(room).cloned().collect();
        let tasks = some.into_iter().filter_map(|id| {
            self.forgiven.remove(&id);
            let newest = self.histories.get(&id)?.newest()?.clone();
            self.writes += 1;
            Some(Task { whose: Whose::Forgiven, work: Work::Forgive(newest) })
        });
        tasks.collect()
    }

    /// Begins with what left Git, and leaves alone what has come back.
    fn depart(&mut self, index: &Index) {
        let desired = &index.desired;
        if !desired.broken.is_empty() || !index.is_complete() {
            return;
        }
        let departing: HashMap<ReleaseId, Owner> = self
            .departing(desired)
            .filter_map(|(id, history)| Some((id.clone(), owner_of(history)?)))
            .collect();
        self.departures.retain(|id, _| departing.contains_key(id));
        for (id, owner) in departing {
            self.departures.entry(id).or_insert_with(|| {
                // Its records are kept elsewhere now.
                let lives_on = desired.releases.iter().any(|release| release.owner() == owner);
                if lives_on { Departure::of_records(owner) } else { Departure::new(owner) }
            });
        }
    }

    /// Takes in what became of a task; gives what is to be told.
    pub fn finish(
        &mut self,
        done: Done,
        target: &ClusterName,
        now: Instant,
    ) -> Result<Option<String>, TargetError> {
        match &done.whose {
            Whose::Course(application) => self.changed.extend([Arc::clone(application)]),
            Whose::Departure(_) => self.is_all_changed = true,
            Whose::Broken(_) | Whose::Forgiven => {}
        }
        self.writes -= usize::from(done.is_record);
        let error = match done.result {
            Err(error) if error.is_about_target() => return Err(error),
            // Somebody else has written a revision: what is known of the target is out of date.
            Err(error @ TargetError::Conflict(_)) if done.is_record => return Err(error),
            Err(error) => Some(error),
            Ok(result) => {
                self.take(&done.whose, result, target, now);
                None
            }
        };
        let Some(error) = error else { return Ok(self.news(&done.whose)) };
        match &done.whose {
            Whose::Course(application) => {
                let Some(tracked) = self.courses.get_mut(application) else { return Ok(None) };
                tracked.free(&self.histories, now);
                let attempts = tracked.again.map_or(0, |(attempts, _)| attempts) + 1;
                tracked.again = Some((attempts, now + Backoff::TARGET.after(attempts)));
                Ok((attempts == 1).then(|| format!("{application}: Helm's record was not written: {error}")))
            }
            // Without it a version that comes back stays refused, until another one comes.
            Whose::Forgiven => Ok(None),
            Whose::Broken(id) => {
                // It is read again when something else happens.
                self.broken.remove(id);
                Ok(None)
            }
            Whose::Departure(id) => {
                let Some(departure) = self.departures.get_mut(id) else { return Ok(None) };
                let attempts = departure.refused(now);
                Ok((attempts == 1)
                    .then(|| format!("release {}: its records were not removed: {error}", id.name)))
            }
        }
    }

    fn take(&mut self, whose: &Whose, result: Outcome, target: &ClusterName, now: Instant) {
        let application = match whose {
            Whose::Course(application) => application,
            Whose::Broken(id) => {
                if let Outcome::Ended(Ended::Read(Some(good)), _) = result {
                    self.learned.keep_good(target, id, good.in_force);
                }
                return;
            }
            Whose::Forgiven => return,
            Whose::Departure(id) => {
                let Some(departure) = self.departures.get_mut(id) else { return };
                match result {
                    Outcome::Hooks(parting) => departure.read(parting),
                    Outcome::Ended(Ended::Failed(reason), _) => departure.hooks_failed(&reason, now),
                    Outcome::Ended(..) => departure.hooks_ran(),
                    Outcome::Written(history) => {
                        // What is kept of it is ours no more.
                        self.departures.remove(id);
                        self.learned.stands(target, id, history.standing());
                        self.histories.insert(id.clone(), history);
                    }
                    Outcome::Nothing => {}
                }
                return;
            }
        };
        if let Outcome::Written(history) = &result
            && let Some(tracked) = self.courses.get(application)
        {
            let id = tracked.course.release.id.clone();
            self.learned.stands(target, &id, history.standing());
            self.histories.insert(id, history.clone());
        }
        let Some(tracked) = self.courses.get_mut(application) else { return };
        tracked.again = None;
        if tracked.free(&self.histories, now) {
            return;
        }
        match result {
            Outcome::Written(_) => tracked.course.ended(Ended::Done, now),
            Outcome::Ended(ended, runs) => {
                tracked.course.runs.extend(runs);
                tracked.course.ended(ended, now);
            }
            Outcome::Hooks(_) | Outcome::Nothing => {}
        }
    }

    /// What people should hear of at once.
    fn news(&self, whose: &Whose) -> Option<String> {
        let Whose::Course(application) = whose else { return None };
        let course = &self.courses.get(application)?.course;
        let reason = course.reason.as_deref().unwrap_or_default();
        match course.stage {
            Stage::Failing { .. } => Some(format!("{application} has failed: {reason}")),
            Stage::Resting { .. } if course.retreat() == Some(Retreat::Rollback) => {
                let back_to = course.back_to().map_or(0, |back| back.in_force.revision);
                Some(format!("{application} was rolled back to revision {back_to}: {reason}"))
            }
            Stage::Resting { .. } if course.retreat() == Some(Retreat::Uninstall) => {
                Some(format!("{application} was uninstalled: {reason}"))
            }
            _ => None,
        }
    }

    /// When something goes on though nothing happens.
    pub fn wakes_at(&self, now: Instant) -> Option<Instant> {
        self.wake.filter(|at| *at > now)
    }

    /// Whatever changes a course is followed by a look at all of them, which ends with this:
    /// the loop around asks at each event.
    fn set_wake(&mut self, now: Instant) {
        let courses = self.courses.values().filter(|tracked| tracked.busy.is_none());
        let courses = courses
            .filter_map(|tracked| tracked.again.map(|(_, at)| at).or_else(|| tracked.course.wakes_at()));
        let departures = self.departures.values().filter_map(Departure::wakes_at);
        self.wake = courses.chain(departures).filter(|at| *at > now).min();
    }
}

/// Where the releases on a target stand.
pub(super) async fn standings(
    cluster: &Cluster,
    kind: &KindOnServer,
    inventory: &str,
) -> Result<HashMap<ReleaseId, Standing>, TargetError> {
    read(cluster, kind, inventory).await.map(|(_, standings)| standings)
}

/// What a target has of releases, and where they stand.
async fn read(
    cluster: &Cluster,
    kind: &KindOnServer,
    inventory: &str,
) -> Result<(HashMap<ReleaseId, History>, HashMap<ReleaseId, Standing>), TargetError> {
    let secrets = Secrets { cluster: cluster.clone(), kind: kind.clone(), inventory: inventory.into() };
    let histories = match secrets.histories().await {
        // Whoever may not see Secrets has none of releases.
        Err(TargetError::Forbidden(_)) => HashMap::new(),
        other => other?,
    };
    let mut standings = HashMap::new();
    for (id, history) in &histories {
        let refused = refused(&secrets, history).await?;
        standings.insert(id.clone(), Standing { refused, ..history.standing() });
    }
    Ok((histories, standings))
}

impl Tracked {
    fn new(release: DesiredRelease, history: &History, now: Instant) -> Tracked {
        Tracked { course: Course::new(release, history, now), busy: None, successor: None, again: None }
    }

    /// What may happen to its objects; nothing while a newer version waits.
    fn gate(&self) -> Gate {
        if self.successor.is_some() { Gate::Held } else { self.course.gate() }
    }

    /// What was under way has ended; gives whether a newer version takes over.
    fn free(&mut self, histories: &HashMap<ReleaseId, History>, now: Instant) -> bool {
        self.busy = None;
        let Some(successor) = self.successor.take() else { return false };
        let history = histories.get(&successor.id).cloned().unwrap_or_default();
        *self = Tracked::new(successor, &history, now);
        true
    }
}

fn owner_of(history: &History) -> Option<Owner> {
    history.newest().map(|newest| newest.owner.clone())
}
