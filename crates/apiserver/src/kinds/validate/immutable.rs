//! Fields that stay as they were.

use serde_json::Value;

use crate::error::Problem;

const WHY: &str = "field is immutable";

/// What is changed that cannot be.
pub(super) fn check(group: &str, kind: &str, old: &Value, new: &Value, problems: &mut Vec<Problem>) {
    let fixed: &[&str] = match (group, kind) {
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet") => &["spec.selector"],
        ("batch", "Job") => &["spec.selector", "spec.completionMode"],
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => &["roleRef"],
        ("storage.k8s.io", "StorageClass") => {
            &["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"]
        }
        ("scheduling.k8s.io", "PriorityClass") => &["value", "preemptionPolicy"],
        ("networking.k8s.io", "IngressClass") => &["spec.controller"],
        ("node.k8s.io", "RuntimeClass") => &["handler"],
        ("", "Secret") => &["type"],
        ("apiextensions.k8s.io", _) => &["spec.group", "spec.scope", "spec.names.kind", "spec.names.plural"],
        _ => &[],
    };
    for path in fixed {
        let (before, after) = (at(old, path), at(new, path));
        if before != after {
            problems.push(Problem::invalid(*path, after, WHY));
        }
    }
    match (group, kind) {
        ("apps", "StatefulSet") => stateful_set(old, new, problems),
        ("batch", "Job") => job(old, new, problems),
        ("", "Service") => service(old, new, problems),
        ("", "ConfigMap" | "Secret") if old["immutable"] == true => {
            for field in ["data", "binaryData", "immutable"] {
                if old[field] != new[field] {
                    problems.push(Problem::forbidden(field, "field is immutable when `immutable` is set"));
                }
            }
        }
        ("", "PersistentVolumeClaim") => claim(old, new, problems),
        ("", "Pod") => pod(old, new, problems),
        _ => {}
    }
}

fn at<'v>(object: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(object, |value, field| &value[field])
}

fn stateful_set(old: &Value, new: &Value, problems: &mut Vec<Problem>) {
    const CHANGEABLE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |object: &Value| {
        let fields = object["spec"].as_object().into_iter().flatten();
        fields
            .filter(|(field, _)| !CHANGEABLE.contains(&field.as_str()))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect::<Vec<_>>()
    };
    if fixed(old) != fixed(new) {
        let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        problems.push(Problem::forbidden("spec", why));
    }
}

fn job(old: &Value, new: &Value, problems: &mut Vec<Problem>) {
    let is_suspended = old["spec"]["suspend"] == true;
    if old["spec"]["template"] != new["spec"]["template"] && !is_suspended {
        problems.push(Problem::invalid("spec.template", &new["spec"]["template"], WHY));
    }
    let is_indexed = old["spec"]["completionMode"] == "Indexed";
    if old["spec"]["completions"] != new["spec"]["completions"] && !is_indexed {
        problems.push(Problem::invalid("spec.completions", &new["spec"]["completions"], WHY));
    }
}

fn service(old: &Value, new: &Value, problems: &mut Vec<Problem>) {
    let (before, after) = (&old["spec"], &new["spec"]);
    let stays = before["type"] != "ExternalName" && after["type"] != "ExternalName";
    if stays && before["clusterIP"] != after["clusterIP"] {
        let why = "may not change once set";
        problems.push(Problem::invalid("spec.clusterIPs[0]", &after["clusterIPs"], why));
    }
}

fn claim(old: &Value, new: &Value, problems: &mut Vec<Problem>) {
    let fixed = |object: &Value| {
        let mut spec = object["spec"].clone();
        if let Some(spec) = spec.as_object_mut() {
            // A larger claim and the volume that it gets are what may change.
            spec.retain(|field, _| {
                !matches!(
                    field.as_str(),
                    "resources" | "volumeName" | "storageClassName" | "volumeAttributesClassName"
                )
            });
        }
        spec
    };
    if fixed(old) != fixed(new) {
        problems.push(Problem::forbidden("spec", "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"));
    }
}

fn pod(old: &Value, new: &Value, problems: &mut Vec<Problem>) {
    let fixed = |object: &Value| {
        let mut spec = object["spec"].clone();
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array_mut().into_iter().flatten() {
                container["image"] = Value::Null;
            }
        }
        if let Some(spec) = spec.as_object_mut() {
            spec.retain(|field, value| {
                !matches!(
                    field.as_str(),
                    "activeDeadlineSeconds" | "tolerations" | "terminationGracePeriodSeconds" | "nodeName"
                ) && !value.is_null()
            });
        }
        spec
    };
    if fixed(old) != fixed(new) {
        let why = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        problems.push(Problem::forbidden("spec", why));
    }
}
