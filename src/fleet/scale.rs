//! Where a workload says how many replicas it has.

use serde_json::{Map, Value};
use syncline_manifest::GroupKind;

/// The field that counts the replicas of a kind; None for kinds without any.
pub fn replica_pointer(kind: &GroupKind) -> Option<&'static str> {
    match (&*kind.group, &*kind.kind) {
        ("apps", "Deployment" | "StatefulSet" | "ReplicaSet") | ("", "ReplicationController") => {
            Some("/spec/replicas")
        }
        ("batch", "Job") => Some("/spec/parallelism"),
        _ => None,
    }
}

/// The fields that bound the replicas of an autoscaler, the least and the most; None for
/// other kinds.
pub fn replica_bounds(kind: &GroupKind) -> Option<[&'static str; 2]> {
    kind.is("autoscaling", "HorizontalPodAutoscaler").then_some(["/spec/minReplicas", "/spec/maxReplicas"])
}

/// How many replicas an object asks for; one where it does not say.
pub fn replicas(value: &Value, pointer: &str) -> u32 {
    value.pointer(pointer).and_then(Value::as_u64).map_or(1, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

/// Makes an object ask for a number of replicas.
pub fn set_replicas(value: &mut Value, pointer: &str, count: u32) {
    let (Some(object), Some(field)) = (value.as_object_mut(), pointer.strip_prefix("/spec/")) else { return };
    let spec = object.entry("spec").or_insert_with(|| Value::Object(Map::new()));
    if let Some(spec) = spec.as_object_mut() {
        spec.insert(field.to_owned(), Value::from(count));
    }
}
