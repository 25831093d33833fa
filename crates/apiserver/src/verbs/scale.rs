//! The scale of an object: how many there are and should be (`autoscaling/v1`).

use http::StatusCode;
use serde_json::{Value, json};

use super::modify::{Modified, Precondition, Produced, modify_stored};
use super::{Call, Payload};
use crate::error::{ApiError, Problem};
use crate::kinds::Scale;
use crate::request::Format;
use crate::response::Reply;

/// The scale of an object.
pub(crate) async fn get_scale(call: &Call<'_>) -> Result<Reply, ApiError> {
    let scale = scale_of(call)?;
    let Some(record) = call.api.store.get(&call.resource.table, &call.key()).await else {
        return Err(call.not_found());
    };
    Ok(call.representation.scale(StatusCode::OK, &shown(scale, &call.converted(&record))))
}

fn scale_of<'c>(call: &'c Call<'_>) -> Result<&'c Scale, ApiError> {
    call.version.scale.as_ref().ok_or_else(ApiError::no_such_path)
}

fn shown(scale: &Scale, object: &Value) -> Value {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let metadata = &object["metadata"];
    let mut out = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {}, "status": {"replicas": number(&scale.status_replicas).unwrap_or(0)},
    });
    if let Some(namespace) = metadata.get("namespace") {
        out["metadata"]["namespace"] = namespace.clone();
    }
    if let Some(replicas) = number(&scale.spec_replicas) {
        out["spec"]["replicas"] = replicas.into();
    }
    if let Some(selector) = scale.selector.as_ref().and_then(|pointer| object.pointer(pointer)) {
        out["status"]["selector"] = selector_text(selector).into();
    }
    out
}

/// A LabelSelector (or a plain map of labels) as selectors are written in queries.
fn selector_text(selector: &Value) -> String {
    let pairs = |labels: &Value| -> Vec<String> {
        labels
            .as_object()
            .into_iter()
            .flatten()
            .map(|(label, value)| format!("{label}={}", value.as_str().unwrap_or_default()))
            .collect()
    };
    let Value::Object(fields) = selector else { return selector.as_str().unwrap_or_default().to_owned() };
    if !fields.contains_key("matchLabels") && !fields.contains_key("matchExpressions") {
        return pairs(selector).join(",");
    }
    let mut parts = pairs(&selector["matchLabels"]);
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values: Vec<&str> =
            expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        parts.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.join(",")
}

/// Changes the scale: by another one (PUT) or by a patch of it.
pub(crate) async fn modify_scale(
    call: &mut Call<'_>,
    method: &http::Method,
    media_type: &str,
    body: bytes::Bytes,
) -> Result<Reply, ApiError> {
    let scale = scale_of(call)?.clone();
    let format = if media_type.ends_with("yaml") { Format::Yaml } else { Format::Json };
    let sent = Payload { format, body }.decode()?.value;
    let is_patch = method == http::Method::PATCH;
    let media_type = media_type.to_owned();
    let produce = |call: &Call<'_>, live: &Value| {
        let before = shown(&scale, live);
        let mut after = before.clone();
        match media_type.as_str() {
            _ if !is_patch => after = sent.clone(),
            "application/json-patch+json" => syncline_manifest::merge::json6902(&mut after, &sent)
                .map_err(|error| ApiError::bad_request(error.to_string()))?,
            "application/merge-patch+json"
            | "application/strategic-merge-patch+json"
            | "application/apply-patch+yaml" => {
                json_patch::merge(&mut after, &sent);
            }
            _ => return Err(ApiError::unsupported_media_type("application/merge-patch+json")),
        }
        if after["metadata"]["name"] != call.name && !after["metadata"]["name"].is_null() {
            return Err(ApiError::bad_request("the name of the object does not match the name on the URL"));
        }
        let replicas = after["spec"]["replicas"].as_i64().unwrap_or(0);
        if replicas < 0 {
            let why = "must be greater than or equal to 0";
            let problem = Problem::invalid("spec.replicas", &replicas.into(), why);
            return Err(ApiError::invalid("autoscaling", "Scale", call.name, &[problem]));
        }
        let mut object = live.clone();
        if let Some(version) = after["metadata"].get("resourceVersion").filter(|version| !version.is_null()) {
            object["metadata"]["resourceVersion"] = version.clone();
        }
        set(&mut object, &scale.spec_replicas, replicas.into());
        Ok(Produced::Object(object))
    };
    let object = match modify_stored(call, Precondition::FromObject, &produce).await? {
        Modified::Kept(record) | Modified::Unchanged(record) => call.converted(&record),
        Modified::Tried(object) | Modified::Gone(object) => object,
    };
    Ok(call.representation.scale(StatusCode::OK, &shown(&scale, &object)))
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut target = object;
    for name in pointer.split('/').skip(1) {
        if !target.is_object() {
            *target = json!({});
        }
        target = &mut target[name];
    }
    *target = value;
}
