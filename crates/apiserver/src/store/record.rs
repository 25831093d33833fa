//! Objects as the bytes that are sent.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::{Map, Value};

/// Where a label stands in the JSON of its object: its name, its value, each without
/// quotes. Names and values of labels hold nothing that JSON would spell otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LabelSpan {
    name: Span,
    value: Span,
}

/// From a byte to another, beyond the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span(u32, u32);

impl Span {
    fn of(self, json: &[u8]) -> &[u8] {
        json.get(self.0 as usize..self.1 as usize).unwrap_or_default()
    }

    fn moved(self, by: u32) -> Span {
        Span(self.0 + by, self.1 + by)
    }
}

/// An object that is stored.
#[derive(Debug)]
pub struct Record {
    /// The revision of its last change.
    pub revision: u64,
    /// Its JSON, in one line.
    pub json: Bytes,
    /// Its labels, for selectors.
    labels: Box<[LabelSpan]>,
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
    labels: Box<[LabelSpan]>,
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
        let mut labels = Vec::new();
        for (name, value) in metadata.iter().filter(|(name, _)| *name != "resourceVersion") {
            match value {
                Value::Object(all) if name == "labels" => labels = write_labels(&mut json, all),
                _ => entry(&mut json, name, value),
            }
        }
        json.push(b'}');
        for (name, value) in fields {
            if !matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                entry(&mut json, name, value);
            }
        }
        json.push(b'}');
        let has_owners =
            metadata.get("ownerReferences").and_then(Value::as_array).is_some_and(|o| !o.is_empty());
        let is_deleting = metadata.get("deletionTimestamp").is_some_and(|time| !time.is_null());
        Encoded { json, hole, labels: labels.into(), has_owners, is_deleting, metadata_at }
    }

    /// The object at its revision.
    pub fn at(self, revision: u64) -> Record {
        let digits = revision.to_string();
        let mut json = Vec::with_capacity(self.json.len() + digits.len());
        json.extend_from_slice(&self.json[..self.hole]);
        json.extend_from_slice(digits.as_bytes());
        json.extend_from_slice(&self.json[self.hole..]);
        let mut labels = self.labels;
        for LabelSpan { name, value } in &mut labels {
            // The revision stands before them.
            (*name, *value) = (name.moved(digits.len() as u32), value.moved(digits.len() as u32));
        }
        Record {
            revision,
            json: json.into(),
            labels,
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

/// Writes the labels; gives where each of them stands. Bodies are limited to a few
/// mebibytes, so that places fit.
fn write_labels(json: &mut Vec<u8>, labels: &Map<String, Value>) -> Vec<LabelSpan> {
    let mut spans = Vec::with_capacity(labels.len());
    json.extend_from_slice(b",\"labels\":{");
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        let name = write_quoted(json, &Value::from(name.as_str()));
        json.push(b':');
        let value = write_quoted(json, value);
        spans.push(LabelSpan { name, value });
    }
    json.push(b'}');
    spans
}

/// Writes a text; gives where it stands between its quotes.
fn write_quoted(json: &mut Vec<u8>, text: &Value) -> Span {
    let from = json.len() as u32 + 1;
    write(json, text);
    Span(from, json.len() as u32 - 1)
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

    /// What is stored on disk: a checksum of all the rest, flags, places, the JSON.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.json.len() + 16 * self.labels.len() + 11);
        bytes.extend_from_slice(&[0; 4]);
        bytes.push(u8::from(self.has_owners) | u8::from(self.is_deleting) << 1);
        bytes.extend_from_slice(&(self.metadata_at as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.labels.len() as u16).to_le_bytes());
        for LabelSpan { name, value } in &self.labels {
            for place in [name.0, name.1, value.0, value.1] {
                bytes.extend_from_slice(&place.to_le_bytes());
            }
        }
        bytes.extend_from_slice(&self.json);
        let checksum = crc32fast::hash(&bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// From what is on disk; None where that is not what was written.
    pub(super) fn from_bytes(revision: u64, bytes: &[u8]) -> Option<Record> {
        let (checksum, rest) = bytes.split_first_chunk::<4>()?;
        if crc32fast::hash(rest) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let (flags, rest) = rest.split_first()?;
        let (metadata_at, rest) = rest.split_first_chunk::<4>()?;
        let (count, rest) = rest.split_first_chunk::<2>()?;
        let count = usize::from(u16::from_le_bytes(*count));
        let (spans, json) = rest.split_at_checked(16 * count)?;
        let place =
            |bytes: &[u8], at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let labels: Option<Box<[LabelSpan]>> = spans
            .chunks_exact(16)
            .map(|span| {
                Some(LabelSpan {
                    name: Span(place(span, 0)?, place(span, 4)?),
                    value: Span(place(span, 8)?, place(span, 12)?),
                })
            })
            .collect();
        Some(Record {
            revision,
            json: json.to_vec().into(),
            labels: labels?,
            has_owners: flags & 1 != 0,
            is_deleting: flags & 2 != 0,
            metadata_at: u32::from_le_bytes(*metadata_at) as usize,
            unchanged_by: AtomicU64::new(0),
        })
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
        let found = self.labels.iter().find(|label| label.name.of(&self.json) == name.as_bytes())?;
        std::str::from_utf8(found.value.of(&self.json)).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_read_from_disk_is_what_was_written_and_damage_is_noticed() {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v\n"},
            "metadata": {
                "name": "a", "annotations": {"z": "\"x\""}, "deletionTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"app.kubernetes.io/name": "web", "tier": ""}, "ownerReferences": [{"uid": "1"}],
            },
        });
        let record = Encoded::new(&object).at(12_345);
        let bytes = record.to_bytes();
        let read = Record::from_bytes(12_345, &bytes).unwrap();
        for record in [&record, &read] {
            assert_eq!(record.label("app.kubernetes.io/name"), Some("web"));
            assert_eq!((record.label("tier"), record.label("none")), (Some(""), None));
            assert!(record.has_owners && record.is_deleting);
            let mut expected = object.clone();
            expected["metadata"]["resourceVersion"] = "12345".into();
            assert_eq!(record.value(), expected);
            assert!(record.untyped().starts_with(b"\"metadata\":"));
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Record::from_bytes(12_345, &damaged).is_none(), "byte {at}");
            assert!(Record::from_bytes(12_345, &bytes[..at]).is_none(), "cut at {at}");
        }
    }
}
