//! Pretends that workloads run: their status becomes, after a while, what a cluster
//! with nodes would make it. For demos and tests; what it writes is marked by its
//! field manager, `syncline-simulator`.
//!
//! An object's annotations choose another fate: `simulate.syncline.dev/fail` (the
//! value is the message) makes it fail, at its next rollout or while it runs, until
//! the annotation is gone; `simulate.syncline.dev/delay` (`5s`, `200ms`) gives it
//! another delay.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::Api;
use crate::controllers::change;
use crate::store::{EventKind, Key, Record, Resumed, TableName};
use crate::verbs::now;

const MANAGER: &str = "syncline-simulator";
const FAIL: &str = "simulate.syncline.dev/fail";
const DELAY: &str = "simulate.syncline.dev/delay";
const BATCH: usize = 1024;
/// A cluster has one simulated node.
const NODES: i64 = 1;
const TABLES: [&str; 8] = [
    "pods",
    "services",
    "persistentvolumeclaims",
    "apps/deployments",
    "apps/replicasets",
    "apps/statefulsets",
    "apps/daemonsets",
    "batch/jobs",
];

/// How workloads are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulation {
    /// How long it takes until a workload is ready.
    pub delay: Duration,
}

impl Default for Simulation {
    fn default() -> Simulation {
        Simulation { delay: Duration::from_secs(1) }
    }
}

type Place = (TableName, Key);

/// What an object is waiting for.
struct Pending {
    due: Instant,
    of: Fate,
    stage: Stage,
}

/// What decides how a wait ends; another fate begins another wait.
#[derive(Debug, PartialEq)]
struct Fate {
    uid: Value,
    generation: Value,
    fails: bool,
}

/// Simulates until the server stops.
pub(crate) async fn run(api: Arc<Api>, simulation: Simulation) {
    let mut changed = api.store.subscribe(None);
    let mut simulator = Simulator { simulation, pending: HashMap::new(), due: BTreeSet::new() };
    let mut revision = simulator.begin(&api).await;
    loop {
        let _ = changed.borrow_and_update();
        match api.store.events_after(None, revision, BATCH) {
            Resumed::Gone => revision = simulator.begin(&api).await,
            Resumed::Events(events, reached) => {
                for event in &events {
                    if event.kind == EventKind::Deleted {
                        simulator.forget(&(Arc::clone(&event.table), event.key.clone()));
                    } else {
                        simulator.see(&api, &event.table, &event.key, &event.record).await;
                    }
                }
                revision = reached;
                if events.len() == BATCH {
                    continue;
                }
            }
        }
        simulator.finish_due(&api).await;
        let next =
            simulator.due.first().map_or_else(|| Instant::now() + Duration::from_secs(3600), |(due, _)| *due);
        tokio::select! {
            changed = changed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(next) => {}
            () = api.stopped() => return,
        }
    }
}

struct Simulator {
    simulation: Simulation,
    pending: HashMap<Place, Pending>,
    due: BTreeSet<(Instant, Place)>,
}

impl Fate {
    fn of(object: &Value) -> Fate {
        let metadata = &object["metadata"];
        Fate {
            uid: metadata["uid"].clone(),
            generation: metadata["generation"].clone(),
            fails: annotation(object, FAIL).is_some(),
        }
    }
}

fn annotation<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object["metadata"]["annotations"][name].as_str()
}

/// `5s` or `200ms`.
fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(number) => number.parse().ok().map(Duration::from_millis),
        None => text.strip_suffix('s')?.parse().ok().map(Duration::from_secs),
    }
}

impl Simulator {
    async fn begin(&mut self, api: &Arc<Api>) -> u64 {
        let revision = api.store.durable_revision();
        for table in TABLES {
            let table: TableName = table.into();
            for (key, record) in api.store.list_now(&table, None, None, |_, _| true, usize::MAX).records {
                self.see(api, &table, &key, &record).await;
            }
        }
        revision
    }

    fn forget(&mut self, place: &Place) {
        if let Some(pending) = self.pending.remove(place) {
            self.due.remove(&(pending.due, place.clone()));
        }
    }

    async fn see(&mut self, api: &Arc<Api>, table: &TableName, key: &Key, record: &Record) {
        if !TABLES.contains(&&**table) || record.is_deleting {
            return;
        }
        let object = record.value();
        let place = (Arc::clone(table), key.clone());
        let of = Fate::of(&object);
        if self.pending.get(&place).is_some_and(|pending| pending.of == of) {
            return;
        }
        if is_settled(table, &object) {
            return self.forget(&place);
        }
        self.forget(&place);
        let delay = annotation(&object, DELAY).and_then(duration).unwrap_or(self.simulation.delay);
        let due = Instant::now() + delay;
        let breaks = of.fails && object["status"]["observedGeneration"] == of.generation;
        let stage = if breaks { Stage::Broken } else { Stage::Ended };
        self.pending.insert(place.clone(), Pending { due, of, stage });
        self.due.insert((due, place));
        if stage != Stage::Broken {
            write(api, table, key, Stage::Begun).await;
        }
    }

