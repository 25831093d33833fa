//! Whether an object has become what it was asked to be: the rules of kstatus
//! (sigs.k8s.io/cli-utils) for built-in kinds, conditions and observedGeneration
//! for all others. One difference: a Job is healthy when it is complete, not when
//! it has started, so that a wave can wait for it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::target::Live;

/// The health of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "health", content = "reason", rename_all = "camelCase")]
pub enum Health {
    /// It is what it was asked to be.
    Healthy,
    /// It is on its way.
    Progressing(Box<str>),
    /// It will not get there by itself.
    Failed(Box<str>),
}

impl Health {
    /// Whether it is what it was asked to be.
    pub fn is_healthy(&self) -> bool {
        *self == Health::Healthy
    }
}

fn progressing(reason: impl Into<Box<str>>) -> Health {
    Health::Progressing(reason.into())
}

/// Judges an object by what the server says of it.
pub fn health(live: &Live) -> Health {
    if live.is_terminating() {
        return progressing("is being deleted");
    }
    let object = Object(&live.value);
    if let Some(observed) = object.number("/status/observedGeneration")
        && observed < object.number("/metadata/generation").unwrap_or(0)
    {
        return progressing("its controller has not seen the last change");
    }
    let kind = &live.key.group_kind;
    match (&*kind.group, &*kind.kind) {
        ("apps", "Deployment") => deployment(&object),
        ("apps", "StatefulSet") => stateful_set(&object),
        ("apps", "DaemonSet") => daemon_set(&object),
        ("apps", "ReplicaSet") => replica_set(&object),
        ("batch", "Job") => job(&object),
        ("", "Pod") => pod(&object),
        ("", "PersistentVolumeClaim") => match object.text("/status/phase") {
            "Bound" => Health::Healthy,
            phase => progressing(format!("is {}", if phase.is_empty() { "not bound" } else { phase })),
        },
        ("", "Service")
            if object.text("/spec/type") == "LoadBalancer" && object.text("/spec/clusterIP").is_empty() =>
        {
            progressing("has no address yet")
        }
        ("policy", "PodDisruptionBudget") => {
            let (current, desired) =
                (object.count("/status/currentHealthy"), object.count("/status/desiredHealthy"));
            if current < desired {
                progressing(format!("{current} of {desired} pods are healthy"))
            } else {
                Health::Healthy
            }
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => custom_resource_definition(&object),
        _ => by_conditions(&object),
    }
}

struct Object<'v>(&'v Value);

impl<'v> Object<'v> {
    fn number(&self, pointer: &str) -> Option<u64> {
        self.0.pointer(pointer)?.as_u64()
    }

    fn count(&self, pointer: &str) -> u64 {
        self.number(pointer).unwrap_or(0)
    }

    fn text(&self, pointer: &str) -> &'v str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The status, reason and message of a condition.
    fn condition(&self, kind: &str) -> Option<(&'v str, &'v str, &'v str)> {
        let conditions = self.0.pointer("/status/conditions")?.as_array()?;
        let found = conditions.iter().find(|condition| condition["type"] == kind)?;
        let text = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
        Some((text("status"), text("reason"), text("message")))
    }
}

