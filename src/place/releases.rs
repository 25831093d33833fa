//! Placing releases: what a policy selects is the HelmRelease, what goes to the cluster
//! are its objects.

use std::collections::BTreeSet;
use std::sync::Arc;

use syncline_manifest::{GroupKind, ObjectKey};

use super::{Course, DesiredObject, DesiredRelease, Kept, Placer, Role, Share, divided};
use crate::api::{Cluster, ClusterName, HelmRelease};
use crate::fleet::{Charts, Diagnostic, Digest, FoundChart, Loaded, LoadedChart, Resource};
use crate::git::{CommitId, GitError};
use crate::render::release::{LookupKey, Occasion, Owner, ReleaseId, RenderedRelease, Rendering, Standing};
use crate::render::{Facts, OnCluster, Rendered, Replicas};

/// A version of a release as it is on one cluster.
struct Version {
    released: Arc<RenderedRelease>,
    /// What it consists of, with its shares of divided replicas.
    objects: Vec<(Arc<Resource>, Option<Share>)>,
    /// What tells it from other versions.
    digest: Digest,
    /// As what it was rendered.
    occasion: Occasion,
}

/// What a rendering looks up on the cluster.
type Awaited = (Digest, BTreeSet<LookupKey>);

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
        let release = match parsed {
            Ok(release) => release,
            Err(problems) => {
                self.broken_release(problems, None, loaded, facts);
                return Ok(());
            }
        };
        if !self.is_meant_for(&release, &rendered.resource, facts) {
            return Ok(());
        }
        let owner = Owner::of(&release);
        if release.spec.suspend {
            if let Some(desired) = self.targets.get_mut(&facts.cluster) {
                desired.kept.insert(owner, Kept::Suspended);
            }
            return Ok(());
        }
        // A cluster is asked as soon as it is reached.
        let Some(abilities) = &facts.abilities else {
            self.keep(owner, facts);
            return Ok(());
        };
        let chart = match self.chart_of(&rendered.resource, &release)? {
            Some(Ok(chart)) => chart,
            Some(Err(problem)) => {
                self.broken_release(vec![problem], Some(owner), loaded, facts);
                return Ok(());
            }
            None => {
                self.keep(owner, facts);
                return Ok(());
            }
        };
        let id = ReleaseId::of(&release);
        let standing = self.abilities.standing(&facts.cluster, &id);
        let fleet = self.fleet;
        let lookup = |key: &_| fleet.resource(key).cloned();
        let on =
            OnCluster { cluster: &facts.cluster, own: abilities, abilities: self.abilities, lookup: &lookup };
        let rendered_as = |placer: &mut Self, occasion| {
            placer.renders.release(&rendered.resource, &release, &chart, &on, occasion)
        };
        let version = match self.version(&release, &chart, index, &on, &standing, rendered_as) {
            Ok(Ok(version)) => version,
            Ok(Err((rendering, keys))) => {
                if let Some(desired) = self.targets.get_mut(&facts.cluster) {
                    desired.lookups.insert(rendering, keys);
                }
                self.keep(owner, facts);
                return Ok(());
            }
            Err(problems) => {
                self.broken_release(problems, Some(owner), loaded, facts);
                return Ok(());
            }
        };
        let Version { released, objects, digest, occasion } = version;
        self.diagnostics.extend(released.warnings.iter().cloned());
        let application: Arc<str> = rendered.resource.key.to_string().into();
        let acting_as = release.acting_as();
        let Some(desired) = self.targets.get_mut(&facts.cluster) else { return Ok(()) };
        let mut add = |resource: Arc<Resource>, share: Option<Share>, role: Role| {
            desired.add(DesiredObject {
                resource,
                application: Arc::clone(&application),
                overlays: rendered.overlays.clone().into(),
                why: why.clone(),
                share,
                stale,
                role,
                acting_as: acting_as.clone(),
            });
        };
        let course = match standing.refusal(&digest) {
            None => {
                released.foundations.iter().for_each(|it| add(Arc::clone(it), None, Role::Foundation));
                objects.into_iter().for_each(|(it, share)| add(it, share, Role::Body));
                Course::Meant
            }
            Some(refused) => {
                if let Some(in_force) = &refused.in_force {
                    released.foundations.iter().for_each(|it| add(Arc::clone(it), None, Role::Foundation));
                    in_force.objects.iter().for_each(|it| add(Arc::clone(it), None, Role::Body));
                }
                Course::Refused(refused.in_force.as_ref().map(|in_force| in_force.revision))
            }
        };
        if course == Course::Refused(None) {
            desired.withdrawn.insert(owner);
        }
        desired.releases.push(DesiredRelease {
            application,
            needs: needs_of(&release),
            origin: rendered.resource.origin.clone(),
            release: Arc::new(release),
            chart,
            rendered: released,
            digest,
            id,
            occasion,
            course,
        });
        Ok(())
    }

    /// What a release is on a cluster, or what its chart looks up there before that is known.
    ///
    /// Versions are compared as of their first installation, and rendered as what they are.
    ///
    /// # Errors
    /// What keeps it from being rendered.
    fn version(
        &mut self,
        release: &HelmRelease,
        chart: &LoadedChart,
        policy: Option<usize>,
        on: &OnCluster<'_>,
        standing: &Standing,
        render: impl Fn(&mut Self, Occasion) -> Result<Rendering, Vec<Diagnostic>>,
    ) -> Result<Result<Version, Awaited>, Vec<Diagnostic>> {
        let compared = render(self, Occasion::FIRST)
            .or_else(|problems| render(self, Occasion::SECOND).map_err(|_| problems))?;
        let compared = match compared {
            Rendering::Done(released) => released,
            Rendering::Waits(rendering, keys) => return Ok(Err((rendering, keys))),
        };
        let objects = self.shared_out(&compared, policy, on.cluster);
        let digest = digest_of(release, chart, &compared, &objects);
        let occasion = standing.occasion_of(&digest);
        let released = match render(self, occasion)? {
            Rendering::Done(released) => released,
            Rendering::Waits(rendering, keys) => return Ok(Err((rendering, keys))),
        };
        let objects = match Arc::ptr_eq(&released, &compared) {
            true => objects,
            false => self.shared_out(&released, policy, on.cluster),
        };
        Ok(Ok(Version { released, objects, digest, occasion }))
    }

    /// The objects of a release stay as they are until it is known what they should be.
    fn keep(&mut self, owner: Owner, facts: &Facts) {
        if let Some(desired) = self.targets.get_mut(&facts.cluster) {
            desired.kept.insert(owner, Kept::Broken);
        }
    }

    /// What is wrong with a release keeps its own objects as they are; where it cannot even
    /// be told whose they are, nothing is pruned at all.
    fn broken_release(
        &mut self,
        problems: Vec<Diagnostic>,
        owner: Option<Owner>,
        loaded: &Loaded,
        facts: &Facts,
    ) {
        let note = match owner {
            Some(_) => "the release stays as it is where it is",
            None => "the release stays as it is where it is, and nothing is pruned there",
        };
        // Most clusters have the same problem: it is told once.
        self.diagnostics.extend(problems.into_iter().map(|problem| problem.note(note)));
        match (owner, self.targets.get_mut(&facts.cluster)) {
            (Some(owner), _) => self.keep(owner, facts),
            (None, Some(desired)) => desired.hold_prune(&loaded.unit.path),
            (None, None) => {}
        }
    }

    /// Whether a release goes to a cluster as far as its `kubeConfig` says: that names the
    /// cluster which is reached by the same Secret.
    fn is_meant_for(&mut self, release: &HelmRelease, resource: &Resource, facts: &Facts) -> bool {
        let Some(kube_config) = &release.spec.kube_config else { return true };
        let meant = |cluster: &Cluster| {
            let name = cluster.spec.kubeconfig_secret_ref.as_ref().map(|reference| &reference.name);
            name == Some(&kube_config.secret_ref.name)
        };
        if !self.fleet.clusters.values().any(|cluster| meant(&cluster.value)) {
            let name = &kube_config.secret_ref.name;
            let message = format!(
                "{}: kubeConfig names the Secret {name}, by which no Cluster is reached",
                resource.key
            );
            let error = Diagnostic::error(&resource.origin, message).note("the release goes nowhere");
            self.diagnostics
                .push(error.hint("define a Cluster with that kubeconfigSecretRef, or let policies choose"));
        }
        meant(&self.fleet.clusters[&facts.cluster].value)
    }

    /// The objects that a release consists of, with their shares of divided replicas.
    fn shared_out(
        &self,
        released: &RenderedRelease,
        policy: Option<usize>,
        cluster: &ClusterName,
    ) -> Vec<(Arc<Resource>, Option<Share>)> {
        let share_of = |object: &Arc<Resource>| match policy {
            Some(index) => {
                let placement = &self.fleet.policies[index].value.spec.placement;
                let whole = Rendered {
                    resource: Arc::clone(object),
                    overlays: Vec::new(),
                    replicas: Replicas::Shared,
                };
                divided(&whole, placement, &self.reach[index], cluster)
            }
            None => (Some(Arc::clone(object)), None),
        };
        let shared = released.objects.iter().map(share_of);
        shared.filter_map(|(resource, share)| Some((resource?, share))).collect()
    }

    /// The chart of a release, or what is wrong with it; None while it has to be fetched.
    fn chart_of(
        &mut self,
        resource: &Resource,
        release: &HelmRelease,
    ) -> Result<Option<Result<LoadedChart, Diagnostic>>, GitError> {
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
        Ok(Some(found.map_err(|problem| {
            let error = Diagnostic::error(&resource.origin, format!("{}: {}", resource.key, problem.message));
            Diagnostic { hint: problem.hint, ..error }
        })))
    }
}

