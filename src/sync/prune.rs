//! Whether what left Git may be deleted now.

use serde::{Deserialize, Serialize};

use crate::place::Desired;

/// Why nothing is deleted for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "camelCase")]
pub enum PruneHold {
    /// Files do not load, and nobody knows what they would hold.
    Broken {
        /// How many objects wait.
        count: usize,
        /// The files or app folders.
        units: Vec<String>,
    },
    /// More would be deleted than the guard allows.
    TooMany {
        /// How many objects would be deleted.
        count: usize,
        /// Of how many.
        total: usize,
    },
}

impl std::fmt::Display for PruneHold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PruneHold::Broken { count, units } => write!(
                f,
                "{count} objects are not pruned until {} loads",
                if units.len() == 1 {
                    units[0].clone()
                } else {
                    format!("each of {} broken files", units.len())
                }
            ),
            PruneHold::TooMany { count, total } => write!(
                f,
                "{count} of {total} objects would be pruned; confirm with a commit whose message has the line \
                 \"{}\"",
                Desired::PRUNE_CONFIRMATION
            ),
        }
    }
}

/// Whether `count` of `total` objects of a target may be deleted.
pub(super) fn hold(desired: &Desired, confirmed: bool, count: usize, total: usize) -> Option<PruneHold> {
    if count == 0 {
        return None;
    }
    if !desired.broken.is_empty() {
        let units = desired.broken.iter().map(ToString::to_string).collect();
        return Some(PruneHold::Broken { count, units });
    }
    let guard = &desired.prune;
    let is_many = count > guard.max_objects && count * 100 > usize::from(guard.max_percent) * total;
    (is_many && !confirmed && !desired.prune_confirmed).then_some(PruneHold::TooMany { count, total })
}
