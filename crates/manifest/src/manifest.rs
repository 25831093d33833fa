//! One Kubernetes object as a file holds it, and where it stands.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::identity::{GroupVersionKind, ObjectKey};
use crate::schema::{self, Scope};
use crate::yaml::{Document, Position};

/// Where something was read: a file of the repository, a document in it, a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Origin {
    /// The path from the root of the repository.
    pub path: Arc<str>,
    /// The document's place in the file, from 0.
    pub document: u32,
    /// The place in the file.
    #[serde(flatten)]
    pub position: Position,
}

impl Origin {
    /// The start of a file.
    pub fn file(path: &str) -> Origin {
        Origin { path: path.into(), document: 0, position: Position::START }
    }
}

/// `path:line:column`, which editors and terminals turn into a link.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.position)
    }
}

/// One Kubernetes object with its origin. Its value is an object with non-empty
/// `apiVersion`, `kind` and `metadata.name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Where it was read.
    pub origin: Origin,
    /// Where its object stands inside its document, as a JSON pointer: empty, or
    /// an item of a `List`.
    pub pointer: String,
    value: Value,
}

/// Why a document is not a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnObject {
    /// A list, a number or a text at the top of a document.
    #[error("a document must be a mapping with apiVersion, kind and metadata")]
    NotAMapping,
    /// A field that every object has is missing or not a text.
    #[error("{field} is missing or is not a text")]
    Field {
        /// The field, as `metadata.name`.
        field: &'static str,
    },
    /// `apiVersion` does not have the form `group/version` or `version`.
    #[error("apiVersion {0:?} is not of the form group/version")]
    ApiVersion(String),
    /// A name or namespace that no API server accepts.
    #[error("{field} {value:?} is not a valid name")]
    Name {
        /// The field, as `metadata.name`.
        field: &'static str,
        /// What it says.
        value: String,
    },
}

impl NotAnObject {
    /// The JSON pointer of the field at fault, from the object.
    pub fn pointer(&self) -> String {
        match self {
            NotAnObject::NotAMapping => String::new(),
            NotAnObject::ApiVersion(_) => "/apiVersion".into(),
            NotAnObject::Field { field } | NotAnObject::Name { field, .. } => {
                format!("/{}", field.replace('.', "/"))
            }
        }
    }
}

impl Manifest {
    /// Takes a value as an object.
    ///
    /// # Errors
    /// When a field that every object needs is missing or malformed.
    pub fn new(value: Value, origin: Origin) -> Result<Manifest, NotAnObject> {
        check(&value)?;
        Ok(Manifest { origin, pointer: String::new(), value })
    }

    /// The objects of a document: itself, or the items of a `List` kind.
    ///
    /// # Errors
    /// Each with the JSON pointer of the object at fault inside the document.
    pub fn from_document(
        document: Document,
        path: &Arc<str>,
    ) -> Vec<Result<Manifest, (String, NotAnObject)>> {
        let origin = Origin {
            path: Arc::clone(path),
            document: u32::try_from(document.index).unwrap_or(u32::MAX),
            position: document.position,
        };
        let mut out = Vec::new();
        expand(document.value, String::new(), &origin, &mut out);
        out
    }

    /// The object.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The object, by value.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// The same manifest with another body.
    ///
    /// # Errors
    /// When the new body is not an object.
    pub fn with_value(&self, value: Value) -> Result<Manifest, NotAnObject> {
        check(&value)?;
        Ok(Manifest { origin: self.origin.clone(), pointer: self.pointer.clone(), value })
    }

    /// Its kind and version.
    pub fn gvk(&self) -> GroupVersionKind {
        GroupVersionKind::of(&self.value)
    }

    /// Its identity. A built-in namespaced kind without a namespace is in
    /// `default`, as with kubectl; a custom kind's namespace stays open.
    pub fn key(&self) -> ObjectKey {
        let gvk = self.gvk();
        let written = self.namespace();
        let namespace = match schema::kind(&gvk).map(|kind| kind.scope) {
            Some(Scope::Cluster) => None,
            Some(Scope::Namespaced) => written.or(Some("default")),
            None => written,
        };
        ObjectKey::new(gvk.group_kind(), namespace, self.name())
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        text(&self.value, "/metadata/name")
    }

    /// `metadata.namespace`, if one is written.
    pub fn namespace(&self) -> Option<&str> {
        self.value.pointer("/metadata/namespace").and_then(Value::as_str).filter(|name| !name.is_empty())
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.value.get("metadata")?.get("labels")?.get(name)?.as_str()
    }

