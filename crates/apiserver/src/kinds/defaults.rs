//! What Kubernetes fills in where a field is left out, for the kinds that people
//! write. Follows the API reference; compared in tests with what the real server
//! stores.

use serde_json::{Map, Value, json};

/// Fills in what is left out.
pub(super) fn set_defaults(kind: &str, object: &mut Value) {
    let Some(object) = object.as_object_mut() else { return };
    match kind {
        "Deployment" => deployment(object),
        "StatefulSet" => stateful_set(object),
        "DaemonSet" => daemon_set(object),
        "ReplicaSet" | "ReplicationController" => {
            let spec = child(object, "spec");
            default(spec, "replicas", json!(1));
            pod_template(spec);
        }
        "Job" => {
            job(child(object, "spec"));
            let labels = object["spec"]["template"]["metadata"]["labels"].clone();
            let metadata = child(object, "metadata");
            let has_none = metadata.get("labels").and_then(Value::as_object).is_none_or(Map::is_empty);
            if has_none && labels.as_object().is_some_and(|labels| !labels.is_empty()) {
                metadata.insert("labels".into(), labels);
            }
        }
        "CronJob" => {
            let spec = child(object, "spec");
            default(spec, "concurrencyPolicy", json!("Allow"));
            default(spec, "suspend", json!(false));
            default(spec, "successfulJobsHistoryLimit", json!(3));
            default(spec, "failedJobsHistoryLimit", json!(1));
            if let Some(template) = spec.get_mut("jobTemplate").and_then(Value::as_object_mut)
                && let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut)
            {
                pod_template(spec);
            }
        }
        "Pod" => {
            if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
                default(spec, "enableServiceLinks", json!(true));
                pod_spec(spec);
                // Templates are left as they are.
                for list in ["containers", "initContainers"] {
                    items(spec, list).for_each(requests_from_limits);
                }
            }
        }
        "Service" => service(child(object, "spec")),
        "Secret" => secret(object),
        "Namespace" => {
            let name = object["metadata"]["name"].clone();
            let metadata = child(object, "metadata");
            if name.as_str().is_some_and(|name| !name.is_empty()) {
                child(metadata, "labels").insert("kubernetes.io/metadata.name".into(), name);
            }
            default(child(object, "status"), "phase", json!("Active"));
        }
        "PersistentVolumeClaim" => {
            let spec = child(object, "spec");
            default(spec, "volumeMode", json!("Filesystem"));
            default(child(object, "status"), "phase", json!("Pending"));
        }
        "PersistentVolume" => {
            let spec = child(object, "spec");
            default(spec, "persistentVolumeReclaimPolicy", json!("Retain"));
            default(spec, "volumeMode", json!("Filesystem"));
            volume(spec);
            default(child(object, "status"), "phase", json!("Pending"));
        }
        "StorageClass" => {
            default(object, "reclaimPolicy", json!("Delete"));
            default(object, "volumeBindingMode", json!("Immediate"));
        }
        "HorizontalPodAutoscaler" => {
            let is_old = object.get("apiVersion").is_some_and(|version| version == "autoscaling/v1");
            let spec = child(object, "spec");
            default(spec, "minReplicas", json!(1));
            if !is_old {
                let target = json!({"type": "Utilization", "averageUtilization": 80});
                let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
                default(spec, "metrics", json!([cpu]));
            }
        }
        "NetworkPolicy" => {
            let spec = child(object, "spec");
            for rule in ["ingress", "egress"] {
                for rule in items(spec, rule) {
                    for port in items(rule, "ports") {
                        default(port, "protocol", json!("TCP"));
                    }
                }
            }
            let types =
                if spec.contains_key("egress") { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            default(spec, "policyTypes", types);
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            let role = child(object, "roleRef");
            if role.get("apiGroup").is_none_or(|group| group == "") {
                role.insert("apiGroup".into(), json!("rbac.authorization.k8s.io"));
            }
            for subject in items(object, "subjects") {
                if matches!(subject.get("kind").and_then(Value::as_str), Some("User" | "Group")) {
                    default(subject, "apiGroup", json!("rbac.authorization.k8s.io"));
                }
            }
        }
        "PriorityClass" => default(object, "preemptionPolicy", json!("PreemptLowerPriority")),
        "CustomResourceDefinition" => custom_resource_definition(child(object, "spec")),
        _ => {}
    }
}

/// The object in a field, made where there is none.
fn child<'o>(object: &'o mut Map<String, Value>, field: &str) -> &'o mut Map<String, Value> {
    let value = object.entry(field).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(child) => child,
        // It was made an object just now.
        _ => unreachable!("an object"),
    }
}

fn default(object: &mut Map<String, Value>, field: &str, value: Value) {
    let is_absent = object.get(field).is_none_or(|found| found.is_null() || found == "");
    if is_absent {
        object.insert(field.into(), value);
    }
}

