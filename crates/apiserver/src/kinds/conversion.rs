//! Built-in kinds with more than one version: autoscalers. What `autoscaling/v1` has
//! no field for it keeps in annotations, as Kubernetes' own conversion does; here in
//! the form of `v2`.

use serde_json::{Map, Value, json};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// Brings an autoscaler into a version.
pub fn autoscaler(object: &mut Value, version: &str) {
    if version == "v1" { to_v1(object) } else { to_v2(object) }
}

/// Takes a field out of an object; None where there is none.
fn take(object: &mut Value, field: &str) -> Option<Value> {
    object.as_object_mut()?.remove(field).filter(|value| !value.is_null())
}

/// Takes the metric of the processor's share out of a list.
fn take_cpu(metrics: &mut Vec<Value>, target: &str) -> Option<Value> {
    let index = metrics.iter().position(|metric| {
        metric["type"] == "Resource"
            && metric["resource"]["name"] == "cpu"
            && metric["resource"][target]["averageUtilization"].is_number()
    })?;
    Some(metrics.remove(index)["resource"][target]["averageUtilization"].take())
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

fn to_v1(object: &mut Value) {
    let mut kept: Vec<(&str, Value)> = Vec::new();
    let spec = &mut object["spec"];
    let mut metrics = list(take(spec, "metrics"));
    if let Some(share) = take_cpu(&mut metrics, "target") {
        spec["targetCPUUtilizationPercentage"] = share;
    }
    if !metrics.is_empty() {
        kept.push((METRICS, metrics.into()));
    }
    kept.extend(take(spec, "behavior").map(|behavior| (BEHAVIOR, behavior)));
    let status = &mut object["status"];
    let mut current = list(take(status, "currentMetrics"));
    if let Some(share) = take_cpu(&mut current, "current") {
        status["currentCPUUtilizationPercentage"] = share;
    }
    if !current.is_empty() {
        kept.push((CURRENT_METRICS, current.into()));
    }
    kept.extend(take(status, "conditions").map(|conditions| (CONDITIONS, conditions)));
    for (annotation, value) in kept {
        object["metadata"]["annotations"][annotation] = value.to_string().into();
    }
}

fn to_v2(object: &mut Value) {
    let mut kept = |annotation: &str| -> Option<Value> {
        let annotations = object["metadata"]["annotations"].as_object_mut()?;
        // What does not parse is somebody's own, and stays.
        let value = serde_json::from_str(annotations.get(annotation)?.as_str()?).ok()?;
        annotations.remove(annotation);
        Some(value)
    };
    let (metrics, behavior) = (kept(METRICS), kept(BEHAVIOR));
    let (current, conditions) = (kept(CURRENT_METRICS), kept(CONDITIONS));
    if object["metadata"]["annotations"].as_object().is_some_and(Map::is_empty) {
        take(&mut object["metadata"], "annotations");
    }
    let cpu = |target: &str, share: Value| {
        let mut value = json!({"averageUtilization": share});
        if target == "target" {
            value["type"] = "Utilization".into();
        }
        json!({"type": "Resource", "resource": {"name": "cpu", target: value}})
    };
    let spec = &mut object["spec"];
    let mut metrics = list(metrics);
    metrics.extend(take(spec, "targetCPUUtilizationPercentage").map(|share| cpu("target", share)));
    if !metrics.is_empty() {
        spec["metrics"] = metrics.into();
    }
    if let Some(behavior) = behavior {
        spec["behavior"] = behavior;
    }
    let status = &mut object["status"];
    let mut current = list(current);
    current.extend(take(status, "currentCPUUtilizationPercentage").map(|share| cpu("current", share)));
    if !current.is_empty() {
        status["currentMetrics"] = current.into();
    }
    if let Some(conditions) = conditions {
        status["conditions"] = conditions;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_autoscaler_comes_back_from_the_other_version_as_it_was() {
        let v2 = json!({
            "metadata": {"name": "a", "annotations": {"mine": "1"}},
            "spec": {
                "maxReplicas": 3,
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}},
                "metrics": [
                    {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}},
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
                ],
            },
            "status": {"desiredReplicas": 1, "conditions": [{"type": "AbleToScale"}]},
        });
        let mut object = v2.clone();
        autoscaler(&mut object, "v1");
        assert_eq!(object["spec"]["targetCPUUtilizationPercentage"], 70);
        assert!(object["spec"].get("metrics").is_none() && object["spec"].get("behavior").is_none());
        autoscaler(&mut object, "v2");
        assert_eq!(object, v2);
    }
}
