//! What a target says of itself, for whoever asks once: the facts that rendering for it
//! depends on.

use std::collections::HashMap;
use std::sync::Arc;

use syncline_helm::release::{Capabilities, KubeVersion};
use syncline_manifest::GroupKind;

use super::inventory::Inventory;
use super::lookups::look_up;
use super::releases;
use super::values::read_values;
use crate::api::ClusterName;
use crate::place::Desired;
use crate::render::ClusterAbilities;
use crate::render::release::{ReleaseId, Standing, ValuesSource};
use crate::target::{Cluster, Discovery, ServerVersion, TargetError};

/// The inventory of a fleet as a target has it, and whether it has none yet.
///
/// # Errors
/// When it does not answer.
pub async fn recorded_inventory(
    fleet: &str,
    target: &ClusterName,
    cluster: &Cluster,
    discovery: &Discovery,
) -> Result<(Inventory, bool), TargetError> {
    let mut inventory = Inventory::new(fleet, target);
    let parent = inventory.parent();
    let kind = discovery
        .kind(&parent.group_kind)
        .ok_or_else(|| TargetError::NoSuchKind(parent.group_kind.to_string()))?;
    match cluster.get(&parent, kind).await {
        Ok(parent) => {
            inventory.adopt(&parent);
            Ok((inventory, false))
        }
        Err(TargetError::NotFound(_)) => Ok((inventory, true)),
        Err(error) => Err(error),
    }
}

/// What a target can do, and where the releases on it stand.
///
/// # Errors
/// When it does not answer.
pub async fn facts_of(
    cluster: &Cluster,
    discovery: &Discovery,
    inventory: &Inventory,
) -> Result<(ClusterAbilities, HashMap<ReleaseId, Standing>), TargetError> {
    let version = cluster.version().await?;
    let standings = match discovery.kind(&GroupKind::new("", "Secret")) {
        Some(kind) => releases::standings(cluster, kind, inventory.id()).await?,
        None => HashMap::new(),
    };
    Ok((ClusterAbilities::new(capabilities(&version, discovery)), standings))
}

/// Answers what rendering asks of a target: what charts look up there, and the values that
/// releases take from there. Tells whether there was anything to answer.
///
/// # Errors
/// When it does not answer.
pub async fn answer(
    abilities: &mut ClusterAbilities,
    desired: &Desired,
    cluster: &Cluster,
    discovery: &Arc<Discovery>,
) -> Result<bool, TargetError> {
    let unread = desired.values_from.keys().filter(|source| !abilities.values.contains_key(source));
    let unread: Vec<ValuesSource> = unread.cloned().collect();
    let is_asked = !unread.is_empty() || !desired.lookups.is_empty();
    for source in unread {
        let data = read_values(source.clone(), cluster.clone(), Arc::clone(discovery)).await?;
        abilities.values.insert(source, data);
    }
    let lookups = &desired.lookups;
    for (rendering, wanted) in lookups {
        let answers = look_up(wanted.clone(), cluster.clone(), Arc::clone(discovery)).await?;
        Arc::make_mut(abilities.answers.entry(*rendering).or_default()).extend(answers);
    }
    Ok(is_asked)
}

/// What charts are told of a target.
pub(super) fn capabilities(version: &ServerVersion, discovery: &Discovery) -> Capabilities {
    Capabilities {
        kube_version: KubeVersion {
            version: version.git_version.clone(),
            major: version.major.clone(),
            minor: version.minor.clone(),
        },
        api_versions: discovery.api_versions().map(str::to_owned).collect(),
    }
}
