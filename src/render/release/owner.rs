//! Whose an object on a cluster is: the annotations by which Helm knows it.

use std::fmt;

use serde_json::Value;

use super::{RELEASE_NAME, RELEASE_NAMESPACE};
use crate::api::HelmRelease;

/// The release that an object is of, as its annotations say it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(Box<str>);

impl Owner {
    /// A release by where its objects are and its name.
    pub fn new(namespace: &str, name: &str) -> Owner {
        Owner(format!("{namespace}/{name}").into())
    }

    /// That of a release's objects.
    pub fn of(release: &HelmRelease) -> Owner {
        Owner::new(release.target_namespace(), &release.release_name())
    }

    /// What an object says.
    pub fn of_object(object: &Value) -> Option<Owner> {
        let annotations = object.get("metadata")?.get("annotations")?;
        let text = |name: &str| annotations.get(name).and_then(Value::as_str);
        Some(Owner::new(text(RELEASE_NAMESPACE)?, text(RELEASE_NAME)?))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
