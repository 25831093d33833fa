//! `syncline.yaml`, the optional settings of a fleet repository.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FieldError, strict};

/// The settings of a fleet repository, from `syncline.yaml` at its root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Settings {
    /// A name for the fleet, part of the name of its inventory on each cluster.
    /// Two fleets that share a cluster need different names.
    pub name: String,
    /// Cluster labels in the order in which their overlays are merged, the later
    /// the stronger; `cluster` stands for the cluster's name.
    pub hierarchy: Vec<String>,
    /// The folders to read; the whole repository where empty.
    pub roots: Vec<String>,
    /// Files and folders that are not read.
    pub ignore: Vec<String>,
    /// The guard against deleting too much.
    pub prune: PruneSettings,
}

/// A commit that would delete more than this from a target is held until it is
/// confirmed. Both limits must be passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PruneSettings {
    /// The share of a target's objects, in percent.
    #[schemars(range(max = 100))]
    pub max_percent: u8,
    /// A number of objects that is always allowed.
    pub max_objects: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: "fleet".into(),
            hierarchy: ["environment", "region", "site", "cluster"].map(String::from).to_vec(),
            roots: Vec::new(),
            ignore: Vec::new(),
            prune: PruneSettings::default(),
        }
    }
}

impl Default for PruneSettings {
    fn default() -> PruneSettings {
        PruneSettings { max_percent: 50, max_objects: 10 }
    }
}

impl Settings {
    /// The name of the file.
    pub const FILE: &'static str = "syncline.yaml";

    /// Types the content of the file.
    ///
    /// # Errors
    /// Every field that is unknown or malformed.
    pub fn parse(value: &Value) -> Result<Settings, Vec<FieldError>> {
        let settings: Settings = strict::parse(value)?;
        let mut errors = Vec::new();
        let is_name = |name: &str| {
            !name.is_empty()
                && name.len() <= 40
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !name.starts_with('-')
                && !name.ends_with('-')
        };
        if !is_name(&settings.name) {
            errors.push(
                FieldError::new("/name", format!("{:?} is not a valid name", settings.name))
                    .hint("use up to 40 lower-case letters, digits and dashes"),
            );
        }
        if settings.prune.max_percent > 100 {
            errors.push(FieldError::new("/prune/maxPercent", "is a percentage, at most 100"));
        }
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }
}
