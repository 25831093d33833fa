//! What a policy selects.

use crate::api::{LabelSelector, LabelSelectorOperator, Placement, Policy, PolicyScope, ResourceSelector};
use crate::fleet::Resource;
use crate::place::ranking::Exactness;
use crate::render::Facts;

/// Whether labels satisfy a selector, as `metav1.LabelSelector` defines it.
pub fn matches_labels<'l>(selector: &LabelSelector, label: impl Fn(&str) -> Option<&'l str>) -> bool {
    let labels = selector.match_labels.iter().all(|(name, value)| label(name) == Some(value));
    labels
        && selector.match_expressions.iter().all(|requirement| {
            let value = label(&requirement.key);
            let is_listed =
                value.is_some_and(|value| requirement.values.iter().any(|listed| listed == value));
            match requirement.operator {
                LabelSelectorOperator::In => is_listed,
                LabelSelectorOperator::NotIn => !is_listed,
                LabelSelectorOperator::Exists => value.is_some(),
                LabelSelectorOperator::DoesNotExist => value.is_none(),
            }
        })
}

/// Whether a placement reaches a cluster.
pub fn selects_cluster(placement: &Placement, facts: &Facts) -> bool {
    let Some(affinity) = &placement.cluster_affinity else { return true };
    let named = affinity.cluster_names.is_empty() || affinity.cluster_names.contains(&facts.cluster);
    named
        && !affinity.exclude.contains(&facts.cluster)
        && affinity.label_selector.as_ref().is_none_or(|selector| {
            matches_labels(selector, |name| facts.labels.get(name).map(String::as_str))
        })
}

/// How exactly a policy selects a resource; None when it does not.
pub fn selects_resource(policy: &Policy, resource: &Resource) -> Option<Exactness> {
    let namespace = resource.key.namespace.as_deref();
    if policy.scope == PolicyScope::Namespace
        && let (Some(own), Some(namespace)) = (policy.metadata.namespace.as_deref(), namespace)
        && own != namespace
    {
        return None;
    }
    if let (Some(affinity), Some(namespace)) = (&policy.spec.placement.namespace_affinity, namespace)
        && !affinity.namespaces.iter().any(|name| name == namespace)
    {
        return None;
    }
    policy.spec.resource_selectors.iter().filter_map(|selector| selects(selector, resource)).max()
}

fn selects(selector: &ResourceSelector, resource: &Resource) -> Option<Exactness> {
    let fits = |wanted: &Option<String>, found: Option<&str>| match wanted {
        Some(wanted) => found == Some(wanted),
        None => true,
    };
    let matched = fits(&selector.api_version, Some(&resource.api_version))
        && fits(&selector.kind, Some(&resource.key.group_kind.kind))
        && fits(&selector.name, Some(&resource.key.name))
        && fits(&selector.namespace, resource.key.namespace.as_deref())
        && selector
            .label_selector
            .as_ref()
            .is_none_or(|selector| matches_labels(selector, |name| resource.label(name)));
    matched.then_some(match selector {
        ResourceSelector { name: Some(_), .. } => Exactness::Name,
        ResourceSelector { label_selector: Some(_), .. } => Exactness::Label,
        _ => Exactness::All,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::LabelSelectorRequirement;

    #[test]
    fn every_operator_means_what_kubernetes_says() {
        use LabelSelectorOperator::{DoesNotExist, Exists, In, NotIn};
        let labels = |name: &str| (name == "region").then_some("asia");
        for (key, operator, values, matched) in [
            ("region", In, &["asia", "eu"][..], true),
            ("region", In, &["eu"], false),
            ("zone", In, &["eu"], false),
            ("region", NotIn, &["eu"], true),
            ("region", NotIn, &["asia"], false),
            ("zone", NotIn, &["eu"], true),
            ("region", Exists, &[], true),
            ("zone", Exists, &[], false),
            ("region", DoesNotExist, &[], false),
            ("zone", DoesNotExist, &[], true),
        ] {
            let requirement = LabelSelectorRequirement {
                key: key.into(),
                operator,
                values: values.iter().map(ToString::to_string).collect(),
            };
            let selector = LabelSelector { match_expressions: vec![requirement], ..LabelSelector::default() };
            assert_eq!(matches_labels(&selector, labels), matched, "{key} {operator:?} {values:?}");
        }
        assert!(matches_labels(&LabelSelector::default(), labels));
    }
}
