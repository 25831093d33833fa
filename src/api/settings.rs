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
    /// How the health of objects is judged, for kinds whose own rules do not fit.
    pub health_checks: Vec<HealthCheck>,
}

/// Expressions in CEL (the Common Expression Language, cel.dev) over the fields of
/// an object: `status`, `metadata`, `spec` and so on. The first of `failed`,
/// `inProgress` and `current` that is true tells; none means in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Of the kind; any version of its group is meant.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// True when the object is what it was asked to be.
    pub current: String,
    /// True when the object is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<String>,
    /// True when the object will not get there by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
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
            health_checks: Vec::new(),
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
        for (index, check) in settings.health_checks.iter().enumerate() {
            let expressions = [
                ("current", Some(&check.current)),
                ("inProgress", check.in_progress.as_ref()),
                ("failed", check.failed.as_ref()),
            ];
            for (field, expression) in expressions {
                if let Some(Err(error)) = expression.map(|text| cel::Program::compile(text)) {
                    let reason = error.errors.first().map_or_else(String::new, |error| error.msg.clone());
                    errors.push(
                        FieldError::new(
                            format!("/healthChecks/{index}/{field}"),
                            format!("is not a CEL expression: {reason}"),
                        )
                        .hint("such as status.phase == 'Ready'"),
                    );
                }
            }
        }
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }
}
