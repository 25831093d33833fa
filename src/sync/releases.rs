//! Helm's records of releases: written when all objects of a release are as they should
//! be, so that `helm list`, `helm get` and `helm history` know it.
//!
//! Nothing here decides what is applied. A record that is missing, or that Helm or Flux
//! wrote, is followed by the next revision; the newest is `deployed`, those before it are
//! `superseded`, and those beyond `maxHistory` are deleted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use syncline_helm::record::{self, Revision, Status};
use syncline_helm::release::install_order;
use syncline_manifest::{GroupKind, ObjectKey, yaml};

use super::FIELD_MANAGER;
use super::backoff::Backoff;
use super::index::Index;
use crate::fleet::{Digest, Resource};
use crate::place::{Desired, DesiredRelease};
use crate::target::{Cluster, KindOnServer, Live, TargetError};

/// The label by which records of this inventory are known.
const FLEET_LABEL: &str = "syncline.dev/inventory";
/// The annotation that says of what a record is.
const DIGEST_ANNOTATION: &str = "syncline.dev/release-digest";
/// How many revisions are kept where a release does not say.
const HISTORY: usize = 5;

/// What is known of the records on a target.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The digest of the newest record, by application.
    recorded: HashMap<Arc<str>, Digest>,
    under_way: HashSet<Arc<str>>,
    failures: HashMap<Arc<str>, (u32, Instant)>,
    /// Whether records of releases that left Git have been looked for.
    is_swept: bool,
}

/// A record to be written.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    release: DesiredRelease,
    objects: Vec<Arc<Resource>>,
    inventory: String,
}

/// What there is to do about records.
pub(super) enum Task {
    /// Writes a record.
    Write(Box<Recording>),
    /// Deletes the records of releases that are in Git no more.
    Sweep(HashSet<(String, String)>, String),
}

/// What became of it.
pub(super) struct Done {
    application: Option<Arc<str>>,
    digest: Option<Digest>,
    error: Option<TargetError>,
}

impl Records {
    /// Another desired state: what left it is looked for again.
    pub fn desired_changes(&mut self, before: &Desired, after: &Desired) {
        let names = |desired: &Desired| -> HashSet<Arc<str>> {
            desired.releases.iter().map(|release| Arc::clone(&release.application)).collect()
        };
        let (before, after) = (names(before), names(after));
        self.is_swept &= before == after;
        self.recorded.retain(|application, _| after.contains(application));
    }

    /// What can be done now.
    pub fn tasks(&mut self, index: &Index, now: Instant) -> Vec<Task> {
        let desired = &index.desired;
        let mut tasks = Vec::new();
        let inventory = index.inventory.id().to_owned();
        if !self.is_swept && desired.broken.is_empty() && index.is_complete() && !index.is_busy() {
            self.is_swept = true;
            let kept = desired.releases.iter().map(|release| {
                (release.release.storage_namespace().to_owned(), release.release.release_name())
            });
            tasks.push(Task::Sweep(kept.collect(), inventory.clone()));
        }
        let waiting: Vec<&DesiredRelease> = desired
            .releases
            .iter()
            .filter(|release| {
                let application = &release.application;
                self.recorded.get(application) != Some(&release.digest)
                    && !self.under_way.contains(application)
                    && self.failures.get(application).is_none_or(|(_, at)| *at <= now)
            })
            .collect();
        if waiting.is_empty() {
            return tasks;
        }
        for (release, objects) in ready(&waiting, index) {
            self.under_way.insert(Arc::clone(&release.application));
            let recording = Recording { release: release.clone(), objects, inventory: inventory.clone() };
            tasks.push(Task::Write(Box::new(recording)));
        }
        tasks
    }

    /// Takes in what became of a task; gives what is to be told.
    pub fn finish(&mut self, done: Done, now: Instant) -> Option<TargetError> {
        let Some(application) = done.application else {
            // What could not be swept is tried with the next commit.
            return done.error;
        };
        self.under_way.remove(&application);
        if let Some(error) = done.error {
            let attempts = self.failures.get(&application).map_or(1, |(attempts, _)| attempts + 1);
            self.failures.insert(application, (attempts, now + Backoff::TARGET.after(attempts)));
            return (attempts == 1).then_some(error);
        }
        self.failures.remove(&application);
        if let Some(digest) = done.digest {
            self.recorded.insert(application, digest);
        }
        None
    }

