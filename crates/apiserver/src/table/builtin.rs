//! The columns of the built-in kinds.

use serde_json::{Value, json};

use super::cell::{
    address, age_of, ago, containers, created, first_text, images, joined, labels, list, of, pod_status,
    quota, ready_of, selector, short_mode, shown, subjects,
};
use super::time::spelled;

/// A column and what it shows of an object.
pub(super) struct Column {
    pub name: &'static str,
    pub kind: &'static str,
    /// Zero for what is always shown.
    pub priority: i64,
    pub cell: fn(&Value) -> Value,
}

const fn text(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { name, kind: "string", priority: 0, cell }
}

const fn number(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { name, kind: "integer", priority: 0, cell }
}

const fn wide(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    Column { name, kind: "string", priority: 1, cell }
}

const AGE: Column = text("Age", age_of);

/// The columns of a kind after its name.
pub(super) fn columns(group: &str, kind: &str) -> &'static [Column] {
    match (group, kind) {
        ("", "Pod") => {
            const {
                &[
                    text("Ready", |pod| {
                        let ready = list(pod, "/status/containerStatuses")
                            .filter(|status| status["ready"] == true)
                            .count();
                        format!("{ready}/{}", of(pod, "/spec/containers")).into()
                    }),
                    text("Status", pod_status),
                    text("Restarts", |pod| {
                        let restarts: i64 = list(pod, "/status/containerStatuses")
                            .map(|status| status["restartCount"].as_i64().unwrap_or(0))
                            .sum();
                        restarts.to_string().into()
                    }),
                    AGE,
                    wide("IP", |pod| shown(pod, "/status/podIP", "<none>")),
                    wide("Node", |pod| shown(pod, "/spec/nodeName", "<none>")),
                    wide("Nominated Node", |pod| shown(pod, "/status/nominatedNodeName", "<none>")),
                    wide("Readiness Gates", |_| "<none>".into()),
                ]
            }
        }
        ("apps", "Deployment") => {
            const {
                &[
                    text("Ready", |object| ready_of(object, "/status/readyReplicas", "/spec/replicas")),
                    number("Up-to-date", |object| of(object, "/status/updatedReplicas").into()),
                    number("Available", |object| of(object, "/status/availableReplicas").into()),
                    AGE,
                    wide("Containers", containers),
                    wide("Images", images),
                    wide("Selector", selector),
                ]
            }
        }
        ("apps", "ReplicaSet") => {
            const {
                &[
                    number("Desired", |object| of(object, "/spec/replicas").into()),
                    number("Current", |object| of(object, "/status/replicas").into()),
                    number("Ready", |object| of(object, "/status/readyReplicas").into()),
                    AGE,
                    wide("Containers", containers),
                    wide("Images", images),
                    wide("Selector", selector),
                ]
            }
        }
        ("apps", "StatefulSet") => {
            const {
                &[
                    text("Ready", |object| ready_of(object, "/status/readyReplicas", "/spec/replicas")),
                    AGE,
                    wide("Containers", containers),
                    wide("Images", images),
                ]
            }
        }
        ("apps", "DaemonSet") => {
            const {
                &[
                    number("Desired", |object| of(object, "/status/desiredNumberScheduled").into()),
                    number("Current", |object| of(object, "/status/currentNumberScheduled").into()),
                    number("Ready", |object| of(object, "/status/numberReady").into()),
                    number("Up-to-date", |object| of(object, "/status/updatedNumberScheduled").into()),
                    number("Available", |object| of(object, "/status/numberAvailable").into()),
                    text("Node Selector", |object| {
                        labels(object.pointer("/spec/template/spec/nodeSelector"))
                    }),
                    AGE,
                    wide("Containers", containers),
                    wide("Images", images),
                    wide("Selector", selector),
                ]
            }
        }
        ("batch", "Job") => {
            const {
                &[
                    text("Status", |job| {
                        let is = |kind: &str| {
                            list(job, "/status/conditions")
                                .any(|condition| condition["type"] == kind && condition["status"] == "True")
                        };
                        let finished =
                            [("Complete", "Complete"), ("Failed", "Failed"), ("Suspended", "Suspended")];
                        finished.iter().find(|(kind, _)| is(kind)).map_or("Running", |(_, name)| name).into()
                    }),
                    text("Completions", |job| {
                        match job.pointer("/spec/completions").and_then(Value::as_i64) {
                            Some(wanted) => format!("{}/{wanted}", of(job, "/status/succeeded")).into(),
                            None => format!(
                                "{}/1 of {}",
                                of(job, "/status/succeeded"),
                                of(job, "/spec/parallelism")
                            )
                            .into(),
                        }
                    }),
                    text("Duration", |job| {
                        let time =
                            |pointer: &str| job.pointer(pointer)?.as_str()?.parse::<jiff::Timestamp>().ok();
                        match (time("/status/startTime"), time("/status/completionTime")) {
                            (None, _) => "".into(),
                            (Some(start), end) => {
                                let end = end.unwrap_or_else(jiff::Timestamp::now);
                                spelled(end.as_second() - start.as_second()).into()
                            }
                        }
                    }),
                    AGE,
                    wide("Containers", containers),
                    wide("Images", images),
                    wide("Selector", selector),
                ]
            }
        }
        ("batch", "CronJob") => {
            const {
                &[
                    text("Schedule", |object| shown(object, "/spec/schedule", "")),
                    text("Timezone", |object| shown(object, "/spec/timeZone", "<none>")),
                    text("Suspend", |object| {
                        if object["spec"]["suspend"] == true { "True".into() } else { "False".into() }
                    }),
                    number("Active", |object| of(object, "/status/active").into()),
                    text("Last Schedule", |object| ago(&object["status"]["lastScheduleTime"], "<none>")),
                    AGE,
                    wide("Containers", |object| containers(&object["spec"]["jobTemplate"])),
                    wide("Images", |object| images(&object["spec"]["jobTemplate"])),
                    wide("Selector", |object| selector(&object["spec"]["jobTemplate"])),
                ]
            }
        }
        ("", "Service") => {
            const {
                &[
                    text("Type", |object| shown(object, "/spec/type", "")),
                    text("Cluster-IP", |object| shown(object, "/spec/clusterIP", "<none>")),
                    text("External-IP", |object| {
                        let addresses = list(object, "/status/loadBalancer/ingress")
                            .filter_map(|item| item["ip"].as_str().or(item["hostname"].as_str()));
                        let external = list(object, "/spec/externalIPs").filter_map(Value::as_str);
                        match object["spec"]["type"].as_str() {
                            Some("ExternalName") => shown(object, "/spec/externalName", "<none>"),
                            Some("LoadBalancer") => joined(addresses.chain(external), "<pending>"),
                            _ => joined(external, "<none>"),
                        }
                    }),
                    text("Port(s)", |object| {
                        let ports: Vec<String> = list(object, "/spec/ports")
                            .map(|port| {
                                let protocol = port["protocol"].as_str().unwrap_or("TCP");
                                match port["nodePort"].as_i64() {
                                    Some(node) => format!("{}:{node}/{protocol}", port["port"]),
                                    None => format!("{}/{protocol}", port["port"]),
                                }
                            })
                            .collect();
                        if ports.is_empty() { "<none>".into() } else { ports.join(",").into() }
                    }),
                    AGE,
                    wide("Selector", |object| labels(object.pointer("/spec/selector"))),
                ]
            }
        }
        ("", "ConfigMap") => {
            const { &[number("Data", |object| (of(object, "/data") + of(object, "/binaryData")).into()), AGE] }
        }
        ("", "Secret") => {
            const {
                &[
                    text("Type", |object| shown(object, "/type", "")),
                    number("Data", |object| of(object, "/data").into()),
                    AGE,
                ]
            }
        }
        ("", "Namespace") => const { &[text("Status", |object| shown(object, "/status/phase", "")), AGE] },
        ("", "ServiceAccount") => const { &[AGE] },
        ("", "Node") => {
            const {
                &[
                    text("Status", |node| {
                        let ready =
                            list(node, "/status/conditions").find(|condition| condition["type"] == "Ready");
                        let text = match ready.and_then(|ready| ready["status"].as_str()) {
                            Some("True") => "Ready",
                            Some(_) => "NotReady",
                            None => "Unknown",
                        };
                        if node["spec"]["unschedulable"] == true {
                            format!("{text},SchedulingDisabled").into()
                        } else {
                            text.into()
                        }
                    }),
                    text("Roles", |node| {
                        let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
                        let roles =
                            labels.filter_map(|(label, _)| label.strip_prefix("node-role.kubernetes.io/"));
                        joined(roles, "<none>")
                    }),
                    AGE,
                    text("Version", |node| shown(node, "/status/nodeInfo/kubeletVersion", "")),
                    wide("Internal-IP", |node| address(node, "InternalIP")),
                    wide("External-IP", |node| address(node, "ExternalIP")),
                    wide("OS-Image", |node| shown(node, "/status/nodeInfo/osImage", "<unknown>")),
                    wide("Kernel-Version", |node| shown(node, "/status/nodeInfo/kernelVersion", "<unknown>")),
                    wide("Container-Runtime", |node| {
                        shown(node, "/status/nodeInfo/containerRuntimeVersion", "<unknown>")
                    }),
                ]
            }
        }
        ("", "Endpoints") => {
            const {
                &[
                    text("Endpoints", |object| {
                        joined(
                            list(object, "/subsets")
                                .flat_map(|subset| list(subset, "/addresses"))
                                .filter_map(|address| address["ip"].as_str()),
                            "<none>",
                        )
                    }),
                    AGE,
                ]
            }
        }
        ("", "PersistentVolumeClaim") => {
            const {
                &[
                    text("Status", |object| shown(object, "/status/phase", "")),
                    text("Volume", |object| shown(object, "/spec/volumeName", "")),
                    text("Capacity", |object| shown(object, "/status/capacity/storage", "")),
                    text("Access Modes", |object| {
                        joined(
                            list(object, "/status/accessModes").filter_map(Value::as_str).map(short_mode),
                            "",
                        )
                    }),
                    text("StorageClass", |object| shown(object, "/spec/storageClassName", "")),
                    text("VolumeAttributesClass", |object| {
                        shown(object, "/spec/volumeAttributesClassName", "<unset>")
                    }),
                    AGE,
                    wide("VolumeMode", |object| shown(object, "/spec/volumeMode", "<unset>")),
                ]
            }
        }
        ("", "PersistentVolume") => {
            const {
                &[
                    text("Capacity", |object| shown(object, "/spec/capacity/storage", "")),
                    text("Access Modes", |object| {
                        joined(
                            list(object, "/spec/accessModes").filter_map(Value::as_str).map(short_mode),
                            "",
                        )
                    }),
                    text("Reclaim Policy", |object| shown(object, "/spec/persistentVolumeReclaimPolicy", "")),
                    text("Status", |object| shown(object, "/status/phase", "")),
                    text("Claim", |object| match object["spec"]["claimRef"]["name"].as_str() {
                        Some(name) => format!(
                            "{}/{name}",
                            object["spec"]["claimRef"]["namespace"].as_str().unwrap_or_default()
                        )
                        .into(),
                        None => "".into(),
                    }),
                    text("StorageClass", |object| shown(object, "/spec/storageClassName", "")),
                    AGE,
                ]
            }
        }
        ("" | "events.k8s.io", "Event") => {
            const {
                &[
                    text("Last Seen", |event| {
                        ago(first_text([&event["lastTimestamp"], &event["eventTime"]]), "<unknown>")
                    }),
                    text("Type", |event| shown(event, "/type", "")),
                    text("Reason", |event| shown(event, "/reason", "")),
                    text("Object", |event| {
                        let about = if event["involvedObject"].is_object() {
                            &event["involvedObject"]
                        } else {
                            &event["regarding"]
                        };
                        format!(
                            "{}/{}",
                            about["kind"].as_str().unwrap_or_default().to_lowercase(),
                            about["name"].as_str().unwrap_or_default()
                        )
                        .into()
                    }),
                    wide("Subobject", |event| shown(event, "/involvedObject/fieldPath", "")),
                    wide("Source", |event| {
                        let source = &event["source"];
                        let parts = [&source["component"], &source["host"]];
                        let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_str()).collect();
                        parts.join(", ").into()
                    }),
                    text("Message", |event| match event["message"].as_str().or(event["note"].as_str()) {
                        Some(message) => message.trim().into(),
                        None => "".into(),
                    }),
                    wide("First Seen", |event| {
                        ago(first_text([&event["firstTimestamp"], &event["eventTime"]]), "<unknown>")
                    }),
                    wide("Count", |event| event["count"].as_i64().unwrap_or(1).into()),
                    wide("Name", |event| event["metadata"]["name"].clone()),
                ]
            }
        }
        ("", "ResourceQuota") => {
            const {
                &[
                    text("Request", |object| quota(object, |name| !name.starts_with("limits."))),
                    text("Limit", |object| quota(object, |name| name.starts_with("limits."))),
                    AGE,
                ]
            }
        }
        ("autoscaling", "HorizontalPodAutoscaler") => {
            const {
                &[
                    text("Reference", |object| {
                        let target = &object["spec"]["scaleTargetRef"];
                        format!(
                            "{}/{}",
                            target["kind"].as_str().unwrap_or_default(),
                            target["name"].as_str().unwrap_or_default()
                        )
                        .into()
                    }),
                    text("Targets", |object| {
                        if let Some(share) = object["spec"]["targetCPUUtilizationPercentage"].as_i64() {
                            return format!("cpu: <unknown>/{share}%").into();
                        }
                        let targets: Vec<String> = list(object, "/spec/metrics")
                            .map(|metric| {
                                let name = metric["resource"]["name"].as_str().unwrap_or_default();
                                match metric["resource"]["target"]["averageUtilization"].as_i64() {
                                    Some(share) => format!("{name}: <unknown>/{share}%"),
                                    None => "<unknown>".into(),
                                }
                            })
                            .collect();
                        if targets.is_empty() { "<none>".into() } else { targets.join(", ").into() }
                    }),
                    text("MinPods", |object| shown(object, "/spec/minReplicas", "<unset>")),
                    text("MaxPods", |object| shown(object, "/spec/maxReplicas", "")),
                    text("Replicas", |object| of(object, "/status/currentReplicas").to_string().into()),
                    AGE,
                ]
            }
        }
        ("networking.k8s.io", "Ingress") => {
            const {
                &[
                    text("Class", |object| shown(object, "/spec/ingressClassName", "<none>")),
                    text("Hosts", |object| {
                        joined(list(object, "/spec/rules").filter_map(|rule| rule["host"].as_str()), "*")
                    }),
                    text("Address", |object| {
                        joined(
                            list(object, "/status/loadBalancer/ingress")
                                .filter_map(|item| item["ip"].as_str().or(item["hostname"].as_str())),
                            "",
                        )
                    }),
                    text(
                        "Ports",
                        |object| if of(object, "/spec/tls") > 0 { "80, 443".into() } else { "80".into() },
                    ),
                    AGE,
                ]
            }
        }
        ("networking.k8s.io", "NetworkPolicy") => {
            const { &[text("Pod-Selector", |object| labels(object.pointer("/spec/podSelector/matchLabels"))), AGE] }
        }
        ("policy", "PodDisruptionBudget") => {
            const {
                &[
                    text("Min Available", |object| shown(object, "/spec/minAvailable", "N/A")),
                    text("Max Unavailable", |object| shown(object, "/spec/maxUnavailable", "N/A")),
                    number("Allowed Disruptions", |object| of(object, "/status/disruptionsAllowed").into()),
                    AGE,
                ]
            }
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            const {
                &[
                    text("Role", |object| {
                        let role = &object["roleRef"];
                        format!(
                            "{}/{}",
                            role["kind"].as_str().unwrap_or_default(),
                            role["name"].as_str().unwrap_or_default()
                        )
                        .into()
                    }),
                    AGE,
                    wide("Users", |object| subjects(object, "User")),
                    wide("Groups", |object| subjects(object, "Group")),
                    wide("ServiceAccounts", |object| subjects(object, "ServiceAccount")),
                ]
            }
        }
        ("storage.k8s.io", "StorageClass") => {
            const {
                &[
                    text("Provisioner", |object| shown(object, "/provisioner", "")),
                    text("ReclaimPolicy", |object| shown(object, "/reclaimPolicy", "")),
                    text("VolumeBindingMode", |object| shown(object, "/volumeBindingMode", "")),
                    text("AllowVolumeExpansion", |object| {
                        json!(object["allowVolumeExpansion"] == true).to_string().into()
                    }),
                    AGE,
                ]
            }
        }
        ("scheduling.k8s.io", "PriorityClass") => {
            const {
                &[
                    number("Value", |object| of(object, "/value").into()),
                    text("Global-Default", |object| (object["globalDefault"] == true).to_string().into()),
                    AGE,
                    text("PreemptionPolicy", |object| shown(object, "/preemptionPolicy", "")),
                ]
            }
        }
        ("coordination.k8s.io", "Lease") => {
            const { &[text("Holder", |object| shown(object, "/spec/holderIdentity", "")), AGE] }
        }
        _ => const { &[text("Created At", created)] },
    }
}
