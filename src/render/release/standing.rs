//! Where a release stands on a cluster: what Helm's records there say of it, and what was
//! decided about it. A fact of rendering as the cluster's capabilities are.
//!
//! A chart may print whether it is installed or upgraded, and how often it was. What is
//! deployed was rendered as its own revision; only what differs from it is the next one.

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
    /// The newest revision, if there is any.
    pub newest: Option<Newest>,
    /// Whether any revision was ever deployed and is not uninstalled.
    pub is_installed: bool,
    /// What is not applied for now, though Git says it.
    pub refused: Option<Refused>,
}

/// The newest revision of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Its number, from 1.
    pub number: u64,
    /// What it is of; None where something else wrote it.
    pub digest: Option<Digest>,
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
    /// Where nothing is known of a cluster.
    pub const FIRST: Occasion = Occasion { operation: Operation::Install, revision: 1 };

    /// What tells it from others.
    pub fn key(self) -> [u8; 9] {
        let mut key = [u8::from(self.operation == Operation::Upgrade); 9];
        key[1..].copy_from_slice(&self.revision.to_le_bytes());
        key
    }
}

impl Standing {
    /// As what the newest revision was rendered.
    pub fn current(&self) -> Option<Occasion> {
        let newest = self.newest.as_ref().filter(|newest| newest.digest.is_some())?;
        let operation = if newest.number == 1 { Operation::Install } else { Operation::Upgrade };
        Some(Occasion { operation, revision: newest.number })
    }

    /// As what the next one is.
    pub fn next(&self) -> Occasion {
        let revision = self.newest.as_ref().map_or(0, |newest| newest.number) + 1;
        let operation = if self.is_installed { Operation::Upgrade } else { Operation::Install };
        Occasion { operation, revision }
    }

    /// Whether the newest revision is of a digest.
    pub fn is_of(&self, digest: &Digest) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.digest == Some(*digest))
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
    fn the_next_revision_follows_the_newest_and_is_an_upgrade_of_what_is_installed() {
        let standing = |number, is_installed| Standing {
            newest: Some(Newest { number, digest: None }),
            is_installed,
            refused: None,
        };
        let rows = [
            (Standing::default(), Operation::Install, 1),
            (standing(1, false), Operation::Install, 2),
            (standing(1, true), Operation::Upgrade, 2),
            (standing(4, false), Operation::Install, 5),
        ];
        for (standing, operation, revision) in rows {
            assert_eq!(standing.next(), Occasion { operation, revision }, "{standing:?}");
        }
    }
}
