//! DELETE: now, later, or when others have finished.

use std::sync::Arc;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Call, rfc3339};
use crate::api::Api;
use crate::custom::{DEFINITION_FINALIZER, DEFINITIONS};
use crate::error::ApiError;
use crate::kinds::Resource;
use crate::request::{Propagation, Query, decode_options};
use crate::response::Reply;
use crate::store::{Change, Encoded, Expect, Key, Record, Refused};

/// The finalizer of objects that wait until nothing owned by them is there.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of objects that wait until nothing is owned by them.
pub(crate) const ORPHAN: &str = "orphan";

/// How an object is to be deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletion {
    pub propagation: Option<Propagation>,
    pub grace_period: Option<i64>,
    pub uid: Option<String>,
    pub version: Option<u64>,
    pub dry_run: bool,
}

impl Deletion {
    /// From the query and the body; the body counts.
    fn read(query: &Query, body: &[u8]) -> Result<Deletion, ApiError> {
        let options = decode_options(body)?;
        if !options.is_null() && !options.is_object() {
            return Err(ApiError::bad_request("the body is no DeleteOptions"));
        }
        if options.get("kind").is_some_and(|kind| kind != "DeleteOptions") {
            return Err(ApiError::bad_request(format!(
                "{} cannot be handled as a DeleteOptions",
                options["kind"]
            )));
        }
        if options["propagationPolicy"].is_string() && options["orphanDependents"].is_boolean() {
            return Err(ApiError::bad_options(
                "DeleteOptions",
                "propagationPolicy",
                options["propagationPolicy"].as_str().unwrap_or_default(),
                "orphanDependents and deletionPropagation cannot be both set",
            ));
        }
        let propagation = match (&options["propagationPolicy"], &options["orphanDependents"]) {
            (Value::String(policy), _) => Some(policy.parse()?),
            (_, Value::Bool(true)) => Some(Propagation::Orphan),
            (_, Value::Bool(false)) => Some(Propagation::Background),
            _ => query.propagation,
        };
        let version = options["preconditions"]["resourceVersion"].as_str();
        let grace_period = options["gracePeriodSeconds"].as_i64().or(query.grace_period);
        if grace_period.is_some_and(|seconds| seconds < 0) {
            return Err(ApiError::bad_options(
                "DeleteOptions",
                "gracePeriodSeconds",
                "-1",
                "must be greater than or equal to 0",
            ));
        }
        Ok(Deletion {
            propagation,
            grace_period,
            uid: options["preconditions"]["uid"].as_str().map(str::to_owned),
            version: version.map(|version| version.parse().unwrap_or_default()),
            dry_run: query.dry_run || options["dryRun"].as_array().is_some_and(|all| !all.is_empty()),
        })
    }
}

/// What became of an object that was to be deleted.
pub(crate) enum Deleted {
    /// It is gone; this is how it was last.
    Gone(Value),
    /// It waits for its finalizers or its grace period.
    Waiting(Value),
}

/// Deletes one object.
pub(crate) async fn delete(call: &mut Call<'_>, body: &[u8]) -> Result<Reply, ApiError> {
    let deletion = Deletion::read(&call.query, body)?;
    let outcome = delete_now(call.api, call.resource, &call.key(), &deletion).await?;
    let is_foreground = deletion.propagation == Some(Propagation::Foreground);
    Ok(match outcome {
        Deleted::Waiting(object) => {
            let status = if is_foreground { StatusCode::ACCEPTED } else { StatusCode::OK };
            call.reply_value(status, &call_version(call, object))
        }
        Deleted::Gone(object) if gives_object(call.resource) => {
            call.reply_value(StatusCode::OK, &call_version(call, object))
        }
        Deleted::Gone(object) => {
            let mut details = json!({
                "name": call.name, "group": call.resource.group, "kind": call.resource.plural,
                "uid": object["metadata"]["uid"],
            });
            if call.resource.group.is_empty()
                && let Some(details) = details.as_object_mut()
            {
                details.remove("group");
            }
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
            });
            let mut reply = Reply::value(StatusCode::OK, &status);
            reply.warn(&call.warnings);
            reply
        }
    })
}

fn call_version(call: &Call<'_>, mut object: Value) -> Value {
    if !call.is_stored_version() {
        super::convert(call.resource, call.version, &mut object);
    }
    object
}

/// Kinds whose deletion gives the object rather than a status.
fn gives_object(resource: &Resource) -> bool {
    resource.group.is_empty()
        && matches!(
            &*resource.plural,
            "pods"
                | "services"
                | "serviceaccounts"
                | "podtemplates"
                | "resourcequotas"
                | "persistentvolumes"
                | "persistentvolumeclaims"
        )
}

/// Deletes all objects that are selected.
pub(crate) async fn delete_collection(call: &mut Call<'_>, body: &[u8]) -> Result<Reply, ApiError> {
    let deletion = Deletion::read(&call.query, body)?;
    let (revision, records) = super::read::selected(call).await?;
    let mut items = Vec::with_capacity(records.len());
    for (key, _) in records {
        match delete_now(call.api, call.resource, &key, &deletion).await {
            Ok(Deleted::Gone(object) | Deleted::Waiting(object)) => items.push(call_version(call, object)),
            // Somebody else was faster.
            Err(error) if error.reason == "NotFound" => {}
            Err(error) => return Err(error),
        }
    }
    let list = json!({
        "kind": call.resource.list_kind, "apiVersion": call.api_version(),
        "metadata": {"resourceVersion": revision.to_string()}, "items": items,
    });
    Ok(Reply::value(StatusCode::OK, &list))
}

