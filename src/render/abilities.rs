//! What clusters can do, as charts ask for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use syncline_helm::release::Capabilities;

use crate::api::ClusterName;
use crate::fleet::Digest;
use crate::render::release::{Answers, ClusterValues, KnownValues, Lookups, ReleaseId, Standing};

/// What one cluster can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterAbilities {
    /// Its version and API versions.
    pub capabilities: Capabilities,
    /// The digest of both.
    pub digest: Digest,
    /// What it has of the objects from which releases take values.
    pub values: KnownValues,
    /// What was looked up for renderings of releases, by their digests.
    pub answers: BTreeMap<Digest, Arc<Answers>>,
}

impl ClusterAbilities {
    /// What a cluster says of itself.
    pub fn new(capabilities: Capabilities) -> ClusterAbilities {
        let version = [capabilities.kube_version.version.as_bytes()];
        let parts = version.into_iter().chain(capabilities.api_versions.iter().map(String::as_bytes));
        let digest = Digest::of_all(parts);
        ClusterAbilities { capabilities, digest, values: KnownValues::new(), answers: BTreeMap::new() }
    }
}

/// What is known of the clusters.
#[derive(Debug, Clone)]
pub enum Abilities {
    /// No cluster is asked: what Helm assumes without one.
    Assumed(Arc<ClusterAbilities>),
    /// What those that were reached have said. Releases wait for the others.
    Learned(BTreeMap<ClusterName, Arc<ClusterAbilities>>, Standings),
}

/// Where the releases of clusters stand; what is not among them was never there.
pub type Standings = BTreeMap<ClusterName, HashMap<ReleaseId, Standing>>;

impl Abilities {
    /// For work without clusters.
    pub fn assumed() -> Abilities {
        Abilities::Assumed(Arc::new(ClusterAbilities::new(Capabilities::default())))
    }

    /// Where values of a cluster are found.
    pub fn values<'a>(&self, cluster: &'a ClusterAbilities) -> ClusterValues<'a> {
        match self {
            Abilities::Assumed(_) => ClusterValues::Offline,
            Abilities::Learned(..) => ClusterValues::Known(&cluster.values),
        }
    }

    /// How lookups of a rendering are answered on a cluster.
    pub fn lookups<'a>(&self, cluster: &'a ClusterAbilities, rendering: &Digest) -> Lookups<'a> {
        match self {
            Abilities::Assumed(_) => Lookups::Offline,
            Abilities::Learned(..) => Lookups::Known(cluster.answers.get(rendering).map(Arc::as_ref)),
        }
    }

    /// What is known of one cluster.
    pub fn of(&self, cluster: &ClusterName) -> Option<&Arc<ClusterAbilities>> {
        match self {
            Abilities::Assumed(all) => Some(all),
            Abilities::Learned(known, _) => known.get(cluster),
        }
    }

    /// Where a release stands on a cluster.
    pub fn standing(&self, cluster: &ClusterName, id: &ReleaseId) -> Standing {
        match self {
            Abilities::Assumed(_) => None,
            Abilities::Learned(_, standings) => standings.get(cluster).and_then(|known| known.get(id)),
        }
        .cloned()
        .unwrap_or_default()
    }
}
