//! What was rendered before, by everything it depends on.

use std::sync::Arc;

use super::release::{self, Lookup, Lookups, RenderedRelease, Rendering};
use super::{Abilities, ClusterAbilities, Facts, Rendered, render};
use crate::api::{ClusterName, HelmRelease};
use crate::fleet::{Diagnostic, Digest, Generations, LoadedChart, Resource, Unit};
use crate::git::EntryId;

type Outcome = Result<Arc<[Rendered]>, Arc<[Diagnostic]>>;
type Key = (Arc<str>, EntryId, Digest);
type Released = Result<Arc<RenderedRelease>, Vec<Diagnostic>>;

/// Renderings of the last two commits.
#[derive(Debug, Default)]
pub struct RenderCache {
    units: Generations<Key, Outcome>,
    releases: Generations<Digest, Released>,
}

impl RenderCache {
    /// Renders a unit for a cluster, or finds it rendered.
    ///
    /// # Errors
    /// As [`render`].
    pub fn render(&mut self, unit: &Unit, facts: &Facts) -> Outcome {
        let key = (Arc::clone(&unit.path), unit.id, facts.digest);
        if let Some(known) = self.units.get(&key) {
            return known;
        }
        let outcome: Outcome = render(unit, facts).map(Arc::from).map_err(Arc::from);
        self.units.insert(key, outcome.clone());
        outcome
    }

    /// Renders a release for a cluster, or finds it rendered: for any cluster with the same
    /// abilities, unless the chart looks at the cluster itself.
    ///
    /// # Errors
    /// As [`release::render`].
    pub fn release(
        &mut self,
        resource: &Resource,
        release: &HelmRelease,
        chart: &LoadedChart,
        facts: (&ClusterName, &ClusterAbilities, &Abilities),
        lookup: Lookup<'_>,
    ) -> Result<Rendering, Vec<Diagnostic>> {
        let (cluster, own, abilities) = facts;
        // What the release refers to counts by its content.
        let referred: Vec<Digest> = release::references(release)
            .iter()
            .map(|key| lookup(key).map_or_else(|| Digest::of(b""), |resource| resource.digest))
            .collect();
        let place = resource.origin.to_string();
        let parts =
            [resource.digest.as_bytes(), chart.digest.as_bytes(), place.as_bytes(), own.digest.as_bytes()];
        let shared = Digest::of_all(parts.into_iter().chain(referred.iter().map(Digest::as_bytes)));
        let for_cluster = Digest::of_all([shared.as_bytes(), cluster.as_str().as_bytes()]);
        for key in [shared, for_cluster] {
            if let Some(known) = self.releases.get(&key) {
                return known.map(Rendering::Done);
            }
        }
        let lookups = abilities.lookups(own, &for_cluster);
        let rendered = release::render(resource, release, chart, &own.capabilities, lookup, lookups);
        let looks_up = matches!(lookups, Lookups::Known(Some(_)));
        let released = match rendered {
            Ok(Err(missing)) => return Ok(Rendering::Waits(for_cluster, missing)),
            Ok(Ok(rendered)) => Ok(Arc::new(rendered)),
            Err(problems) => Err(problems),
        };
        self.releases.insert(if looks_up { for_cluster } else { shared }, released.clone());
        released.map(Rendering::Done)
    }

    /// Forgets what was not used since the last call.
    pub fn finish_round(&mut self) {
        self.units.finish_round();
        self.releases.finish_round();
    }
}
