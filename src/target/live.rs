//! An object as a server stores it.

use serde_json::Value;
use syncline_manifest::{GroupKind, ObjectKey};

/// An object as a server stores it.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Its identity.
    pub key: ObjectKey,
    /// All of it.
    pub value: Value,
}

impl Live {
    /// Takes an object of a kind. Lists leave out what kind their items are of.
    pub fn new(kind: &GroupKind, value: Value) -> Live {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
        let key = ObjectKey::new(
            kind.clone(),
            text("/metadata/namespace").filter(|namespace| !namespace.is_empty()),
            text("/metadata/name").unwrap_or_default(),
        );
        Live { key, value }
    }

    fn text(&self, pointer: &str) -> &str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// `metadata.uid`
    pub fn uid(&self) -> &str {
        self.text("/metadata/uid")
    }

    /// `metadata.resourceVersion`
    pub fn resource_version(&self) -> &str {
        self.text("/metadata/resourceVersion")
    }

    /// Whether it is being deleted.
    pub fn is_terminating(&self) -> bool {
        self.value.pointer("/metadata/deletionTimestamp").is_some()
    }

    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.value.get("metadata")?.get("annotations")?.get(name)?.as_str()
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.value.get("metadata")?.get("labels")?.get(name)?.as_str()
    }
}
