//! The engine: follows a source and keeps every target what its newest good commit
//! says.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::backoff::Backoff;
use super::learned::Learned;
use super::metrics::Metrics;
use super::session::TargetContext;
use super::status::TargetStatus;
use super::task::run_target;
use crate::api::{Cluster, ClusterName};
use crate::charts::RemoteCharts;
use crate::fleet::{self, ChartRequest, Diagnostic, Fleet, LoadCache, LoadError};
use crate::git::{CommitId, Credentials, GitError, LocalNotice, Mirror, Reference, SourceUrl};
use crate::place::{Desired, Placements, Unplaced, place};
use crate::record::Ledger;
use crate::render::RenderCache;
use crate::target::Kubeconfigs;

/// How long one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
/// Changes of statuses are gathered for this long before they are recorded.
const RECORD_EVERY: Duration = Duration::from_millis(250);

/// What an engine follows and how.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The fleet repository.
    pub source: SourceUrl,
    /// How to enter it.
    pub credentials: Option<Credentials>,
    /// Which commit of it counts.
    pub reference: Reference,
    /// The folder of it that is the fleet; the root where empty.
    pub folder: String,
    /// Where mirrors are kept.
    pub data_dir: PathBuf,
    /// Where kubeconfigs come from.
    pub kubeconfigs: Kubeconfigs,
    /// How often the source is asked.
    pub interval: Duration,
    /// Whether deletions that the guard would hold are meant.
    pub confirm_prune: bool,
}

/// The state of the source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// The address.
    pub url: String,
    /// The commit in force.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commit: Option<CommitId>,
    /// Why it may not be the newest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
}

/// The state of everything.
#[derive(Debug, Clone, Default)]
pub struct FleetStatus {
    /// The source.
    pub source: SourceStatus,
    /// What loading, rendering and placing the commit in force found.
    pub diagnostics: Arc<[Diagnostic]>,
    /// Resources that go nowhere.
    pub unplaced: Arc<[Unplaced]>,
    /// The targets.
    pub targets: BTreeMap<ClusterName, TargetStatus>,
    /// Whether the source was asked at least once.
    pub was_asked: bool,
}

/// Follows the source until shut down.
///
/// # Errors
/// Only when it cannot start: the mirror cannot be opened or is in use.
pub async fn run_engine(
    options: EngineOptions,
    metrics: Arc<Metrics>,
    status: watch::Sender<FleetStatus>,
    shutdown: CancellationToken,
) -> Result<(), GitError> {
    let (data_dir, source, credentials) =
        (options.data_dir.clone(), options.source.clone(), options.credentials.clone());
    let mirror = blocking(move || {
        let mut mirror = Mirror::open(&data_dir, source, credentials)?;
        mirror.lock()?;
        Ok(mirror)
    })
    .await?;
    let mirror = Arc::new(mirror);
    let charts = Arc::new(RemoteCharts::new(
        options.data_dir.join("charts"),
        options.kubeconfigs.directory().map(Path::to_owned),
    ));
    let engine = Engine {
        notice: options.source.local_path().and_then(|path| match LocalNotice::new(path) {
            Ok(notice) => Some(notice),
            Err(error) => {
                warn!(%error, "new commits are found by polling only");
                None
            }
        }),
        ledger: Arc::new(Ledger::new(Arc::clone(&mirror))),
        mirror,
        options,
        metrics,
        status,
        caches: Arc::default(),
        targets: BTreeMap::new(),
        reports: Arc::default(),
        changed: Arc::new(Notify::new()),
        loaded: None,
        learned: Arc::default(),
        charts,
        has_releases: false,
    };
    engine.run(shutdown).await;
    Ok(())
}

/// Runs what blocks off the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(GitError::Storage { what: "a task of the engine ended".into(), reason: error.to_string() })
    })
}

#[derive(Default)]
struct Caches {
    loads: LoadCache,
    renders: RenderCache,
}

struct TargetHandle {
    cluster: watch::Sender<Arc<Cluster>>,
    desired: watch::Sender<Arc<Desired>>,
    shutdown: CancellationToken,
    tasks: [JoinHandle<()>; 2],
}

type Reports = Arc<Mutex<BTreeMap<ClusterName, watch::Receiver<TargetStatus>>>>;