fn items<'o>(
    object: &'o mut Map<String, Value>,
    field: &str,
) -> impl Iterator<Item = &'o mut Map<String, Value>> {
    object.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

fn deployment(object: &mut Map<String, Value>) {
    let spec = child(object, "spec");
    default(spec, "replicas", json!(1));
    default(spec, "revisionHistoryLimit", json!(10));
    default(spec, "progressDeadlineSeconds", json!(600));
    let strategy = child(spec, "strategy");
    default(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        let rolling = child(strategy, "rollingUpdate");
        default(rolling, "maxUnavailable", json!("25%"));
        default(rolling, "maxSurge", json!("25%"));
    }
    pod_template(spec);
}

fn stateful_set(object: &mut Map<String, Value>) {
    let spec = child(object, "spec");
    default(spec, "replicas", json!(1));
    default(spec, "revisionHistoryLimit", json!(10));
    default(spec, "podManagementPolicy", json!("OrderedReady"));
    let strategy = child(spec, "updateStrategy");
    default(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        default(child(strategy, "rollingUpdate"), "partition", json!(0));
    }
    let retention = child(spec, "persistentVolumeClaimRetentionPolicy");
    default(retention, "whenDeleted", json!("Retain"));
    default(retention, "whenScaled", json!("Retain"));
    for claim in items(spec, "volumeClaimTemplates") {
        default(claim, "apiVersion", json!("v1"));
        default(claim, "kind", json!("PersistentVolumeClaim"));
        default(child(claim, "spec"), "volumeMode", json!("Filesystem"));
        default(child(claim, "status"), "phase", json!("Pending"));
    }
    pod_template(spec);
}

fn daemon_set(object: &mut Map<String, Value>) {
    // A field of an older version lives on as an annotation.
    let annotations = child(child(object, "metadata"), "annotations");
    default(annotations, super::TEMPLATE_GENERATION, json!("0"));
    let spec = child(object, "spec");
    default(spec, "revisionHistoryLimit", json!(10));
    let strategy = child(spec, "updateStrategy");
    default(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        let rolling = child(strategy, "rollingUpdate");
        default(rolling, "maxUnavailable", json!(1));
        default(rolling, "maxSurge", json!(0));
    }
    pod_template(spec);
}

fn job(spec: &mut Map<String, Value>) {
    if !spec.contains_key("completions") && !spec.contains_key("parallelism") {
        spec.insert("completions".into(), json!(1));
        spec.insert("parallelism".into(), json!(1));
    }
    default(spec, "parallelism", json!(1));
    let is_indexed = spec.get("completionMode").is_some_and(|mode| mode == "Indexed");
    default(
        spec,
        "backoffLimit",
        if is_indexed && spec.contains_key("backoffLimitPerIndex") { json!(i32::MAX) } else { json!(6) },
    );
    default(spec, "completionMode", json!("NonIndexed"));
    default(spec, "suspend", json!(false));
    default(spec, "manualSelector", json!(false));
    let replacement = if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    default(spec, "podReplacementPolicy", json!(replacement));
    pod_template(spec);
}

fn pod_template(owner: &mut Map<String, Value>) {
    if let Some(template) = owner.get_mut("template").and_then(Value::as_object_mut) {
        pod_spec(child(template, "spec"));
    }
}

fn pod_spec(spec: &mut Map<String, Value>) {
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    default(spec, "schedulerName", json!("default-scheduler"));
    child(spec, "securityContext");
    // The old and the new name of one field.
    match (spec.get("serviceAccountName").cloned(), spec.get("serviceAccount").cloned()) {
        (Some(name), _) => {
            spec.insert("serviceAccount".into(), name);
        }
        (None, Some(name)) => {
            spec.insert("serviceAccountName".into(), name);
        }
        (None, None) => {}
    }
    let uses_host_network = spec.get("hostNetwork").is_some_and(|host| *host == true);
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for item in items(spec, list) {
            container(item, uses_host_network);
        }
    }
    for item in items(spec, "volumes") {
        let kinds: Vec<String> = item.keys().filter(|key| *key != "name").cloned().collect();
        if kinds.is_empty() {
            item.insert("emptyDir".into(), json!({}));
        }
        volume(item);
    }
}

