//! Placing releases: what a policy selects is the HelmRelease, what goes to the cluster
//! are its objects.

use std::sync::Arc;

use syncline_manifest::{GroupKind, ObjectKey};

use super::{DesiredObject, DesiredRelease, Placer, divided};
use crate::api::{ClusterName, HelmRelease};
use crate::fleet::{Charts, Diagnostic, Digest, FoundChart, Loaded, LoadedChart, Resource};
use crate::git::{CommitId, GitError};
use crate::render::release::{RenderedRelease, Rendering};
use crate::render::{ClusterAbilities, Facts, Rendered, Replicas};

/// A release with its chart, or what is wrong with it.
type Released = Result<(LoadedChart, Arc<RenderedRelease>), Vec<Diagnostic>>;

impl Placer<'_> {
    /// Puts the objects of a release on a cluster, where a policy says so.
    pub(super) fn release(
        &mut self,
        loaded: &Loaded,
        rendered: &Rendered,
        parsed: Result<HelmRelease, Vec<Diagnostic>>,
        facts: &Facts,
        by_path: bool,
        stale: Option<CommitId>,
    ) -> Result<(), GitError> {
        let Some((index, why)) = self.decides(&rendered.resource, facts, by_path)? else { return Ok(()) };
        let outcome = match (parsed, &facts.abilities) {
            (Err(problems), _) => Some(Err(problems)),
            // The cluster is asked as soon as it is reached.
            (Ok(_), None) => None,
            (Ok(release), Some(abilities)) => {
                let rendered =
                    self.rendered_release(&rendered.resource, &release, &facts.cluster, abilities)?;
                rendered.map(|rendered| rendered.map(|done| (release, done)))
            }
        };
        let (release, (chart, released)) = match outcome {
            Some(Ok(released)) => released,
            failed => {
                // Most clusters have the same problem: it is told once.
                let note = "the release stays as it is where it is, and nothing is pruned there";
                let problems = failed.and_then(Result::err).unwrap_or_default();
                self.diagnostics.extend(problems.into_iter().map(|problem| problem.note(note)));
                if let Some(desired) = self.targets.get_mut(&facts.cluster) {
                    desired.hold_prune(&loaded.unit.path);
                }
                return Ok(());
            }
        };
        self.diagnostics.extend(released.warnings.iter().cloned());
        let application: Arc<str> = rendered.resource.key.to_string().into();
        let mut parts =
            vec![chart.digest.as_bytes().to_vec(), serde_json::to_vec(&released.values).unwrap_or_default()];
        for object in &released.objects {
            let (resource, share) = match index {
                Some(index) => {
                    let placement = &self.fleet.policies[index].value.spec.placement;
                    let whole = Rendered {
                        resource: Arc::clone(object),
                        overlays: Vec::new(),
                        replicas: Replicas::Shared,
                    };
                    divided(&whole, placement, &self.reach[index], &facts.cluster)
                }
                None => (Some(Arc::clone(object)), None),
            };
            let Some(resource) = resource else { continue };
            parts.push(resource.digest.as_bytes().to_vec());
            let object = DesiredObject {
                resource,
                application: Arc::clone(&application),
                overlays: rendered.overlays.clone().into(),
                why: why.clone(),
                share,
                stale,
            };
            if let Some(desired) = self.targets.get_mut(&facts.cluster) {
                desired.add(object);
            }
        }
        if let Some(desired) = self.targets.get_mut(&facts.cluster) {
            let needs = release.spec.depends_on.iter().map(|dependency| {
                let namespace = dependency.namespace.as_deref().unwrap_or(release.namespace());
                let key = ObjectKey::new(
                    GroupKind::new(HelmRelease::GROUP, "HelmRelease"),
                    Some(namespace),
                    &dependency.name,
                );
                Arc::from(key.to_string())
            });
            desired.releases.push(DesiredRelease {
                application,
                needs: needs.collect(),
                origin: rendered.resource.origin.clone(),
                release: Arc::new(release),
                chart,
                rendered: released,
                digest: Digest::of_all(parts.iter().map(Vec::as_slice)),
            });
        }
        Ok(())
    }

    /// The release for a cluster; None while its chart has to be fetched, or the cluster
    /// has to say what it has.
    fn rendered_release(
        &mut self,
        resource: &Resource,
        release: &HelmRelease,
        cluster: &ClusterName,
        abilities: &ClusterAbilities,
    ) -> Result<Option<Released>, GitError> {
        let charts = Charts { snapshot: self.snapshot, fleet: self.fleet };
        let found = match charts.of(release, self.loads)? {
            Ok(FoundChart::Here(chart)) => Ok(chart),
            Ok(FoundChart::Remote(request)) => match (self.remote)(&request) {
                Some(answer) => answer,
                None => {
                    self.missing_charts.insert(*request);
                    return Ok(None);
                }
            },
            Err(problem) => Err(problem),
        };
        let chart = match found {
            Ok(chart) => chart,
            Err(problem) => {
                let error =
                    Diagnostic::error(&resource.origin, format!("{}: {}", resource.key, problem.message));
                return Ok(Some(Err(vec![Diagnostic { hint: problem.hint, ..error }])));
            }
        };
        let fleet = self.fleet;
        let lookup = |key: &_| fleet.resource(key).cloned();
        let facts = (cluster, abilities, self.abilities);
        Ok(match self.renders.release(resource, release, &chart, facts, &lookup) {
            Ok(Rendering::Done(rendered)) => Some(Ok((chart, rendered))),
            Ok(Rendering::Waits(rendering, keys)) => {
                if let Some(desired) = self.targets.get_mut(cluster) {
                    desired.lookups.insert(rendering, keys);
                }
                None
            }
            Err(problems) => Some(Err(problems)),
        })
    }
}
