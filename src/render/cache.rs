//! What was rendered before, by everything it depends on.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::release::{self, Lookup, RenderedRelease};
use super::{ClusterAbilities, Facts, Rendered, render};
use crate::api::HelmRelease;
use crate::fleet::{Diagnostic, Digest, LoadedChart, Resource, Unit};
use crate::git::EntryId;

type Outcome = Result<Arc<[Rendered]>, Arc<[Diagnostic]>>;
type Key = (Arc<str>, EntryId, Digest);
type Released = Result<Arc<RenderedRelease>, Vec<Diagnostic>>;

/// Renderings of the last two commits.
#[derive(Debug, Default)]
pub struct RenderCache {
    units: Rounds<Key, Outcome>,
    releases: Rounds<Digest, Released>,
}

/// What the current and the last round used.
#[derive(Debug)]
struct Rounds<K, V> {
    current: HashMap<K, V>,
    last: HashMap<K, V>,
}

impl<K, V> Default for Rounds<K, V> {
    fn default() -> Self {
        Rounds { current: HashMap::new(), last: HashMap::new() }
    }
}

impl<K: Hash + Eq, V: Clone> Rounds<K, V> {
    fn get(&mut self, key: K, make: impl FnOnce() -> V) -> V {
        if let Some(known) = self.current.get(&key) {
            return known.clone();
        }
        let value = self.last.remove(&key).unwrap_or_else(make);
        self.current.insert(key, value.clone());
        value
    }

    fn finish(&mut self) {
        self.last = std::mem::take(&mut self.current);
    }
}

impl RenderCache {
    /// Renders a unit for a cluster, or finds it rendered.
    ///
    /// # Errors
    /// As [`render`].
    pub fn render(&mut self, unit: &Unit, facts: &Facts) -> Outcome {
        let key = (Arc::clone(&unit.path), unit.id, facts.digest);
        self.units.get(key, || render(unit, facts).map(Arc::from).map_err(Arc::from))
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
        self.releases.get(key, || {
            release::render(resource, release, chart, &abilities.capabilities, lookup).map(Arc::new)
        })
    }

    /// Forgets what was not used since the last call.
    pub fn finish_round(&mut self) {
        self.units.finish();
        self.releases.finish();
    }
}
