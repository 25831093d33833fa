//! A session with a target: from the connection on until something ends it. Watches bring
//! events, steps become requests, and what the target says goes back to rendering.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use syncline_manifest::{GroupKind, ObjectKey};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::FIELD_MANAGER;
use super::backoff::Backoff;
use super::facts::{capabilities, recorded_inventory};
use super::index::{Index, Notice, Outcome};
use super::inventory::{Inventory, NAMESPACE};
use super::learned::Learned;
use super::lookups::{Asking, look_up};
use super::metrics::Metrics;
use super::releases::{Done, Means, Releases, carry_out};
use super::status::TargetStatus;
use super::step::{Namespaces, take};
use super::summary::summary;
use super::values::{Readings, read_values};
use crate::api;
use crate::fleet::Digest;
use crate::place::Desired;
use crate::render::release::{Answers, ValuesData, ValuesSource};
use crate::target::{Cluster, Kubeconfigs, ServerVersion, TargetError, WatchEvent, Watched};

/// Requests under way at once, on one target.
const CONCURRENCY: usize = 24;
/// Watch events that wait to be taken in.
const EVENTS: usize = 64;
/// At most this often a status is reported.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// What the task of a target is given.
pub struct TargetContext {
    /// The cluster as Git has it now.
    pub cluster: watch::Receiver<Arc<api::Cluster>>,
    /// What it should hold.
    pub desired: watch::Receiver<Arc<Desired>>,
    /// Where kubeconfigs come from.
    pub kubeconfigs: Kubeconfigs,
    /// Where the state of the target goes.
    pub status: watch::Sender<TargetStatus>,
    /// Whether deletions that the guard would hold are meant.
    pub confirm_prune: bool,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where goes what the target says of itself.
    pub learned: Arc<Learned>,
    /// Ends the task.
    pub shutdown: CancellationToken,
}

/// Why a session with a target ended.
pub(super) enum Ended {
    Shutdown,
    /// It failed; `connected` tells whether it ever worked.
    Failed {
        reason: String,
        hint: Option<String>,
        worked: bool,
    },
    /// The cluster is reached otherwise now.
    Reconfigured,
}

/// What is known of a target while it is connected, and what is under way there.
pub(super) struct Session {
    cluster: Cluster,
    pub index: Index,
    watches: JoinSet<()>,
    watched: HashSet<GroupKind>,
    events: mpsc::Sender<WatchEvent>,
    received: mpsc::Receiver<WatchEvent>,
    namespaces: Namespaces,
    metrics: Arc<Metrics>,
    learned: Arc<Learned>,
    version: ServerVersion,
    releases: Releases,
    asking: Asking,
    readings: Readings,
    /// The parent object as the target has it.
    recorded: Inventory,
    is_parent_new: bool,
    kinds_may_have_changed: Option<Instant>,
    kind_checks: u32,
}

impl Session {
    pub async fn begin(
        cluster: Cluster,
        desired: Arc<Desired>,
        context: &TargetContext,
    ) -> Result<Session, TargetError> {
        let (discovery, version) = tokio::try_join!(cluster.discover(), cluster.version())?;
        let (inventory, is_parent_new) =
            recorded_inventory(&desired.fleet, &desired.target, &cluster, &discovery).await?;
        let secrets = discovery.kind(&GroupKind::new("", "Secret"));
        let releases = Releases::begin(&desired, &cluster, secrets, inventory.id(), &context.learned).await?;
        context.learned.learn(&desired.target, capabilities(&version, &discovery));
        let (events, received) = mpsc::channel(EVENTS);
        let mut session = Session {
            cluster,
            recorded: inventory.clone(),
            index: Index::new(inventory, Arc::new(discovery), desired, context.confirm_prune),
            watches: JoinSet::new(),
            watched: HashSet::new(),
            events,
            received,
            namespaces: Namespaces::default(),
            metrics: Arc::clone(&context.metrics),
            learned: Arc::clone(&context.learned),
            version,
            releases,
            asking: Asking::default(),
            readings: Readings::default(),
            is_parent_new,
            kinds_may_have_changed: None,
            kind_checks: 0,
        };
        session.releases.set_gates(&mut session.index);
        session.prepare().await?;
        Ok(session)
    }

