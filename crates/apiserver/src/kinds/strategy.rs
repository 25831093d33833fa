//! What the server itself decides about an object of a kind when it is created or
//! changed.

use serde_json::{Map, Value, json};

use super::{Resource, TEMPLATE_GENERATION, Version};

/// Kinds without a status that count their changes in `metadata.generation`.
const COUNTED: &[&str] = &[
    "ClusterCIDR",
    "DeviceClass",
    "FlowSchema",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "NetworkPolicy",
    "PriorityClass",
    "ResourceSlice",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];
/// Kinds with a status that do not.
const UNCOUNTED: &[&str] = &[
    "APIService",
    "CertificateSigningRequest",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ResourceClaim",
    "ResourceQuota",
    "Service",
    "ServiceCIDR",
    "StorageVersion",
    "HorizontalPodAutoscaler",
    "VolumeAttachment",
];

fn counts_changes(resource: &Resource) -> bool {
    if resource.is_custom {
        return true;
    }
    let has_status = resource.versions.iter().any(|version| version.has_status);
    COUNTED.contains(&&*resource.kind) || (has_status && !UNCOUNTED.contains(&&*resource.kind))
}

/// What a new object begins with. Its status is not the creator's business.
pub fn prepare_create(resource: &Resource, object: &mut Value) {
    if counts_changes(resource) {
        object["metadata"]["generation"] = json!(1);
    }
    if resource.is_custom {
        // What a version without a status subresource has is an ordinary field.
        if resource.versions.iter().any(|version| version.has_status)
            && let Some(object) = object.as_object_mut()
        {
            object.remove("status");
        }
        return;
    }
    match (&*resource.group, &*resource.kind) {
        ("apps", "DaemonSet") => object["metadata"]["annotations"][TEMPLATE_GENERATION] = json!("1"),
        ("batch", "Job") => own_pods(object),
        ("", "Pod") => admit_pod(object),
        ("", "Node") => taint_node(object),
        ("", "PersistentVolumeClaim") => add_finalizer(object, "kubernetes.io/pvc-protection"),
        ("", "PersistentVolume") => add_finalizer(object, "kubernetes.io/pv-protection"),
        _ => {}
    }
    // Whoever registers a node tells its status, too.
    if resource.versions.iter().any(|version| version.has_status) && &*resource.table != "nodes" {
        let status = initial_status(resource, object);
        match status {
            Some(status) => object["status"] = status,
            None => {
                if let Some(object) = object.as_object_mut() {
                    object.remove("status");
                }
            }
        }
    }
    if &*resource.kind == "Namespace" && resource.group.is_empty() {
        object["spec"] = json!({"finalizers": ["kubernetes"]});
    }
}

fn add_finalizer(object: &mut Value, finalizer: &str) {
    let mut finalizers = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if !finalizers.iter().any(|other| other == finalizer) {
        finalizers.push(finalizer.into());
    }
    object["metadata"]["finalizers"] = finalizers.into();
}

/// The pods of a job are told by labels that no other job has.
fn own_pods(job: &mut Value) {
    if job["spec"]["manualSelector"] == true {
        return;
    }
    let (uid, name) = (job["metadata"]["uid"].clone(), job["metadata"]["name"].clone());
    let mut labels = job["spec"]["template"]["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    for (label, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        labels.insert(label.into(), value.clone());
    }
    // Labels that the job took over from its template go with these.
    let own = job["metadata"]["labels"].as_object();
    if own.is_none_or(Map::is_empty) || own == job["spec"]["template"]["metadata"]["labels"].as_object() {
        job["metadata"]["labels"] = Value::Object(labels.clone());
    }
    job["spec"]["template"]["metadata"]["labels"] = Value::Object(labels);
    if !job["spec"]["selector"].is_object() {
        job["spec"]["selector"] = json!({"matchLabels": {}});
    }
    job["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"] = uid;
}

/// What the admission plugins of a cluster add to every pod.
fn admit_pod(pod: &mut Value) {
    let spec = &mut pod["spec"];
    if spec["priority"].is_null() {
        spec["priority"] = json!(0);
    }
    if spec["preemptionPolicy"].is_null() {
        spec["preemptionPolicy"] = json!("PreemptLowerPriority");
    }
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let is_tolerated = tolerations.iter().any(|toleration| {
            let is_key = toleration["key"] == key || toleration["key"].as_str().is_none_or(str::is_empty);
            is_key
                && (toleration["effect"] == "NoExecute"
                    || toleration["effect"].as_str().is_none_or(str::is_empty))
        });
        if !is_tolerated {
            tolerations.push(
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}),
            );
        }
    }
    spec["tolerations"] = tolerations.into();
}

/// A node that is new is not ready.
fn taint_node(node: &mut Value) {
    let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    match node["spec"]["taints"].as_array_mut() {
        Some(taints) if taints.contains(&taint) => {}
        Some(taints) => taints.push(taint),
        None => node["spec"]["taints"] = json!([taint]),
    }
}

