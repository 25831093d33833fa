//! `fleet.kurator.dev`: the clusters of a fleet.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Metadata;

/// A cluster that manifests can be placed on. Its labels choose the overlays that
/// apply to it and the policies that reach it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// `fleet.kurator.dev/v1alpha1`
    pub api_version: String,
    /// `Cluster`
    pub kind: String,
    /// Name and labels.
    pub metadata: Metadata,
    /// How to reach it and what is particular about it.
    #[serde(default)]
    pub spec: ClusterSpec,
}

/// How a cluster is reached and what is particular about it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// The Secret that holds the kubeconfig. Without it nothing can be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_secret_ref: Option<SecretReference>,
    /// What kind of cluster it is.
    #[serde(default)]
    pub cluster_type: ClusterType,
    /// Values for `${NAME}` in the manifests placed on this cluster.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, VariableValue>,
    /// A folder of the repository: all resources below it go to this cluster,
    /// whatever the policies say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Planned work on the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
}

/// Whether a text can be the name of a Secret, of its namespace or of a key of it: as a path
/// it stays in its folder.
pub fn is_secret_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
}

/// A Secret, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretReference {
    /// The name of the Secret.
    pub name: String,
    /// Its namespace; that of the object that refers to it where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The entry that holds the kubeconfig; `kubeconfig`, then `value`, where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What kind of cluster it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClusterType {
    /// A Kubernetes API server.
    #[default]
    Kubernetes,
}

/// The value of a variable. A manifest field that is nothing but `${NAME}` takes
/// its type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum VariableValue {
    /// True or false.
    Boolean(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text.
    Text(String),
}

impl fmt::Display for VariableValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VariableValue::Boolean(value) => write!(f, "{value}"),
            VariableValue::Number(value) => write!(f, "{value}"),
            VariableValue::Text(value) => write!(f, "{value}"),
        }
    }
}

/// Planned work on a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Maintenance {
    /// Whether it is planned at all.
    pub enabled: bool,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// A point in time (RFC 3339) or a cron expression of five fields.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Once.
    At(jiff::Timestamp),
    /// Again and again.
    Cron(Box<croner::Cron>),
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Schedule, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            return Ok(Schedule::At(time));
        }
        text.parse::<croner::Cron>().map(|cron| Schedule::Cron(Box::new(cron))).map_err(|_| {
            serde::de::Error::custom(format!(
                "{text:?} is neither a time such as 2026-01-31T02:00:00Z nor a cron expression such as 0 2 * * 6"
            ))
        })
    }
}

impl Serialize for Schedule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Schedule::At(time) => serializer.collect_str(time),
            Schedule::Cron(cron) => serializer.collect_str(&cron.pattern),
        }
    }
}

impl JsonSchema for Schedule {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Schedule".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A point in time (RFC 3339) or a cron expression of five fields."
        })
    }
}
