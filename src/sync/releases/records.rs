//! Helm's records of releases on a target: reading and writing them, so that `helm list`,
//! `helm get` and `helm history` know what was done.
//!
//! They are also what is remembered of a release across restarts: of what a revision is,
//! and which version has failed, their annotations say.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use syncline_helm::record::{self, HookRun, Record, Status};
use syncline_helm::release::install_order;
use syncline_manifest::{GroupKind, ObjectKey, yaml};

use super::history::{
    ACTING_AS, CHART_DIGEST, DIGEST, FAILURES, FLEET_LABEL, Failed, History, KEEP_HISTORY, NAMESPACE,
    NO_DELETE_HOOKS, REASON, REFUSED, RETREAT, Revision, UNTESTED,
};
use crate::fleet::{Digest, Resource};
use crate::place::DesiredRelease;
use crate::render::release::ReleaseId;
use crate::sync::FIELD_MANAGER;
use crate::target::{Cluster, KindOnServer, Live, TargetError};

/// How many revisions are kept where a release does not say.
const HISTORY: usize = 5;

/// The Secrets of a target.
#[derive(Clone)]
pub(in crate::sync) struct Secrets {
    pub cluster: Cluster,
    pub kind: KindOnServer,
    /// The inventory whose records count as ours.
    pub inventory: Arc<str>,
}

/// A revision to be written, new or once more.
#[derive(Debug)]
pub(super) struct Writing {
    pub id: ReleaseId,
    pub number: u64,
    pub status: Status,
    pub description: String,
    pub content: Content,
    pub digest: Option<Digest>,
    pub failed: Option<Failed>,
    pub is_untested: bool,
    pub release: DesiredRelease,
    pub history: History,
}

/// What a record says of a release.
#[derive(Debug)]
pub(super) enum Content {
    /// The release as it is desired, with the objects it consists of.
    Desired { objects: Vec<Arc<Resource>>, runs: Vec<HookRun> },
    /// What another record says.
    Recorded(Arc<Record>),
}

/// What a record that is written once more may have said before, and says no more.
const OWN_ANNOTATIONS: [&str; 10] = [
    DIGEST,
    CHART_DIGEST,
    REFUSED,
    FAILURES,
    REASON,
    RETREAT,
    UNTESTED,
    KEEP_HISTORY,
    NO_DELETE_HOOKS,
    ACTING_AS,
];

fn secret_kind() -> GroupKind {
    GroupKind::new("", "Secret")
}

fn now() -> (String, u64) {
    let now = jiff::Timestamp::now();
    (now.to_string(), u64::try_from(now.as_second()).unwrap_or(0))
}

impl Secrets {
    /// The histories of all releases.
    pub async fn histories(&self) -> Result<HashMap<ReleaseId, History>, TargetError> {
        let secrets = self.cluster.list_metadata(&secret_kind(), &self.kind, Some("owner=helm")).await?;
        Ok(History::all(&secrets, &self.inventory))
    }

