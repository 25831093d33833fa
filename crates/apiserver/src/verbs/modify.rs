//! Changes of what is there: read, change, write if nobody else did in between.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::{Call, Payload, now};
use crate::error::{ApiError, Problem};
use crate::kinds::{check_metadata, check_update, prepare_update};
use crate::response::Reply;
use crate::store::{Change, Expect, Record, Refused};

/// How often a change is tried anew when others are faster.
const TRIES: usize = 100;
const FASTER: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// PUT: another object in the place of the one that is there.
pub(crate) async fn replace(call: &mut Call<'_>, payload: &Payload) -> Result<Reply, ApiError> {
    let object = call.accept(payload)?;
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    if name != call.name {
        return Err(ApiError::bad_request(if name.is_empty() {
            "the name of the object (based on URL) must be provided: name must be provided".to_owned()
        } else {
            format!("the name of the object ({name}) does not match the name on the URL ({})", call.name)
        }));
    }
    let needs_version = call.resource.is_custom;
    if needs_version && version_of(&object).is_none() {
        let problem =
            Problem::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
        return Err(call.invalid(problem));
    }
    modify(call, StatusCode::OK, Precondition::FromObject, &|_, _| Ok(Produced::Object(object.clone()))).await
}

/// What must hold of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// The resource version that the new object names, if it names one.
    FromObject,
    /// Nothing.
    None,
}

/// What a change makes of an object.
pub(crate) enum Produced {
    /// Another object, whose managed fields are those it was sent with.
    Object(Value),
    /// Another object with its managed fields.
    Managed(Value),
}

