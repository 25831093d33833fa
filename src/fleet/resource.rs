//! A manifest in the compact form in which a fleet keeps thousands of them.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Map, Value};
use sha2::Digest as _;
use syncline_manifest::schema::Shape;
use syncline_manifest::{GroupKind, GroupVersionKind, Manifest, ObjectKey, Origin};

use super::options::ApplyOptions;

/// The SHA-256 of something, cut to 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest::of_all([bytes])
    }

    /// The digest of several byte strings, each with its length.
    pub fn of_all<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> Digest {
        let mut hasher = sha2::Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut out = [0; 16];
        out.copy_from_slice(&hasher.finalize()[..16]);
        Digest(out)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::str::FromStr for Digest {
    type Err = ();

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Digest, ()> {
        let mut out = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return Err(());
        }
        for (at, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| ())?;
        }
        Ok(Digest(out))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One Kubernetes object, kept as JSON text: a fifth of the memory of its tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its identity.
    pub key: ObjectKey,
    /// `apiVersion` as written.
    pub api_version: Arc<str>,
    /// Where it was read.
    pub origin: Origin,
    /// Its labels, by which policies select it.
    pub labels: Box<[(Box<str>, Box<str>)]>,
    /// How it wants to be treated.
    pub options: ApplyOptions,
    /// The digest of its body.
    pub digest: Digest,
    body: Arc<[u8]>,
}

impl Resource {
    /// Takes an object in, in the form in which it is applied: without what only a
    /// server may say, Secrets with `data` alone.
    pub fn new(key: ObjectKey, origin: Origin, mut value: Value) -> Resource {
        normalise(&mut value, &key);
        let labels = value
            .pointer("/metadata/labels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str().into(), value.as_str()?.into())))
            .collect();
        let body: Arc<[u8]> = value.to_string().into_bytes().into();
        Resource {
            key,
            api_version: value["apiVersion"].as_str().unwrap_or_default().into(),
            origin,
            labels,
            options: ApplyOptions::read(&value).0,
            digest: Digest::of(&body),
            body,
        }
    }

    /// From a manifest.
    pub fn from_manifest(manifest: Manifest) -> Resource {
        let key = manifest.key();
        let origin = manifest.origin.clone();
        Resource::new(key, origin, manifest.into_value())
    }

    /// The object.
    pub fn value(&self) -> Value {
        // The body was written from a value, so it reads back.
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The text that a ConfigMap or a Secret has at a key.
    pub fn data_text(&self, key: &str) -> Option<String> {
        data_text(&self.value(), &self.key.group_kind, key)
    }

    /// The object as JSON text.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The kind with its version.
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::parse(&self.api_version, &self.key.group_kind.kind)
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| **label == *name).map(|(_, value)| &**value)
    }

    /// The same object with another body.
    pub fn with_value(&self, value: Value) -> Resource {
        Resource::new(self.key.clone(), self.origin.clone(), value)
    }
}

/// The text that a ConfigMap or a Secret has at a key.
pub fn data_text(object: &Value, kind: &GroupKind, key: &str) -> Option<String> {
    let data = object["data"][key].as_str()?;
    if !kind.is("", "Secret") {
        return Some(data.to_owned());
    }
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data).ok()?).ok()
}

fn normalise(value: &mut Value, key: &ObjectKey) {
    let gvk = GroupVersionKind::parse(value["apiVersion"].as_str().unwrap_or_default(), &key.group_kind.kind);
    let is_builtin = Shape::of(&gvk) != Shape::Any;
    if is_builtin {
        // A null asks for nothing: the server applies the field as if unset.
        drop_nulls(value);
    }
    let Value::Object(object) = value else { return };
    object.remove("status");
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        for server_side in [
            "creationTimestamp",
            "resourceVersion",
            "uid",
            "generation",
            "managedFields",
            "selfLink",
            "deletionTimestamp",
        ] {
            metadata.remove(server_side);
        }
        match &key.namespace {
            Some(namespace) => {
                metadata.insert("namespace".into(), Value::from(&**namespace));
            }
            None if is_builtin => {
                metadata.remove("namespace");
            }
            None => {}
        }
    }
    if key.group_kind.is("", "Secret") {
        encode_string_data(object);
    }
}

/// The server never shows `stringData`, so what it becomes is applied instead.
fn encode_string_data(secret: &mut Map<String, Value>) {
    let Some(Value::Object(plain)) = secret.remove("stringData") else { return };
    let Value::Object(data) = secret.entry("data").or_insert_with(|| Value::Object(Map::new())) else {
        return;
    };
    for (name, value) in plain {
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        data.insert(name, Value::from(base64::engine::general_purpose::STANDARD.encode(text)));
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use syncline_manifest::Origin;

    #[test]
    fn a_resource_is_what_is_applied_and_no_more() {
        let manifest = Manifest::new(
            json!({"apiVersion": "v1", "kind": "Secret",
                   "metadata": {"name": "s", "creationTimestamp": null, "resourceVersion": "5", "labels": {"a": "b"}},
                   "stringData": {"k": "v"}, "data": {"x": "eA=="}, "status": {}}),
            Origin::file("a.yaml"),
        );
        let resource = Resource::from_manifest(manifest.unwrap());
        assert_eq!(
            resource.value(),
            json!({"apiVersion": "v1", "kind": "Secret",
                   "metadata": {"name": "s", "namespace": "default", "labels": {"a": "b"}},
                   "data": {"k": "dg==", "x": "eA=="}})
        );
        assert_eq!(resource.label("a"), Some("b"));
        assert_eq!(resource.digest, resource.with_value(resource.value()).digest);
    }
}
