//! The kinds of Kubernetes itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_manifest::GroupVersionKind;
use syncline_manifest::schema;

use super::{Model, Registry, Resource, Scale, Version};

/// Short names and categories, which no schema tells.
const NAMES: &[(&str, &str, &[&str], &[&str])] = &[
    ("", "configmaps", &["cm"], &[]),
    ("", "endpoints", &["ep"], &[]),
    ("", "events", &["ev"], &[]),
    ("", "limitranges", &["limits"], &[]),
    ("", "namespaces", &["ns"], &[]),
    ("", "nodes", &["no"], &[]),
    ("", "persistentvolumeclaims", &["pvc"], &[]),
    ("", "persistentvolumes", &["pv"], &[]),
    ("", "pods", &["po"], &["all"]),
    ("", "replicationcontrollers", &["rc"], &["all"]),
    ("", "resourcequotas", &["quota"], &[]),
    ("", "serviceaccounts", &["sa"], &[]),
    ("", "services", &["svc"], &["all"]),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", &[], &["api-extensions"]),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", &[], &["api-extensions"]),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", &[], &["api-extensions"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &["crd", "crds"], &["api-extensions"]),
    ("apiregistration.k8s.io", "apiservices", &[], &["api-extensions"]),
    ("apps", "daemonsets", &["ds"], &["all"]),
    ("apps", "deployments", &["deploy"], &["all"]),
    ("apps", "replicasets", &["rs"], &["all"]),
    ("apps", "statefulsets", &["sts"], &["all"]),
    ("autoscaling", "horizontalpodautoscalers", &["hpa"], &["all"]),
    ("batch", "cronjobs", &["cj"], &["all"]),
    ("batch", "jobs", &[], &["all"]),
    ("certificates.k8s.io", "certificatesigningrequests", &["csr"], &[]),
    ("events.k8s.io", "events", &["ev"], &[]),
    ("networking.k8s.io", "ipaddresses", &["ip"], &[]),
    ("networking.k8s.io", "ingresses", &["ing"], &[]),
    ("networking.k8s.io", "networkpolicies", &["netpol"], &[]),
    ("policy", "poddisruptionbudgets", &["pdb"], &[]),
    ("scheduling.k8s.io", "priorityclasses", &["pc"], &[]),
    ("storage.k8s.io", "storageclasses", &["sc"], &[]),
    ("storage.k8s.io", "volumeattributesclasses", &["vac"], &[]),
];

const ENDPOINTS_WARNING: &str = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";

/// All built-in kinds that are served, each with the version that is stored first.
pub fn builtin() -> Registry {
    let mut registry = Registry::default();
    let mut kinds: BTreeMap<(&str, &str), Vec<(&str, &str)>> = BTreeMap::new();
    for (api_version, kind) in schema::kinds() {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        kinds.entry((group, kind)).or_default().push((version, api_version));
    }
    for ((group, kind), mut versions) in kinds {
        // `v2` before `v1`: the newest stable version is the one that is stored.
        versions.sort_by(|a, b| b.cmp(a));
        let mut resources = versions.iter().filter_map(|(version, api_version)| {
            let known = schema::kind(&GroupVersionKind::parse(api_version, kind))?;
            Some(resource(group, kind, version, known))
        });
        let Some(mut newest) = resources.next() else { continue };
        newest.versions.extend(resources.flat_map(|older| older.versions));
        registry.add(newest);
    }
    registry
}

fn resource(group: &str, kind: &str, version: &str, known: &schema::Kind) -> Resource {
    let names = NAMES.iter().find(|(of, plural, _, _)| *of == group && *plural == known.plural);
    let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
    let table = if group.is_empty() { known.plural.to_owned() } else { format!("{group}/{}", known.plural) };
    let scale = known.has_scale.then(|| Scale {
        spec_replicas: "/spec/replicas".into(),
        status_replicas: "/status/replicas".into(),
        selector: Some("/spec/selector".into()),
    });
    Resource {
        group: group.into(),
        plural: known.plural.into(),
        singular: kind.to_lowercase().into(),
        short_names: names.map(|(_, _, short, _)| boxed(short)).unwrap_or_default(),
        categories: names.map(|(_, _, _, categories)| boxed(categories)).unwrap_or_default(),
        kind: kind.into(),
        list_kind: format!("{kind}List").into(),
        scope: known.scope,
        versions: vec![Version {
            name: version.into(),
            has_status: known.shape().field("status").is_some(),
            scale,
            columns: Vec::new(),
            selectable: Vec::new(),
            deprecation: (&*table == "endpoints").then(|| ENDPOINTS_WARNING.into()),
            model: Model::Builtin(known.shape()),
        }],
        storage_version: version.into(),
        is_custom: false,
        table: Arc::from(table),
        serial: 0,
    }
}

#[cfg(test)]
mod tests {
    use syncline_manifest::schema::Scope;

    use super::*;

    #[test]
    fn every_kind_of_the_table_is_served_and_every_name_belongs_to_one() {
        let registry = builtin();
        assert!(registry.sorted().len() >= 59, "{}", registry.sorted().len());
        for (group, plural, _, _) in NAMES {
            assert!(registry.find(group, plural).is_some(), "{group}/{plural}");
        }
        let deployments = registry.find("apps", "deployments").unwrap();
        assert_eq!(&*deployments.short_names[0], "deploy");
        assert!(deployments.versions[0].has_status && deployments.versions[0].scale.is_some());
        assert_eq!(registry.find("", "namespaces").unwrap().scope, Scope::Cluster);
        let autoscalers = registry.find("autoscaling", "horizontalpodautoscalers").unwrap();
        assert_eq!(&*autoscalers.versions[0].name, "v2");
    }
}
