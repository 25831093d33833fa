//! Which kinds the server has, and what it does to objects of each.

mod builtin;
mod column;
mod conversion;
mod defaults;
mod strategy;
mod structure;
mod validate;
mod written;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use syncline_manifest::GroupVersionKind;
use syncline_manifest::schema::{Scope, Shape};
use syncline_manifest::structured::FieldSet;

use crate::custom::{self, Schema};
use crate::error::{ApiError, Problem};
use crate::store::TableName;

pub use builtin::builtin;
pub use column::Column;
pub use strategy::{prepare_create, prepare_update};
pub use structure::{AnyStructure, CustomStructure};
pub use validate::{check_create, check_metadata, check_update};

/// The annotation of daemon sets that counts the changes of their template.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// One kind, in all its versions.
#[derive(Debug)]
pub struct Resource {
    /// Its group; empty for the core group.
    pub group: Box<str>,
    /// Its name in URLs.
    pub plural: Box<str>,
    /// Its name as a command takes it.
    pub singular: Box<str>,
    /// Its short names.
    pub short_names: Vec<Box<str>>,
    /// The groups of kinds it is in, such as `all`.
    pub categories: Vec<Box<str>>,
    /// The kind.
    pub kind: Box<str>,
    /// The kind of lists of it.
    pub list_kind: Box<str>,
    /// Whether it lives in namespaces.
    pub scope: Scope,
    /// The versions that are served, the preferred one first.
    pub versions: Vec<Version>,
    /// The version that is stored.
    pub storage_version: Box<str>,
    /// Whether a CustomResourceDefinition describes it.
    pub is_custom: bool,
    /// Where its objects are stored.
    pub table: TableName,
    /// Another one for every definition that was ever added to a registry.
    pub serial: u64,
}

/// One version of a kind.
#[derive(Debug)]
pub struct Version {
    /// Its name, such as `v1`.
    pub name: Box<str>,
    /// Whether the status is a subresource of its own.
    pub has_status: bool,
    /// The scale subresource, if it has one.
    pub scale: Option<Scale>,
    /// What `kubectl get` shows of a custom kind.
    pub columns: Vec<Column>,
    /// Fields of a custom kind that a selector may name, as `spec.color`.
    pub selectable: Vec<Box<str>>,
    /// Why it should not be used any more.
    pub deprecation: Option<Box<str>>,
    /// What its objects look like.
    pub model: Model,
}

/// What objects look like.
#[derive(Debug, Clone)]
pub enum Model {
    /// As a type of Kubernetes itself.
    Builtin(Shape),
    /// As a schema says.
    Custom(Arc<Schema>),
}

/// Where an object holds what its scale is about, as JSON pointers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// The wanted number.
    pub spec_replicas: Box<str>,
    /// The number that runs.
    pub status_replicas: Box<str>,
    /// The selector, as text or as a LabelSelector.
    pub selector: Option<Box<str>>,
}

/// What a decoder does with fields that a kind does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped and told.
    Warn,
    /// They are an error.
    Strict,
}

impl Resource {
    /// A version that is served.
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| *version.name == *name)
    }

    /// `group/version`, or the version alone in the core group.
    pub fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// The resource as messages name it: `deployments.apps`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_string()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Whether objects live in namespaces.
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }
}

