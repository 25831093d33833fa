//! What cells of built-in kinds show.

use serde_json::Value;

use super::time::age;

/// How long ago a time was, or what stands for none.
pub(super) fn ago(time: &Value, nothing: &str) -> Value {
    time.as_str().map_or_else(|| nothing.into(), |time| age(time).into())
}

/// The first of some values that is a text.
pub(super) fn first_text(values: [&Value; 2]) -> &Value {
    values.into_iter().find(|value| value.is_string()).unwrap_or(&Value::Null)
}

/// The age of an object.
pub(super) fn age_of(object: &Value) -> Value {
    ago(&object["metadata"]["creationTimestamp"], "<unknown>")
}

pub(super) fn created(object: &Value) -> Value {
    object["metadata"]["creationTimestamp"].clone()
}

fn count(value: &Value) -> i64 {
    match value {
        Value::Array(items) => items.len() as i64,
        Value::Object(fields) => fields.len() as i64,
        Value::Number(number) => number.as_i64().unwrap_or(0),
        _ => 0,
    }
}

pub(super) fn of(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).map_or(0, count)
}

pub(super) fn shown(object: &Value, pointer: &str, nothing: &str) -> Value {
    match object.pointer(pointer) {
        None | Some(Value::Null) => nothing.into(),
        Some(Value::String(text)) if text.is_empty() => nothing.into(),
        Some(Value::String(text)) => text.as_str().into(),
        Some(value) => value.to_string().into(),
    }
}

pub(super) fn joined<'v>(parts: impl Iterator<Item = &'v str>, nothing: &str) -> Value {
    let text = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",");
    if text.is_empty() { nothing.into() } else { text.into() }
}

pub(super) fn list<'v>(object: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn containers(object: &Value) -> Value {
    joined(list(object, "/spec/template/spec/containers").filter_map(|item| item["name"].as_str()), "")
}

pub(super) fn images(object: &Value) -> Value {
    joined(list(object, "/spec/template/spec/containers").filter_map(|item| item["image"].as_str()), "")
}

pub(super) fn labels(selector: Option<&Value>) -> Value {
    let pairs = selector.and_then(Value::as_object).into_iter().flatten();
    let pairs: Vec<String> =
        pairs.map(|(label, value)| format!("{label}={}", value.as_str().unwrap_or_default())).collect();
    if pairs.is_empty() { "<none>".into() } else { pairs.join(",").into() }
}

pub(super) fn selector(object: &Value) -> Value {
    labels(object.pointer("/spec/selector/matchLabels"))
}

pub(super) fn ready_of(object: &Value, ready: &str, wanted: &str) -> Value {
    format!("{}/{}", of(object, ready), of(object, wanted)).into()
}

/// The subjects of a binding that are of a kind.
pub(super) fn subjects(binding: &Value, kind: &str) -> Value {
    let names: Vec<String> = list(binding, "/subjects")
        .filter(|subject| subject["kind"] == kind)
        .map(|subject| match (subject["namespace"].as_str(), subject["name"].as_str().unwrap_or_default()) {
            (Some(namespace), name) if kind == "ServiceAccount" => format!("{namespace}/{name}"),
            (_, name) => name.to_owned(),
        })
        .collect();
    names.join(", ").into()
}

/// What is used of a quota, of the resources that are asked for.
pub(super) fn quota(quota: &Value, is_wanted: impl Fn(&str) -> bool) -> Value {
    let hard = quota["status"]["hard"].as_object().into_iter().flatten();
    let parts: Vec<String> = hard
        .filter(|(name, _)| is_wanted(name))
        .map(|(name, hard)| {
            let used = quota["status"]["used"][name].as_str().unwrap_or("0");
            format!("{name}: {used}/{}", hard.as_str().unwrap_or_default())
        })
        .collect();
    parts.join(", ").into()
}

pub(super) fn address(node: &Value, kind: &str) -> Value {
    let address = list(node, "/status/addresses").find(|address| address["type"] == kind);
    address.map_or_else(|| "<none>".into(), |address| address["address"].clone())
}

pub(super) fn short_mode(mode: &str) -> &str {
    match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        other => other,
    }
}

pub(super) fn pod_status(pod: &Value) -> Value {
    if pod["metadata"].get("deletionTimestamp").is_some() {
        return "Terminating".into();
    }
    let waiting = list(pod, "/status/containerStatuses").find_map(|status| {
        status["state"]["waiting"]["reason"]
            .as_str()
            .or_else(|| status["state"]["terminated"]["reason"].as_str())
    });
    match waiting.or_else(|| pod["status"]["reason"].as_str()) {
        Some(reason) => reason.into(),
        None => shown(pod, "/status/phase", "Unknown"),
    }
}