    async fn finish_due(&mut self, api: &Arc<Api>) {
        let now = Instant::now();
        while let Some((due, place)) = self.due.first().cloned() {
            if due > now {
                return;
            }
            self.due.remove(&(due, place.clone()));
            if let Some(pending) = self.pending.remove(&place) {
                write(api, &place.0, &place.1, pending.stage).await;
            }
        }
    }
}

/// How far a workload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It was created or changed.
    Begun,
    /// It is ready, or fails to become so.
    Ended,
    /// It was ready, and fails.
    Broken,
}

async fn write(api: &Arc<Api>, table: &str, key: &Key, stage: Stage) {
    let (group, plural) = table.split_once('/').unwrap_or(("", table));
    let Some(resource) = api.registry().find(group, plural).cloned() else { return };
    let simulated = |object: &mut Value| {
        if let Some(status) = status(table, object, stage) {
            object["status"] = status;
        }
    };
    if let Err(error) = change(api, &resource, key, "status", MANAGER, &simulated).await
        && error.reason != "NotFound"
    {
        tracing::debug!(name = %key.name, error = error.message, "a status cannot be simulated");
    }
}

/// Whether the status tells of the object as it is now.
fn is_settled(table: &str, object: &Value) -> bool {
    let status = &object["status"];
    let generation = &object["metadata"]["generation"];
    let is_observed = status["observedGeneration"] == *generation;
    let replicas = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let fails = annotation(object, FAIL).is_some();
    let counted = |ready: &str, wanted: i64| {
        let ready = status[ready].as_i64().unwrap_or(0);
        is_observed && ready == if fails { 0 } else { wanted }
    };
    match table {
        "pods" => match status["phase"].as_str() {
            None | Some("Pending") => false,
            Some("Running") => !fails,
            // Pods that ended stay as they are.
            Some(_) => true,
        },
        "services" => {
            object["spec"]["type"] != "LoadBalancer" || status["loadBalancer"]["ingress"].is_array()
        }
        "persistentvolumeclaims" => status["phase"] == "Bound",
        "apps/daemonsets" => counted("numberReady", NODES),
        "batch/jobs" => {
            object["spec"]["suspend"] == true
                || has_condition(object, "Complete", "True")
                || has_condition(object, "Failed", "True")
        }
        "apps/deployments" => {
            let has_failed = has_condition(object, "Progressing", "False");
            is_observed && if fails { has_failed } else { !has_failed && counted("readyReplicas", replicas) }
        }
        _ => counted("readyReplicas", replicas),
    }
}

fn has_condition(object: &Value, kind: &str, value: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == kind && condition["status"] == value)
}

fn condition(kind: &str, is_true: bool, reason: &str, message: &str) -> Value {
    let now = now();
    json!({
        "type": kind, "status": if is_true { "True" } else { "False" }, "reason": reason, "message": message,
        "lastTransitionTime": now, "lastUpdateTime": now,
    })
}

