//! The order in which objects are applied; deletions go the other way round.

use syncline_manifest::GroupKind;

/// What has to exist before what. All objects of a phase are applied at once; the
/// next phase begins when none of this one is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// CustomResourceDefinitions, so that their kinds exist.
    Definitions,
    /// Namespaces.
    Namespaces,
    /// What workloads refer to: permissions, configuration, quotas, storage.
    Prerequisites,
    /// Workloads, services, custom resources.
    Workloads,
    /// What intercepts requests once what it calls runs: webhooks, API services.
    Interceptors,
}

impl Phase {
    /// The phase of a kind.
    pub fn of(kind: &GroupKind) -> Phase {
        match (&*kind.group, &*kind.kind) {
            ("apiextensions.k8s.io", "CustomResourceDefinition") => Phase::Definitions,
            ("", "Namespace") => Phase::Namespaces,
            ("", "ServiceAccount" | "Secret" | "ConfigMap" | "ResourceQuota" | "LimitRange")
            | ("", "PersistentVolume" | "PersistentVolumeClaim")
            | ("rbac.authorization.k8s.io" | "storage.k8s.io" | "scheduling.k8s.io" | "node.k8s.io", _)
            | ("networking.k8s.io", "NetworkPolicy" | "IngressClass")
            | ("policy", _) => Phase::Prerequisites,
            ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => Phase::Interceptors,
            _ => Phase::Workloads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_come_first_and_interceptors_last() {
        let phase = |group: &str, kind: &str| Phase::of(&GroupKind::new(group, kind));
        let order = [
            phase("apiextensions.k8s.io", "CustomResourceDefinition"),
            phase("", "Namespace"),
            phase("rbac.authorization.k8s.io", "ClusterRole"),
            phase("apps", "Deployment"),
            phase("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ];
        assert!(order.is_sorted());
        assert_eq!(phase("x.io", "Thing"), phase("", "Service"));
    }
}
