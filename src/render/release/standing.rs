//! Where a release stands on a cluster: what Helm's records there say of it, and what was
//! decided about it. A fact of rendering as the cluster's capabilities are.
//!
//! A chart may print whether it is installed or upgraded, and how often it was. Whether two
//! versions of a release are the same is told by what they print on the same occasion.

use std::sync::Arc;

use syncline_helm::release::Operation;

use crate::api::HelmRelease;
use crate::fleet::{Digest, Resource};

/// By what Helm knows a release: where its records are, and its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReleaseId {
    /// The namespace of its records.
    pub storage: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl ReleaseId {
    /// That of a release.
    pub fn of(release: &HelmRelease) -> ReleaseId {
        ReleaseId { storage: release.storage_namespace().into(), name: release.release_name().into() }
    }
}

/// Where a release stands on a cluster.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The number of the newest revision; 0 where there is none.
    pub newest: u64,
    /// The revisions that what is desired may be of: the newest, and the one before where
    /// nothing of the newest was applied.
    pub known: Vec<Known>,
    /// Whether any revision was ever deployed and is not uninstalled.
    pub is_installed: bool,
    /// What is not applied for now, though Git says it.
    pub refused: Option<Refused>,
    /// What is in force while what Git says cannot be rendered; read only then.
    pub last_good: Option<Arc<InForce>>,
}

/// A revision of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its number, from 1.
    pub number: u64,
    /// What it is of.
    pub digest: Digest,
}

/// A version of a release that has failed, and what is in force instead of it.
#[derive(Debug, Clone)]
pub struct Refused {
    /// What has failed.
    pub digest: Digest,
    /// The objects of the revision in force; nothing where it was removed.
    pub in_force: Option<Arc<InForce>>,
}

/// A revision that was deployed, as its record has it.
#[derive(Debug, PartialEq)]
pub struct InForce {
    /// Its number.
    pub revision: u64,
    /// Its objects.
    pub objects: Vec<Arc<Resource>>,
}

/// As what a release is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasion {
    /// What is done with it.
    pub operation: Operation,
    /// Which revision of it comes to be.
    pub revision: u64,
}

impl Occasion {
    /// Where nothing is known of a cluster, and as what versions are compared.
    pub const FIRST: Occasion = Occasion { operation: Operation::Install, revision: 1 };
    /// As what they are compared where a chart cannot be installed, only upgraded.
    pub const SECOND: Occasion = Occasion { operation: Operation::Upgrade, revision: 2 };

    /// What tells it from others.
    pub fn key(self) -> [u8; 9] {
        let mut key = [u8::from(self.operation == Operation::Upgrade); 9];
        key[1..].copy_from_slice(&self.revision.to_le_bytes());
        key
    }
}

impl Standing {
    /// As what a version of the release is rendered: what is there as its own revision, and
    /// only what differs from that as the next one.
    pub fn occasion_of(&self, digest: &Digest) -> Occasion {
        let known = self.known.iter().find(|known| known.digest == *digest);
        let is_upgrade = known.map_or(self.is_installed, |known| known.number > 1);
        Occasion {
            operation: if is_upgrade { Operation::Upgrade } else { Operation::Install },
            revision: known.map_or(self.newest + 1, |known| known.number),
        }
    }

    /// Why a digest is not applied, if it is not.
    pub fn refusal(&self, digest: &Digest) -> Option<&Refused> {
        self.refused.as_ref().filter(|refused| refused.digest == *digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_keeps_its_revision_and_anything_else_is_the_next() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let standing = |known: &[(u64, &str)], newest, is_installed| Standing {
            newest,
            known: known.iter().map(|(number, of)| Known { number: *number, digest: digest(of) }).collect(),
            is_installed,
            refused: None,
            last_good: None,
        };
        let rows = [
            (Standing::default(), "a", Operation::Install, 1),
            (standing(&[(1, "a")], 1, true), "a", Operation::Install, 1),
            (standing(&[(1, "a")], 1, true), "b", Operation::Upgrade, 2),
            (standing(&[(1, "a")], 1, false), "b", Operation::Install, 2),
            (standing(&[(3, "b"), (2, "a")], 3, true), "a", Operation::Upgrade, 2),
            // What something else wrote is of no digest.
            (standing(&[], 4, true), "a", Operation::Upgrade, 5),
        ];
        for (standing, of, operation, revision) in rows {
            let expected = Occasion { operation, revision };
            assert_eq!(standing.occasion_of(&digest(of)), expected, "{standing:?} {of}");
        }
    }
}
