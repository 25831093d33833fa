//! `syncline plan`

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write as _;
use std::sync::Arc;

use clap::Args;
use futures::{StreamExt as _, stream};
use syncline_manifest::compare::{Difference, DifferenceKind};
use syncline_manifest::schema::Scope;
use syncline_manifest::{GroupKind, ObjectKey};

use super::source::{Access, Loaded, Repository};
use super::{Failure, Output, Verdict};
use crate::api::ClusterName;
use crate::fleet::{Fleet, Severity};
use crate::place::{Desired, Placements};
use crate::render::release::{ReleaseId, Standing};
use crate::render::{Abilities, ClusterAbilities};
use crate::sync::{Action, Inventory, Plan, answer, facts_of, plan, recorded_inventory};
use crate::target::{Cluster, Discovery, Kubeconfigs, Live, TargetError};

/// How often charts may look up more because of what they were answered.
const MAX_ROUNDS: usize = 8;

/// Show what a sync would change on each cluster, compared with what runs there
///
/// Reads from the clusters and writes nothing.
#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    access: Access,
    /// Only this cluster
    #[arg(long, short, value_name = "NAME")]
    cluster: Option<String>,
    /// The commit, branch or tag to compare instead of the working directory
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Exit with 1 when a sync would change something
    #[arg(long)]
    exit_code: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

impl PlanCommand {
    pub fn run(self) -> Result<Verdict, Failure> {
        let mut loaded = self.repository.loaded(self.rev.as_deref(), &self.access.secrets)?;
        let names: Vec<ClusterName> = match &self.cluster {
            Some(name) => vec![loaded.cluster(name)?.clone()],
            None => loaded.fleet.clusters.keys().cloned().collect(),
        };
        let kubeconfigs = self.access.kubeconfigs();
        let runtime = tokio::runtime::Runtime::new()?;
        let fleet = &loaded.fleet;
        let reached: BTreeMap<ClusterName, Result<Reached, Failure>> = runtime.block_on(
            stream::iter(names)
                .map(|name| {
                    let (kubeconfigs, fleet) = (&kubeconfigs, fleet);
                    async move {
                        let reached = reach(kubeconfigs, fleet, &name).await;
                        (name, reached)
                    }
                })
                .buffered(8)
                .collect(),
        );
        let placements = place_for(&mut loaded, &reached, &runtime)?;
        let plans: Vec<(&Desired, Result<Plan, Failure>)> = runtime.block_on(
            stream::iter(reached)
                .filter_map(|(name, reached)| {
                    let desired = placements.targets.get(&name).map(|desired| &**desired);
                    async move { Some((desired?, reached)) }
                })
                .map(|(desired, reached)| async move {
                    let plan = async {
                        let Reached { cluster, discovery, inventory, .. } = reached?;
                        let live = observe(&cluster, &discovery, &inventory, desired).await?;
                        Ok(plan(desired, &live, &inventory, &discovery))
                    };
                    (desired, plan.await)
                })
                .buffered(8)
                .collect(),
        );
        let mut out = std::io::stdout().lock();
        let is_unreachable = plans.iter().any(|(_, plan)| plan.is_err());
        let changes = plans.iter().filter_map(|(_, plan)| plan.as_ref().ok()).any(|plan| {
            let [create, update, prune, _, _] = plan.counts();
            create + update + prune > 0
        });
        match self.output {
            Output::Json => {
                let plans: Vec<_> = plans.iter().filter_map(|(_, plan)| plan.as_ref().ok()).collect();
                serde_json::to_writer_pretty(&mut out, &plans)?;
                writeln!(out)?;
            }
            Output::Text => {
                for plan in plans.iter().filter_map(|(_, plan)| plan.as_ref().ok()) {
                    print(&mut out, plan)?;
                }
            }
        }
        let errors = loaded.fleet.diagnostics.iter().chain(&placements.diagnostics);
        for error in errors.filter(|diagnostic| diagnostic.severity == Severity::Error) {
            eprintln!("{error}\n");
        }
        for (desired, plan) in &plans {
            if let Err(failure) = plan {
                eprintln!("{}: {failure}", desired.target);
            }
        }
        Ok(if is_unreachable || (self.exit_code && changes) { Verdict::Bad } else { Verdict::Good })
    }
}

/// A cluster that answers, with what it says of itself.
struct Reached {
    cluster: Cluster,
    discovery: Arc<Discovery>,
    inventory: Inventory,
    abilities: ClusterAbilities,
    standings: HashMap<ReleaseId, Standing>,
}

async fn reach(kubeconfigs: &Kubeconfigs, fleet: &Fleet, name: &ClusterName) -> Result<Reached, Failure> {
    let cluster = kubeconfigs.connect(&fleet.clusters[name].value).await?;
    let discovery = Arc::new(cluster.discover().await?);
    let (inventory, _) = recorded_inventory(&fleet.settings.name, name, &cluster, &discovery).await?;
    let (abilities, standings) = facts_of(&cluster, &discovery, &inventory).await?;
    Ok(Reached { cluster, discovery, inventory, abilities, standings })
}