impl Version {
    /// How objects of this version divide into fields.
    pub fn structure(&self) -> AnyStructure<'_> {
        match &self.model {
            Model::Builtin(shape) => AnyStructure::builtin(*shape),
            Model::Custom(schema) => AnyStructure::Custom(CustomStructure::root(schema)),
        }
    }

    /// Makes an object what the server writes: fields that the kind does not have are
    /// dropped and told, empty ones are as Kubernetes' own types write them, what is
    /// left out is filled in.
    ///
    /// # Errors
    /// When a field of a built-in kind holds something of another type.
    pub fn normalize(
        &self,
        kind: &str,
        object: &mut Value,
        unknown: &mut Vec<String>,
    ) -> Result<(), ApiError> {
        match &self.model {
            Model::Builtin(shape) => {
                written::write(*shape, object, unknown)?;
                defaults::set_defaults(kind, object);
            }
            Model::Custom(schema) => {
                custom::prune(schema, object, unknown);
                custom::fill(schema, object);
                if let Some(metadata) = object.get_mut("metadata") {
                    normalize_metadata(metadata, unknown)?;
                }
            }
        }
        Ok(())
    }

    /// Brings an object of another version of its kind into this one.
    pub fn adopt(&self, kind: &str, object: &mut Value) {
        match &self.model {
            Model::Custom(schema) => custom::prune(schema, object, &mut Vec::new()),
            Model::Builtin(_) => {
                if kind == "HorizontalPodAutoscaler" {
                    conversion::autoscaler(object, &self.name);
                }
                // What is stored is of the right types.
                let _ = self.normalize(kind, object, &mut Vec::new());
            }
        }
    }

    /// Fills in what the version of a custom kind says of what is left out.
    pub fn fill(&self, object: &mut Value) {
        if let Model::Custom(schema) = &self.model {
            custom::fill(schema, object);
        }
    }

    /// An object that says nothing, as it is written: what a new object is compared
    /// with.
    pub fn empty(&self) -> Value {
        match &self.model {
            Model::Builtin(shape) => {
                let mut object = json!({});
                // Nothing is of no wrong type.
                let _ = written::write(*shape, &mut object, &mut Vec::new());
                object
            }
            Model::Custom(_) => json!({}),
        }
    }

    /// What breaks the rules of a custom kind.
    pub fn check_schema(&self, object: &Value, old: Option<&Value>) -> Vec<Problem> {
        match &self.model {
            Model::Builtin(_) => Vec::new(),
            Model::Custom(schema) => custom::check(schema, object, old),
        }
    }

    /// The fields that writes through an endpoint do not write, whatever is sent.
    pub fn ignored_fields(&self, subresource: &str) -> &'static FieldSet {
        static STATUS: OnceLock<FieldSet> = OnceLock::new();
        static SPEC: OnceLock<FieldSet> = OnceLock::new();
        static ALL_BUT_STATUS: OnceLock<FieldSet> = OnceLock::new();
        static SPEC_AND_LABELS: OnceLock<FieldSet> = OnceLock::new();
        static NOTHING: OnceLock<FieldSet> = OnceLock::new();
        let set = |fields: Value| FieldSet::from_fields_v1(&fields).unwrap_or_default();
        match (subresource, &self.model) {
            ("status", Model::Custom(_)) => {
                ALL_BUT_STATUS.get_or_init(|| set(json!({"f:spec": {}, "f:metadata": {}})))
            }
            // Alone among the kinds, whatever it is that makes it so.
            ("status", Model::Builtin(shape)) if shape.type_name() == Some("apps.v1.Deployment") => {
                SPEC_AND_LABELS.get_or_init(|| set(json!({"f:spec": {}, "f:metadata": {"f:labels": {}}})))
            }
            ("status", Model::Builtin(_)) => SPEC.get_or_init(|| set(json!({"f:spec": {}}))),
            ("", _) if self.has_status => STATUS.get_or_init(|| set(json!({"f:status": {}}))),
            _ => NOTHING.get_or_init(FieldSet::default),
        }
    }
}

/// The metadata of an object that is no built-in one.
fn normalize_metadata(metadata: &mut Value, unknown: &mut Vec<String>) -> Result<(), ApiError> {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    let shape = SHAPE.get_or_init(|| {
        let config_map = Shape::of(&GroupVersionKind::parse("v1", "ConfigMap"));
        config_map.field("metadata").map_or(Shape::Any, |field| field.shape)
    });
    let mut found = Vec::new();
    written::write(*shape, metadata, &mut found)?;
    unknown.extend(found.into_iter().map(|path| format!("metadata.{path}")));
    Ok(())
}

/// All kinds that are served, by group and plural.
#[derive(Debug, Default, Clone)]
pub struct Registry {
    by_plural: HashMap<(Box<str>, Box<str>), Arc<Resource>>,
}

impl Registry {
    /// Adds a kind, or replaces it.
    pub fn add(&mut self, mut resource: Resource) {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        resource.serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        self.by_plural.insert((resource.group.clone(), resource.plural.clone()), Arc::new(resource));
    }

    /// Takes a kind away.
    pub fn remove(&mut self, group: &str, plural: &str) {
        self.by_plural.remove(&(Box::from(group), Box::from(plural)));
    }

    /// A kind by its group and name.
    pub fn of_kind(&self, group: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.by_plural.values().find(|resource| *resource.group == *group && *resource.kind == *kind)
    }

    /// A kind by its group and plural.
    pub fn find(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.by_plural.get(&(Box::from(group), Box::from(plural)))
    }

    /// Whether a version of a group has any kind.
    pub fn serves(&self, group: &str, version: &str) -> bool {
        self.by_plural
            .values()
            .any(|resource| &*resource.group == group && resource.version(version).is_some())
    }

    /// All kinds, by group and plural.
    pub fn sorted(&self) -> Vec<&Arc<Resource>> {
        let mut all: Vec<_> = self.by_plural.values().collect();
        all.sort_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural)));
        all
    }
}
