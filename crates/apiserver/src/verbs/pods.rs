//! What is done to pods alone: binding them to nodes, evicting them.

use http::StatusCode;
use serde_json::{Value, json};

use super::delete::{Deletion, delete_now};
use super::modify::{Precondition, Produced, modify_stored};
use super::{Call, Payload, now};
use crate::error::ApiError;
use crate::response::Reply;

/// Binds or evicts a pod, as the subresource says.
pub(crate) async fn pod_action(call: &mut Call<'_>, payload: &Payload) -> Result<Reply, ApiError> {
    let sent = payload.decode()?.value;
    if call.subresource == "eviction" {
        let grace_period = sent["deleteOptions"]["gracePeriodSeconds"].as_i64();
        let deletion = Deletion { grace_period, dry_run: call.query.dry_run, ..Deletion::default() };
        delete_now(call.api, call.resource, &call.key(), &deletion).await?;
    } else {
        let node = sent["target"]["name"].as_str().unwrap_or_default().to_owned();
        call.subresource = "binding";
        let produce = |call: &Call<'_>, live: &Value| {
            if live["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty()) {
                let why =
                    format!("pod {} is already assigned to node {}", call.name, live["spec"]["nodeName"]);
                return Err(ApiError::conflict("pods/binding", call.name, &why));
            }
            let mut pod = live.clone();
            pod["spec"]["nodeName"] = node.as_str().into();
            let scheduled = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now()});
            pod["status"]["conditions"] = json!([scheduled]);
            Ok(Produced::Managed(pod))
        };
        modify_stored(call, Precondition::None, &produce).await?;
    }
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(Reply::value(StatusCode::CREATED, &status))
}