    /// What must be in place before steps are taken: the inventory lists every kind
    /// of which an object may be created, and every such kind is watched.
    async fn prepare(&mut self) -> Result<(), TargetError> {
        let (kinds, namespaces) = self.index.needed();
        let inventory = &mut self.index.inventory;
        inventory.kinds.extend(kinds);
        inventory.namespaces.extend(namespaces);
        if self.is_parent_new && self.index.wanted.is_empty() {
            return Ok(());
        }
        self.write_parent().await?;
        for (kind, on_server) in self.index.kinds_to_watch() {
            if !self.watched.insert(kind.clone()) {
                continue;
            }
            let (cluster, events) = (self.cluster.clone(), self.events.clone());
            let selector = self.index.inventory.selector();
            self.watches.spawn(async move { cluster.watch(kind, on_server, selector, events).await });
        }
        Ok(())
    }

    async fn write_parent(&mut self) -> Result<(), TargetError> {
        if !self.is_parent_new && self.recorded == self.index.inventory {
            return Ok(());
        }
        let parent = self.index.inventory.parent();
        let discovery = self.index.discovery();
        let Some(kind) = discovery.kind(&parent.group_kind).cloned() else { return Ok(()) };
        if self.is_parent_new {
            self.cluster.ensure_namespace(NAMESPACE, FIELD_MANAGER).await?;
        }
        let body = self.index.inventory.manifest().to_string().into_bytes();
        self.cluster.apply(&parent, "v1", &kind, FIELD_MANAGER, body).await?;
        self.metrics.count_write("inventory");
        self.recorded = self.index.inventory.clone();
        self.is_parent_new = false;
        Ok(())
    }

    /// Forgets kinds that no member is of any more, once nothing is under way.
    async fn shrink_inventory(&mut self) -> Result<(), TargetError> {
        if self.index.is_busy() || !self.index.is_complete() || self.index.leftovers() > 0 {
            return Ok(());
        }
        let (kinds, namespaces) = self.index.needed();
        if self.index.inventory.kinds == kinds && self.index.inventory.namespaces == namespaces {
            return Ok(());
        }
        self.index.inventory.kinds = kinds;
        self.index.inventory.namespaces = namespaces;
        self.write_parent().await
    }

