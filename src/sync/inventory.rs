//! What syncline owns on a target, as kubectl's ApplySet specification (KEP-3659)
//! records it: every member carries a label, and one parent object lists the kinds
//! that members can be of. Nothing is forgotten, for membership is on the object
//! itself; and nothing needs to be remembered elsewhere.

use std::collections::BTreeSet;

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::Digest as _;
use syncline_manifest::{GroupKind, ObjectKey};

use crate::api::ClusterName;
use crate::target::Live;

/// The namespace of parent objects.
pub const NAMESPACE: &str = "syncline-system";
/// The label of members, and of nothing else.
pub const MEMBER_LABEL: &str = "applyset.kubernetes.io/part-of";
const PARENT_LABEL: &str = "applyset.kubernetes.io/id";
const KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";
const TOOLING: &str = "applyset.kubernetes.io/tooling";

/// The inventory of one fleet on one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    name: String,
    id: String,
    /// The kinds that members are or may be of.
    pub kinds: BTreeSet<GroupKind>,
    /// The namespaces that members are or may be in.
    pub namespaces: BTreeSet<String>,
}

impl Inventory {
    /// The empty inventory of a fleet on a cluster.
    pub fn new(fleet: &str, cluster: &ClusterName) -> Inventory {
        let name = format!("syncline.{fleet}.{cluster}");
        let digest = sha2::Sha256::digest(format!("{name}.{NAMESPACE}.ConfigMap.").as_bytes());
        let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
        let id = format!("applyset-{hash}-v1");
        Inventory { name, id, kinds: BTreeSet::new(), namespaces: BTreeSet::new() }
    }

    /// The value of the members' label.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The label selector of all members.
    pub fn selector(&self) -> String {
        format!("{MEMBER_LABEL}={}", self.id)
    }

    /// The parent object's identity.
    pub fn parent(&self) -> ObjectKey {
        ObjectKey::new(GroupKind::new("", "ConfigMap"), Some(NAMESPACE), &self.name)
    }

    /// Takes over what a parent object on the target lists.
    pub fn adopt(&mut self, parent: &Live) {
        let list = |annotation: &str| {
            let text = parent.annotation(annotation).unwrap_or_default();
            text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        self.kinds.extend(list(KINDS).iter().map(|text| {
            let (kind, group) = text.split_once('.').unwrap_or((text, ""));
            GroupKind::new(group, kind)
        }));
        self.namespaces.extend(list(NAMESPACES));
    }

    /// The parent object as it should be.
    pub fn manifest(&self) -> Value {
        let joined = |parts: Vec<String>| parts.join(",");
        let mut kinds: Vec<String> = self.kinds.iter().map(GroupKind::to_string).collect();
        kinds.sort();
        let namespaces = self.namespaces.iter().filter(|name| *name != NAMESPACE).cloned().collect();
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "labels": {PARENT_LABEL: self.id, "app.kubernetes.io/managed-by": "syncline"},
                "annotations": {
                    TOOLING: concat!("syncline/v", env!("CARGO_PKG_VERSION")),
                    KINDS: joined(kinds),
                    NAMESPACES: joined(namespaces),
                },
            },
        })
    }

    /// Makes an object a member, at its place on the target.
    pub fn stamp(&self, value: &mut Value, key: &ObjectKey) {
        let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        match &key.namespace {
            Some(namespace) => {
                metadata.insert("namespace".into(), Value::from(&**namespace));
            }
            None => {
                metadata.remove("namespace");
            }
        }
        let labels = metadata.entry("labels").or_insert_with(|| json!({}));
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(MEMBER_LABEL.into(), Value::from(self.id.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_follows_the_applyset_specification() {
        let mut inventory = Inventory::new("fleet", &ClusterName::new("asia"));
        inventory.kinds.extend([GroupKind::new("apps", "Deployment"), GroupKind::new("", "ConfigMap")]);
        inventory.namespaces.extend(["shop".to_owned(), NAMESPACE.to_owned()]);
        insta::assert_json_snapshot!(inventory.manifest());
        let mut read = Inventory::new("fleet", &ClusterName::new("asia"));
        read.adopt(&Live::new(&GroupKind::new("", "ConfigMap"), inventory.manifest()));
        inventory.namespaces.remove(NAMESPACE);
        assert_eq!(read, inventory);
    }
}
