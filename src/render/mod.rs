//! Rendering: what an application is on one cluster.
//!
//! Third in the flow and pure: a [`Unit`], the facts of a cluster and the settings
//! of the repository give the same resources for ever, byte for byte. Overlays are
//! merged in the order of the hierarchy, then variables are filled in.

mod abilities;
mod cache;
mod overlay;
pub mod release;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syncline_manifest::Origin;

use crate::api::{ClusterName, VariableValue};
use crate::fleet::{Diagnostic, Digest, Fleet, Resource, Unit};

pub use abilities::{Abilities, ClusterAbilities, Standings};
pub use cache::{OnCluster, ParsedRelease, RenderCache};

/// What rendering depends on besides the unit.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The cluster.
    pub cluster: ClusterName,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its variables.
    pub variables: BTreeMap<String, VariableValue>,
    /// The names of all variables of the fleet; others are left as they stand.
    pub declared: Arc<BTreeSet<String>>,
    /// What the cluster can do, for charts; None while it has not been asked.
    pub abilities: Option<Arc<ClusterAbilities>>,
    /// The order of overlays.
    pub hierarchy: Arc<[String]>,
    /// A digest of all of these.
    pub digest: Digest,
}

/// One resource as it is on a cluster.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The resource.
    pub resource: Arc<Resource>,
    /// The overlays that changed or added it, weakest first.
    pub overlays: Vec<Origin>,
    /// Whether an overlay for this very cluster sets the number of replicas, which
    /// then is not divided.
    pub replicas: Replicas,
}

/// Who says how many replicas a workload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// The application; a policy may divide them.
    Shared,
    /// An overlay for this very cluster.
    Pinned,
}

impl Facts {
    /// The facts of every cluster of a fleet.
    pub fn of_fleet(fleet: &Fleet, abilities: &Abilities) -> BTreeMap<ClusterName, Facts> {
        let declared: Arc<BTreeSet<String>> = Arc::new(
            fleet
                .clusters
                .values()
                .flat_map(|cluster| cluster.value.spec.variables.keys().cloned())
                .collect(),
        );
        let hierarchy: Arc<[String]> = fleet.settings.hierarchy.clone().into();
        fleet
            .clusters
            .iter()
            .map(|(name, cluster)| {
                let labels = cluster.value.metadata.labels.clone();
                let variables = cluster.value.spec.variables.clone();
                // Every part is serialisable, so this cannot fail.
                let text = serde_json::to_vec(&(name, &labels, &variables, &*declared, &*hierarchy))
                    .unwrap_or_default();
                let facts = Facts {
                    cluster: name.clone(),
                    labels,
                    variables,
                    declared: Arc::clone(&declared),
                    hierarchy: Arc::clone(&hierarchy),
                    abilities: abilities.of(name).cloned(),
                    digest: Digest::of(&text),
                };
                (name.clone(), facts)
            })
            .collect()
    }

    /// The value of a label of the hierarchy; `cluster` is the name.
    pub fn label(&self, label: &str) -> Option<&str> {
        if label == "cluster" {
            Some(self.cluster.as_str())
        } else {
            self.labels.get(label).map(String::as_str)
        }
    }
}

/// Renders a unit for a cluster.
///
/// # Errors
/// Every overlay that does not fit and every variable without a value.
pub fn render(unit: &Unit, facts: &Facts) -> Result<Vec<Rendered>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let overlaid = overlay::apply(unit, facts, &mut errors);
    let rendered =
        overlaid.into_iter().map(|rendered| variables::fill_in(rendered, facts, &mut errors)).collect();
    if errors.is_empty() { Ok(rendered) } else { Err(errors) }
}
