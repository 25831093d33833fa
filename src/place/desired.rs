//! What one cluster should hold.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use syncline_manifest::{ObjectKey, Origin};

use super::ranking::Exactness;
use crate::api::{ClusterName, HealthCheck, HelmRelease, PruneSettings};
use crate::fleet::{Diagnostic, Digest, Fleet, LoadedChart, Resource};
use crate::git::CommitId;
use crate::render::release::{LookupKey, Occasion, Owner, ReleaseId, RenderedRelease, ValuesSource};

/// Everything that should be on a cluster, with the reason for each object.
#[derive(Debug)]
pub struct Desired {
    /// The cluster.
    pub target: ClusterName,
    /// The name of the fleet, part of the name of the inventory.
    pub fleet: Arc<str>,
    /// The commit it follows from.
    pub commit: Option<CommitId>,
    /// The objects.
    pub objects: BTreeMap<ObjectKey, DesiredObject>,
    /// Objects on which the files disagree: neither applied nor pruned.
    pub conflicts: BTreeMap<ObjectKey, Conflict>,
    /// Units that do not load or render here. While there are any nothing is
    /// pruned, for nobody knows what they would hold.
    pub broken: Vec<Arc<str>>,
    /// The releases that some of the objects are of.
    pub releases: Vec<DesiredRelease>,
    /// Releases whose objects are neither changed nor pruned.
    pub kept: BTreeMap<Owner, KeptRelease>,
    /// Releases that were removed because they have failed: their objects go, though Git
    /// has them.
    pub withdrawn: BTreeSet<Owner>,
    /// Objects of the cluster from which releases take values, and how often they are read.
    pub values_from: BTreeMap<ValuesSource, Duration>,
    /// What charts want to know of the cluster, by the digests of their renderings.
    pub lookups: HashMap<Digest, Question>,
    /// The guard against deleting too much.
    pub prune: PruneSettings,
    /// How the health of objects of some kinds is judged.
    pub health_checks: Arc<[HealthCheck]>,
    /// Whether the commit says that deleting much is meant.
    pub prune_confirmed: bool,
    /// The digest of all objects.
    pub digest: Digest,
}

/// One object that should be on a cluster.
#[derive(Debug, Clone)]
pub struct DesiredObject {
    /// The object.
    pub resource: Arc<Resource>,
    /// The application it is part of.
    pub application: Arc<str>,
    /// The overlays that shaped it.
    pub overlays: Arc<[Origin]>,
    /// Why it is here.
    pub why: Why,
    /// Its part of divided replicas.
    pub share: Option<Share>,
    /// The earlier commit it is taken from, because this one's does not load.
    pub stale: Option<CommitId>,
    /// What it is to a release.
    pub role: Role,
    /// Whose permissions are used for it; syncline's own where nobody is named.
    pub acting_as: Option<Arc<str>>,
}

/// What an object is to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is of none.
    Plain,
    /// The release stands on it: it comes before the release's hooks.
    Foundation,
    /// The release consists of it: it waits for the release's hooks.
    Body,
}

/// What a chart wants to know of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The objects.
    pub keys: BTreeSet<LookupKey>,
    /// Whose permissions are used: a chart sees no more than its release may.
    pub acting_as: Option<Arc<str>>,
}

/// A release whose objects are neither changed nor pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRelease {
    /// The application that they are of.
    pub application: Arc<str>,
    /// Why.
    pub why: Kept,
}

/// Why the objects of a release are neither changed nor pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Git says so.
    Suspended,
    /// What it should be is not known yet.
    Awaited,
    /// What it should be cannot be known: what is in force is kept so, once it is known.
    Broken {
        /// By what Helm knows it.
        id: ReleaseId,
        /// What is wrong.
        reason: Arc<str>,
    },
}

/// A release that should be on a cluster: what Helm's record of it says.
#[derive(Debug, Clone)]
pub struct DesiredRelease {
    /// The application that its objects are of.
    pub application: Arc<str>,
    /// What it waits for.
    pub needs: Vec<Need>,
    /// The HelmRelease.
    pub release: Arc<HelmRelease>,
    /// Its chart.
    pub chart: LoadedChart,
    /// What the chart rendered to.
    pub rendered: Arc<RenderedRelease>,
    /// Where it is defined.
    pub origin: Origin,
    /// The digest of the chart, the values and the objects as they are here.
    pub digest: Digest,
    /// By what Helm knows it.
    pub id: ReleaseId,
    /// As what it was rendered.
    pub occasion: Occasion,
    /// Whether it is what is desired.
    pub course: Course,
}

/// What a release waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The application.
    pub application: Arc<str>,
    /// A CEL expression that says whether it is ready, instead of that it is.
    pub ready_expr: Option<Arc<str>>,
}

/// Whether a release is what is desired, or what was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It is.
    Meant,
    /// It has failed; the objects of this revision are, or none.
    Refused(Option<u64>),
}

impl DesiredRelease {
    /// By what its objects are known.
    pub fn owner(&self) -> Owner {
        Owner::of(&self.release)
    }

    /// Whether another is the same version of the same release.
    pub fn is_same_version(&self, other: &DesiredRelease) -> bool {
        self.digest == other.digest && self.id == other.id
    }

