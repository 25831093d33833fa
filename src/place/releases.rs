//! Placing releases: what a policy selects is the HelmRelease, what goes to the cluster
//! are its objects.

use std::collections::BTreeSet;
use std::sync::Arc;

use syncline_manifest::{GroupKind, ObjectKey, Origin};

use super::{
    Course, DesiredObject, DesiredRelease, Kept, KeptRelease, Need, Placer, Question, Role, Share, Why,
    divided,
};
use crate::api::{Cluster, ClusterName, HelmRelease};
use crate::fleet::{Charts, Diagnostic, Digest, FoundChart, Loaded, LoadedChart, Resource};
use crate::git::{CommitId, GitError};
use crate::render::release::{
    LookupKey, Occasion, Owner, ReleaseId, RenderedRelease, Rendering, Standing, references, values_source,
};
use crate::render::{Facts, OnCluster, ParsedRelease, Rendered, Replicas};

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

/// What is known of a release on a cluster.
enum Known {
    /// All of it.
    Is(LoadedChart, Box<Version>),
    /// Nothing yet: its chart or the cluster is asked.
    Not(Awaited),
    /// That it has no chart, or cannot be rendered.
    Broken(Vec<Diagnostic>),
}

/// What all objects of a release have in common.
struct Placed {
    application: Arc<str>,
    overlays: Arc<[Origin]>,
    why: Why,
    stale: Option<CommitId>,
    acting_as: Option<Arc<str>>,
}

impl Placed {
    fn object(&self, resource: Arc<Resource>, share: Option<Share>, role: Role) -> DesiredObject {
        DesiredObject {
            resource,
            application: Arc::clone(&self.application),
            overlays: Arc::clone(&self.overlays),
            why: self.why.clone(),
            share,
            stale: self.stale,
            role,
            acting_as: self.acting_as.clone(),
        }
    }
}

/// What a rendering looks up on the cluster.
type Awaited = Option<(Digest, BTreeSet<LookupKey>)>;