/// The applications that a release waits for.
fn needs_of(release: &HelmRelease) -> Vec<Arc<str>> {
    let needs = release.spec.depends_on.iter().map(|dependency| {
        let namespace = dependency.namespace.as_deref().unwrap_or(release.namespace());
        let key = ObjectKey::new(
            GroupKind::new(HelmRelease::GROUP, "HelmRelease"),
            Some(namespace),
            &dependency.name,
        );
        Arc::from(key.to_string())
    });
    needs.collect()
}

/// Flux's annotations that ask for another try, though nothing else changes.
const TRY_AGAIN: [&str; 2] = ["reconcile.fluxcd.io/forceAt", "reconcile.fluxcd.io/resetAt"];

/// What tells this version of a release from others.
fn digest_of(
    release: &HelmRelease,
    chart: &LoadedChart,
    released: &RenderedRelease,
    objects: &[(Arc<Resource>, Option<Share>)],
) -> Digest {
    let mut parts =
        vec![chart.digest.as_bytes().to_vec(), serde_json::to_vec(&released.values).unwrap_or_default()];
    for name in TRY_AGAIN {
        parts.extend(release.metadata.annotations.get(name).map(|text| text.clone().into_bytes()));
    }
    let all = released.foundations.iter().chain(objects.iter().map(|(resource, _)| resource));
    parts.extend(all.map(|resource| resource.digest.as_bytes().to_vec()));
    Digest::of_all(parts.iter().map(Vec::as_slice))
}
