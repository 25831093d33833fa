//! Placing: which resource goes to which cluster, with how many replicas, and why.
//!
//! Fourth in the flow, and pure apart from reading earlier commits where a unit
//! does not render. The result is one [`Desired`] a cluster: everything that
//! should be on it, with the reason for each object.

mod desired;
mod divide;
mod ranking;
mod releases;
mod selector;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;
use syncline_manifest::{ObjectKey, Origin};

use crate::api::{ClusterName, Placement, Policy, ReplicaScheduling};
use crate::fleet::{
    ChartRequest, Diagnostic, Fleet, LoadCache, Loaded, LoadedChart, Located, NoChart, Resource, is_below,
    last_good, scale,
};
use crate::git::{CommitId, GitError, Snapshot};
use crate::render::{Abilities, Facts, RenderCache, Rendered, Replicas};

pub use desired::{
    Conflict, Course, Desired, DesiredObject, DesiredRelease, Kept, KeptRelease, Need, Question, Role, Share,
    Why,
};
pub use divide::{Assignments, divide};
pub use ranking::Exactness;
pub use selector::{matches_labels, selects_cluster, selects_resource};

/// Where everything of a fleet goes.
#[derive(Debug)]
pub struct Placements {
    /// What each cluster should hold.
    pub targets: BTreeMap<ClusterName, Arc<Desired>>,
    /// Resources that go nowhere.
    pub unplaced: Vec<Unplaced>,
    /// What rendering and placing found, beside the fleet's own diagnostics.
    pub diagnostics: Vec<Diagnostic>,
    /// Charts that have to be fetched; their releases wait for them.
    pub missing_charts: HashSet<ChartRequest>,
}

/// Finds charts that were fetched; None when one was not asked for yet.
pub type RemoteChart<'r> = &'r dyn Fn(&ChartRequest) -> Option<Result<LoadedChart, NoChart>>;

/// A resource that goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unplaced {
    /// The resource.
    #[serde(flatten)]
    pub key: ObjectKey,
    /// Where it is defined.
    pub origin: Origin,
}

/// Places everything of a fleet.
///
/// # Errors
/// Only when the repository cannot be read.
pub fn place(
    snapshot: &Snapshot,
    fleet: &Fleet,
    loads: &mut LoadCache,
    renders: &mut RenderCache,
    abilities: &Abilities,
    remote: RemoteChart<'_>,
) -> Result<Placements, GitError> {
    let facts = Facts::of_fleet(fleet, abilities);
    let messages = snapshot.messages()?;
    let prune_confirmed = messages
        .iter()
        .flat_map(|message| message.lines())
        .any(|line| line.trim().eq_ignore_ascii_case(Desired::PRUNE_CONFIRMATION));
    let new_target = |name: &ClusterName| Desired::new(name.clone(), fleet, prune_confirmed);
    let mut placer = Placer {
        snapshot,
        fleet,
        loads,
        renders,
        ages: HashMap::new(),
        reach: fleet.policies.iter().map(|policy| reach(policy, &facts)).collect(),
        targets: facts.keys().map(|name| (name.clone(), new_target(name))).collect(),
        diagnostics: Vec::new(),
        abilities,
        remote,
        missing_charts: HashSet::new(),
    };
    let mut unplaced = Vec::new();
    for loaded in &fleet.units {
        let placed = placer.unit(loaded, &facts)?;
        unplaced.extend(
            loaded
                .unit
                .resources
                .iter()
                .filter(|resource| !placed.contains(&resource.key))
                .map(|resource| Unplaced { key: resource.key.clone(), origin: resource.origin.clone() }),
        );
    }
    let Placer { targets, mut diagnostics, missing_charts, .. } = placer;
    let targets: BTreeMap<_, _> = targets
        .into_iter()
        .map(|(name, mut desired)| {
            desired.finish(&mut diagnostics);
            (name, Arc::new(desired))
        })
        .collect();
    diagnostics.sort_by(|a, b| (a.severity, &a.origin).cmp(&(b.severity, &b.origin)));
    diagnostics.dedup();
    renders.finish_round();
    Ok(Placements { targets, unplaced, diagnostics, missing_charts })
}

fn reach(policy: &Located<Policy>, facts: &BTreeMap<ClusterName, Facts>) -> BTreeSet<ClusterName> {
    let placement = &policy.value.spec.placement;
    facts
        .values()
        .filter(|facts| selects_cluster(placement, facts))
        .map(|facts| facts.cluster.clone())
        .collect()
}

