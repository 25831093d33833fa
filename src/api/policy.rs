//! `policy.kurator.dev` and `kurator.dev`: which resources go to which clusters.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ClusterName, ConfigObject, FieldError, Metadata, strict};

/// A policy of either kind, after parsing.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Whose resources it may select.
    pub scope: PolicyScope,
    /// Name and namespace.
    pub metadata: Metadata,
    /// What it says.
    pub spec: PolicySpec,
}

/// Whose resources a policy may select.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyScope {
    /// `ClusterPropagationPolicy`: any resource.
    Fleet,
    /// `PropagationPolicy`: the resources of its namespace, where it names one.
    Namespace,
}

/// A `ClusterPropagationPolicy` or `PropagationPolicy` as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyObject {
    /// `policy.kurator.dev/v1alpha1` or `kurator.dev/v1alpha1`
    pub api_version: String,
    /// `ClusterPropagationPolicy` or `PropagationPolicy`
    pub kind: String,
    /// Name and namespace.
    pub metadata: Metadata,
    /// What it says.
    pub spec: PolicySpec,
}

/// Which resources go where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicySpec {
    /// The resources; a resource that any of these selects is meant.
    pub resource_selectors: Vec<ResourceSelector>,
    /// Where they go.
    #[serde(default)]
    pub placement: Placement,
    /// Of several policies that select a resource the one with the highest
    /// priority counts.
    #[serde(default)]
    pub priority: i32,
}

/// Selects resources; every field that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSelector {
    /// Such as `apps/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Such as `Deployment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The name of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The namespace of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The labels of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
}

/// Where resources go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// The clusters; all of the fleet where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_affinity: Option<ClusterAffinity>,
    /// Narrows the policy to the resources of some namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_affinity: Option<NamespaceAffinity>,
    /// What happens to the replicas of a workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_scheduling: Option<ReplicaScheduling>,
}

/// Selects clusters: those that are named and match the labels, but the excluded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterAffinity {
    /// Names of clusters; any where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_names: Vec<ClusterName>,
    /// Names of clusters that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<ClusterName>,
    /// Labels of clusters; any where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
}

/// Selects namespaces.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamespaceAffinity {
    /// Names of namespaces.
    pub namespaces: Vec<String>,
}

/// What happens to the replicas of a workload that goes to several clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum ReplicaScheduling {
    /// Every cluster runs all of them.
    Duplicated,
    /// They are divided in proportion to weights; a cluster without a weight gets
    /// none, and a workload whose share is none is not placed there.
    Weighted {
        /// A weight for each cluster.
        weights: BTreeMap<ClusterName, u32>,
    },
}

/// Selects by labels; everything that is given must match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels and the values they must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// A condition on one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelSelectorRequirement {
    /// The label.
    pub key: String,
    /// The condition.
    pub operator: LabelSelectorOperator,
    /// The values that `In` and `NotIn` compare with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// A condition on one label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelSelectorOperator {
    /// The label has one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

pub(super) fn parse(value: &Value, scope: PolicyScope) -> Result<Option<ConfigObject>, Vec<FieldError>> {
    let object: PolicyObject = strict::parse(value)?;
    let errors = check(&object.spec);
    if !errors.is_empty() {
        return Err(errors);
    }
    let policy = Policy { scope, metadata: object.metadata, spec: object.spec };
    Ok(Some(ConfigObject::Policy(Box::new(policy))))
}

/// What the types alone do not rule out.
fn check(spec: &PolicySpec) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if spec.resource_selectors.is_empty() {
        errors.push(
            FieldError::new("/spec/resourceSelectors", "selects nothing")
                .hint("list at least one selector; `- {}` selects every resource"),
        );
    }
    for (index, selector) in spec.resource_selectors.iter().enumerate() {
        if let Some(labels) = &selector.label_selector {
            check_selector(labels, &format!("/spec/resourceSelectors/{index}/labelSelector"), &mut errors);
        }
    }
    if let Some(labels) = spec.placement.cluster_affinity.as_ref().and_then(|a| a.label_selector.as_ref()) {
        check_selector(labels, "/spec/placement/clusterAffinity/labelSelector", &mut errors);
    }
    if let Some(ReplicaScheduling::Weighted { weights }) = &spec.placement.replica_scheduling
        && weights.values().all(|weight| *weight == 0)
    {
        errors.push(
            FieldError::new("/spec/placement/replicaScheduling/weights", "no cluster has a weight above 0")
                .hint("give at least one cluster a weight, or use type: Duplicated"),
        );
    }
    errors
}

fn check_selector(selector: &LabelSelector, pointer: &str, errors: &mut Vec<FieldError>) {
    for (index, requirement) in selector.match_expressions.iter().enumerate() {
        let takes_values =
            matches!(requirement.operator, LabelSelectorOperator::In | LabelSelectorOperator::NotIn);
        let at = format!("{pointer}/matchExpressions/{index}");
        if takes_values && requirement.values.is_empty() {
            errors.push(FieldError::new(at, format!("{:?} needs values", requirement.operator)));
        } else if !takes_values && !requirement.values.is_empty() {
            errors.push(FieldError::new(
                format!("{at}/values"),
                format!("{:?} takes no values", requirement.operator),
            ));
        }
    }
}
