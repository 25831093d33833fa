//! Which of several policies decides about a resource.

use std::cmp::Reverse;

use serde::Serialize;

use crate::api::Policy;
use crate::fleet::Located;
use crate::git::GitError;

/// How many commits are looked at for the age of a policy.
pub(super) const HISTORY: usize = 1000;

/// How exactly a selector names a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Exactness {
    /// By kind or not at all.
    All,
    /// By labels.
    Label,
    /// By name.
    Name,
}

/// The policy with the highest priority; then the more exact selector; then the
/// one that was touched by the newer commit; then the first by name. The age, in
/// commits, is asked for only where it decides.
pub(super) fn best(
    candidates: Vec<(usize, Exactness)>,
    policies: &[Located<Policy>],
    mut age: impl FnMut(&Located<Policy>) -> Result<usize, GitError>,
) -> Result<Option<(usize, Exactness)>, GitError> {
    let rank = |(index, exactness): &(usize, Exactness)| (policies[*index].value.spec.priority, *exactness);
    let Some(highest) = candidates.iter().map(rank).max() else { return Ok(None) };
    let finalists: Vec<_> = candidates.into_iter().filter(|candidate| rank(candidate) == highest).collect();
    if finalists.len() == 1 {
        return Ok(finalists.into_iter().next());
    }
    let mut aged = Vec::new();
    for (index, exactness) in finalists {
        let policy = &policies[index];
        let name = (policy.value.metadata.name.as_str(), policy.value.metadata.namespace.as_deref());
        aged.push(((age(policy)?, name), index, exactness));
    }
    let newest = aged.into_iter().max_by_key(|(key, ..)| Reverse(*key));
    Ok(newest.map(|(_, index, exactness)| (index, exactness)))
}