struct Engine {
    options: EngineOptions,
    mirror: Arc<Mirror>,
    ledger: Arc<Ledger>,
    notice: Option<LocalNotice>,
    metrics: Arc<Metrics>,
    status: watch::Sender<FleetStatus>,
    caches: Arc<Mutex<Caches>>,
    targets: BTreeMap<ClusterName, TargetHandle>,
    reports: Reports,
    changed: Arc<Notify>,
    loaded: Option<CommitId>,
    learned: Arc<Learned>,
    charts: Arc<RemoteCharts>,
    /// Whether the commit in force has releases, which depend on what clusters can do.
    has_releases: bool,
}

impl Engine {
    async fn run(mut self, shutdown: CancellationToken) {
        self.status.send_modify(|status| status.source.url = self.options.source.to_string());
        let mut background = JoinSet::new();
        background.spawn(record(
            Arc::clone(&self.ledger),
            Arc::clone(&self.reports),
            Arc::clone(&self.changed),
            Arc::clone(&self.metrics),
            self.status.clone(),
        ));
        // The last good commit is in force from the first moment, whatever the
        // remote does.
        if let Some(commit) = self.mirror.last_good(&self.options.reference) {
            self.load(commit).await;
        }
        let mut failures = 0;
        let learned = Arc::clone(&self.learned);
        'asks: while !shutdown.is_cancelled() {
            failures = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                fetched = self.fetch() => if fetched { 0 } else { failures + 1 },
            };
            let pause = if failures > 0 {
                Backoff::TARGET.after(failures).min(self.options.interval)
            } else {
                // Engines that were started together should not ask together.
                self.options.interval.mul_f64(0.9 + 0.2 * rand::random::<f64>())
            };
            // Ranges take in what repositories have published meanwhile.
            self.fetch_charts(self.charts.due());
            let pause = tokio::time::sleep(pause);
            tokio::pin!(pause);
            loop {
                let notice = async {
                    match &mut self.notice {
                        Some(notice) => notice.changed().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => break 'asks,
                    () = notice => break,
                    () = &mut pause => break,
                    () = learned.news.notified() => {}
                }
                // Charts are rendered anew with what a cluster has said of itself.
                if self.has_releases
                    && let Some(commit) = self.loaded
                {
                    self.load(commit).await;
                }
            }
        }
        for handle in self.targets.values() {
            handle.shutdown.cancel();
        }
        for (_, handle) in std::mem::take(&mut self.targets) {
            for task in handle.tasks {
                let _ = tokio::time::timeout(Duration::from_secs(6), task).await;
            }
        }
        self.changed.notify_one();
        tokio::time::sleep(Duration::from_millis(10)).await;
        write_reports(&self.ledger, &self.reports, &self.metrics, &self.status, &mut BTreeMap::new()).await;
    }

    /// Asks the source and takes over what it has; gives whether it answered.
    async fn fetch(&mut self) -> bool {
        let (mirror, reference) = (Arc::clone(&self.mirror), self.options.reference.clone());
        let interrupt = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&interrupt);
        let work = blocking(move || mirror.fetch(&reference, &interrupt));
        let fetched = match tokio::time::timeout(FETCH_TIMEOUT, work).await {
            Ok(fetched) => fetched,
            Err(_) => {
                stop.store(true, Ordering::Release);
                let url = self.options.source.to_string();
                Err(GitError::TimedOut { url, seconds: FETCH_TIMEOUT.as_secs() })
            }
        };
        self.metrics.count_fetch(fetched.is_ok());
        let (is_answered, problem) = match fetched {
            Ok(fetched) => {
                if Some(fetched.commit) != self.loaded {
                    self.load(fetched.commit).await;
                    let mirror = Arc::clone(&self.mirror);
                    tokio::task::spawn_blocking(move || mirror.tidy());
                }
                (true, None)
            }
            Err(problem) => (false, Some(problem)),
        };
        let is_news = problem.is_some() && self.status.borrow().source.problem.is_none();
        if let (true, Some(problem)) = (is_news, &problem) {
            warn!(%problem, "the source cannot be followed; the last good commit stays in force");
        }
        // A problem of the commit itself outlives a fetch that works.
        self.status.send_if_modified(|status| {
            let hint = problem.as_ref().and_then(GitError::hint).map(str::to_owned);
            let before = (status.source.clone(), status.was_asked);
            if let Some(problem) = &problem {
                status.source.problem = Some(problem.to_string());
                status.source.hint = hint;
            } else if self.loaded == status.source.commit {
                status.source.problem = None;
                status.source.hint = None;
            }
            status.was_asked = true;
            before != (status.source.clone(), status.was_asked)
        });
        self.record_source().await;
        is_answered
    }

    /// Loads a commit and hands every target what it should hold.
    async fn load(&mut self, commit: CommitId) {
        let started = Instant::now();
        let abilities = self.learned.abilities();
        let charts = Arc::clone(&self.charts);
        let (mirror, caches, folder) =
            (Arc::clone(&self.mirror), Arc::clone(&self.caches), self.options.folder.clone());
        let loaded = tokio::task::spawn_blocking(move || {
            let mut caches = caches.lock().unwrap_or_else(PoisonError::into_inner);
            let Caches { loads, renders } = &mut *caches;
            let snapshot = mirror.snapshot(commit)?;
            let fleet = fleet::load(&snapshot, &folder, loads)?;
            let placements =
                place(&snapshot, &fleet, loads, renders, &abilities, &|request| charts.get(request))?;
            Ok::<_, LoadError>((fleet, placements))
        })
        .await;
        self.loaded = Some(commit);
        let (fleet, placements) = match loaded {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(problem)) => return self.refuse(commit, &problem),
            Err(problem) => {
                error!(%problem, commit = %commit.short(), "loading ended unexpectedly; the commit before it stays in force");
                return;
            }
        };
        self.metrics.note_load(started.elapsed());
        self.charts.finish_round();
        let objects: usize = placements.targets.values().map(|desired| desired.objects.len()).sum();
        info!(
            commit = %commit.short(), targets = placements.targets.len(), objects,
            errors = fleet.diagnostics.len() + placements.diagnostics.len(),
            millis = started.elapsed().as_millis(), "loaded"
        );
        self.has_releases = fleet.has_releases();
        self.fetch_charts(placements.missing_charts.clone());
        self.take_over(&fleet, placements);
        let status_of = |diagnostics: &[Diagnostic]| {
            diagnostics
                .iter()
                .for_each(|diagnostic| warn!(place = %diagnostic.origin, "{}", diagnostic.message));
        };
        status_of(&self.status.borrow().diagnostics);
    }

    /// Fetches charts aside; the commit is rendered anew when there is news of them.
    fn fetch_charts(&self, wanted: HashSet<ChartRequest>) {
        if wanted.is_empty() {
            return;
        }
        let (charts, learned) = (Arc::clone(&self.charts), Arc::clone(&self.learned));
        tokio::task::spawn_blocking(move || {
            if charts.fetch(&wanted) {
                learned.news.notify_one();
            }
        });
    }

    fn refuse(&self, commit: CommitId, problem: &LoadError) {
        warn!(%problem, commit = %commit.short(), "the commit cannot be used; the one before it stays in force");
        self.status.send_modify(|status| {
            status.source.problem = Some(format!("commit {}: {problem}", commit.short()));
            status.source.hint = Some("the commit before it stays in force until this is mended".into());
            if let LoadError::Settings(diagnostics) = problem {
                status.diagnostics = diagnostics.clone().into();
            }
        });
    }

    fn take_over(&mut self, fleet: &Fleet, placements: Placements) {
        let gone: Vec<ClusterName> =
            self.targets.keys().filter(|name| !placements.targets.contains_key(*name)).cloned().collect();
        for name in gone {
            // What is on a cluster that left the fleet stays as it is.
            info!(target = %name, "left the fleet");
            if let Some(handle) = self.targets.remove(&name) {
                handle.shutdown.cancel();
            }
            self.metrics.forget_target(name.as_str());
            self.reports.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        }
        let diagnostics: Arc<[Diagnostic]> =
            fleet.diagnostics.iter().chain(&placements.diagnostics).cloned().collect();
        for (name, desired) in placements.targets {
            let cluster = Arc::new(fleet.clusters[&name].value.clone());
            match self.targets.get(&name) {
                Some(handle) => {
                    handle.cluster.send_if_modified(|current| {
                        let is_new = **current != *cluster;
                        *current = cluster;
                        is_new
                    });
                    handle.desired.send_replace(desired);
                }
                None => {
                    let handle = self.start(name.clone(), cluster, desired);
                    self.targets.insert(name, handle);
                }
            }
        }
        let names: Vec<ClusterName> = self.targets.keys().cloned().collect();
        self.status.send_modify(|status| {
            status.source.commit = fleet.commit;
            status.source.problem = None;
            status.source.hint = None;
            status.diagnostics = diagnostics;
            status.unplaced = placements.unplaced.into();
            status.targets.retain(|name, _| names.contains(name));
            for name in names {
                let unknown = TargetStatus::unknown(name.clone(), fleet.commit);
                status.targets.entry(name).or_insert(unknown);
            }
        });
    }

    fn start(&self, name: ClusterName, cluster: Arc<Cluster>, desired: Arc<Desired>) -> TargetHandle {
        let (cluster, cluster_seen) = watch::channel(cluster);
        let (reported, report) = watch::channel(TargetStatus::unknown(name.clone(), desired.commit));
        let (desired, desired_seen) = watch::channel(desired);
        let shutdown = CancellationToken::new();
        let context = TargetContext {
            cluster: cluster_seen,
            desired: desired_seen,
            kubeconfigs: self.options.kubeconfigs.clone(),
            status: reported,
            confirm_prune: self.options.confirm_prune,
            metrics: Arc::clone(&self.metrics),
            learned: Arc::clone(&self.learned),
            shutdown: shutdown.clone(),
        };
        let mut seen = report.clone();
        let changed = Arc::clone(&self.changed);
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).insert(name, report);
        let forward = tokio::spawn(async move {
            while seen.changed().await.is_ok() {
                changed.notify_one();
            }
        });
        TargetHandle { cluster, desired, shutdown, tasks: [tokio::spawn(run_target(context)), forward] }
    }

    async fn record_source(&self) {
        let (ledger, source) = (Arc::clone(&self.ledger), self.status.borrow().source.clone());
        let names: Vec<ClusterName> = self.targets.keys().cloned().collect();
        let written = tokio::task::spawn_blocking(move || {
            if ledger.source::<SourceStatus>().ok().flatten().as_ref() != Some(&source) {
                ledger.write_source(&source)?;
            }
            ledger.keep_only(&names.iter().map(ClusterName::as_str).collect::<Vec<_>>())
        });
        if let Ok(Err(problem)) = written.await {
            warn!(%problem, "the state of the source was not recorded");
        }
    }
}

