//! Objects as the bytes that are sent.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::{Map, Value};

/// The labels of an object.
pub type Labels = Box<[(Box<str>, Box<str>)]>;

/// An object that is stored.
#[derive(Debug)]
pub struct Record {
    /// The revision of its last change.
    pub revision: u64,
    /// Its JSON, in one line.
    pub json: Bytes,
    /// Its labels, for selectors.
    pub labels: Labels,
    /// Whether somebody owns it.
    pub has_owners: bool,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// Where the JSON of the metadata's field name begins.
    metadata_at: usize,
    /// The digest of a request that would change nothing, or zero.
    unchanged_by: AtomicU64,
}

/// An object ready to be stored; only its revision is not known yet.
#[derive(Debug, Clone)]
pub struct Encoded {
    json: Vec<u8>,
    /// Where the revision belongs.
    hole: usize,
    labels: Labels,
    has_owners: bool,
    is_deleting: bool,
    metadata_at: usize,
}

impl Encoded {
    /// Encodes an object. `apiVersion` and `kind` come first, so that lists can leave
    /// them out and other versions can replace them.
    pub fn new(object: &Value) -> Encoded {
        let empty = Map::new();
        let fields = object.as_object().unwrap_or(&empty);
        let metadata = fields.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
        let mut json = Vec::with_capacity(2048);
        json.extend_from_slice(b"{\"apiVersion\":");
        write(&mut json, fields.get("apiVersion").unwrap_or(&Value::Null));
        json.extend_from_slice(b",\"kind\":");
        write(&mut json, fields.get("kind").unwrap_or(&Value::Null));
        let metadata_at = json.len() + 1;
        json.extend_from_slice(b",\"metadata\":{\"resourceVersion\":\"");
        let hole = json.len();
        json.push(b'"');
        for (name, value) in metadata.iter().filter(|(name, _)| *name != "resourceVersion") {
            entry(&mut json, name, value);
        }
        json.push(b'}');
        for (name, value) in fields {
            if !matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                entry(&mut json, name, value);
            }
        }
        json.push(b'}');
        let labels = metadata.get("labels").and_then(Value::as_object).unwrap_or(&empty);
        let labels = labels
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_str().unwrap_or_default().into()))
            .collect();
        let has_owners =
            metadata.get("ownerReferences").and_then(Value::as_array).is_some_and(|o| !o.is_empty());
        let is_deleting = metadata.get("deletionTimestamp").is_some_and(|time| !time.is_null());
        Encoded { json, hole, labels, has_owners, is_deleting, metadata_at }
    }

    /// The object at its revision.
    pub fn at(self, revision: u64) -> Record {
        let digits = revision.to_string();
        let mut json = Vec::with_capacity(self.json.len() + digits.len());
        json.extend_from_slice(&self.json[..self.hole]);
        json.extend_from_slice(digits.as_bytes());
        json.extend_from_slice(&self.json[self.hole..]);
        Record {
            revision,
            json: json.into(),
            labels: self.labels,
            has_owners: self.has_owners,
            is_deleting: self.is_deleting,
            metadata_at: self.metadata_at,
            unchanged_by: AtomicU64::new(0),
        }
    }
}

fn entry(json: &mut Vec<u8>, name: &str, value: &Value) {
    json.push(b',');
    write(json, &Value::from(name));
    json.push(b':');
    write(json, value);
}

fn write(json: &mut Vec<u8>, value: &Value) {
    // Writing JSON text into memory cannot fail.
    let _ = serde_json::to_writer(json, value);
}

impl Record {
    /// The object as a value.
    pub fn value(&self) -> Value {
        // Only what Encoded wrote is ever stored, checked again when it is read
        // from disk.
        serde_json::from_slice(&self.json).unwrap_or_default()
    }

    /// From what is on disk; None where it is not an object.
    pub(super) fn from_json(revision: u64, json: Vec<u8>) -> Option<Record> {
        let object: Value = serde_json::from_slice(&json).ok()?;
        let encoded = Encoded::new(object.as_object().map(|_| &object)?);
        // What was written is what is read: the encoding is a function of the object.
        Some(Record { json: json.into(), ..encoded.at(revision) })
    }

    /// The JSON without `apiVersion` and `kind`, from the name of `metadata` on; the
    /// closing brace included.
    pub fn untyped(&self) -> &[u8] {
        self.json.get(self.metadata_at..).unwrap_or_default()
    }

    /// Remembers that a request, known by its digest, changes nothing here.
    pub fn remember_unchanged(&self, request: u64) {
        self.unchanged_by.store(request, Ordering::Relaxed);
    }

    /// Whether a request is known to change nothing.
    pub fn is_unchanged_by(&self, request: u64) -> bool {
        request != 0 && self.unchanged_by.load(Ordering::Relaxed) == request
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| **label == *name).map(|(_, value)| &**value)
    }
}
