//! PATCH: changes in four languages, and server-side apply.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::OnceLock;

use http::StatusCode;
use serde_json::{Value, json};
use syncline_manifest::merge;
use syncline_manifest::structured::check as check_structure;

use super::create::{Stored, store_new};
use super::modify::{Modified, Precondition, Produced, modify_stored};
use super::{Call, Payload, now};
use crate::error::{ApiError, Problem};
use crate::kinds::Model;
use crate::request::{Decoded, Format};
use crate::response::Reply;

/// The languages of patches that are taken.
const SUPPORTED: &str = "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml";
/// The most operations of a JSON patch.
const MOST_OPERATIONS: usize = 10_000;

/// Changes an object as a patch says.
pub(crate) async fn patch(
    call: &mut Call<'_>,
    media_type: &str,
    body: bytes::Bytes,
) -> Result<Reply, ApiError> {
    match media_type {
        "application/apply-patch+yaml" => return apply(call, Payload { format: Format::Yaml, body }).await,
        "application/json-patch+json" | "application/merge-patch+json" => {}
        "application/strategic-merge-patch+json" if !call.resource.is_custom => {}
        _ => {
            let supported = if call.resource.is_custom {
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
            } else {
                SUPPORTED
            };
            return Err(ApiError::unsupported_media_type(supported));
        }
    }
    if call.query.force.is_some() {
        let problem = Problem::forbidden("force", "may not be specified for non-apply patch");
        return Err(ApiError::invalid("meta.k8s.io", "PatchOptions", "", &[problem]));
    }
    let Decoded { value: patch, duplicates } = Payload { format: Format::Json, body }.decode()?;
    let is_list = patch.is_array();
    if is_list != (media_type == "application/json-patch+json") {
        return Err(ApiError::bad_request("the patch is not of the form that its media type says"));
    }
    let media_type = media_type.to_owned();
    // Complaints are the same at every try; the first one's are told.
    let complaints = std::sync::Mutex::new(Vec::new());
    let produce = |call: &Call<'_>, live: &Value| {
        let patched = patched(call, &media_type, &patch, live)?;
        let (object, warnings) = call.read_again(patched, live, &patch, &duplicates)?;
        if let Ok(mut complaints) = complaints.lock() {
            *complaints = warnings;
        }
        Ok(Produced::Object(object))
    };
    let outcome = modify_stored(call, Precondition::FromObject, &produce).await?;
    call.warnings.append(&mut complaints.into_inner().unwrap_or_default());
    Ok(match outcome {
        Modified::Kept(record) | Modified::Unchanged(record) => call.reply(StatusCode::OK, &record),
        Modified::Tried(object) | Modified::Gone(object) => call.reply_value(StatusCode::OK, &object),
    })
}

fn patched(call: &Call<'_>, media_type: &str, patch: &Value, live: &Value) -> Result<Value, ApiError> {
    let mut object = live.clone();
    match media_type {
        "application/json-patch+json" => {
            if patch.as_array().is_some_and(|operations| operations.len() > MOST_OPERATIONS) {
                return Err(ApiError::too_large(MOST_OPERATIONS));
            }
            merge::json6902(&mut object, patch).map_err(ApiError::failed_operation)?;
        }
        "application/merge-patch+json" => json_patch::merge(&mut object, patch),
        _ => {
            let Model::Builtin(shape) = &call.version.model else {
                return Err(ApiError::internal("no shape"));
            };
            object = merge::strategic(object, patch, *shape)
                .map_err(|error| ApiError::bad_request(error.to_string()))?
                .unwrap_or_else(|| json!({}));
        }
    }
    Ok(object)
}

impl Call<'_> {
    /// A patched object, read as if it had been sent.
    fn read_again(
        &self,
        object: Value,
        live: &Value,
        patch: &Value,
        duplicates: &[String],
    ) -> Result<(Value, Vec<String>), ApiError> {
        if object["kind"] != *self.resource.kind || object["apiVersion"] != self.api_version() {
            return Err(ApiError::invalid_patch(patch, "apiVersion and kind stay as they are"));
        }
        let (metadata, before) = (&object["metadata"], &live["metadata"]);
        if metadata["name"] != before["name"] && !metadata["name"].is_null() {
            return Err(wrong_name(&metadata["name"], self.name));
        }
        if metadata["uid"] != before["uid"] && !metadata["uid"].is_null() {
            let problem = Problem::invalid("metadata.uid", &metadata["uid"], "field is immutable");
            return Err(self.invalid(problem));
        }
        self.written(object, duplicates).map_err(|why| ApiError::invalid_patch(patch, &why))
    }
}

