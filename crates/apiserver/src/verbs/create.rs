//! POST: a new object.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use super::{Call, Payload, new_uid, now};
use crate::access::Refusal;
use crate::error::{ApiError, Problem};
use crate::kinds::{check_create, check_metadata, prepare_create};
use crate::response::Reply;
use crate::store::{Change, Expect, Key, Record, Refused};

/// How often another name is tried for one that is taken.
const TRIES: usize = 8;

/// Creates the object of a body.
pub(crate) async fn create(call: &mut Call<'_>, payload: &Payload) -> Result<Reply, ApiError> {
    let mut object = call.accept(payload)?;
    if object["metadata"]["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
        return Err(ApiError::failure("resourceVersion should not be set on objects to be created"));
    }
    let (api_version, now, manager) = (call.api_version(), now(), call.manager().to_owned());
    begin(&mut object);
    call.write(&api_version, &now, &manager).update(&call.version.empty(), &mut object);
    let stored = store_new(call, object, &now).await?;
    Ok(match stored {
        Stored::Kept(record) => call.reply(StatusCode::CREATED, &record),
        Stored::Tried(object) => call.reply_value(StatusCode::CREATED, &object),
    })
}

/// What became of an object.
pub(super) enum Stored {
    Kept(Arc<Record>),
    /// Nothing: it was a dry run.
    Tried(Value),
}

/// What the creator of an object does not decide.
fn begin(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for field in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "generation",
        "resourceVersion",
    ] {
        metadata.remove(field);
    }
}

/// Stores an object that is new; its managed fields are there already.
pub(super) async fn store_new(call: &mut Call<'_>, mut object: Value, now: &str) -> Result<Stored, ApiError> {
    begin(&mut object);
    admit(call, &object)?;
    let metadata = &mut object["metadata"];
    metadata["uid"] = new_uid().into();
    metadata["creationTimestamp"] = now.into();
    prepare_create(call.resource, &mut object);
    call.allocate(&mut object, None)?;
    let prefix = object["metadata"]["generateName"].as_str().unwrap_or_default().to_owned();
    let is_generated =
        object["metadata"]["name"].as_str().unwrap_or_default().is_empty() && !prefix.is_empty();
    for attempt in 1..=TRIES {
        if is_generated {
            object["metadata"]["name"] = generated(&prefix).into();
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if attempt == 1 {
            check(call, &object, &name)?;
            call.check_grant(&object, None)?;
        }
        let qualified = call.resource.qualified();
        let key = Key::new(call.namespace, &name);
        if call.query.dry_run {
            return match call.api.store.peek(&call.resource.table, &key) {
                Some(_) => Err(ApiError::already_exists(&qualified, &name)),
                None => Ok(Stored::Tried(object)),
            };
        }
        let change = Change::Put(call.encoded(&object));
        match call.api.store.write(&call.resource.table, &key, Expect::Absent, change).await {
            Ok(record) => {
                call.api.changed(call.resource, &key, Some(&object)).await;
                return Ok(Stored::Kept(record));
            }
            Err(Refused::Broken) => return Err(ApiError::unavailable("the store takes no writes")),
            Err(Refused::Changed) if is_generated && attempt < TRIES => {}
            Err(Refused::Changed) => return Err(ApiError::already_exists(&qualified, &name)),
        }
    }
    Err(ApiError::internal("no name is free"))
}

fn check(call: &Call<'_>, object: &Value, name: &str) -> Result<(), ApiError> {
    let mut problems = check_metadata(call.resource, object);
    problems.extend(call.version.check_schema(object, None));
    problems.extend(check_create(call.resource, object));
    if problems.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(&call.resource.group, &call.resource.kind, name, &problems))
}

/// Whether the namespace is there and takes new objects.
fn admit(call: &Call<'_>, object: &Value) -> Result<(), ApiError> {
    if !call.resource.is_namespaced() {
        return Ok(());
    }
    let namespaces = call.api.namespaces();
    let Some(namespace) = call.api.store.peek(&namespaces, &Key::new("", call.namespace)) else {
        return Err(ApiError::not_found("namespaces", call.namespace));
    };
    if namespace.is_deleting {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        return Err(ApiError::namespace_terminating(&call.resource.qualified(), name, call.namespace));
    }
    Ok(())
}

/// A prefix with five letters and digits, of those that spell no words.
fn generated(prefix: &str) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut end = prefix.len().min(58);
    while !prefix.is_char_boundary(end) {
        end -= 1;
    }
    let mut name = prefix[..end].to_owned();
    for _ in 0..5 {
        name.push(char::from(LETTERS[rand::random_range(0..LETTERS.len())]));
    }
    name
}

impl Call<'_> {
    /// Whether the user may grant what a role or a binding grants.
    pub fn check_grant(&self, object: &Value, before: Option<&Value>) -> Result<(), ApiError> {
        if &*self.resource.group != "rbac.authorization.k8s.io" {
            return Ok(());
        }
        let granted =
            self.api.rbac().check_grant(&self.api.store, self.user, &self.resource.kind, object, before);
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        granted.map_err(|refusal| match refusal {
            Refusal::NotHeld(why) => ApiError::forbidden(&self.resource.qualified(), name, &why),
            Refusal::NoSuchRole(resource, name) => {
                ApiError::not_found(&format!("{resource}.rbac.authorization.k8s.io"), &name)
            }
        })
    }

    /// An object that cannot be, as the API tells it.
    pub fn invalid(&self, problem: Problem) -> ApiError {
        ApiError::invalid(&self.resource.group, &self.resource.kind, self.name, &[problem])
    }
}