impl Placer<'_> {
    /// Puts the objects of a release on a cluster, where a policy says so.
    pub(super) fn release(
        &mut self,
        loaded: &Loaded,
        rendered: &Rendered,
        parsed: ParsedRelease,
        facts: &Facts,
        by_path: bool,
        stale: Option<CommitId>,
    ) -> Result<(), GitError> {
        let resource = &rendered.resource;
        let Some((policy, why)) = self.decides(resource, facts, by_path)? else { return Ok(()) };
        let release = match parsed {
            Ok(release) => release,
            Err(problems) => {
                // It cannot even be told which objects are its own.
                let note = "the release stays as it is where it is, and nothing is pruned there";
                self.diagnostics.extend(problems.iter().cloned().map(|problem| problem.note(note)));
                if let Some(desired) = self.targets.get_mut(&facts.cluster) {
                    desired.hold_prune(&loaded.unit.path);
                }
                return Ok(());
            }
        };
        if !self.is_meant_for(&release, resource, facts) {
            return Ok(());
        }
        let id = ReleaseId::of(&release);
        let standing = self.abilities.standing(&facts.cluster, &id);
        let known = match release.spec.suspend {
            true => None,
            false => Some(self.known(resource, &release, policy, facts, &standing)?),
        };
        let placed = Placed {
            application: resource.key.to_string().into(),
            overlays: rendered.overlays.clone().into(),
            why,
            stale,
            acting_as: release.acting_as(),
        };
        let Some(desired) = self.targets.get_mut(&facts.cluster) else { return Ok(()) };
        let references = references(&release).into_iter().filter(|key| self.fleet.resource(key).is_none());
        for key in references.filter(|_| !release.spec.suspend) {
            let interval = release.interval();
            let reading = desired.values_from.entry(values_source(&release, key)).or_insert(interval);
            *reading = interval.min(*reading);
        }
        let owner = Owner::of(&release);
        let kept = |why| KeptRelease { application: Arc::clone(&placed.application), why };
        let (chart, version) = match known {
            None => {
                desired.kept.insert(owner, kept(Kept::Suspended));
                return Ok(());
            }
            Some(Known::Not(lookups)) => {
                let acting_as = release.acting_as();
                desired.lookups.extend(lookups.map(|(it, keys)| (it, Question { keys, acting_as })));
                desired.kept.insert(owner, kept(Kept::Awaited));
                return Ok(());
            }
            Some(Known::Broken(problems)) => {
                let note = match &standing.last_good {
                    Some(_) => "the last good revision of the release stays in force",
                    None => "the release stays as it is where it is",
                };
                let first = problems.first();
                let reason = first.map_or_else(|| "".into(), |problem| problem.message.as_str().into());
                // Most clusters have the same problem: it is told once.
                self.diagnostics.extend(problems.into_iter().map(|problem| problem.note(note)));
                let objects = standing.last_good.iter().flat_map(|good| &good.objects);
                objects.for_each(|it| desired.add(placed.object(Arc::clone(it), None, Role::Plain)));
                desired.kept.insert(owner, kept(Kept::Broken { id, reason }));
                return Ok(());
            }
            Some(Known::Is(chart, version)) => (chart, *version),
        };
        let Version { released, objects, digest, occasion } = version;
        self.diagnostics.extend(released.warnings.iter().cloned());
        let (course, objects) = match standing.refusal(&digest) {
            None => (Course::Meant, objects),
            Some(refused) => {
                let in_force = refused.in_force.as_ref();
                let objects = in_force.iter().flat_map(|it| &it.objects).map(|it| (Arc::clone(it), None));
                (Course::Refused(in_force.map(|it| it.revision)), objects.collect())
            }
        };
        if course == Course::Refused(None) {
            desired.withdrawn.insert(owner);
        } else {
            let foundations = released.foundations.iter();
            foundations.for_each(|it| desired.add(placed.object(Arc::clone(it), None, Role::Foundation)));
        }
        objects.into_iter().for_each(|(it, share)| desired.add(placed.object(it, share, Role::Body)));
        desired.releases.push(DesiredRelease {
            application: placed.application,
            needs: needs_of(&release),
            origin: resource.origin.clone(),
            release,
            chart,
            rendered: released,
            digest,
            id,
            occasion,
            course,
        });
        Ok(())
    }

    /// What is known of a release on a cluster.
    fn known(
        &mut self,
        resource: &Resource,
        release: &HelmRelease,
        policy: Option<usize>,
        facts: &Facts,
        standing: &Standing,
    ) -> Result<Known, GitError> {
        // A cluster is asked as soon as it is reached.
        let Some(own) = &facts.abilities else { return Ok(Known::Not(None)) };
        let chart = match self.chart_of(resource, release)? {
            Some(Ok(chart)) => chart,
            Some(Err(problem)) => return Ok(Known::Broken(vec![problem])),
            None => return Ok(Known::Not(None)),
        };
        let fleet = self.fleet;
        let lookup = |key: &_| fleet.resource(key).cloned();
        let on = OnCluster { cluster: &facts.cluster, own, abilities: self.abilities, lookup: &lookup };
        let rendered_as =
            |placer: &mut Self, occasion| placer.renders.release(resource, release, &chart, &on, occasion);
        Ok(match self.version(release, &chart, policy, &on, standing, rendered_as) {
            Ok(Ok(version)) => Known::Is(chart, Box::new(version)),
            Ok(Err(awaited)) => Known::Not(awaited),
            Err(problems) => Known::Broken(problems),
        })
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
            Rendering::Waits(rendering, keys) => return Ok(Err(Some((rendering, keys)))),
            Rendering::WaitsForValues => return Ok(Err(None)),
        };
        let objects = self.shared_out(&compared, policy, on.cluster);
        let digest = digest_of(release, chart, &compared, &objects);
        let occasion = standing.occasion_of(&digest);
        let released = match render(self, occasion)? {
            Rendering::Done(released) => released,
            Rendering::Waits(rendering, keys) => return Ok(Err(Some((rendering, keys)))),
            Rendering::WaitsForValues => return Ok(Err(None)),
        };
        let objects = match Arc::ptr_eq(&released, &compared) {
            true => objects,
            false => self.shared_out(&released, policy, on.cluster),
        };
        Ok(Ok(Version { released, objects, digest, occasion }))
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
fn needs_of(release: &HelmRelease) -> Vec<Need> {
    let needs = release.spec.depends_on.iter().map(|dependency| {
        let namespace = dependency.namespace.as_deref().unwrap_or(release.namespace());
        let key = ObjectKey::new(
            GroupKind::new(HelmRelease::GROUP, "HelmRelease"),
            Some(namespace),
            &dependency.name,
        );
        Need {
            application: Arc::from(key.to_string()),
            ready_expr: dependency.ready_expr.as_deref().map(Arc::from),
        }
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
    let about = &chart.chart.metadata;
    let mut parts = vec![
        about.name.clone().into_bytes(),
        about.version.clone().into_bytes(),
        serde_json::to_vec(&released.values).unwrap_or_default(),
    ];
    parts.extend(released.hooks.iter().map(|hook| hook.manifest.clone().into_bytes()));
    for name in TRY_AGAIN {
        parts.extend(release.metadata.annotations.get(name).map(|text| text.clone().into_bytes()));
    }
    let all = released.foundations.iter().chain(objects.iter().map(|(resource, _)| resource));
    parts.extend(all.map(|resource| resource.digest.as_bytes().to_vec()));
    Digest::of_all(parts.iter().map(Vec::as_slice))
}
