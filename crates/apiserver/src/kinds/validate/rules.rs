//! The rules of kinds, in the order in which people meet them.

use std::collections::HashSet;

use serde_json::Value;

use super::pod;
use crate::error::Problem;
use crate::names::is_label_value;

/// What breaks the rules of its kind in an object.
pub(super) fn check(group: &str, kind: &str, object: &Value, problems: &mut Vec<Problem>) {
    let spec = &object["spec"];
    match (group, kind) {
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") => workload(spec, problems),
        ("", "ReplicationController") => {
            pod::check(&spec["template"]["spec"], "spec.template.spec", &["Always"], problems);
        }
        ("", "Pod") => pod::check(spec, "spec", &["Always", "OnFailure", "Never"], problems),
        ("batch", "Job") => {
            pod::check(&spec["template"]["spec"], "spec.template.spec", &["OnFailure", "Never"], problems);
            for field in ["parallelism", "completions", "backoffLimit"] {
                not_negative(spec, "spec", field, problems);
            }
        }
        ("batch", "CronJob") => {
            if spec["schedule"].as_str().is_none_or(str::is_empty) {
                problems.push(Problem::required("spec.schedule", ""));
            }
            let policies = ["Allow", "Forbid", "Replace"];
            one_of(spec, "spec", "concurrencyPolicy", &policies, problems);
            let template = &spec["jobTemplate"]["spec"]["template"]["spec"];
            pod::check(template, "spec.jobTemplate.spec.template.spec", &["OnFailure", "Never"], problems);
        }
        ("", "Service") => service(spec, problems),
        ("", "ConfigMap") => {
            keys(object, "data", problems);
            keys(object, "binaryData", problems);
            for name in object["data"].as_object().into_iter().flatten().map(|(name, _)| name) {
                if object["binaryData"].get(name).is_some() {
                    problems.push(Problem::invalid(
                        format!("data[{name}]"),
                        &name.as_str().into(),
                        "duplicate of key present in binaryData",
                    ));
                }
            }
        }
        ("", "Secret") => keys(object, "data", problems),
        ("", "PersistentVolumeClaim") => {
            if spec["accessModes"].as_array().is_none_or(Vec::is_empty) {
                problems.push(Problem::required("spec.accessModes", "at least 1 access mode is required"));
            }
            if spec["resources"]["requests"].get("storage").is_none() {
                problems.push(Problem::required("spec.resources[storage]", ""));
            }
        }
        ("", "PersistentVolume") => {
            if spec["accessModes"].as_array().is_none_or(Vec::is_empty) {
                problems.push(Problem::required("spec.accessModes", ""));
            }
            if spec["capacity"].get("storage").is_none() {
                problems.push(Problem::required("spec.capacity", ""));
            }
        }
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler(spec, problems),
        ("storage.k8s.io", "StorageClass") if object["provisioner"].as_str().is_none_or(str::is_empty) => {
            problems.push(Problem::required("provisioner", ""));
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            binding(kind, object, problems)
        }
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => role(kind, object, problems),
        ("networking.k8s.io", "Ingress") => ingress(spec, problems),
        ("policy", "PodDisruptionBudget")
            if spec.get("minAvailable").is_some() && spec.get("maxUnavailable").is_some() =>
        {
            let why = "minAvailable and maxUnavailable cannot be both set";
            problems.push(Problem::invalid("spec", &"".into(), why));
        }
        _ => {}
    }
}

fn not_negative(object: &Value, path: &str, field: &str, problems: &mut Vec<Problem>) {
    if object[field].as_i64().is_some_and(|number| number < 0) {
        problems.push(Problem::invalid(
            format!("{path}.{field}"),
            &object[field],
            "must be greater than or equal to 0",
        ));
    }
}

fn one_of(object: &Value, path: &str, field: &str, allowed: &[&str], problems: &mut Vec<Problem>) {
    if object[field].as_str().is_some_and(|value| !allowed.contains(&value)) {
        problems.push(Problem::unsupported(format!("{path}.{field}"), &object[field], allowed));
    }
}