fn container(container: &mut Map<String, Value>, uses_host_network: bool) {
    default(container, "terminationMessagePath", json!("/dev/termination-log"));
    default(container, "terminationMessagePolicy", json!("File"));
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let is_latest = !image.contains('@') && last.split_once(':').is_none_or(|(_, tag)| tag == "latest");
    default(container, "imagePullPolicy", json!(if is_latest { "Always" } else { "IfNotPresent" }));
    child(container, "resources");
    for port in items(container, "ports") {
        default(port, "protocol", json!("TCP"));
        if uses_host_network && let Some(number) = port.get("containerPort").cloned() {
            port.entry("hostPort").or_insert(number);
        }
    }
    for variable in items(container, "env") {
        if let Some(source) = variable.get_mut("valueFrom").and_then(Value::as_object_mut)
            && let Some(field) = source.get_mut("fieldRef").and_then(Value::as_object_mut)
        {
            default(field, "apiVersion", json!("v1"));
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe).and_then(Value::as_object_mut) {
            default(probe, "timeoutSeconds", json!(1));
            default(probe, "periodSeconds", json!(10));
            default(probe, "successThreshold", json!(1));
            default(probe, "failureThreshold", json!(3));
            http_get(probe);
            if let Some(grpc) = probe.get_mut("grpc").and_then(Value::as_object_mut) {
                grpc.entry("service").or_insert(json!(""));
            }
        }
    }
    if let Some(lifecycle) = container.get_mut("lifecycle").and_then(Value::as_object_mut) {
        for hook in ["postStart", "preStop"] {
            if let Some(hook) = lifecycle.get_mut(hook).and_then(Value::as_object_mut) {
                http_get(hook);
            }
        }
    }
}

/// What a container may use at most is what it asks for, where it does not say.
fn requests_from_limits(container: &mut Map<String, Value>) {
    let resources = child(container, "resources");
    if let Some(limits) =
        resources.get("limits").and_then(Value::as_object).cloned().filter(|limits| !limits.is_empty())
    {
        let requests = child(resources, "requests");
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
}

fn http_get(handler: &mut Map<String, Value>) {
    if let Some(get) = handler.get_mut("httpGet").and_then(Value::as_object_mut) {
        default(get, "path", json!("/"));
        default(get, "scheme", json!("HTTP"));
    }
}

fn volume(volume: &mut Map<String, Value>) {
    for (source, field, value) in [
        ("configMap", "defaultMode", json!(420)),
        ("secret", "defaultMode", json!(420)),
        ("downwardAPI", "defaultMode", json!(420)),
        ("projected", "defaultMode", json!(420)),
        ("hostPath", "type", json!("")),
        ("iscsi", "iscsiInterface", json!("default")),
    ] {
        if let Some(source) = volume.get_mut(source).and_then(Value::as_object_mut) {
            source.entry(field).or_insert(value);
        }
    }
    let field_refs = |source: &mut Map<String, Value>| {
        for item in items(source, "items") {
            if let Some(field) = item.get_mut("fieldRef").and_then(Value::as_object_mut) {
                default(field, "apiVersion", json!("v1"));
            }
        }
    };
    if let Some(source) = volume.get_mut("downwardAPI").and_then(Value::as_object_mut) {
        field_refs(source);
    }
    if let Some(projected) = volume.get_mut("projected").and_then(Value::as_object_mut) {
        for source in items(projected, "sources") {
            if let Some(downward) = source.get_mut("downwardAPI").and_then(Value::as_object_mut) {
                field_refs(downward);
            }
            if let Some(token) = source.get_mut("serviceAccountToken").and_then(Value::as_object_mut) {
                default(token, "expirationSeconds", json!(3600));
            }
        }
    }
}

fn service(spec: &mut Map<String, Value>) {
    default(spec, "sessionAffinity", json!("None"));
    default(spec, "type", json!("ClusterIP"));
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    if spec["sessionAffinity"] == "ClientIP" {
        let client = child(child(spec, "sessionAffinityConfig"), "clientIP");
        default(client, "timeoutSeconds", json!(10800));
    } else {
        spec.remove("sessionAffinityConfig");
    }
    for port in items(spec, "ports") {
        default(port, "protocol", json!("TCP"));
        let is_absent =
            port.get("targetPort").is_none_or(|target| *target == 0 || *target == "" || target.is_null());
        if is_absent && let Some(number) = port.get("port").cloned() {
            port.insert("targetPort".into(), number);
        }
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        default(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if kind != "ExternalName" {
        default(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
}

/// `stringData` is a way to write `data`.
fn secret(object: &mut Map<String, Value>) {
    use base64::Engine as _;
    if let Some(Value::Object(texts)) = object.remove("stringData") {
        let data = child(object, "data");
        for (name, text) in texts {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default());
            data.insert(name, encoded.into());
        }
    }
    default(object, "type", json!("Opaque"));
}

fn custom_resource_definition(spec: &mut Map<String, Value>) {
    let kind = spec["names"]["kind"].as_str().unwrap_or_default().to_owned();
    let names = child(spec, "names");
    default(names, "singular", json!(kind.to_lowercase()));
    default(names, "listKind", json!(format!("{kind}List")));
    default(child(spec, "conversion"), "strategy", json!("None"));
}