/// None where a status that says nothing is left out.
fn initial_status(resource: &Resource, object: &Value) -> Option<Value> {
    Some(match (&*resource.group, &*resource.kind) {
        ("", "Namespace") => json!({"phase": "Active"}),
        ("", "PersistentVolumeClaim" | "PersistentVolume") => json!({"phase": "Pending"}),
        ("", "Pod") => json!({"phase": "Pending", "qosClass": qos_class(object)}),
        ("", "Service") => json!({"loadBalancer": {}}),
        ("", "ReplicationController") | ("apps", "ReplicaSet") => json!({"replicas": 0}),
        ("apps", "StatefulSet") => json!({"availableReplicas": 0, "replicas": 0}),
        ("apps", "DaemonSet") => json!({
            "currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0,
        }),
        ("autoscaling", "HorizontalPodAutoscaler") => json!({"currentMetrics": null, "desiredReplicas": 0}),
        ("networking.k8s.io", "Ingress") => json!({"loadBalancer": {}}),
        ("policy", "PodDisruptionBudget") => json!({
            "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0,
        }),
        ("flowcontrol.apiserver.k8s.io" | "admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => {
            json!({})
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            let versions = object["spec"]["versions"].as_array().into_iter().flatten();
            let stored = versions.into_iter().find(|version| version["storage"] == true);
            let stored: Vec<&Value> = stored.map(|version| &version["name"]).into_iter().collect();
            json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored})
        }
        _ => json!({}),
    })
}

/// How sure a pod is of its resources (the API's quality of service classes).
fn qos_class(pod: &Value) -> &'static str {
    let containers: Vec<&Value> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| pod["spec"][list].as_array().into_iter().flatten())
        .collect();
    let is_set = |container: &&Value, of: &str| {
        container["resources"][of]
            .as_object()
            .is_some_and(|resources| resources.keys().any(|name| name == "cpu" || name == "memory"))
    };
    if !containers.iter().any(|container| is_set(container, "limits") || is_set(container, "requests")) {
        return "BestEffort";
    }
    let is_guaranteed = containers.iter().all(|container| {
        let (limits, requests) = (&container["resources"]["limits"], &container["resources"]["requests"]);
        ["cpu", "memory"].iter().all(|name| !limits[name].is_null() && limits[name] == requests[name])
    });
    if is_guaranteed { "Guaranteed" } else { "Burstable" }
}

/// What stays as it was and what the change counts for, when an object is replaced.
pub fn prepare_update(
    resource: &Resource,
    version: &Version,
    old: &Value,
    new: &mut Value,
    subresource: &str,
) {
    let has_status = version.has_status;
    let (Some(old_fields), Some(new_fields)) = (old.as_object(), new.as_object_mut()) else { return };
    if subresource == "status" {
        let status = new_fields.remove("status");
        let managed = new_fields.get("metadata").and_then(|metadata| metadata.get("managedFields")).cloned();
        let sent = new_fields.remove("metadata");
        *new_fields = old_fields.clone();
        set(new_fields, "status", status);
        if let Some(metadata) = new_fields.get_mut("metadata").and_then(Value::as_object_mut) {
            set(metadata, "managedFields", managed);
            if !resource.is_custom {
                // Built-in kinds take labels and annotations here too; what else is in
                // metadata is the object's own business.
                for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
                    if field == "labels" && &*resource.table == "apps/deployments" {
                        continue;
                    }
                    set(metadata, field, sent.as_ref().and_then(|sent| sent.get(field)).cloned());
                }
            }
        }
        return;
    }
    if has_status && subresource != "binding" {
        set(new_fields, "status", old_fields.get("status").cloned());
    }
    if &*resource.table == "apps/daemonsets" {
        let before = old["metadata"]["annotations"][TEMPLATE_GENERATION].as_str().unwrap_or_default();
        let is_changed = old["spec"]["template"] != new_fields["spec"]["template"];
        let count = before.parse::<u64>().unwrap_or(0) + u64::from(is_changed);
        new_fields["metadata"]["annotations"][TEMPLATE_GENERATION] = count.to_string().into();
    }
    if &*resource.kind == "Namespace" && subresource != "finalize" {
        set(new_fields, "spec", old_fields.get("spec").cloned());
    }
    let old_generation = old["metadata"]["generation"].clone();
    if let Some(metadata) = new_fields.get_mut("metadata").and_then(Value::as_object_mut) {
        let generation = Some(old_generation.clone()).filter(|generation| !generation.is_null());
        set(metadata, "generation", generation);
    }
    // Deployments count their annotations too.
    let is_annotated_otherwise = &*resource.kind == "Deployment"
        && !resource.is_custom
        && old["metadata"].get("annotations")
            != new_fields.get("metadata").and_then(|metadata| metadata.get("annotations"));
    // Where a pod runs is not what it is.
    if counts_changes(resource)
        && subresource != "binding"
        && (is_annotated_otherwise || says_otherwise(old_fields, new_fields, has_status))
    {
        new["metadata"]["generation"] = json!(old_generation.as_u64().unwrap_or(0) + 1);
    }
}

fn set(object: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            object.insert(field.into(), value);
        }
        None => {
            object.remove(field);
        }
    }
}

/// Whether anything but metadata and status differs.
fn says_otherwise(old: &Map<String, Value>, new: &Map<String, Value>, has_status: bool) -> bool {
    let counts = |field: &str| match field {
        "metadata" | "apiVersion" | "kind" => false,
        "status" => !has_status,
        _ => true,
    };
    let said = |object: &Map<String, Value>| object.keys().filter(|field| counts(field)).count();
    said(old) != said(new) || old.iter().any(|(field, value)| counts(field) && new.get(field) != Some(value))
}
