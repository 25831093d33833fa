//! The kinds that configure a fleet, one file an API group. They are the source
//! of the JSON Schemas in `schemas/`.
//!
//! A [`ConfigObject`] is parsed at the edge, once: what comes out is typed and
//! valid, or a list of [`FieldError`]s that each name a field.

mod fleet;
mod helm;
mod metadata;
mod policy;
mod post_renderer;
mod release_steps;
mod remediation;
mod settings;
mod source;
mod strict;

pub use fleet::{
    Cluster, ClusterSpec, ClusterType, Maintenance, Schedule, SecretReference, VariableValue, is_secret_name,
};
pub use helm::{
    ChartSpec, DefinitionPolicy, DriftMode, HelmRelease, HelmReleaseSpec, ObjectReference, ValuesKind,
    ValuesReference,
};
pub use metadata::{ClusterName, Metadata};
pub use policy::{
    ClusterAffinity, LabelSelector, LabelSelectorOperator, LabelSelectorRequirement, NamespaceAffinity,
    Placement, Policy, PolicyScope, PolicySpec, ReplicaScheduling, ResourceSelector,
};
pub use post_renderer::{Image, Kustomize, PostRenderer, Selector};
pub use release_steps::{AfterFailure, ReleaseStep, Retry};
pub use remediation::Remedy;
pub use settings::{HealthCheck, PruneSettings, Settings};
pub use source::{
    ChartSource, ChartSourceSpec, GitRepositorySpec, HelmRepositorySpec, OciRepositorySpec, SecretName,
};
pub use strict::{FieldError, suggest};

use serde_json::Value;
use syncline_manifest::GroupVersionKind;

/// The kinds that syncline itself acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigKind {
    /// A cluster of the fleet.
    Cluster,
    /// Placement of any resource.
    ClusterPropagationPolicy,
    /// Placement of the resources of a namespace.
    PropagationPolicy,
    /// A release of a Helm chart; placed by policies as resources are.
    HelmRelease,
    /// Where charts come from.
    ChartSource,
    /// A kind of the design that this version does not act on yet.
    NotServedYet,
}

impl ConfigKind {
    /// The config kind of an object; None for ordinary resources.
    pub fn of(gvk: &GroupVersionKind) -> Option<ConfigKind> {
        match (gvk.group.as_str(), gvk.kind.as_str()) {
            ("fleet.kurator.dev", "Cluster") => Some(ConfigKind::Cluster),
            ("policy.kurator.dev", "ClusterPropagationPolicy") => Some(ConfigKind::ClusterPropagationPolicy),
            ("kurator.dev", "PropagationPolicy") => Some(ConfigKind::PropagationPolicy),
            (HelmRelease::GROUP, "HelmRelease") => Some(ConfigKind::HelmRelease),
            (ChartSource::GROUP, "HelmRepository" | "GitRepository" | "OCIRepository" | "HelmChart") => {
                Some(ConfigKind::ChartSource)
            }
            (group, _) if group == "kurator.dev" || group.ends_with(".kurator.dev") => {
                Some(ConfigKind::NotServedYet)
            }
            _ => None,
        }
    }

    /// The versions that are read.
    pub const VERSION: &'static str = "v1alpha1";
}

/// A config object, typed.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfigObject {
    /// A cluster of the fleet.
    Cluster(Box<Cluster>),
    /// A policy of either kind.
    Policy(Box<Policy>),
    /// Where charts come from.
    ChartSource(Box<ChartSource>),
}

impl ConfigObject {
    /// Types an object of a config kind that is served.
    ///
    /// # Errors
    /// Every field that is unknown, missing or malformed, all at once.
    pub fn parse(
        kind: ConfigKind,
        gvk: &GroupVersionKind,
        value: &Value,
    ) -> Result<Option<ConfigObject>, Vec<FieldError>> {
        match kind {
            ConfigKind::NotServedYet => return Ok(None),
            ConfigKind::HelmRelease => return HelmRelease::parse(gvk, value).map(|_| None),
            ConfigKind::ChartSource => {
                let source = ChartSource::parse(&gvk.kind, value)?;
                return Ok(source.map(|source| ConfigObject::ChartSource(Box::new(source))));
            }
            _ => {}
        }
        if gvk.version != ConfigKind::VERSION {
            return Err(vec![
                FieldError::new("/apiVersion", format!("{} is not served", gvk.api_version())).hint(format!(
                    "write {}/{}",
                    gvk.group,
                    ConfigKind::VERSION
                )),
            ]);
        }
        match kind {
            ConfigKind::Cluster => {
                let cluster: Cluster = strict::parse(value)?;
                Ok(Some(ConfigObject::Cluster(Box::new(cluster))))
            }
            ConfigKind::ClusterPropagationPolicy => policy::parse(value, PolicyScope::Fleet),
            ConfigKind::PropagationPolicy => policy::parse(value, PolicyScope::Namespace),
            ConfigKind::HelmRelease | ConfigKind::ChartSource | ConfigKind::NotServedYet => Ok(None),
        }
    }
}

/// The JSON Schemas of all config kinds, by file name.
pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {
    vec![
        ("cluster.json", schemars::schema_for!(Cluster)),
        ("clusterpropagationpolicy.json", schemars::schema_for!(policy::PolicyObject)),
        ("helmrelease.json", schemars::schema_for!(HelmRelease)),
        ("propagationpolicy.json", schemars::schema_for!(policy::PolicyObject)),
        ("syncline.json", schemars::schema_for!(Settings)),
    ]
}
