//! ConfigMaps and Secrets of a cluster from which releases take values.
//!
//! They are facts of rendering, as what the repository has is: what a release refers to
//! counts by its content, so that another content makes another version of the release.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use syncline_manifest::ObjectKey;

use super::lookups::Found;

/// An object that gives values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValuesSource {
    /// The object.
    pub key: ObjectKey,
    /// Whose permissions it is read with: a release sees no more than it may.
    pub acting_as: Option<Arc<str>>,
}

/// What a cluster has of such an object: its data, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuesData(Option<Arc<Value>>);

impl ValuesData {
    /// The object is not there.
    pub const MISSING: ValuesData = ValuesData(None);

    /// The data of an object.
    pub fn of(object: &Value) -> ValuesData {
        ValuesData(Some(Arc::new(json!({"data": object["data"]}))))
    }

    /// Whether there is no such object.
    pub fn is_missing(&self) -> bool {
        self.0.is_none()
    }

    /// The object, as far as it is kept.
    pub(crate) fn object(&self) -> Option<&Value> {
        self.0.as_deref()
    }

    /// The same as JSON text: nothing where the object is not there.
    pub(crate) fn text(&self) -> String {
        self.object().map(Value::to_string).unwrap_or_default()
    }
}

/// What is known of a cluster's.
pub type KnownValues = BTreeMap<ValuesSource, ValuesData>;

/// Where a release finds them.
#[derive(Debug, Clone, Copy)]
pub enum ClusterValues<'a> {
    /// No cluster is asked.
    Offline,
    /// What the cluster has answered so far.
    Known(&'a KnownValues),
}

impl ClusterValues<'_> {
    /// What is known of an object.
    pub(super) fn find(&self, source: &ValuesSource) -> Found<(), ValuesData> {
        match self {
            ClusterValues::Offline => Found::Unknown,
            ClusterValues::Known(known) => match known.get(source) {
                Some(data) if data.is_missing() => Found::Nothing(()),
                Some(data) => Found::Text(data.clone()),
                None => Found::Unknown,
            },
        }
    }
}
