//! What a HelmRelease can say of failures: Flux's `remediation` and `strategy`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is done when a step fails.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Remediation {
    /// How often it is tried again; -1 for ever.
    #[serde(default)]
    pub retries: i32,
    /// Whether tests that fail are no failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_test_failures: Option<bool>,
    /// Whether the last failure is remediated too; that of an upgrade is where it is tried
    /// again at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediate_last_failure: Option<bool>,
    /// What is done; a rollback where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Remedy>,
}

/// What is done when an upgrade fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// The version before is put back.
    Rollback,
    /// It is removed.
    Uninstall,
}

/// Whether a step that failed is remediated or only tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionStrategy {
    /// Which of the two.
    pub name: StrategyName,
    /// How long is waited before it is tried again, for `RetryOnFailure`; 5m where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<String>,
}

/// Whether a step that failed is remediated or only tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StrategyName {
    /// As `remediation` says.
    RemediateOnFailure,
    /// For ever, without a remedy.
    RetryOnFailure,
}