fn workload(spec: &Value, problems: &mut Vec<Problem>) {
    for field in ["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
        not_negative(spec, "spec", field, problems);
    }
    let selector = &spec["selector"];
    let is_empty = |field: &str| {
        selector[field].as_object().is_none_or(serde_json::Map::is_empty)
            && selector[field].as_array().is_none_or(Vec::is_empty)
    };
    if !selector.is_object() {
        problems.push(Problem::required("spec.selector", ""));
    } else if is_empty("matchLabels") && is_empty("matchExpressions") {
        problems.push(Problem::invalid("spec.selector", selector, "empty selector is invalid for this kind"));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    let is_matched = selector["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .all(|(label, value)| labels[label] == *value);
    if !is_matched {
        problems.push(Problem::invalid(
            "spec.template.metadata.labels",
            labels,
            "`selector` does not match template `labels`",
        ));
    }
    for (label, value) in labels.as_object().into_iter().flatten() {
        if !is_label_value(value.as_str().unwrap_or_default()) {
            problems.push(Problem::invalid(
                "spec.template.labels",
                value,
                &format!("the value of label {label} is malformed"),
            ));
        }
    }
    if spec["strategy"]["type"] == "Recreate" && spec["strategy"].get("rollingUpdate").is_some() {
        problems.push(Problem::forbidden(
            "spec.strategy.rollingUpdate",
            "may not be specified when strategy `type` is 'Recreate'",
        ));
    }
    pod::check(&spec["template"]["spec"], "spec.template.spec", &["Always"], problems);
}

const NO_PORT: &str = "must be between 1 and 65535, inclusive";

fn target_port(port: &Value, path: &str, problems: &mut Vec<Problem>) {
    let why = match port {
        Value::Number(number) if !(1..=65535).contains(&number.as_i64().unwrap_or(0)) => NO_PORT,
        Value::String(name) if name.len() > 15 => "must be no more than 15 characters",
        Value::String(name) if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
        }
        Value::String(name) if !name.bytes().any(|byte| byte.is_ascii_alphabetic()) => {
            "must contain at least one letter (a-z)"
        }
        _ => return,
    };
    problems.push(Problem::invalid(path, port, why));
}

fn service(spec: &Value, problems: &mut Vec<Problem>) {
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    one_of(spec, "spec", "type", &kinds, problems);
    one_of(spec, "spec", "sessionAffinity", &["ClientIP", "None"], problems);
    let is_external = spec["type"] == "ExternalName";
    let is_headless = spec["clusterIP"] == "None";
    let ports = spec["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    if ports.is_empty() && !is_external && !is_headless {
        problems.push(Problem::required("spec.ports", ""));
    }
    if is_external && spec["externalName"].as_str().is_none_or(str::is_empty) {
        problems.push(Problem::required("spec.externalName", ""));
    }
    let (mut names, mut numbers) = (HashSet::new(), HashSet::new());
    for (index, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        let name = port["name"].as_str().unwrap_or_default();
        if name.is_empty() && ports.len() > 1 {
            problems.push(Problem::required(format!("{path}.name"), ""));
        } else if !name.is_empty() && !names.insert(name) {
            problems.push(Problem::duplicate(format!("{path}.name"), &name.into()));
        }
        if !(1..=65535).contains(&port["port"].as_i64().unwrap_or(0)) {
            problems.push(Problem::invalid(format!("{path}.port"), &port["port"], NO_PORT));
        }
        target_port(&port["targetPort"], &format!("{path}.targetPort"), problems);
        one_of(port, &path, "protocol", &["SCTP", "TCP", "UDP"], problems);
        if !numbers.insert((port["port"].as_i64(), port["protocol"].as_str())) {
            problems.push(Problem::duplicate(path, port));
        }
    }
}

fn keys(object: &Value, field: &str, problems: &mut Vec<Problem>) {
    for (name, _) in object[field].as_object().into_iter().flatten() {
        let is_good = !name.is_empty()
            && name.len() <= 253
            && !matches!(name.as_str(), "." | "..")
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !is_good {
            let why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
            problems.push(Problem::invalid(format!("{field}[{name}]"), &name.as_str().into(), why));
        }
    }
}

fn autoscaler(spec: &Value, problems: &mut Vec<Problem>) {
    let (least, most) =
        (spec["minReplicas"].as_i64().unwrap_or(1), spec["maxReplicas"].as_i64().unwrap_or(0));
    if most < 1 {
        problems.push(Problem::invalid("spec.maxReplicas", &spec["maxReplicas"], "must be greater than 0"));
    }
    if least < 1 {
        problems.push(Problem::invalid(
            "spec.minReplicas",
            &spec["minReplicas"],
            "must be greater than or equal to 1",
        ));
    }
    if most < least {
        problems.push(Problem::invalid(
            "spec.maxReplicas",
            &spec["maxReplicas"],
            "must be greater than or equal to `minReplicas`",
        ));
    }
    for field in ["kind", "name"] {
        if spec["scaleTargetRef"][field].as_str().is_none_or(str::is_empty) {
            problems.push(Problem::required(format!("spec.scaleTargetRef.{field}"), ""));
        }
    }
}

fn binding(kind: &str, object: &Value, problems: &mut Vec<Problem>) {
    let role = &object["roleRef"];
    let kinds: &[&str] = if kind == "RoleBinding" { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&role["kind"].as_str().unwrap_or_default()) {
        problems.push(Problem::unsupported("roleRef.kind", &role["kind"], kinds));
    }
    if role["name"].as_str().is_none_or(str::is_empty) {
        problems.push(Problem::required("roleRef.name", ""));
    }
    for (index, subject) in object["subjects"].as_array().into_iter().flatten().enumerate() {
        let path = format!("subjects[{index}]");
        if subject["name"].as_str().is_none_or(str::is_empty) {
            problems.push(Problem::required(format!("{path}.name"), ""));
        }
        one_of(subject, &path, "kind", &["ServiceAccount", "User", "Group"], problems);
        if subject["kind"] == "ServiceAccount" && subject["namespace"].as_str().is_none_or(str::is_empty) {
            problems.push(Problem::required(format!("{path}.namespace"), ""));
        }
    }
}

fn role(kind: &str, object: &Value, problems: &mut Vec<Problem>) {
    for (index, rule) in object["rules"].as_array().into_iter().flatten().enumerate() {
        let path = format!("rules[{index}]");
        let is_empty = |field: &str| rule[field].as_array().is_none_or(Vec::is_empty);
        if is_empty("verbs") {
            problems
                .push(Problem::required(format!("{path}.verbs"), "verbs must contain at least one value"));
        }
        if !is_empty("nonResourceURLs") {
            if kind == "Role" {
                problems.push(Problem::invalid(
                    format!("{path}.nonResourceURLs"),
                    &rule["nonResourceURLs"],
                    "namespaced rules cannot apply to non-resource URLs",
                ));
            }
            continue;
        }
        for (field, why) in [
            ("apiGroups", "resource rules must supply at least one api group"),
            ("resources", "resource rules must supply at least one resource"),
        ] {
            if is_empty(field) {
                problems.push(Problem::required(format!("{path}.{field}"), why));
            }
        }
    }
}

fn ingress(spec: &Value, problems: &mut Vec<Problem>) {
    if spec["rules"].as_array().is_none_or(Vec::is_empty) && spec.get("defaultBackend").is_none() {
        problems.push(Problem::invalid(
            "spec",
            &"".into(),
            "either `defaultBackend` or `rules` must be specified",
        ));
    }
    for (index, rule) in spec["rules"].as_array().into_iter().flatten().enumerate() {
        for (number, path) in rule["http"]["paths"].as_array().into_iter().flatten().enumerate() {
            let at = format!("spec.rules[{index}].http.paths[{number}]");
            let kinds = ["Exact", "ImplementationSpecific", "Prefix"];
            match path["pathType"].as_str() {
                None => {
                    problems.push(Problem::required(format!("{at}.pathType"), "pathType must be specified"))
                }
                Some(kind) if !kinds.contains(&kind) => {
                    problems.push(Problem::unsupported(format!("{at}.pathType"), &path["pathType"], &kinds));
                }
                Some("ImplementationSpecific") => {}
                Some(_) => {
                    if !path["path"].as_str().unwrap_or_default().starts_with('/') {
                        problems.push(Problem::invalid(
                            format!("{at}.path"),
                            &path["path"],
                            "must be an absolute path",
                        ));
                    }
                }
            }
        }
    }
}