    pub async fn run(
        &mut self,
        context: &mut TargetContext,
        configured: &Arc<api::Cluster>,
    ) -> Result<Ended, TargetError> {
        let mut under_way = FuturesUnordered::new();
        let mut working = FuturesUnordered::new();
        let mut looking = FuturesUnordered::new();
        let mut reading = FuturesUnordered::new();
        let mut reported = Instant::now();
        let mut is_changed = true;
        loop {
            let now = Instant::now();
            self.releases.set_gates(&mut self.index);
            while under_way.len() < CONCURRENCY
                && let Some(step) = self.index.next(now)
            {
                under_way.push(take(
                    step,
                    self.cluster.clone(),
                    Arc::clone(&self.namespaces),
                    Arc::clone(&self.metrics),
                ));
            }
            looking.extend(self.look_up());
            reading.extend(self.read_values());
            let is_idle = under_way.is_empty();
            if is_idle {
                self.shrink_inventory().await?;
            }
            if is_changed && (is_idle || reported.elapsed() >= REPORT_EVERY) && self.received.is_empty() {
                working.extend(self.work(now));
                if self.releases.set_gates(&mut self.index) {
                    continue;
                }
                let summary = summary(&self.index, &self.releases);
                context.status.send_if_modified(|status| {
                    let is_new = *status != summary;
                    *status = summary;
                    is_new
                });
                (is_changed, reported) = (false, Instant::now());
            }
            let wake = self.next_wake(is_changed.then(|| reported + REPORT_EVERY));
            tokio::select! {
                biased;
                () = context.shutdown.cancelled() => {
                    // What is under way is finished, so that no request is cut in half.
                    let drained = async { while under_way.next().await.is_some() {} };
                    let _ = tokio::time::timeout(Duration::from_secs(5), drained).await;
                    return Ok(Ended::Shutdown);
                }
                changed = context.desired.changed() => {
                    if changed.is_err() {
                        return Ok(Ended::Shutdown);
                    }
                    let desired = Arc::clone(&context.desired.borrow_and_update());
                    let current = &self.index.desired;
                    if desired.fleet != current.fleet || desired.health_checks != current.health_checks {
                        return Ok(Ended::Reconfigured);
                    }
                    self.releases.desired_changes(&desired, Instant::now());
                    self.learned.keep_asked(&desired);
                    self.index.set_desired(desired);
                    self.prepare().await?;
                    is_changed = true;
                }
                changed = context.cluster.changed() => {
                    let now_configured = context.cluster.borrow().spec.kubeconfig_secret_ref.clone();
                    if changed.is_err() || now_configured != configured.spec.kubeconfig_secret_ref {
                        return Ok(Ended::Reconfigured);
                    }
                }
                Some((key, outcome)) = under_way.next(), if !is_idle => {
                    if let Outcome::Failed { error, .. } = &outcome {
                        self.report_failure(&key, error);
                        if error.is_about_target() {
                            return Err(error.clone());
                        }
                    }
                    let notice = self.index.finish(&key, outcome, Instant::now());
                    self.take_notice(notice);
                    is_changed = true;
                }
                Some(done) = working.next(), if !working.is_empty() => {
                    let target = &self.index.desired.target;
                    if let Some(news) = self.releases.finish(done, target, Instant::now())? {
                        warn!(%target, "{news}");
                    }
                    is_changed = true;
                }
                Some((rendering, answers)) = looking.next(), if !looking.is_empty() => {
                    let target = self.index.desired.target.clone();
                    match answers {
                        Ok(answers) => self.learned.answer(&target, rendering, answers),
                        Err(error) if error.is_about_target() => return Err(error),
                        Err(error) => {
                            self.asking.refused(&rendering, Instant::now());
                            warn!(%target, %error, "a chart cannot look at the cluster; its release waits");
                        }
                    }
                }
                Some((source, data)) = reading.next(), if !reading.is_empty() => {
                    let target = self.index.desired.target.clone();
                    let every = self.index.desired.values_from.get(&source).copied();
                    self.readings.done(&source, every, data.as_ref(), Instant::now());
                    match data {
                        Ok(data) => {
                            if self.learned.read_values(&target, source.clone(), data) {
                                info!(%target, object = %source.key, "values of the cluster are read");
                            }
                        }
                        Err(error) if error.is_about_target() => return Err(error),
                        Err(error) => {
                            warn!(%target, object = %source.key, %error, "values of the cluster cannot be read");
                        }
                    }
                }
                Some(event) = self.received.recv() => {
                    self.take_event(event).await?;
                    is_changed = true;
                }
                () = wake => {
                    is_changed = true;
                    if self.kinds_may_have_changed.is_some_and(|at| at <= Instant::now()) {
                        self.refresh_kinds().await?;
                        is_changed = true;
                    }
                }
            }
        }
    }

    /// Starts to answer what charts look up.
    fn look_up(&mut self) -> Vec<impl Future<Output = (Digest, Result<Answers, TargetError>)> + use<>> {
        let wanted = self.asking.take_due(&self.index.desired, Instant::now());
        let (cluster, discovery) = (self.cluster.clone(), self.index.discovery());
        let asked = wanted.into_iter().map(move |(rendering, wanted)| {
            let answers = look_up(wanted, cluster.clone(), Arc::clone(&discovery));
            async move { (rendering, answers.await) }
        });
        asked.collect()
    }