/// Writes the states of targets to the ledger as they change.
async fn record(
    ledger: Arc<Ledger>,
    reports: Reports,
    changed: Arc<Notify>,
    metrics: Arc<Metrics>,
    status: watch::Sender<FleetStatus>,
) {
    let mut recorded = BTreeMap::new();
    loop {
        changed.notified().await;
        tokio::time::sleep(RECORD_EVERY).await;
        write_reports(&ledger, &reports, &metrics, &status, &mut recorded).await;
    }
}

async fn write_reports(
    ledger: &Arc<Ledger>,
    reports: &Reports,
    metrics: &Metrics,
    status: &watch::Sender<FleetStatus>,
    recorded: &mut BTreeMap<ClusterName, TargetStatus>,
) {
    let current: BTreeMap<ClusterName, TargetStatus> = {
        let reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.iter().map(|(name, report)| (name.clone(), report.borrow().clone())).collect()
    };
    let news: Vec<TargetStatus> = current
        .iter()
        .filter(|(name, status)| recorded.get(*name) != Some(status))
        .map(|(_, s)| s.clone())
        .collect();
    news.iter().for_each(|status| metrics.note_target(status));
    let ledger = Arc::clone(ledger);
    let written = tokio::task::spawn_blocking(move || {
        news.iter().try_for_each(|status| ledger.write_status(status.target.as_str(), status))
    });
    match written.await {
        Ok(Ok(())) => recorded.clone_from(&current),
        Ok(Err(problem)) => warn!(%problem, "the state of a target was not recorded"),
        Err(problem) => warn!(%problem, "the state of a target was not recorded"),
    }
    status.send_if_modified(|status| {
        let is_new = status.targets != current;
        status.targets = current;
        is_new
    });
}