struct Placer<'a> {
    snapshot: &'a Snapshot,
    fleet: &'a Fleet,
    loads: &'a mut LoadCache,
    renders: &'a mut RenderCache,
    ages: HashMap<Arc<str>, usize>,
    reach: Vec<BTreeSet<ClusterName>>,
    targets: BTreeMap<ClusterName, Desired>,
    diagnostics: Vec<Diagnostic>,
    abilities: &'a Abilities,
    remote: RemoteChart<'a>,
    missing_charts: HashSet<ChartRequest>,
}

impl Placer<'_> {
    /// Places one unit on all clusters; gives the keys that went somewhere.
    fn unit(
        &mut self,
        loaded: &Loaded,
        facts: &BTreeMap<ClusterName, Facts>,
    ) -> Result<HashSet<ObjectKey>, GitError> {
        let mut placed = HashSet::new();
        for (name, facts) in facts {
            let by_path = self.fleet.clusters[name].value.spec.path.as_deref().is_some_and(|path| {
                is_below(&loaded.unit.path, path.trim_start_matches("./").trim_matches('/'))
            });
            if !by_path && !self.may_reach(loaded, name) {
                continue;
            }
            let (rendered, stale) = self.render(loaded, facts)?;
            if rendered.is_empty() {
                // What cannot be rendered here has its own error.
                placed.extend(loaded.unit.resources.iter().map(|resource| resource.key.clone()));
            }
            for rendered in rendered.iter() {
                if let Some(parsed) = self.renders.parsed(&rendered.resource) {
                    self.release(loaded, rendered, parsed, facts, by_path, stale)?;
                    placed.insert(rendered.resource.key.clone());
                    continue;
                }
                let Some((object, share)) = self.resource(rendered, facts, by_path)? else { continue };
                // A share of nothing is a placement too: the policy saw the resource.
                placed.insert(rendered.resource.key.clone());
                let Some(resource) = object else { continue };
                let object = DesiredObject {
                    resource,
                    application: Arc::clone(&loaded.unit.application),
                    overlays: rendered.overlays.clone().into(),
                    why: share.0,
                    share: share.1,
                    stale,
                    role: Role::Plain,
                    acting_as: None,
                };
                if let Some(desired) = self.targets.get_mut(name) {
                    desired.add(object);
                }
            }
        }
        Ok(placed)
    }

    /// Whether any policy that reaches a cluster might select something of a unit.
    /// Overlays can add objects and change labels, so a unit that has some may
    /// always be reached.
    fn may_reach(&self, loaded: &Loaded, cluster: &ClusterName) -> bool {
        let policies =
            self.fleet.policies.iter().zip(&self.reach).filter(|(_, reach)| reach.contains(cluster));
        let mut policies = policies.map(|(policy, _)| &policy.value);
        if !loaded.unit.overlays.is_empty() {
            return policies.next().is_some();
        }
        policies.any(|policy| loaded.unit.resources.iter().any(|r| selects_resource(policy, r).is_some()))
    }

    /// The unit on a cluster; where it does not render, the last version that does.
    fn render(
        &mut self,
        loaded: &Loaded,
        facts: &Facts,
    ) -> Result<(Arc<[Rendered]>, Option<CommitId>), GitError> {
        let problems = match self.renders.render(&loaded.unit, facts) {
            Ok(rendered) => return Ok((rendered, loaded.stale)),
            Err(problems) => problems,
        };
        let (loads, renders) = (&mut *self.loads, &mut *self.renders);
        let earlier = last_good(self.snapshot, &loaded.unit.path, loaded.unit.id, |entry, earlier| {
            let unit = loads.earlier_unit(earlier, &loaded.unit, entry.id)?;
            Ok(unit.and_then(|unit| renders.render(&unit, facts).ok()))
        })?;
        let consequence = match &earlier {
            Some((commit, _)) => {
                format!(
                    "on cluster {} the version of commit {} stays in force",
                    facts.cluster,
                    commit.short()
                )
            }
            None => format!("nothing of {} is applied to cluster {}", loaded.unit.path, facts.cluster),
        };
        self.diagnostics.extend(problems.iter().map(|problem| problem.clone().note(&consequence)));
        if let Some(desired) = self.targets.get_mut(&facts.cluster) {
            desired.hold_prune(&loaded.unit.path);
        }
        Ok(match earlier {
            Some((commit, rendered)) => (rendered, Some(commit)),
            None => (Arc::from([]), None),
        })
    }

    /// Whether a resource goes to a cluster: None when it does not, and inside,
    /// nothing when its share is nothing.
    #[allow(clippy::type_complexity)]
    fn resource(
        &mut self,
        rendered: &Rendered,
        facts: &Facts,
        by_path: bool,
    ) -> Result<Option<(Option<Arc<Resource>>, (Why, Option<Share>))>, GitError> {
        let resource = &rendered.resource;
        let Some((index, why)) = self.decides(resource, facts, by_path)? else { return Ok(None) };
        let Some(index) = index else { return Ok(Some((Some(Arc::clone(resource)), (why, None)))) };
        let placement = &self.fleet.policies[index].value.spec.placement;
        let (resource, share) = divided(rendered, placement, &self.reach[index], &facts.cluster);
        Ok(Some((resource, (why, share))))
    }

    /// The policy that puts a resource on a cluster, or that its path does.
    fn decides(
        &mut self,
        resource: &Resource,
        facts: &Facts,
        by_path: bool,
    ) -> Result<Option<(Option<usize>, Why)>, GitError> {
        let winner = self.winner(resource)?;
        let winner = winner.filter(|(index, _)| self.reach[*index].contains(&facts.cluster));
        let Some((index, exactness)) = winner else {
            return Ok(by_path.then_some((None, Why::ClusterPath)));
        };
        let policy = &self.fleet.policies[index];
        let why = Why::Policy {
            name: policy.value.metadata.name.as_str().into(),
            origin: policy.origin.clone(),
            priority: policy.value.spec.priority,
            exactness,
        };
        Ok(Some((Some(index), why)))
    }

    /// The policy that decides about a resource.
    fn winner(&mut self, resource: &Resource) -> Result<Option<(usize, Exactness)>, GitError> {
        let candidates: Vec<(usize, Exactness)> = self
            .fleet
            .policies
            .iter()
            .enumerate()
            .filter_map(|(index, policy)| Some((index, selects_resource(&policy.value, resource)?)))
            .collect();
        let best = ranking::best(candidates, &self.fleet.policies, |policy| {
            if let Some(age) = self.ages.get(&policy.origin.path) {
                return Ok(*age);
            }
            let age = self.snapshot.age_of(&policy.origin.path, ranking::HISTORY)?;
            self.ages.insert(Arc::clone(&policy.origin.path), age);
            Ok(age)
        })?;
        Ok(best)
    }
}