/// Places the fleet with what the clusters say of themselves; charts that look up one thing
/// because of another are answered in turn.
fn place_for(
    loaded: &mut Loaded,
    reached: &BTreeMap<ClusterName, Result<Reached, Failure>>,
    runtime: &tokio::runtime::Runtime,
) -> Result<Placements, Failure> {
    let known = reached.iter().filter_map(|(name, reached)| Some((name, reached.as_ref().ok()?)));
    let known: BTreeMap<&ClusterName, &Reached> = known.collect();
    let mut abilities: BTreeMap<ClusterName, ClusterAbilities> =
        known.iter().map(|(name, reached)| ((*name).clone(), reached.abilities.clone())).collect();
    let standings: BTreeMap<ClusterName, HashMap<ReleaseId, Standing>> =
        known.iter().map(|(name, reached)| ((*name).clone(), reached.standings.clone())).collect();
    for _ in 0..MAX_ROUNDS {
        let shared = abilities.iter().map(|(name, own)| (name.clone(), Arc::new(own.clone()))).collect();
        let placements = loaded.place(&Abilities::Learned(shared, standings.clone()))?;
        let mut is_asked = false;
        for (name, desired) in &placements.targets {
            let (Some(reached), Some(own)) = (known.get(name), abilities.get_mut(name)) else { continue };
            is_asked |= runtime.block_on(answer(own, desired, &reached.cluster, &reached.discovery))?;
        }
        if !is_asked {
            return Ok(placements);
        }
    }
    Err(Failure::new("a chart looks up more with every answer", "a lookup must not depend on random values"))
}

/// The members of the inventory, and what exists under a desired name without
/// being one.
async fn observe(
    cluster: &Cluster,
    discovery: &Discovery,
    inventory: &Inventory,
    desired: &Desired,
) -> Result<BTreeMap<ObjectKey, Live>, TargetError> {
    let kinds: BTreeSet<&GroupKind> =
        inventory.kinds.iter().chain(desired.objects.keys().map(|key| &key.group_kind)).collect();
    let selector = inventory.selector();
    let mut live = BTreeMap::new();
    for kind in kinds {
        let Some(on_server) = discovery.kind(kind).filter(|kind| kind.is_watchable) else { continue };
        let found = cluster.list_all(kind, on_server, Some(&selector)).await?;
        live.extend(found.into_iter().map(|found| (found.key.clone(), found)));
    }
    let missing = desired.objects.keys().filter_map(|key| {
        let on_server = discovery.kind(&key.group_kind)?;
        let mut key = key.clone();
        if on_server.scope == Scope::Namespaced && key.namespace.is_none() {
            key.namespace = Some("default".into());
        }
        (!live.contains_key(&key)).then_some((key, on_server))
    });
    let missing: Vec<_> = missing.collect();
    let found: Vec<Result<Live, TargetError>> = stream::iter(missing)
        .map(|(key, on_server)| async move { cluster.get(&key, on_server).await })
        .buffer_unordered(16)
        .collect()
        .await;
    for found in found {
        match found {
            Ok(found) => {
                live.insert(found.key.clone(), found);
            }
            Err(TargetError::NotFound(_) | TargetError::Forbidden(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(live)
}

fn print(out: &mut impl std::io::Write, plan: &Plan) -> Result<(), Failure> {
    let [create, update, prune, unchanged, blocked] = plan.counts();
    write!(
        out,
        "{}: {create} to create, {update} to update, {prune} to prune, {unchanged} unchanged",
        plan.target
    )?;
    writeln!(out, "{}", if blocked > 0 { format!(", {blocked} blocked") } else { String::new() })?;
    for object in &plan.objects {
        match &object.action {
            Action::Unchanged => {}
            Action::Create => writeln!(out, "  + {}", object.key)?,
            Action::Prune => writeln!(out, "  - {}", object.key)?,
            Action::Release => writeln!(out, "  o {} stays, but is no longer looked after", object.key)?,
            Action::Blocked { reason } => writeln!(out, "  ! {} {reason}", object.key)?,
            Action::Update { differences } => {
                writeln!(out, "  ~ {}", object.key)?;
                for difference in differences.iter().take(8) {
                    writeln!(out, "      {}", spelled(difference))?;
                }
                if differences.len() > 8 {
                    writeln!(out, "      and {} more fields", differences.len() - 8)?;
                }
            }
        }
    }
    if let Some(hold) = &plan.prune_hold {
        writeln!(out, "  held: {hold}")?;
    }
    writeln!(out)?;
    Ok(())
}

fn spelled(difference: &Difference) -> String {
    let field = if difference.pointer.is_empty() { "/" } else { &difference.pointer };
    let shortened = |text: String| if text.chars().count() > 60 { "...".to_owned() } else { text };
    match &difference.kind {
        DifferenceKind::Value { desired, live: Some(live) } => {
            format!("{field}: {} -> {}", shortened(live.to_string()), shortened(desired.to_string()))
        }
        DifferenceKind::Value { desired, live: None } => {
            format!("{field}: + {}", shortened(desired.to_string()))
        }
        DifferenceKind::NoLongerDesired => format!("{field}: removed"),
        DifferenceKind::NotOwned => format!("{field}: taken over, same value"),
    }
}
