//! The fleet: everything a snapshot says, typed and cross-checked.
//!
//! Second in the flow, and pure apart from reading the snapshot: files become
//! [`Unit`]s, each loaded or refused as a whole. A unit that does not load is
//! replaced by the newest earlier version of it that does, so that one bad file
//! changes nothing but itself; and while any unit is broken nothing is pruned, for
//! nobody can say what it would have held.

mod cache;
mod charts;
mod check;
mod diagnostic;
mod generations;
mod last_good;
mod layout;
mod location;
mod options;
mod resource;
pub mod scale;
mod unit;

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_manifest::{ObjectKey, Origin};

use crate::api::{ChartSource, Cluster, ClusterName, ConfigObject, HelmRelease, Policy, Settings};
use crate::git::{CommitId, GitError, Snapshot};

pub use cache::LoadCache;
pub use charts::{
    Access, ChartRequest, Charts, FoundChart, LoadedChart, NoChart, Remote, SecretData, Wanted, choose,
    load_chart,
};
pub use diagnostic::{Diagnostic, Severity};
pub use generations::Generations;
pub use last_good::last_good;
pub(crate) use location::is_below;
pub use options::{ApplyMode, ApplyOptions, OnImmutable, Prune, remove_field};
pub use resource::{Digest, Resource, data_text};
pub(crate) use unit::nearest;
pub use unit::{Overlay, OverlayPatch, PatchTarget, Unit};

/// Everything one commit says.
#[derive(Debug)]
pub struct Fleet {
    /// The commit; None for a working directory without any.
    pub commit: Option<CommitId>,
    /// The folder of the repository that is the fleet; the root where empty.
    pub folder: Arc<str>,
    /// The settings of the repository.
    pub settings: Settings,
    /// The clusters by name.
    pub clusters: BTreeMap<ClusterName, Located<Cluster>>,
    /// The policies, in the order of their files.
    pub policies: Vec<Located<Policy>>,
    /// Where charts come from.
    pub sources: Vec<Located<ChartSource>>,
    /// All units in the order of their paths.
    pub units: Vec<Loaded>,
    /// Paths of the units that do not load as they stand in this commit.
    pub broken: Vec<Arc<str>>,
    /// Everything that people should know, errors first.
    pub diagnostics: Vec<Diagnostic>,
}

/// Something with the place where it was read.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// Where it was read.
    pub origin: Origin,
    /// The thing itself.
    pub value: T,
}

/// A unit in force.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The unit.
    pub unit: Arc<Unit>,
    /// The earlier commit it was taken from, because this one's does not load.
    pub stale: Option<CommitId>,
}

/// Why a commit as a whole cannot be used; the commit before it stays in force.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// `syncline.yaml` does not load: without it nothing else has a sure meaning.
    #[error("{} does not load", Settings::FILE)]
    Settings(Vec<Diagnostic>),
    /// The folder given with `--path` is not in the commit.
    #[error("there is no folder {0:?} in this commit")]
    NoSuchFolder(String),
}

/// Loads everything below a folder of a snapshot (the root where empty).
///
/// # Errors
/// Only what makes the whole commit unusable; everything else is in
/// [`Fleet::diagnostics`].
pub fn load(snapshot: &Snapshot, folder: &str, cache: &mut LoadCache) -> Result<Fleet, LoadError> {
    let layout = layout::read(snapshot, folder, cache)?;
    let mut fleet = Fleet {
        commit: snapshot.commit(),
        folder: folder.trim_start_matches("./").trim_matches('/').into(),
        settings: layout.settings,
        clusters: BTreeMap::new(),
        policies: Vec::new(),
        sources: Vec::new(),
        units: Vec::new(),
        broken: Vec::new(),
        diagnostics: layout.diagnostics,
    };
    for location in &layout.units {
        let loaded = match cache.unit(snapshot, location)? {
            Ok(unit) => Loaded { unit, stale: None },
            Err(problems) => {
                fleet.broken.push(Arc::clone(&location.path));
                let earlier = last_good(snapshot, &location.path, location.id, |entry, earlier| {
                    let location = location::Location { id: entry.id, ..location.clone() };
                    Ok(cache.unit(earlier, &location)?.ok())
                })?;
                let consequence = match &earlier {
                    Some((commit, _)) => format!("the version of commit {} stays in force", commit.short()),
                    None => "nothing of it is applied".to_owned(),
                };
                fleet.diagnostics.extend(problems.iter().map(|problem| problem.clone().note(&consequence)));
                match earlier {
                    Some((commit, unit)) => Loaded { unit, stale: Some(commit) },
                    None => continue,
                }
            }
        };
        fleet.adopt(&loaded);
        fleet.units.push(loaded);
    }
    cache.finish_round();
    check::cross_check(&mut fleet);
    fleet.diagnostics.sort_by(|a, b| (a.severity, &a.origin).cmp(&(b.severity, &b.origin)));
    Ok(fleet)
}

impl Fleet {
    fn adopt(&mut self, loaded: &Loaded) {
        self.diagnostics.extend(loaded.unit.warnings.iter().cloned());
        for (origin, config) in &loaded.unit.config {
            let origin = origin.clone();
            match config {
                ConfigObject::Policy(policy) => {
                    self.policies.push(Located { origin, value: (**policy).clone() })
                }
                ConfigObject::ChartSource(source) => {
                    self.sources.push(Located { origin, value: (**source).clone() });
                }
                ConfigObject::Cluster(cluster) => {
                    let name = ClusterName::new(&cluster.metadata.name);
                    if let Some(first) = self.clusters.get(&name) {
                        self.diagnostics.push(
                            Diagnostic::error(&origin, format!("Cluster {name} is defined twice"))
                                .note(format!("the first, at {}, counts", first.origin))
                                .hint("remove one of the two"),
                        );
                    } else {
                        self.clusters.insert(name, Located { origin, value: (**cluster).clone() });
                    }
                }
            }
        }
    }

    /// What all units define, as it is before overlays.
    pub fn resources(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.units.iter().flat_map(|loaded| &loaded.unit.resources)
    }

    /// What the fleet defines under a key.
    pub fn resource(&self, key: &ObjectKey) -> Option<&Arc<Resource>> {
        self.resources().find(|resource| resource.key == *key)
    }

    /// Whether there is any release of a chart.
    pub fn has_releases(&self) -> bool {
        self.resources().any(|resource| resource.key.group_kind.is(HelmRelease::GROUP, "HelmRelease"))
    }

    /// Whether any diagnostic is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}
