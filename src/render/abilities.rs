//! What clusters can do, as charts ask for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_helm::release::Capabilities;

use crate::api::ClusterName;
use crate::fleet::Digest;

/// What one cluster can do.
#[derive(Debug, PartialEq, Eq)]
pub struct ClusterAbilities {
    /// Its version and API versions.
    pub capabilities: Capabilities,
    /// The digest of both.
    pub digest: Digest,
}

impl ClusterAbilities {
    /// What a cluster says of itself.
    pub fn new(capabilities: Capabilities) -> ClusterAbilities {
        let version = [capabilities.kube_version.version.as_bytes()];
        let parts = version.into_iter().chain(capabilities.api_versions.iter().map(String::as_bytes));
        let digest = Digest::of_all(parts);
        ClusterAbilities { capabilities, digest }
    }
}

/// What is known of the clusters.
#[derive(Debug, Clone)]
pub enum Abilities {
    /// No cluster is asked: what Helm assumes without one.
    Assumed(Arc<ClusterAbilities>),
    /// What those that were reached have said. Releases wait for the others.
    Learned(BTreeMap<ClusterName, Arc<ClusterAbilities>>),
}

impl Abilities {
    /// For work without clusters.
    pub fn assumed() -> Abilities {
        Abilities::Assumed(Arc::new(ClusterAbilities::new(Capabilities::default())))
    }

    /// What is known of one cluster.
    pub fn of(&self, cluster: &ClusterName) -> Option<&Arc<ClusterAbilities>> {
        match self {
            Abilities::Assumed(all) => Some(all),
            Abilities::Learned(known) => known.get(cluster),
        }
    }
}