    /// The Secret of a revision; None where it is gone.
    pub async fn secret(&self, revision: &Revision) -> Result<Option<Live>, TargetError> {
        match self.cluster.get(&revision.key, &self.kind).await {
            Ok(secret) => Ok(Some(secret)),
            Err(TargetError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A record; None where it cannot be read any more.
    pub async fn read(&self, revision: &Revision) -> Result<Option<Record>, TargetError> {
        Ok(self.secret(revision).await?.and_then(|secret| record::read(&secret.value).ok()))
    }

    /// Writes a revision, marks those that it takes the place of and deletes those that are
    /// too many; gives the history as it then is.
    pub async fn write(&self, writing: Writing) -> Result<History, TargetError> {
        let mut history = writing.history.clone();
        let first = match history.0.values().next() {
            Some(first) if first.number != writing.number => self.read(first).await?,
            _ => None,
        };
        let annotations = annotations(&writing);
        let (id, number, status) = (writing.id.clone(), writing.number, writing.status);
        let kept = writing.release.release.spec.max_history.map_or(HISTORY, |count| count as usize);
        let made = tokio::task::spawn_blocking(move || secret(&writing, first.as_ref()));
        // The task only computes; that it ends is all that can be said of it.
        let Ok(mut made) = made.await else { return Ok(history) };
        made["metadata"]["labels"][FLEET_LABEL] = json!(self.inventory);
        made["metadata"]["annotations"] = Value::Object(annotations);
        let written = self.put(&made, history.0.contains_key(&number), &id).await?;
        if let Some((_, revision)) = Revision::of(&written, &self.inventory) {
            history.0.insert(number, revision);
        }
        if status == Status::Deployed {
            for before in history.0.values_mut() {
                if before.number != number && before.status == Status::Deployed {
                    self.mark(before, Status::Superseded).await?;
                }
            }
        }
        while kept > 0 && history.0.len() > kept {
            // What is in force is needed to go back to.
            let spared =
                |revision: &&Revision| revision.number != number && revision.status != Status::Deployed;
            let Some(old) = history.0.values().find(spared) else { break };
            self.cluster.delete(&old.key, &self.kind, &old.uid).await?;
            let number = old.number;
            history.0.remove(&number);
        }
        Ok(history)
    }

    async fn put(&self, secret: &Value, exists: bool, id: &ReleaseId) -> Result<Live, TargetError> {
        let name = secret["metadata"]["name"].as_str().unwrap_or_default();
        let key = ObjectKey::new(secret_kind(), Some(&id.storage), name);
        if exists {
            let mut patch = json!({"metadata": {
                "labels": secret["metadata"]["labels"],
                "annotations": secret["metadata"]["annotations"],
            }, "data": secret["data"]});
            for gone in OWN_ANNOTATIONS {
                if secret["metadata"]["annotations"][gone].is_null() {
                    patch["metadata"]["annotations"][gone] = Value::Null;
                }
            }
            return self.cluster.merge_patch(&key, &self.kind, FIELD_MANAGER, &patch).await;
        }
        match self.cluster.create(&key, &self.kind, FIELD_MANAGER, secret).await {
            Err(TargetError::NotFound(_)) => {
                self.cluster.ensure_namespace(&id.storage, FIELD_MANAGER).await?;
                self.cluster.create(&key, &self.kind, FIELD_MANAGER, secret).await
            }
            other => other,
        }
    }

    /// Writes into a record how its revision is now.
    pub async fn mark(&self, revision: &mut Revision, status: Status) -> Result<(), TargetError> {
        revision.status = status;
        let Some(mut record) = self.read(revision).await? else { return Ok(()) };
        record.release["info"]["status"] = json!(status.name());
        if status == Status::Uninstalled {
            record.release["info"]["deleted"] = json!(now().0);
            record.release["info"]["description"] = json!("Uninstallation complete");
        }
        let storage = revision.key.namespace.as_deref().unwrap_or_default();
        let made = record::secret(&record.release, storage, now().1);
        let patch = json!({"metadata": {"labels": made["metadata"]["labels"]}, "data": made["data"]});
        self.cluster.merge_patch(&revision.key, &self.kind, FIELD_MANAGER, &patch).await.map(|_| ())
    }

    /// Takes out of a record what it says of a version that has failed.
    pub async fn forgive(&self, revision: &Revision) -> Result<(), TargetError> {
        let patch = json!({"metadata": {"annotations": {REFUSED: null, FAILURES: null, REASON: null, RETREAT: null}}});
        self.cluster.merge_patch(&revision.key, &self.kind, FIELD_MANAGER, &patch).await.map(|_| ())
    }

    /// Takes a record out of the inventory.
    pub async fn disown(&self, revision: &mut Revision) -> Result<(), TargetError> {
        let patch = json!({"metadata": {"labels": {FLEET_LABEL: null}}});
        revision.is_ours = false;
        match self.cluster.merge_patch(&revision.key, &self.kind, FIELD_MANAGER, &patch).await {
            Ok(_) | Err(TargetError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes all records of a release.
    pub async fn forget(&self, history: &History) -> Result<(), TargetError> {
        for revision in history.0.values() {
            self.cluster.delete(&revision.key, &self.kind, &revision.uid).await?;
        }
        Ok(())
    }
}

fn annotations(writing: &Writing) -> Map<String, Value> {
    let mut annotations = Map::new();
    let mut add = |name: &str, text: String| annotations.insert(name.to_owned(), Value::String(text));
    add(NAMESPACE, writing.release.release.target_namespace().to_owned());
    let uninstall = &writing.release.release.spec.uninstall;
    for (name, is_set) in [(KEEP_HISTORY, uninstall.keep_history), (NO_DELETE_HOOKS, uninstall.disable_hooks)]
    {
        if is_set {
            add(name, "true".to_owned());
        }
    }
    if let Some(digest) = &writing.release.chart.archive {
        add(CHART_DIGEST, format!("sha256:{digest}"));
    }
    if let Some(user) = writing.release.acting_as() {
        add(ACTING_AS, user.to_string());
    }
    if let Some(digest) = &writing.digest {
        add(DIGEST, digest.to_string());
    }
    if writing.is_untested {
        add(UNTESTED, "true".to_owned());
    }
    if let Some(failed) = &writing.failed {
        add(REFUSED, failed.digest.to_string());
        add(FAILURES, failed.failures.to_string());
        add(REASON, failed.reason.to_string());
        if let Some(retreat) = failed.retreat {
            add(RETREAT, retreat.name().to_owned());
        }
    }
    annotations
}

fn secret(writing: &Writing, first: Option<&Record>) -> Value {
    let Writing { number, status, description, content, release, .. } = writing;
    let DesiredRelease { release, chart, rendered, .. } = release;
    let (deployed, seconds) = now();
    let json = match content {
        Content::Recorded(record) => {
            let mut again = record.release.clone();
            again["version"] = json!(number);
            again["info"]["status"] = json!(status.name());
            again["info"]["description"] = json!(description);
            again["info"]["last_deployed"] = json!(deployed);
            again
        }
        Content::Desired { objects, runs } => {
            let first_deployed = first.and_then(Record::first_deployed).unwrap_or(&deployed);
            record::Revision {
                name: &release.release_name(),
                namespace: release.target_namespace(),
                number: *number,
                status: *status,
                description,
                chart: &chart.chart,
                values: &rendered.values,
                manifest: &manifest(objects),
                hooks: &rendered.hooks,
                runs,
                notes: &rendered.notes,
                first_deployed,
                deployed: &deployed,
            }
            .release()
        }
    };
    record::secret(&json, &writing.id.storage, seconds)
}

fn manifest(objects: &[Arc<Resource>]) -> String {
    let mut objects: Vec<Value> = objects.iter().map(|resource| resource.value()).collect();
    objects.sort_by(|a, b| {
        let kind = |value: &Value| value["kind"].as_str().unwrap_or_default().to_owned();
        install_order(&kind(a)).cmp(&install_order(&kind(b)))
    });
    let mut manifest = String::new();
    for object in &objects {
        manifest.push_str("---\n");
        yaml::write(&mut manifest, object);
    }
    manifest
}
