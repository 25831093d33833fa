//! GET: one object, or a list.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use crate::error::ApiError;
use crate::request::{FieldSelector, LabelSelector, Match, Query};
use crate::response::Reply;
use crate::store::{Key, Listed, Record};

/// How long a read waits for a revision that is not there yet.
const PATIENCE: Duration = Duration::from_secs(3);

/// One object.
pub(crate) async fn get(call: &Call<'_>) -> Result<Reply, ApiError> {
    if let Some(revision) = revision_of(&call.query.resource_version)? {
        wait_for(call, revision).await?;
    }
    match call.api.store.get(&call.resource.table, &call.key()).await {
        Some(record) => Ok(call.reply(StatusCode::OK, &record)),
        None => Err(call.not_found()),
    }
}

/// A revision as an option spells it; None for none and for any.
pub(super) fn revision_of(text: &str) -> Result<Option<u64>, ApiError> {
    match text {
        "" | "0" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            ApiError::bad_request(format!(
                "invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
            ))
        }),
    }
}

pub(super) async fn wait_for(call: &Call<'_>, revision: u64) -> Result<(), ApiError> {
    let store = &call.api.store;
    if store.durable_revision() >= revision {
        return Ok(());
    }
    match tokio::time::timeout(PATIENCE, store.durable(revision)).await {
        Ok(()) => Ok(()),
        Err(_) => Err(ApiError::too_large_version(revision, store.durable_revision())),
    }
}

/// Which objects a request selects.
pub(super) struct Selection<'s> {
    labels: &'s LabelSelector,
    fields: &'s FieldSelector,
}

impl<'s> Selection<'s> {
    /// What a query selects, whether its fields can be selected by or not.
    pub fn of(query: &'s Query) -> Selection<'s> {
        Selection { labels: &query.labels, fields: &query.fields }
    }

    pub fn matches(&self, key: &Key, record: &Record) -> bool {
        if !self.labels.matches(record) {
            return false;
        }
        let mut value = None;
        self.fields.0.iter().all(|(field, wanted, is_equal)| {
            let found = match field.as_str() {
                "metadata.name" => key.name.to_string(),
                "metadata.namespace" => key.namespace.to_string(),
                field => spelled(value.get_or_insert_with(|| record.value()), field),
            };
            (found == *wanted) == *is_equal
        })
    }
}

/// A field as selectors compare it.
fn spelled(object: &Value, field: &str) -> String {
    let found = field.split('.').fold(object, |value, name| &value[name]);
    match found {
        Value::Null if matches!(field, "spec.unschedulable" | "spec.hostNetwork") => "false".into(),
        Value::Null if field.starts_with("status.") && field.ends_with("replicas") => "0".into(),
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// The fields that selectors may name, beside name and namespace.
fn selectable(call: &Call<'_>, field: &str) -> bool {
    if field == "metadata.name" || (field == "metadata.namespace" && call.resource.is_namespaced()) {
        return true;
    }
    if call.version.selectable.iter().any(|known| **known == *field) {
        return true;
    }
    let known: &[&str] = match (&*call.resource.group, &*call.resource.plural) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("" | "events.k8s.io", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
            "regarding.kind",
            "regarding.name",
            "regarding.namespace",
        ],
        ("", "secrets") => &["type"],
        ("", "namespaces") => &["status.phase"],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "replicationcontrollers") | ("apps", "replicasets") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", _) => &["spec.signerName"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        _ => &[],
    };
    known.contains(&field)
}

/// The selection of a request, if its fields can be selected by.
pub(super) fn selection<'c>(call: &'c Call<'_>) -> Result<Selection<'c>, ApiError> {
    for (field, _, _) in &call.query.fields.0 {
        if !selectable(call, field) {
            return Err(ApiError::bad_request(format!("field label not supported: {field}")));
        }
    }
    Ok(Selection::of(&call.query))
}

pub(super) fn namespace<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    Some(call.namespace).filter(|namespace| !namespace.is_empty())
}

/// All objects that a request selects, at one revision.
pub(super) async fn selected(call: &Call<'_>) -> Result<(u64, Vec<(Key, Arc<Record>)>), ApiError> {
    let selection = selection(call)?;
    let matches = |key: &Key, record: &Record| selection.matches(key, record);
    let listed = call.api.store.list(&call.resource.table, namespace(call), None, matches, usize::MAX).await;
    Ok((listed.revision, listed.records))
}

/// Where a list goes on.
struct Continuation {
    /// None: at whatever revision is now.
    revision: Option<u64>,
    after: Key,
}