    /// Starts to read the objects from which releases take values, where it is time.
    fn read_values(
        &mut self,
    ) -> Vec<impl Future<Output = (ValuesSource, Result<ValuesData, TargetError>)> + use<>> {
        let due = self.readings.take_due(&self.index.desired.values_from, Instant::now());
        let (cluster, discovery) = (self.cluster.clone(), self.index.discovery());
        let read = due.into_iter().map(move |source| {
            let data = read_values(source.clone(), cluster.clone(), Arc::clone(&discovery));
            async move { (source, data.await) }
        });
        read.collect()
    }

    /// Starts what there is to do for releases beside applying their objects.
    fn work(&mut self, now: Instant) -> Vec<impl Future<Output = Done> + use<>> {
        if self.releases.are_none() {
            return Vec::new();
        }
        let means = Means::new(&self.cluster, &self.index, &self.namespaces, &self.metrics);
        let Some(means) = means.map(Arc::new) else { return Vec::new() };
        let tasks = self.releases.tasks(&self.index, now);
        tasks.into_iter().map(|task| carry_out(task, Arc::clone(&means))).collect()
    }

    fn next_wake(&mut self, report: Option<Instant>) -> impl Future<Output = ()> + use<> {
        if self.index.waits_for_kinds() && self.kinds_may_have_changed.is_none() {
            // A definition may arrive from elsewhere; asking costs two requests.
            let delay = Backoff::TARGET.after(self.kind_checks + 2);
            self.kinds_may_have_changed = Some(Instant::now() + delay);
        }
        let next = [
            self.index.wakes_at(),
            self.kinds_may_have_changed,
            self.releases.wakes_at(Instant::now()),
            self.asking.wakes_at(),
            self.readings.wakes_at(),
            report,
        ]
        .into_iter()
        .flatten()
        .min();
        async move {
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        }
    }

    async fn take_event(&mut self, event: WatchEvent) -> Result<(), TargetError> {
        if let Watched::Failed(error) = event.watched {
            if let TargetError::NoSuchKind(_) = error {
                // The kind went away; if it is still wanted it is waited for.
                self.watched.remove(&event.kind);
                return self.refresh_kinds().await;
            }
            if let TargetError::Forbidden(_) = error {
                // One kind that may not be listed is no reason to leave the others.
                warn!(target = %self.index.desired.target, kind = %event.kind, %error, "a kind cannot be watched");
                self.watched.remove(&event.kind);
                self.index.deny(&event.kind, &error, Instant::now());
                self.kind_checks = self.kind_checks.saturating_add(1);
                let again = Instant::now() + Backoff::TARGET.after(self.kind_checks);
                self.kinds_may_have_changed =
                    Some(self.kinds_may_have_changed.map_or(again, |at| at.min(again)));
                return Ok(());
            }
            return Err(error);
        }
        let notice = self.index.observe(event, Instant::now());
        self.take_notice(notice);
        Ok(())
    }

    fn take_notice(&mut self, notice: Option<Notice>) {
        match notice {
            Some(Notice::KindsChanged) => {
                self.kind_checks = 0;
                self.kinds_may_have_changed = Some(Instant::now());
            }
            Some(Notice::Drifted { key, manager, fields }) => {
                let target = &self.index.desired.target;
                self.metrics.count_drift();
                info!(%target, object = %key, manager = manager.as_deref().unwrap_or("-"), ?fields, "drift");
            }
            None => {}
        }
    }

    fn report_failure(&self, key: &ObjectKey, error: &TargetError) {
        let is_known = self.index.failures.get(key).is_some_and(|failure| failure.error == *error);
        let target = &self.index.desired.target;
        self.metrics.count_failure();
        if is_known {
            debug!(%target, object = %key, %error, "apply failed again");
        } else {
            warn!(%target, object = %key, %error, "apply failed");
        }
    }

    async fn refresh_kinds(&mut self) -> Result<(), TargetError> {
        self.kinds_may_have_changed = None;
        self.kind_checks = self.kind_checks.saturating_add(1);
        let discovery = self.cluster.discover().await?;
        self.learned.learn(&self.index.desired.target, capabilities(&self.version, &discovery));
        self.index.set_discovery(Arc::new(discovery));
        self.prepare().await
    }
}