    /// Whose permissions are used for it; syncline's own where it names nobody.
    pub fn acting_as(&self) -> Option<Arc<str>> {
        self.release.acting_as()
    }
}

/// Why an object is on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "camelCase")]
pub enum Why {
    /// A policy selected it.
    Policy {
        /// The policy.
        name: Arc<str>,
        /// Where it stands.
        origin: Origin,
        /// Its priority.
        priority: i32,
        /// How exactly it named the object.
        exactness: Exactness,
    },
    /// The cluster's own path holds it.
    ClusterPath,
}

/// A part of divided replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many this cluster got.
    pub given: u32,
    /// Of how many.
    pub total: u32,
}

/// Two files that say different things about one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The files.
    pub origins: Vec<Origin>,
}

impl Desired {
    /// The line of a commit message that confirms a large deletion.
    pub const PRUNE_CONFIRMATION: &'static str = "Syncline-Prune: confirmed";

    pub(super) fn new(target: ClusterName, fleet: &Fleet, prune_confirmed: bool) -> Desired {
        Desired {
            target,
            fleet: fleet.settings.name.as_str().into(),
            commit: fleet.commit,
            objects: BTreeMap::new(),
            conflicts: BTreeMap::new(),
            releases: Vec::new(),
            kept: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
            values_from: BTreeMap::new(),
            lookups: HashMap::new(),
            broken: fleet.broken.clone(),
            prune: fleet.settings.prune.clone(),
            health_checks: fleet.settings.health_checks.as_slice().into(),
            prune_confirmed,
            digest: Digest::of(b""),
        }
    }

    pub(super) fn add(&mut self, object: DesiredObject) {
        let key = object.resource.key.clone();
        if let Some(conflict) = self.conflicts.get_mut(&key) {
            conflict.origins.push(object.resource.origin.clone());
            return;
        }
        match self.objects.get(&key) {
            // Two files may say the same: a namespace that several apps bring.
            Some(first) if first.resource.digest == object.resource.digest => {}
            Some(first) => {
                let origins = vec![first.resource.origin.clone(), object.resource.origin.clone()];
                self.objects.remove(&key);
                self.conflicts.insert(key, Conflict { origins });
            }
            None => {
                self.objects.insert(key, object);
            }
        }
    }

    /// Whether an object on the cluster is of a release that is neither changed nor pruned.
    pub fn keeps(&self, object: &serde_json::Value) -> bool {
        !self.kept.is_empty() && Owner::of_object(object).is_some_and(|owner| self.kept.contains_key(&owner))
    }

    pub(super) fn hold_prune(&mut self, unit: &Arc<str>) {
        if !self.broken.contains(unit) {
            self.broken.push(Arc::clone(unit));
        }
    }

    pub(super) fn finish(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        for (key, conflict) in &self.conflicts {
            let mut origins = conflict.origins.clone();
            origins.sort();
            let Some(last) = origins.pop() else { continue };
            let mut error = Diagnostic::error(&last, format!("{key} is defined more than once"));
            for origin in origins {
                error = error.note(format!("also at {origin}"));
            }
            diagnostics.push(
                error
                    .note("it is neither changed nor pruned until one is removed")
                    .hint("keep one of the definitions"),
            );
        }
        self.check_releases(diagnostics);
        let parts = self.objects.values().flat_map(|object| {
            let key = object.resource.key.to_string().into_bytes();
            [key, object.resource.digest.as_bytes().to_vec()]
        });
        let parts: Vec<Vec<u8>> = parts.collect();
        self.digest = Digest::of_all(parts.iter().map(Vec::as_slice));
    }

    /// Releases of one name, and those that wait for what never comes.
    fn check_releases(&self, diagnostics: &mut Vec<Diagnostic>) {
        let mut by_id: HashMap<&ReleaseId, &DesiredRelease> = HashMap::new();
        for release in &self.releases {
            if let Some(first) = by_id.insert(&release.id, release) {
                let ReleaseId { storage, name } = &release.id;
                let message = format!(
                    "{} and {} are both the release {name} with its records in {storage}, on cluster {}",
                    first.application, release.application, self.target
                );
                let error =
                    Diagnostic::error(&release.origin, message).note(format!("also at {}", first.origin));
                diagnostics.push(error.hint("give one of them another releaseName"));
            }
        }
        let present: HashSet<&Arc<str>> = self.releases.iter().map(|release| &release.application).collect();
        let kept: HashSet<&Arc<str>> = self.kept.values().map(|kept| &kept.application).collect();
        for release in &self.releases {
            let missing = release.needs.iter().map(|need| &need.application);
            for need in missing.filter(|need| !present.contains(*need)) {
                let (application, target) = (&release.application, &self.target);
                let waits = |why: &str| format!("{application} waits for {need}, which {why}");
                let note = "until it is, the release stays as it is";
                diagnostics.push(if kept.contains(need) {
                    let why = format!("is suspended, or not known, on cluster {target}");
                    Diagnostic::warning(&release.origin, waits(&why)).note(note)
                } else {
                    let error =
                        Diagnostic::error(&release.origin, waits(&format!("is not on cluster {target}")));
                    error.note(note).hint("let a policy send both to the same clusters, or correct dependsOn")
                });
            }
        }
    }
}