impl Continuation {
    fn encode(&self) -> String {
        let revision = self.revision.map_or(-1, u64::cast_signed);
        let token = json!({
            "v": "meta.k8s.io/v1", "rv": revision, "start": format!("{}/{}", self.after.namespace, self.after.name),
        });
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token.to_string())
    }

    fn decode(token: &str) -> Result<Continuation, ApiError> {
        let decoded = || {
            let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).ok()?;
            let token: Value = serde_json::from_slice(&token).ok()?;
            let (namespace, name) = token["start"].as_str()?.split_once('/')?;
            let revision = u64::try_from(token["rv"].as_i64()?).ok();
            Some(Continuation { revision, after: Key::new(namespace, name) })
        };
        decoded().ok_or_else(|| ApiError::bad_request("continue key is not valid"))
    }
}

/// A list of objects.
pub(crate) async fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    let selection = selection(call)?;
    let matches = |key: &Key, record: &Record| {
        namespace(call).is_none_or(|namespace| *key.namespace == *namespace) && selection.matches(key, record)
    };
    call.query.check_listing()?;
    let limit = if call.query.limit == 0 { usize::MAX } else { call.query.limit };
    let continuation = match call.query.continue_token.as_str() {
        "" => None,
        token => Some(Continuation::decode(token)?),
    };
    let asked = revision_of(&call.query.resource_version)?;
    let after = continuation.as_ref().map(|continuation| continuation.after.clone());
    let exact = match (&continuation, asked, call.query.version_match.0) {
        (Some(continuation), _, _) => continuation.revision,
        (None, Some(revision), Match::Exact) => Some(revision),
        (None, Some(revision), Match::Unset) if limit != usize::MAX => Some(revision),
        (None, Some(revision), _) => {
            wait_for(call, revision).await?;
            None
        }
        (None, None, _) => None,
    };
    let store = &call.api.store;
    let table = &call.resource.table;
    let listed = match exact {
        Some(revision) if store.table_revision(table) > revision => {
            let Some(records) = store.list_at(table, revision, matches) else {
                return Err(too_old(continuation));
            };
            let from = after.map_or(0, |after| records.partition_point(|(key, _)| *key <= after));
            let rest = records.len() - from;
            let page: Vec<_> = records.into_iter().skip(from).take(limit).collect();
            Listed { revision, remaining: rest - page.len(), records: page }
        }
        exact => {
            if let Some(revision) = exact {
                wait_for(call, revision).await?;
            }
            let mut listed = store.list(table, namespace(call), after.as_ref(), matches, limit).await;
            listed.revision = exact.unwrap_or(listed.revision);
            listed
        }
    };
    let is_selective = !call.query.labels.is_empty() || !call.query.fields.0.is_empty();
    Ok(reply(call, &listed, is_selective))
}

fn too_old(continuation: Option<Continuation>) -> ApiError {
    let Some(continuation) = continuation else {
        return ApiError::expired("The resourceVersion for the provided list is too old.");
    };
    let goes_on = Continuation { revision: None, ..continuation }.encode();
    ApiError::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    )
    .with_continue(goes_on)
}

fn reply(call: &Call<'_>, listed: &Listed, is_selective: bool) -> Reply {
    let mut metadata = json!({"resourceVersion": listed.revision.to_string()});
    if listed.remaining > 0
        && let Some((last, _)) = listed.records.last()
    {
        let goes_on = Continuation { revision: Some(listed.revision), after: last.clone() };
        metadata["continue"] = goes_on.encode().into();
        if !is_selective {
            metadata["remainingItemCount"] = listed.remaining.into();
        }
    }
    if !call.representation.is_plain() {
        let objects: Vec<Value> = listed.records.iter().map(|(_, record)| call.converted(record)).collect();
        let mut reply = call.representation.list(call, &metadata, &objects);
        reply.warn(&call.warnings);
        return reply;
    }
    let size: usize = listed.records.iter().map(|(_, record)| record.json.len() + 1).sum();
    let mut json = Vec::with_capacity(size + 256);
    let head =
        json!({"kind": call.resource.list_kind, "apiVersion": call.api_version(), "metadata": metadata});
    json.extend_from_slice(head.to_string().as_bytes());
    json.pop();
    json.extend_from_slice(b",\"items\":[");
    for (index, (_, record)) in listed.records.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        if call.resource.is_custom {
            if call.is_stored_version() {
                json.extend_from_slice(&record.json);
            } else {
                json.extend_from_slice(call.converted(record).to_string().as_bytes());
            }
        } else {
            // Built-in kinds leave out what the list says already.
            json.push(b'{');
            json.extend_from_slice(record.untyped());
        }
    }
    json.extend_from_slice(b"]}");
    let mut reply = Reply::json(StatusCode::OK, json.into());
    reply.warn(&call.warnings);
    reply
}