/// The resource with its share of the replicas; nothing when the share is nothing.
fn divided(
    rendered: &Rendered,
    placement: &Placement,
    reach: &BTreeSet<ClusterName>,
    cluster: &ClusterName,
) -> (Option<Arc<Resource>>, Option<Share>) {
    let resource = &rendered.resource;
    let whole = (Some(Arc::clone(resource)), None);
    let Some(ReplicaScheduling::Weighted { weights }) = &placement.replica_scheduling else { return whole };
    if rendered.replicas == Replicas::Pinned {
        return whole;
    }
    let weights: Vec<(ClusterName, u32)> = weights
        .iter()
        .filter(|(name, _)| reach.contains(name))
        .map(|(name, weight)| (name.clone(), *weight))
        .collect();
    // Placement depends on the commit alone, so no cluster counts as having
    // replicas already; what runs is a fact of later decisions.
    let part = |total: u32| divide(total, &weights, &Assignments::new()).get(cluster).copied().unwrap_or(0);
    let has_weight = weights.iter().any(|(name, weight)| name == cluster && *weight > 0);
    if let Some([least, most]) = scale::replica_bounds(&resource.key.group_kind) {
        let mut value = resource.value();
        let total = scale::replicas(&value, most);
        let share = Share { given: part(total), total };
        if !has_weight || share.given == 0 {
            return (None, Some(share));
        }
        // An autoscaler keeps at least one replica wherever it is.
        let floor = part(scale::replicas(&value, least)).clamp(1, share.given);
        scale::set_replicas(&mut value, least, floor);
        scale::set_replicas(&mut value, most, share.given);
        return (Some(Arc::new(resource.with_value(value))), Some(share));
    }
    let Some(pointer) = scale::replica_pointer(&resource.key.group_kind) else { return whole };
    let mut value = resource.value();
    let total = scale::replicas(&value, pointer);
    let given = part(total);
    let share = Share { given, total };
    if !has_weight || given == 0 && total > 0 {
        return (None, Some(share));
    }
    scale::set_replicas(&mut value, pointer, given);
    (Some(Arc::new(resource.with_value(value))), Some(share))
}