    /// Whether anything is to be tried again.
    pub fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// When something that failed is tried again; what waits for objects is tried when
    /// they change.
    pub fn wakes_at(&self, now: Instant) -> Option<Instant> {
        self.failures.values().map(|(_, at)| *at).filter(|at| *at > now).min()
    }
}

/// The releases of which all objects are as they should be, with their objects.
fn ready<'r>(waiting: &[&'r DesiredRelease], index: &Index) -> Vec<(&'r DesiredRelease, Vec<Arc<Resource>>)> {
    let mut objects: BTreeMap<&str, (Vec<Arc<Resource>>, bool)> = BTreeMap::new();
    let waits: HashMap<&str, bool> = waiting
        .iter()
        .map(|release| (&*release.application, !release.release.spec.install.disable_wait))
        .collect();
    for (key, wanted) in &index.wanted {
        let application = &*wanted.object.application;
        let Some(waits) = waits.get(application) else { continue };
        let is_ready = if *waits { index.is_done(key) } else { index.is_in_sync(key) };
        let (found, all) = objects.entry(application).or_insert_with(|| (Vec::new(), true));
        found.push(Arc::clone(&wanted.object.resource));
        *all &= is_ready;
    }
    let ready = waiting.iter().filter_map(|release| {
        let (found, all) = objects.remove(&*release.application).unwrap_or_else(|| (Vec::new(), true));
        all.then_some((*release, found))
    });
    ready.collect()
}

/// Does a task.
pub(super) async fn carry_out(task: Task, cluster: Cluster, secrets: KindOnServer) -> Done {
    match task {
        Task::Write(recording) => {
            let (application, digest) =
                (Arc::clone(&recording.release.application), recording.release.digest);
            let error = write(*recording, &cluster, &secrets).await.err();
            Done { application: Some(application), digest: Some(digest), error }
        }
        Task::Sweep(kept, inventory) => {
            let error = sweep(&kept, &inventory, &cluster, &secrets).await.err();
            Done { application: None, digest: None, error }
        }
    }
}

fn secret_kind() -> GroupKind {
    GroupKind::new("", "Secret")
}

fn number_of(secret: &Live) -> u64 {
    secret.label("version").and_then(|text| text.parse().ok()).unwrap_or(0)
}

async fn write(recording: Recording, cluster: &Cluster, secrets: &KindOnServer) -> Result<(), TargetError> {
    let spec = Arc::clone(&recording.release.release);
    let (name, storage) = (spec.release_name(), spec.storage_namespace().to_owned());
    let mut present =
        cluster.list_all(&secret_kind(), secrets, Some(&format!("owner=helm,name={name}"))).await?;
    present.retain(|secret| secret.key.namespace.as_deref() == Some(storage.as_str()));
    present.sort_by_key(number_of);
    let newest = present.last();
    let digest = recording.release.digest.to_string();
    let is_deployed = |secret: &Live| secret.label("status") == Some(Status::Deployed.name());
    if newest
        .is_some_and(|newest| is_deployed(newest) && newest.annotation(DIGEST_ANNOTATION) == Some(&*digest))
    {
        return Ok(());
    }
    let first_deployed = present.iter().find_map(|secret| {
        let record = record::read(&secret.value).ok()?;
        record.release.pointer("/info/first_deployed").and_then(Value::as_str).map(str::to_owned)
    });
    let number = newest.map_or(0, number_of) + 1;
    let inventory = recording.inventory.clone();
    let made =
        tokio::task::spawn_blocking(move || secret(&recording, &storage, number, first_deployed.as_deref()));
    // The task only computes; that it ends is all that can be said of it.
    let Ok(mut made) = made.await else { return Ok(()) };
    made["metadata"]["labels"][FLEET_LABEL] = json!(inventory);
    made["metadata"]["annotations"] = json!({DIGEST_ANNOTATION: digest});
    let key = key_of(&made);
    cluster.ensure_namespace(key.namespace.as_deref().unwrap_or("default"), FIELD_MANAGER).await?;
    cluster.apply(&key, "v1", secrets, FIELD_MANAGER, made.to_string().into_bytes()).await?;
    for before in present.iter().filter(|secret| is_deployed(secret)) {
        supersede(before, cluster, secrets).await?;
    }
    let history = spec.spec.max_history.map_or(HISTORY, |count| count as usize);
    if history > 0 && present.len() + 1 > history {
        for old in &present[..present.len() + 1 - history] {
            cluster.delete(&old.key, secrets, old.uid()).await?;
        }
    }
    Ok(())
}

