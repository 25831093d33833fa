//! What can be done to objects, one verb a file. Each takes a [`Call`] and gives a
//! reply; storing, watching and the rules of kinds are the business of others.

mod accept;
mod allocate;
mod create;
mod delete;
mod modify;
mod patch;
mod pods;
mod read;
mod reviews;
mod scale;
mod watch;

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;
use syncline_manifest::structured::managed::Write;

use crate::access::User;
use crate::api::Api;
use crate::error::ApiError;
use crate::kinds::{AnyStructure, FieldValidation, Resource, Version};
use crate::request::Query;
use crate::response::{Reply, Representation};
use crate::store::{Encoded, Key, Record};

pub(crate) use accept::Payload;
pub(crate) use create::create;
pub(crate) use delete::{Deletion, FOREGROUND, ORPHAN, delete, delete_collection, delete_now};
pub(crate) use modify::replace;
pub(crate) use modify::{Modified, Precondition, Produced, modify_stored};
pub(crate) use patch::patch;
pub(crate) use pods::pod_action;
pub(crate) use read::{get, list};
pub(crate) use reviews::{REVIEWS, review};
pub(crate) use scale::{get_scale, modify_scale};
pub(crate) use watch::watch;

/// A request for objects of a kind.
pub(crate) struct Call<'c> {
    pub api: &'c Arc<Api>,
    pub resource: &'c Arc<Resource>,
    pub version: &'c Version,
    /// Empty for objects beside namespaces, and for all namespaces.
    pub namespace: &'c str,
    /// Empty for all.
    pub name: &'c str,
    pub subresource: &'c str,
    pub query: Query,
    pub user: &'c User,
    /// The name that the client gives itself.
    pub agent: &'c str,
    pub representation: Representation,
    pub warnings: Vec<String>,
}

impl Call<'_> {
    pub fn key(&self) -> Key {
        Key::new(self.namespace, self.name)
    }

    pub fn not_found(&self) -> ApiError {
        ApiError::not_found(&self.resource.qualified(), self.name)
    }

    /// Who writes: as the client says, or the first part of its agent's name.
    pub fn manager(&self) -> &str {
        match &self.query.field_manager {
            Some(manager) if !manager.is_empty() => manager,
            _ => {
                let name = self.agent.split('/').next().unwrap_or_default();
                let end = name.char_indices().nth(128).map_or(name.len(), |(at, _)| at);
                &name[..end]
            }
        }
    }

    /// The version as `group/version`.
    pub fn api_version(&self) -> String {
        self.resource.api_version(&self.version.name)
    }

    pub fn field_validation(&self) -> FieldValidation {
        self.query.field_validation.unwrap_or(FieldValidation::Warn)
    }

    /// The bookkeeping of managed fields for this request.
    pub fn write<'w>(
        &'w self,
        api_version: &'w str,
        now: &'w str,
        manager: &'w str,
    ) -> Write<'w, AnyStructure<'w>> {
        Write {
            manager,
            api_version,
            subresource: self.subresource,
            now,
            structure: self.version.structure(),
            ignored: self.version.ignored_fields(self.subresource),
        }
    }

    /// Whether what is stored is of the version that is asked for.
    pub fn is_stored_version(&self) -> bool {
        self.version.name == self.resource.storage_version
    }

    /// A stored object in the version of the request.
    pub fn converted(&self, record: &Record) -> Value {
        let mut object = record.value();
        if !self.is_stored_version() {
            convert(self.resource, self.version, &mut object);
        }
        object
    }

    /// An object of this request as it is stored.
    pub fn encoded(&self, object: &Value) -> Encoded {
        if self.is_stored_version() {
            return Encoded::new(object);
        }
        let (mut object, stored) = (object.clone(), &self.resource.storage_version);
        object["apiVersion"] = self.resource.api_version(stored).into();
        if let Some(version) = self.resource.version(stored) {
            version.adopt(&self.resource.kind, &mut object);
            version.fill(&mut object);
        }
        Encoded::new(&object)
    }

    /// The reply that shows a stored object.
    pub fn reply(&self, status: StatusCode, record: &Record) -> Reply {
        let mut reply = if self.representation.is_plain() && self.is_stored_version() {
            Reply::json(status, record.json.clone())
        } else {
            self.representation.object(self, status, &self.converted(record))
        };
        reply.warn(&self.warnings);
        reply
    }

    /// The reply that shows an object that is not stored (any more).
    pub fn reply_value(&self, status: StatusCode, object: &Value) -> Reply {
        let mut reply = self.representation.object(self, status, object);
        reply.warn(&self.warnings);
        reply
    }
}

/// Brings a stored object into another version of its kind.
pub(crate) fn convert(resource: &Resource, version: &Version, object: &mut Value) {
    object["apiVersion"] = resource.api_version(&version.name).into();
    version.adopt(&resource.kind, object);
}

/// Now, as objects tell it.
pub(crate) fn now() -> String {
    rfc3339(Timestamp::now())
}

/// A time, to the second.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A new uid (RFC 9562, version 4).
pub(crate) fn new_uid() -> String {
    let bits: u128 = rand::random();
    let bits = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
