//! What was rendered before, by everything it depends on.

use std::sync::Arc;

use syncline_helm::chart::mentions_history;
use syncline_manifest::Origin;

use super::release::{
    self, Circumstances, ClusterValues, Lookup, Lookups, Occasion, RenderedRelease, Rendering, values_source,
};
use super::{Abilities, ClusterAbilities, Facts, Rendered, render};
use crate::api::{ClusterName, HelmRelease};
use crate::fleet::{Diagnostic, Digest, Generations, LoadedChart, Resource, Unit};
use crate::git::EntryId;

type Outcome = Result<Arc<[Rendered]>, Arc<[Diagnostic]>>;
type Key = (Arc<str>, EntryId, Digest);
type Released = Result<Arc<RenderedRelease>, Vec<Diagnostic>>;

/// A HelmRelease, or what is wrong with it.
pub type ParsedRelease = Result<Arc<HelmRelease>, Arc<[Diagnostic]>>;

/// Renderings of the last two commits.
#[derive(Debug, Default)]
pub struct RenderCache {
    units: Generations<Key, Outcome>,
    parsed: Generations<(Digest, Origin), ParsedRelease>,
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

    /// The HelmRelease that a resource is, if it is one; read once for all clusters on which
    /// it is the same.
    pub fn parsed(&mut self, resource: &Resource) -> Option<ParsedRelease> {
        if !release::is_release(resource) {
            return None;
        }
        // Problems are told with their place.
        let key = (resource.digest, resource.origin.clone());
        if let Some(known) = self.parsed.get(&key) {
            return Some(known);
        }
        let parsed = release::parse(resource).map(Arc::new).map_err(Arc::from);
        self.parsed.insert(key, parsed.clone());
        Some(parsed)
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
        on: &OnCluster<'_>,
        occasion: Occasion,
    ) -> Result<Rendering, Vec<Diagnostic>> {
        let values = on.abilities.values(on.own);
        // What the release refers to counts by its content.
        let mentions = |resource: &Resource| mentions_history(&String::from_utf8_lossy(resource.body()));
        let mut reads_history = chart.chart.reads_history() || mentions(resource);
        let mut referred_digests = Vec::new();
        for key in release::references(release) {
            if let Some(resource) = (on.lookup)(&key) {
                referred_digests.push(resource.digest);
                reads_history = reads_history || mentions(&resource);
            } else if let ClusterValues::Known(known) = values {
                let Some(data) = known.get(&values_source(release, key)) else {
                    return Ok(Rendering::WaitsForValues);
                };
                let text = data.text();
                referred_digests.push(Digest::of(text.as_bytes()));
                reads_history = reads_history || mentions_history(&text);
            }
        }
        let place = resource.origin.to_string();
        // Whether it may be read by the chart or by templates in values.
        let occasion = if reads_history { occasion } else { Occasion::FIRST };
        let parts = [
            resource.digest.as_bytes(),
            chart.digest.as_bytes(),
            place.as_bytes(),
            on.own.digest.as_bytes(),
            &occasion.key(),
        ];
        let shared = Digest::of_all(parts.into_iter().chain(referred_digests.iter().map(Digest::as_bytes)));
        let for_cluster = Digest::of_all([shared.as_bytes(), on.cluster.as_str().as_bytes()]);
        for key in [shared, for_cluster] {
            if let Some(known) = self.releases.get(&key) {
                return known.map(Rendering::Done);
            }
        }
        let lookups = on.abilities.lookups(on.own, &for_cluster);
        let circumstances = Circumstances {
            capabilities: &on.own.capabilities,
            occasion,
            lookup: on.lookup,
            values,
            lookups,
        };
        let rendered = release::render(resource, release, chart, &circumstances);
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
        self.parsed.finish_round();
        self.releases.finish_round();
    }
}

/// A cluster as releases are rendered for it.
#[derive(Clone, Copy)]
pub struct OnCluster<'c> {
    /// The cluster.
    pub cluster: &'c ClusterName,
    /// What it can do.
    pub own: &'c ClusterAbilities,
    /// What is known of all clusters.
    pub abilities: &'c Abilities,
    /// Finds objects that the repository defines.
    pub lookup: Lookup<'c>,
}
