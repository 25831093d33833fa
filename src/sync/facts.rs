//! What a target says of itself, for whoever asks once: the facts that rendering for it
//! depends on.

use std::collections::HashMap;
use std::sync::Arc;

use syncline_helm::release::{Capabilities, KubeVersion};
use syncline_manifest::GroupKind;

use super::inventory::Inventory;
use super::lookups::look_up;
use super::releases;
use crate::fleet::Digest;
use crate::place::Question;
use crate::render::ClusterAbilities;
use crate::render::release::{ReleaseId, Standing};
use crate::target::{Cluster, Discovery, ServerVersion, TargetError};

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

/// Answers what charts look up on a target.
///
/// # Errors
/// When it does not answer.
pub async fn answer(
    abilities: &mut ClusterAbilities,
    lookups: &HashMap<Digest, Question>,
    cluster: &Cluster,
    discovery: &Arc<Discovery>,
) -> Result<(), TargetError> {
    for (rendering, wanted) in lookups {
        let answers = look_up(wanted.clone(), cluster.clone(), Arc::clone(discovery)).await?;
        Arc::make_mut(abilities.answers.entry(*rendering).or_default()).extend(answers);
    }
    Ok(())
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