/// The status of an object; None where it stays.
fn status(table: &str, object: &Value, stage: Stage) -> Option<Value> {
    let failure = annotation(object, FAIL);
    let generation = object["metadata"]["generation"].as_i64().unwrap_or(1);
    let replicas = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let is_ready = stage != Stage::Begun && failure.is_none();
    let before = |field: &str| object["status"][field].as_i64().unwrap_or(0);
    Some(match table {
        "pods" => return pod(object, stage, failure),
        "services" => match stage {
            Stage::Begun => return None,
            Stage::Ended | Stage::Broken => {
                json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}]}})
            }
        },
        "persistentvolumeclaims" => match stage {
            Stage::Begun => return None,
            Stage::Ended | Stage::Broken => json!({
                "phase": "Bound", "accessModes": object["spec"]["accessModes"],
                "capacity": object["spec"]["resources"]["requests"],
            }),
        },
        "batch/jobs" => job(object, stage, failure),
        "apps/daemonsets" => json!({
            "observedGeneration": generation, "currentNumberScheduled": NODES,
            "desiredNumberScheduled": NODES, "numberMisscheduled": 0, "updatedNumberScheduled": NODES,
            "numberReady": i64::from(is_ready), "numberAvailable": i64::from(is_ready),
            "numberUnavailable": i64::from(!is_ready),
        }),
        "apps/statefulsets" => json!({
            "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
            "currentReplicas": replicas, "readyReplicas": if is_ready { replicas } else { 0 },
            "availableReplicas": if is_ready { replicas } else { 0 },
            "currentRevision": format!("simulated-{generation}"), "updateRevision": format!("simulated-{generation}"),
        }),
        "apps/replicasets" => {
            let ready = if is_ready { replicas } else { 0 };
            json!({
                "observedGeneration": generation, "replicas": replicas, "fullyLabeledReplicas": replicas,
                "readyReplicas": ready, "availableReplicas": ready,
            })
        }
        _ => {
            let serving = match stage {
                Stage::Broken => 0,
                Stage::Ended if is_ready => replicas,
                // The old pods serve until the new ones do.
                Stage::Begun | Stage::Ended => before("readyReplicas").min(replicas),
            };
            let progress = match (stage, failure) {
                (Stage::Ended | Stage::Broken, Some(message)) => {
                    condition("Progressing", false, "ProgressDeadlineExceeded", message)
                }
                (Stage::Ended | Stage::Broken, None) => {
                    condition("Progressing", true, "NewReplicaSetAvailable", "simulated")
                }
                (Stage::Begun, _) => condition("Progressing", true, "ReplicaSetUpdated", "simulated"),
            };
            let updated = if is_ready { replicas } else { 0 };
            let is_available = serving == replicas;
            let reason = if is_available { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" };
            json!({
                "observedGeneration": generation, "replicas": replicas, "updatedReplicas": updated,
                "readyReplicas": serving, "availableReplicas": serving, "unavailableReplicas": replicas - serving,
                "conditions": [condition("Available", is_available, reason, "simulated"), progress],
            })
        }
    })
}

fn job(job: &Value, stage: Stage, failure: Option<&str>) -> Value {
    let wanted = job["spec"]["completions"].as_i64().unwrap_or(1);
    let start = job["status"]["startTime"].as_str().map_or_else(now, str::to_owned);
    let ended = |kind: &str, reason: &str, message: &str| {
        let mut condition = condition(kind, true, reason, message);
        condition["lastProbeTime"] = condition["lastTransitionTime"].clone();
        if let Some(condition) = condition.as_object_mut() {
            condition.remove("lastUpdateTime");
        }
        condition
    };
    match (stage, failure) {
        (Stage::Begun, _) => {
            json!({"active": job["spec"]["parallelism"].as_i64().unwrap_or(1), "ready": 0, "startTime": start})
        }
        (_, None) => json!({
            "succeeded": wanted, "ready": 0, "terminating": 0, "startTime": start, "completionTime": now(),
            "conditions": [
                ended("SuccessCriteriaMet", "CompletionsReached", "simulated"),
                ended("Complete", "CompletionsReached", "simulated"),
            ],
        }),
        (_, Some(message)) => json!({
            "failed": 1, "ready": 0, "terminating": 0, "startTime": start,
            "conditions": [
                ended("FailureTarget", "BackoffLimitExceeded", message), ended("Failed", "BackoffLimitExceeded", message),
            ],
        }),
    }
}

fn pod(pod: &Value, stage: Stage, failure: Option<&str>) -> Option<Value> {
    let runs_once = matches!(pod["spec"]["restartPolicy"].as_str(), Some("Never" | "OnFailure"));
    let start = now();
    let (phase, is_ready) = match (stage, failure) {
        (Stage::Begun, _) => return None,
        (_, Some(_)) => ("Failed", false),
        (_, None) if runs_once => ("Succeeded", false),
        (_, None) => ("Running", true),
    };
    let statuses: Vec<Value> = pod["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|container| {
            let state = match phase {
                "Running" => json!({"running": {"startedAt": start}}),
                "Succeeded" => json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": start, "finishedAt": start}}),
                _ => json!({"terminated": {"exitCode": 1, "reason": "Error", "message": failure, "startedAt": start, "finishedAt": start}}),
            };
            json!({
                "name": container["name"], "image": container["image"], "imageID": "", "ready": is_ready,
                "started": is_ready, "restartCount": 0, "state": state, "lastState": {},
            })
        })
        .collect();
    let conditions: Vec<Value> = ["PodScheduled", "Initialized", "ContainersReady", "Ready"]
        .into_iter()
        .map(|kind| {
            let is_true = is_ready || matches!(kind, "PodScheduled" | "Initialized");
            json!({"type": kind, "status": if is_true { "True" } else { "False" }, "lastProbeTime": null, "lastTransitionTime": start})
        })
        .collect();
    Some(json!({
        "phase": phase, "conditions": conditions, "containerStatuses": statuses, "startTime": start,
        "qosClass": pod["status"]["qosClass"],
    }))
}