fn key_of(secret: &Value) -> ObjectKey {
    let text = |field: &str| secret["metadata"][field].as_str().unwrap_or_default();
    ObjectKey::new(secret_kind(), Some(text("namespace")), text("name"))
}

fn now() -> (String, u64) {
    let now = jiff::Timestamp::now();
    (now.to_string(), u64::try_from(now.as_second()).unwrap_or(0))
}

fn secret(recording: &Recording, storage: &str, number: u64, first: Option<&str>) -> Value {
    let DesiredRelease { release, chart, rendered, .. } = &recording.release;
    let mut objects: Vec<Value> = recording.objects.iter().map(|resource| resource.value()).collect();
    objects.sort_by(|a, b| {
        let kind = |value: &Value| value["kind"].as_str().unwrap_or_default().to_owned();
        install_order(&kind(a)).cmp(&install_order(&kind(b)))
    });
    let mut manifest = String::new();
    for object in &objects {
        manifest.push_str("---\n");
        yaml::write(&mut manifest, object);
    }
    let (deployed, seconds) = now();
    let revision = Revision {
        name: &release.release_name(),
        namespace: release.target_namespace(),
        number,
        status: Status::Deployed,
        description: if number == 1 { "Install complete" } else { "Upgrade complete" },
        chart: &chart.chart,
        values: &rendered.values,
        manifest: &manifest,
        hooks: &rendered.hooks,
        notes: &rendered.notes,
        first_deployed: first.unwrap_or(&deployed),
        deployed: &deployed,
    };
    record::secret(&revision.release(), storage, seconds)
}

/// Marks the record of a revision as one of the past.
async fn supersede(before: &Live, cluster: &Cluster, secrets: &KindOnServer) -> Result<(), TargetError> {
    let Ok(mut record) = record::read(&before.value) else { return Ok(()) };
    record.release["info"]["status"] = json!(Status::Superseded.name());
    let made = record::secret(&record.release, before.key.namespace.as_deref().unwrap_or_default(), now().1);
    let patch = json!({
        "metadata": {"labels": made["metadata"]["labels"]},
        "data": made["data"],
    });
    cluster.merge_patch(&before.key, secrets, FIELD_MANAGER, &patch).await.map(|_| ())
}

/// Deletes the records of releases that this inventory had and has no more.
async fn sweep(
    kept: &HashSet<(String, String)>,
    inventory: &str,
    cluster: &Cluster,
    secrets: &KindOnServer,
) -> Result<(), TargetError> {
    let ours = cluster
        .list_all(&secret_kind(), secrets, Some(&format!("owner=helm,{FLEET_LABEL}={inventory}")))
        .await?;
    let gone: HashSet<(String, String)> = ours
        .iter()
        .map(|secret| {
            let name = secret.label("name").unwrap_or_default();
            (secret.key.namespace.as_deref().unwrap_or_default().to_owned(), name.to_owned())
        })
        .filter(|release| !kept.contains(release))
        .collect();
    for (namespace, name) in gone {
        // With the revisions that Helm or Flux wrote before.
        for secret in
            cluster.list_all(&secret_kind(), secrets, Some(&format!("owner=helm,name={name}"))).await?
        {
            if secret.key.namespace.as_deref() == Some(namespace.as_str()) {
                cluster.delete(&secret.key, secrets, secret.uid()).await?;
            }
        }
    }
    Ok(())
}