    /// `metadata.labels`, where they are written as a mapping.
    pub fn labels(&self) -> Option<&Map<String, Value>> {
        self.value.get("metadata")?.get("labels")?.as_object()
    }

    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.value.get("metadata")?.get("annotations")?.get(name)?.as_str()
    }
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn expand(
    value: Value,
    pointer: String,
    origin: &Origin,
    out: &mut Vec<Result<Manifest, (String, NotAnObject)>>,
) {
    let is_list = text(&value, "/kind").ends_with("List") && value.get("items").is_some_and(Value::is_array);
    if !is_list {
        out.push(match check(&value) {
            Ok(()) => Ok(Manifest { origin: origin.clone(), pointer, value }),
            Err(error) => Err((pointer, error)),
        });
        return;
    }
    if let Value::Object(mut fields) = value
        && let Some(Value::Array(items)) = fields.remove("items")
    {
        for (index, item) in items.into_iter().enumerate() {
            expand(item, format!("{pointer}/items/{index}"), origin, out);
        }
    }
}

fn check(value: &Value) -> Result<(), NotAnObject> {
    if !value.is_object() {
        return Err(NotAnObject::NotAMapping);
    }
    for (field, pointer) in
        [("apiVersion", "/apiVersion"), ("kind", "/kind"), ("metadata.name", "/metadata/name")]
    {
        if text(value, pointer).is_empty() {
            return Err(NotAnObject::Field { field });
        }
    }
    // `namespace: n` is a boolean in YAML 1.1; silently dropping it would move the
    // object to another namespace.
    if value
        .pointer("/metadata/namespace")
        .is_some_and(|namespace| !namespace.is_string() && !namespace.is_null())
    {
        return Err(NotAnObject::Field { field: "metadata.namespace" });
    }
    let api_version = text(value, "/apiVersion");
    let is_version = |v: &str| v.starts_with('v') && v[1..].starts_with(|c: char| c.is_ascii_digit());
    let well_formed = match api_version.split_once('/') {
        Some((group, version)) => !group.is_empty() && !version.contains('/') && is_version(version),
        None => is_version(api_version),
    };
    if !well_formed {
        return Err(NotAnObject::ApiVersion(api_version.into()));
    }
    for (field, pointer) in
        [("metadata.name", "/metadata/name"), ("metadata.namespace", "/metadata/namespace")]
    {
        let name = text(value, pointer);
        // What every kind's rules forbid, for names become parts of URLs; the
        // stricter rules of single kinds are the server's.
        if name == "." || name == ".." || name.contains(['/', '%']) || name.chars().any(char::is_control) {
            return Err(NotAnObject::Name { field, value: name.into() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn objects(text: &str) -> Vec<Result<Manifest, (String, NotAnObject)>> {
        yaml::read(text)
            .unwrap()
            .into_iter()
            .flat_map(|d| Manifest::from_document(d, &"a.yaml".into()))
            .collect()
    }

    #[test]
    fn a_list_is_its_items() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n- {kind: B}\n";
        let read = objects(text);
        assert_eq!(read[0].as_ref().unwrap().key().to_string(), "Secret default/a");
        assert_eq!(read[0].as_ref().unwrap().pointer, "/items/0");
        assert_eq!(read[1], Err(("/items/1".into(), NotAnObject::Field { field: "apiVersion" })));
    }

    #[test]
    fn scope_decides_whether_a_key_has_a_namespace() {
        for (text, key) in [
            ("{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}", "Deployment default/a"),
            ("{apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: b}}", "Namespace a"),
            ("{apiVersion: x.io/v1, kind: Thing, metadata: {name: a}}", "Thing a"),
            ("{apiVersion: x.io/v1, kind: Thing, metadata: {name: a, namespace: m}}", "Thing m/a"),
        ] {
            assert_eq!(objects(text)[0].as_ref().unwrap().key().to_string(), key, "{text}");
        }
    }

    #[test]
    fn what_is_not_an_object_says_which_field_is_at_fault() {
        for (text, pointer) in [
            ("- 1", ""),
            ("{apiVersion: v1, kind: A, metadata: {}}", "/metadata/name"),
            ("{apiVersion: apps/v1/x, kind: A, metadata: {name: a}}", "/apiVersion"),
            ("{apiVersion: apps, kind: A, metadata: {name: a}}", "/apiVersion"),
            ("{apiVersion: v1, kind: A, metadata: {name: ../a}}", "/metadata/name"),
            ("{apiVersion: v1, kind: A, metadata: {name: 5}}", "/metadata/name"),
            ("{apiVersion: v1, kind: A, metadata: {name: a, namespace: n}}", "/metadata/namespace"),
        ] {
            let read = objects(text);
            assert_eq!(read[0].as_ref().unwrap_err().1.pointer(), pointer, "{text}");
        }
    }
}
