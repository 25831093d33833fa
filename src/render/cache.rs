//! What was rendered before, by everything it depends on.

use std::sync::Arc;

use super::release::{self, Lookup, RenderedRelease};
use super::{ClusterAbilities, Facts, Rendered, render};
use crate::api::HelmRelease;
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

    /// Renders a release for clusters of one kind, or finds it rendered.
    ///
    /// # Errors
    /// As [`release::render`].
    pub fn release(
        &mut self,
        resource: &Resource,
        release: &HelmRelease,
        chart: &LoadedChart,
        abilities: &ClusterAbilities,
        lookup: Lookup<'_>,
    ) -> Released {
        // What the release refers to counts by its content.
        let referred: Vec<Digest> = release::references(release)
            .iter()
            .map(|key| lookup(key).map_or_else(|| Digest::of(b""), |resource| resource.digest))
            .collect();
        let place = resource.origin.to_string();
        let parts = [
            resource.digest.as_bytes(),
            chart.digest.as_bytes(),
            place.as_bytes(),
            abilities.digest.as_bytes(),
        ];
        let key = Digest::of_all(parts.into_iter().chain(referred.iter().map(Digest::as_bytes)));
        if let Some(known) = self.releases.get(&key) {
            return known;
        }
        let released =
            release::render(resource, release, chart, &abilities.capabilities, lookup).map(Arc::new);
        self.releases.insert(key, released.clone());
        released
    }

    /// Forgets what was not used since the last call.
    pub fn finish_round(&mut self) {
        self.units.finish_round();
        self.releases.finish_round();
    }
}
