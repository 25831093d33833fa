//! Kubernetes manifests as values: reading them as kubectl does, naming them,
//! merging them by their schemas, comparing them with what a server stores.
//!
//! This crate stands at the start of the flow: everything that syncline loads,
//! renders and applies passes through its types. It does no IO and knows nothing
//! of Git or servers.
//!
//! | module | what it holds |
//! |---|---|
//! | [`yaml`] | YAML as Kubernetes reads it, with positions |
//! | [`schema`] | what the built-in kinds look like |
//! | [`merge`] | strategic merge, JSON merge, JSON 6902 |
//! | [`structured`] | server-side apply: structured merge and managed fields |
//! | [`quantity`] | `500m`, `1Gi`: comparing and writing quantities |
//! | [`compare`] | desired against live: containment and field ownership |
//!
//! ```
//! use syncline_manifest::{Manifest, yaml};
//!
//! let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
//! let document = yaml::read(text).unwrap().remove(0);
//! let manifest = Manifest::from_document(document, &"a.yaml".into()).remove(0).unwrap();
//! assert_eq!(manifest.key().to_string(), "ConfigMap default/a");
//! ```

pub mod compare;
mod identity;
mod manifest;
pub mod merge;
pub mod quantity;
pub mod schema;
pub mod structured;
pub mod yaml;

pub use identity::{GroupKind, GroupVersionKind, ObjectKey};
pub use manifest::{Manifest, NotAnObject, Origin};