/// Deletes an object, or begins to.
pub(crate) async fn delete_now(
    api: &Arc<Api>,
    resource: &Arc<Resource>,
    key: &Key,
    deletion: &Deletion,
) -> Result<Deleted, ApiError> {
    loop {
        let Some(record) = api.store.peek(&resource.table, key) else {
            return Err(ApiError::not_found(&resource.qualified(), &key.name));
        };
        let live = record.value();
        check_preconditions(resource, key, &record, &live, deletion)?;
        let mut object = live.clone();
        let is_gone = mark(resource, deletion, &mut object);
        if deletion.dry_run || (!is_gone && object == live) {
            api.store.durable(record.revision).await;
            return Ok(if is_gone { Deleted::Gone(object) } else { Deleted::Waiting(object) });
        }
        let encoded = Encoded::new(&object);
        let change = if is_gone { Change::Delete(encoded) } else { Change::Put(encoded) };
        match api.store.write(&resource.table, key, Expect::Revision(record.revision), change).await {
            Ok(record) => {
                api.changed(resource, key, Some(&object).filter(|_| !is_gone)).await;
                let object = record.value();
                return Ok(if is_gone { Deleted::Gone(object) } else { Deleted::Waiting(object) });
            }
            Err(Refused::Broken) => return Err(ApiError::unavailable("the store takes no writes")),
            // Somebody else changed it meanwhile.
            Err(Refused::Changed) => {}
        }
    }
}

fn check_preconditions(
    resource: &Resource,
    key: &Key,
    record: &Record,
    live: &Value,
    deletion: &Deletion,
) -> Result<(), ApiError> {
    let conflict = |what: &str, wanted: &str, found: &str| {
        let why =
            format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}");
        Err(ApiError::conflict(&resource.qualified(), &key.name, &why))
    };
    if let Some(uid) = &deletion.uid
        && live["metadata"]["uid"] != uid.as_str()
    {
        return conflict("UID", uid, live["metadata"]["uid"].as_str().unwrap_or_default());
    }
    if let Some(version) = deletion.version
        && record.revision != version
    {
        return conflict("ResourceVersion", &version.to_string(), &record.revision.to_string());
    }
    Ok(())
}

/// Marks an object as being deleted; tells whether nothing keeps it any more.
fn mark(resource: &Resource, deletion: &Deletion, object: &mut Value) -> bool {
    let is_pod = resource.group.is_empty() && &*resource.plural == "pods";
    let is_namespace = resource.group.is_empty() && &*resource.plural == "namespaces";
    let grace = if is_pod { grace_of_pod(object, deletion.grace_period) } else { 0 };
    let mut finalizers = finalizers(resource, deletion.propagation, object);
    let is_first = object["metadata"].get("deletionTimestamp").is_none();
    if &*resource.table == DEFINITIONS
        && is_first
        && !finalizers.iter().any(|other| other == DEFINITION_FINALIZER)
    {
        finalizers.push(DEFINITION_FINALIZER.into());
    }
    let waits = grace > 0
        || !finalizers.is_empty()
        || (is_namespace && object["spec"]["finalizers"].as_array().is_some_and(|all| !all.is_empty()));
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return true };
    let is_marked = metadata.contains_key("deletionTimestamp");
    if !waits && !is_pod {
        return true;
    }
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".into(), json!(finalizers));
    }
    let grace_before = metadata.get("deletionGracePeriodSeconds").and_then(Value::as_i64);
    if !is_marked || grace_before.is_some_and(|before| grace < before) {
        let time = Timestamp::now() + SignedDuration::from_secs(grace);
        metadata.insert("deletionTimestamp".into(), rfc3339(time).into());
        metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
    }
    if !is_marked && let Some(generation) = metadata.get("generation").and_then(Value::as_u64) {
        metadata.insert("generation".into(), (generation + 1).into());
    }
    if is_namespace {
        object["status"]["phase"] = "Terminating".into();
    }
    !waits
}

/// How long a pod may take to stop: no time at all where it runs nowhere.
fn grace_of_pod(pod: &Value, wanted: Option<i64>) -> i64 {
    let is_finished = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let is_scheduled = pod["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
    if is_finished || !is_scheduled {
        return 0;
    }
    wanted.or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(30)
}

/// The finalizers of an object that is deleted this way.
fn finalizers(resource: &Resource, propagation: Option<Propagation>, object: &Value) -> Vec<String> {
    let before = object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut all: Vec<String> = before.map(str::to_owned).collect();
    let orphans_by_default =
        matches!((&*resource.group, &*resource.plural), ("batch", "jobs") | ("", "replicationcontrollers"));
    let has_said = all.iter().any(|finalizer| finalizer == ORPHAN || finalizer == FOREGROUND);
    let propagation = match propagation {
        Some(propagation) => propagation,
        None if has_said => return all,
        None if orphans_by_default => Propagation::Orphan,
        None => Propagation::Background,
    };
    all.retain(|finalizer| finalizer != ORPHAN && finalizer != FOREGROUND);
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => all.push(FOREGROUND.into()),
        Propagation::Orphan => all.push(ORPHAN.into()),
    }
    all
}