/// Changes an object by a function of what is there.
pub(crate) async fn modify(
    call: &mut Call<'_>,
    status: StatusCode,
    precondition: Precondition,
    produce: &(dyn Fn(&Call<'_>, &Value) -> Result<Produced, ApiError> + Sync),
) -> Result<Reply, ApiError> {
    match modify_stored(call, precondition, produce).await? {
        Modified::Kept(record) | Modified::Unchanged(record) => Ok(call.reply(status, &record)),
        Modified::Tried(object) | Modified::Gone(object) => Ok(call.reply_value(status, &object)),
    }
}

/// What became of an object that was to change.
pub(crate) enum Modified {
    Kept(Arc<Record>),
    /// It was so already.
    Unchanged(Arc<Record>),
    /// Nothing: it was a dry run.
    Tried(Value),
    /// It waited for this change to go away.
    Gone(Value),
}

pub(crate) async fn modify_stored(
    call: &mut Call<'_>,
    precondition: Precondition,
    produce: &(dyn Fn(&Call<'_>, &Value) -> Result<Produced, ApiError> + Sync),
) -> Result<Modified, ApiError> {
    let key = call.key();
    for _ in 0..TRIES {
        let Some(record) = call.api.store.peek(&call.resource.table, &key) else {
            return Err(call.not_found());
        };
        let live = call.converted(&record);
        let (mut object, is_managed) = match produce(call, &live)? {
            Produced::Object(object) => (object, false),
            Produced::Managed(object) => (object, true),
        };
        if precondition == Precondition::FromObject {
            check_version(call, &record, &object)?;
        }
        let metadata = &live["metadata"];
        keep_identity(call, metadata, &mut object)?;
        let now = now();
        if !is_managed {
            let (api_version, manager) = (call.api_version(), call.manager().to_owned());
            call.write(&api_version, &now, &manager).update(&live, &mut object);
        }
        prepare_update(call.resource, call.version, &live, &mut object, call.subresource);
        call.allocate(&mut object, Some(&live))?;
        check(call, &live, &object)?;
        call.check_grant(&object, Some(&live))?;
        if is_same(&live, &object) {
            call.api.store.durable(record.revision).await;
            return Ok(Modified::Unchanged(record));
        }
        if call.query.dry_run {
            set_version(&mut object, &live);
            return Ok(Modified::Tried(object));
        }
        let is_last = may_go(call, &object);
        let encoded = call.encoded(&object);
        let change = if is_last { Change::Delete(encoded) } else { Change::Put(encoded) };
        match call
            .api
            .store
            .write(&call.resource.table, &key, Expect::Revision(record.revision), change)
            .await
        {
            Ok(record) => {
                call.api.changed(call.resource, &key, Some(&object).filter(|_| !is_last)).await;
                return Ok(if is_last {
                    Modified::Gone(call.converted(&record))
                } else {
                    Modified::Kept(record)
                });
            }
            Err(Refused::Broken) => return Err(ApiError::unavailable("the store takes no writes")),
            Err(Refused::Changed) => {}
        }
    }
    Err(ApiError::conflict(&call.resource.qualified(), call.name, FASTER))
}

fn version_of(object: &Value) -> Option<&str> {
    object["metadata"]["resourceVersion"].as_str().filter(|version| !version.is_empty() && *version != "0")
}

fn check_version(call: &Call<'_>, record: &Record, object: &Value) -> Result<(), ApiError> {
    let Some(version) = version_of(object) else { return Ok(()) };
    match version.parse::<u64>() {
        Ok(version) if version == record.revision => Ok(()),
        Ok(_) => Err(ApiError::conflict(&call.resource.qualified(), call.name, FASTER)),
        Err(_) => {
            let problem = Problem::invalid("metadata.resourceVersion", &version.into(), "must be a number");
            Err(call.invalid(problem))
        }
    }
}

fn set_version(object: &mut Value, live: &Value) {
    object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
}

/// What an object keeps all its life; complains where it is to change.
fn keep_identity(call: &Call<'_>, live: &Value, object: &mut Value) -> Result<(), ApiError> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    let metadata = &mut object["metadata"];
    if let Some(uid) = metadata["uid"].as_str().filter(|uid| !uid.is_empty())
        && live["uid"] != uid
    {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            live["uid"].as_str().unwrap_or_default()
        );
        return Err(ApiError::conflict(&call.resource.qualified(), call.name, &why));
    }
    for field in ["name", "namespace"] {
        if live[field] != metadata[field] && !metadata[field].is_null() {
            let field = format!("metadata.{field}");
            return Err(call.invalid(Problem::invalid(field, &metadata["name"], "field is immutable")));
        }
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generateName",
        "selfLink",
    ] {
        let is_kept = field != "generateName" || metadata.get(field).is_none();
        match live.get(field) {
            Some(value) if is_kept => metadata[field] = value.clone(),
            None => {
                if let Some(metadata) = metadata.as_object_mut()
                    && field != "generateName"
                {
                    metadata.remove(field);
                }
            }
            Some(_) => {}
        }
    }
    set_version(object, &json!({"metadata": live}));
    Ok(())
}

fn check(call: &Call<'_>, live: &Value, object: &Value) -> Result<(), ApiError> {
    let mut problems = Vec::new();
    if call.subresource.is_empty() {
        problems = check_metadata(call.resource, object);
        if live["metadata"].get("deletionTimestamp").is_some() {
            let before = texts(&live["metadata"]["finalizers"]);
            for finalizer in texts(&object["metadata"]["finalizers"]) {
                if !before.contains(&finalizer) {
                    problems.push(Problem::forbidden(
                        "metadata.finalizers",
                        &format!("no new finalizers can be added if the object is being deleted, found new finalizers []string{{{finalizer:?}}}"),
                    ));
                }
            }
        }
    }
    problems.extend(call.version.check_schema(object, Some(live)));
    if call.subresource.is_empty() {
        problems.extend(check_update(call.resource, live, object));
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(&call.resource.group, &call.resource.kind, call.name, &problems))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether an object that is being deleted waits for nobody any more.
fn may_go(call: &Call<'_>, object: &Value) -> bool {
    let metadata = &object["metadata"];
    if metadata.get("deletionTimestamp").is_none_or(Value::is_null)
        || !texts(&metadata["finalizers"]).is_empty()
    {
        return false;
    }
    if metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0 {
        return false;
    }
    // Namespaces have finalizers of their own.
    &*call.resource.table != "namespaces" || texts(&object["spec"]["finalizers"]).is_empty()
}

/// Whether two versions of an object say the same; when a manager did nothing counts
/// for nothing.
fn is_same(live: &Value, object: &Value) -> bool {
    let (Some(live), Some(object)) = (live.as_object(), object.as_object()) else { return live == object };
    if live.len() != object.len() {
        return false;
    }
    live.iter().all(|(field, value)| match object.get(field) {
        Some(other) if field == "metadata" => is_same_metadata(value, other),
        Some(other) => value == other,
        None => false,
    })
}

fn is_same_metadata(live: &Value, object: &Value) -> bool {
    let (Some(live), Some(object)) = (live.as_object(), object.as_object()) else { return live == object };
    live.len() == object.len()
        && live.iter().all(|(field, value)| match object.get(field) {
            Some(other) if field == "managedFields" => is_same_managers(value, other),
            Some(other) => value == other,
            None => false,
        })
}

fn is_same_managers(live: &Value, object: &Value) -> bool {
    let (Some(live), Some(object)) = (live.as_array(), object.as_array()) else { return live == object };
    live.len() == object.len()
        && live.iter().zip(object).all(|(one, other)| {
            ["manager", "operation", "apiVersion", "subresource", "fieldsV1"]
                .iter()
                .all(|field| one[field] == other[field])
        })
}