/// Server-side apply.
async fn apply(call: &mut Call<'_>, payload: Payload) -> Result<Reply, ApiError> {
    if call.query.field_manager.as_deref().unwrap_or_default().is_empty() {
        let problem = Problem::required("fieldManager", "is required for apply patch");
        return Err(ApiError::invalid("meta.k8s.io", "PatchOptions", "", &[problem]));
    }
    let request = digest(call, &payload.body);
    let key = call.key();
    let live = call.api.store.peek(&call.resource.table, &key);
    if let Some(record) = &live
        && record.is_unchanged_by(request)
    {
        call.api.store.durable(record.revision).await;
        return Ok(call.reply(StatusCode::OK, record));
    }
    if live.is_none() && !call.subresource.is_empty() {
        return Err(call.not_found());
    }
    let applied = applied(call, &payload)?;
    if live.is_none() {
        match create_applied(call, &applied).await {
            // Somebody else created it just now.
            Err(error) if error.reason == "AlreadyExists" => {}
            outcome => return outcome,
        }
    }
    let force = call.query.force.unwrap_or(false);
    let produce = |call: &Call<'_>, live: &Value| {
        let (api_version, now, manager) = (call.api_version(), now(), call.manager().to_owned());
        let mut object = call
            .write(&api_version, &now, &manager)
            .apply(live, &applied, force)
            .map_err(|conflicts| ApiError::apply_conflict(&conflicts))?;
        // The version that an apply names is a precondition.
        call.version.normalize(&call.resource.kind, &mut object, &mut Vec::new())?;
        if let Some(version) = applied["metadata"].get("resourceVersion") {
            object["metadata"]["resourceVersion"] = version.clone();
        }
        Ok(Produced::Managed(object))
    };
    match modify_stored(call, Precondition::FromObject, &produce).await? {
        Modified::Kept(record) => Ok(call.reply(StatusCode::OK, &record)),
        Modified::Unchanged(record) => {
            // The same request changes nothing again, as long as the object is this one.
            if call.warnings.is_empty() {
                record.remember_unchanged(request);
            }
            Ok(call.reply(StatusCode::OK, &record))
        }
        Modified::Tried(object) | Modified::Gone(object) => Ok(call.reply_value(StatusCode::OK, &object)),
    }
}

async fn create_applied(call: &mut Call<'_>, applied: &Value) -> Result<Reply, ApiError> {
    if applied["metadata"]["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
        return Err(ApiError::conflict(
            &call.resource.qualified(),
            call.name,
            "the object does not exist; resourceVersion must not be set",
        ));
    }
    let (api_version, now, manager) = (call.api_version(), now(), call.manager().to_owned());
    let nothing = json!({"metadata": {}});
    let mut object = call
        .write(&api_version, &now, &manager)
        .apply(&nothing, applied, false)
        .map_err(|conflicts| ApiError::apply_conflict(&conflicts))?;
    call.version.normalize(&call.resource.kind, &mut object, &mut Vec::new())?;
    let object = call.placed(object)?;
    match store_new(call, object, &now).await? {
        Stored::Kept(record) => Ok(call.reply(StatusCode::CREATED, &record)),
        Stored::Tried(object) => Ok(call.reply_value(StatusCode::CREATED, &object)),
    }
}

/// What is applied, checked by itself.
fn applied(call: &mut Call<'_>, payload: &Payload) -> Result<Value, ApiError> {
    let Decoded { value: mut applied, duplicates } = payload.decode()?;
    let api_version = call.api_version();
    for (field, wanted) in [("kind", &*call.resource.kind), ("apiVersion", api_version.as_str())] {
        let found = applied[field].as_str().unwrap_or_default();
        if found != wanted {
            return Err(ApiError::bad_request(if found.is_empty() {
                format!("invalid object type: {field} must be set in the patch")
            } else {
                format!("invalid object type: {field} is {found}, but the path is for {wanted}")
            }));
        }
    }
    let Some(fields) = applied.as_object_mut() else {
        return Err(ApiError::bad_request("the patch is no object"));
    };
    let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
    if metadata.get("managedFields").is_some_and(|managed| !managed.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let Some(metadata) = metadata.as_object_mut() else {
        return Err(ApiError::bad_request("metadata is no object"));
    };
    let name = metadata.entry("name").or_insert_with(|| call.name.into());
    if *name != call.name {
        return Err(wrong_name(name, call.name));
    }
    if call.resource.is_namespaced() {
        let is_elsewhere = |namespace: &Value| *namespace != call.namespace;
        if metadata.get("namespace").is_some_and(is_elsewhere) {
            return Err(ApiError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    }
    if !duplicates.is_empty() {
        let (_, warnings) = call.written(json!({}), &duplicates).map_err(|why| call.unreadable(&why))?;
        call.warnings.extend(warnings);
    }
    if let Err(why) = check_structure(call.version.structure(), &applied) {
        return Err(ApiError::failure(format!(
            "failed to create typed patch object ({}/{}; {api_version}, Kind={}): {why}",
            call.namespace, call.name, call.resource.kind
        )));
    }
    Ok(applied)
}

fn wrong_name(name: &Value, wanted: &str) -> ApiError {
    let name = name.as_str().unwrap_or_default();
    ApiError::bad_request(format!(
        "the name of the object ({name}) does not match the name on the URL ({wanted})"
    ))
}

/// Tells requests apart that ask the same of the same object; keyed anew in every
/// process, so that nobody can make two that are alike.
fn digest(call: &Call<'_>, body: &[u8]) -> u64 {
    static STATE: OnceLock<RandomState> = OnceLock::new();
    let mut hasher = STATE.get_or_init(RandomState::new).build_hasher();
    hasher.write(body);
    hasher.write(call.manager().as_bytes());
    hasher.write_u8(0xff);
    hasher.write(call.subresource.as_bytes());
    hasher.write_u8(0xff);
    hasher.write(call.version.name.as_bytes());
    hasher.write_u8(u8::from(call.query.force == Some(true)));
    // Another definition of a custom kind is another resource.
    hasher.write_u64(call.resource.serial);
    hasher.write_u8(call.query.field_validation.map_or(0, |validation| validation as u8 + 1));
    hasher.finish()
}