/// What a condition says, in one line.
fn said(reason: &str, message: &str) -> String {
    match (reason, message) {
        ("", message) => message.to_owned(),
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

fn by_conditions(object: &Object) -> Health {
    if let Some(("True", reason, message)) = object.condition("Stalled") {
        return Health::Failed(said(reason, message).into());
    }
    if let Some(("True", reason, message)) = object.condition("Reconciling") {
        return progressing(said(reason, message));
    }
    match object.condition("Ready") {
        Some(("True", ..)) | None => Health::Healthy,
        Some((_, reason, message)) => progressing(said(reason, message)),
    }
}

/// A workload of whose status nothing is written yet was not seen by its controller.
fn unseen(object: &Object) -> Option<Health> {
    object
        .number("/status/observedGeneration")
        .is_none()
        .then(|| progressing("its controller has not seen it yet"))
}

fn deployment(object: &Object) -> Health {
    if let Some((_, "ProgressDeadlineExceeded", message)) = object.condition("Progressing") {
        return Health::Failed(said("ProgressDeadlineExceeded", message).into());
    }
    if let Some(unseen) = unseen(object) {
        return unseen;
    }
    let wanted = object.number("/spec/replicas").unwrap_or(1);
    let (total, updated) = (object.count("/status/replicas"), object.count("/status/updatedReplicas"));
    let (ready, available) =
        (object.count("/status/readyReplicas"), object.count("/status/availableReplicas"));
    if updated < wanted {
        progressing(format!("{updated} of {wanted} replicas are updated"))
    } else if total > updated {
        progressing(format!("{} old replicas are ending", total - updated))
    } else if available < updated {
        progressing(format!("{available} of {updated} replicas are available"))
    } else if ready < wanted {
        progressing(format!("{ready} of {wanted} replicas are ready"))
    } else {
        Health::Healthy
    }
}

fn stateful_set(object: &Object) -> Health {
    if object.text("/spec/updateStrategy/type") == "OnDelete" {
        return Health::Healthy;
    }
    if let Some(unseen) = unseen(object) {
        return unseen;
    }
    let wanted = object.number("/spec/replicas").unwrap_or(1);
    let (total, ready) = (object.count("/status/replicas"), object.count("/status/readyReplicas"));
    let updated = object.count("/status/updatedReplicas");
    let partition = object.count("/spec/updateStrategy/rollingUpdate/partition");
    if total < wanted || ready < wanted {
        progressing(format!("{ready} of {wanted} replicas are ready"))
    } else if total > wanted {
        progressing(format!("{} replicas are ending", total - wanted))
    } else if partition > 0 {
        let due = wanted.saturating_sub(partition);
        if updated < due {
            progressing(format!("{updated} of {due} replicas are updated"))
        } else {
            Health::Healthy
        }
    } else if object.text("/status/currentRevision") != object.text("/status/updateRevision") {
        progressing(format!("{updated} of {wanted} replicas are updated"))
    } else {
        Health::Healthy
    }
}

fn daemon_set(object: &Object) -> Health {
    if let Some(unseen) = unseen(object) {
        return unseen;
    }
    let wanted = object.count("/status/desiredNumberScheduled");
    for (field, what) in [
        ("/status/updatedNumberScheduled", "updated"),
        ("/status/numberAvailable", "available"),
        ("/status/numberReady", "ready"),
    ] {
        let count = object.count(field);
        if count < wanted {
            return progressing(format!("{count} of {wanted} pods are {what}"));
        }
    }
    Health::Healthy
}

fn replica_set(object: &Object) -> Health {
    if let Some(("True", reason, message)) = object.condition("ReplicaFailure") {
        return Health::Failed(said(reason, message).into());
    }
    if let Some(unseen) = unseen(object) {
        return unseen;
    }
    let wanted = object.number("/spec/replicas").unwrap_or(1);
    let available = object.count("/status/availableReplicas");
    if available < wanted || object.count("/status/replicas") > wanted {
        progressing(format!("{available} of {wanted} replicas are available"))
    } else {
        Health::Healthy
    }
}

fn job(object: &Object) -> Health {
    if let Some(("True", reason, message)) = object.condition("Failed") {
        return Health::Failed(said(reason, message).into());
    }
    if matches!(object.condition("Complete"), Some(("True", ..))) {
        return Health::Healthy;
    }
    if matches!(object.condition("Suspended"), Some(("True", ..))) {
        return progressing("is suspended");
    }
    progressing(format!(
        "{} active, {} succeeded",
        object.count("/status/active"),
        object.count("/status/succeeded")
    ))
}

fn pod(object: &Object) -> Health {
    match object.text("/status/phase") {
        "Succeeded" => Health::Healthy,
        "Failed" => {
            Health::Failed(said(object.text("/status/reason"), object.text("/status/message")).into())
        }
        "Running" => match object.condition("Ready") {
            Some(("True", ..)) => Health::Healthy,
            Some((_, reason, message)) => {
                if is_crashing(object) {
                    Health::Failed("CrashLoopBackOff".into())
                } else {
                    progressing(said(reason, message))
                }
            }
            None => progressing("is not ready"),
        },
        _ => progressing("is pending"),
    }
}

fn is_crashing(object: &Object) -> bool {
    let statuses = object.0.pointer("/status/containerStatuses").and_then(Value::as_array);
    statuses.into_iter().flatten().any(|status| {
        status.pointer("/state/waiting/reason").and_then(Value::as_str) == Some("CrashLoopBackOff")
    })
}

fn custom_resource_definition(object: &Object) -> Health {
    if let Some(("False", reason, message)) = object.condition("NamesAccepted") {
        return Health::Failed(said(reason, message).into());
    }
    match object.condition("Established") {
        Some(("True", ..)) => Health::Healthy,
        _ => progressing("is not established yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use syncline_manifest::GroupKind;

    fn judged(group: &str, kind: &str, spec: Value, status: Value) -> &'static str {
        let value = json!({"metadata": {"name": "a", "generation": 2}, "spec": spec, "status": status});
        match health(&Live::new(&GroupKind::new(group, kind), value)) {
            Health::Healthy => "healthy",
            Health::Progressing(_) => "progressing",
            Health::Failed(_) => "failed",
        }
    }

    #[test]
    fn every_kind_is_judged_by_its_own_rules() {
        let done = json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3});
        let with = |field: &str, value: Value| {
            let mut status = done.clone();
            status[field] = value;
            status
        };
        let condition = |kind: &str, status: &str, reason: &str| json!({"conditions": [{"type": kind, "status": status, "reason": reason}]});
        let rows = [
            ("apps", "Deployment", json!({"replicas": 3}), done.clone(), "healthy"),
            ("apps", "Deployment", json!({"replicas": 3}), json!({}), "progressing"),
            (
                "apps",
                "Deployment",
                json!({"replicas": 3}),
                with("observedGeneration", json!(1)),
                "progressing",
            ),
            ("apps", "Deployment", json!({"replicas": 3}), with("updatedReplicas", json!(2)), "progressing"),
            ("apps", "Deployment", json!({"replicas": 3}), with("replicas", json!(4)), "progressing"),
            (
                "apps",
                "Deployment",
                json!({"replicas": 3}),
                with("availableReplicas", json!(2)),
                "progressing",
            ),
            (
                "apps",
                "Deployment",
                json!({"replicas": 3}),
                condition("Progressing", "False", "ProgressDeadlineExceeded"),
                "failed",
            ),
            ("apps", "Deployment", json!({"replicas": 0}), json!({"observedGeneration": 2}), "healthy"),
            ("apps", "StatefulSet", json!({"replicas": 3}), done.clone(), "healthy"),
            ("apps", "StatefulSet", json!({"replicas": 3}), with("readyReplicas", json!(1)), "progressing"),
            (
                "apps",
                "StatefulSet",
                json!({"replicas": 3}),
                with("updateRevision", json!("b")),
                "progressing",
            ),
            ("apps", "StatefulSet", json!({"updateStrategy": {"type": "OnDelete"}}), json!({}), "healthy"),
            (
                "apps",
                "DaemonSet",
                json!({}),
                json!({"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2, "numberReady": 2}),
                "healthy",
            ),
            (
                "apps",
                "DaemonSet",
                json!({}),
                json!({"observedGeneration": 2, "desiredNumberScheduled": 2, "numberReady": 1}),
                "progressing",
            ),
            ("batch", "Job", json!({}), json!({"active": 1, "startTime": "x"}), "progressing"),
            ("batch", "Job", json!({}), condition("Complete", "True", ""), "healthy"),
            ("batch", "Job", json!({}), condition("Failed", "True", "BackoffLimitExceeded"), "failed"),
            ("", "Pod", json!({}), json!({"phase": "Pending"}), "progressing"),
            (
                "",
                "Pod",
                json!({}),
                json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}),
                "healthy",
            ),
            (
                "",
                "Pod",
                json!({}),
                json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}),
                "failed",
            ),
            ("", "PersistentVolumeClaim", json!({}), json!({"phase": "Pending"}), "progressing"),
            ("", "PersistentVolumeClaim", json!({}), json!({"phase": "Bound"}), "healthy"),
            ("", "Service", json!({"type": "LoadBalancer"}), json!({}), "progressing"),
            ("", "Service", json!({"type": "ClusterIP"}), json!({}), "healthy"),
            ("", "ConfigMap", json!({}), json!({}), "healthy"),
            (
                "policy",
                "PodDisruptionBudget",
                json!({}),
                json!({"currentHealthy": 1, "desiredHealthy": 2}),
                "progressing",
            ),
            ("apiextensions.k8s.io", "CustomResourceDefinition", json!({}), json!({}), "progressing"),
            (
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                json!({}),
                condition("Established", "True", ""),
                "healthy",
            ),
            (
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                json!({}),
                condition("NamesAccepted", "False", "ListKindConflict"),
                "failed",
            ),
            ("x.io", "Thing", json!({}), json!({}), "healthy"),
            ("x.io", "Thing", json!({}), json!({"observedGeneration": 1}), "progressing"),
            ("x.io", "Thing", json!({}), condition("Ready", "False", "NotYet"), "progressing"),
            ("x.io", "Thing", json!({}), condition("Ready", "True", ""), "healthy"),
            ("x.io", "Thing", json!({}), condition("Stalled", "True", "Broken"), "failed"),
            ("x.io", "Thing", json!({}), condition("Reconciling", "True", ""), "progressing"),
        ];
        for (group, kind, spec, status, expected) in rows {
            assert_eq!(judged(group, kind, spec.clone(), status.clone()), expected, "{kind} {spec} {status}");
        }
    }
}
