//! The revisions of releases that a target has, as far as the metadata of Helm's records
//! tells: one list for all of a target, without what the records hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use syncline_helm::record::Status;
use syncline_manifest::ObjectKey;

use crate::fleet::Digest;
use crate::render::release::{Known, Owner, ReleaseId, Standing};
use crate::target::Live;

/// The label by which records of this inventory are known.
pub(super) const FLEET_LABEL: &str = "syncline.dev/inventory";
/// The annotation that says of what a record is.
pub(super) const DIGEST: &str = "syncline.dev/release-digest";
/// The annotation with the SHA-256 of the archive of the chart, where it was fetched as one.
pub(super) const CHART_DIGEST: &str = "syncline.dev/chart-digest";
/// The annotation that says what is not applied for now.
pub(super) const REFUSED: &str = "syncline.dev/refused-digest";
/// The annotation that counts how often that has failed.
pub(super) const FAILURES: &str = "syncline.dev/failures";
/// The annotation that says why.
pub(super) const REASON: &str = "syncline.dev/failure";
/// The annotation that says what follows from it.
pub(super) const RETREAT: &str = "syncline.dev/retreat";
/// The annotation of a revision whose tests have not passed yet.
pub(super) const UNTESTED: &str = "syncline.dev/untested";
/// The annotation of a release whose records stay when it is removed.
pub(super) const KEEP_HISTORY: &str = "syncline.dev/keep-history";
/// The annotation of a release whose hooks are not run when it is removed.
pub(super) const NO_DELETE_HOOKS: &str = "syncline.dev/no-delete-hooks";
/// The annotation that says whose permissions its hooks are run with.
pub(super) const ACTING_AS: &str = "syncline.dev/acting-as";
/// The annotation that says where the objects of the release are.
pub(super) const NAMESPACE: &str = "syncline.dev/release-namespace";

/// What is done about a version of a release that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retreat {
    /// What was there before stays: nothing of the version was applied.
    Hold,
    /// What was there before is put back.
    Rollback,
    /// It is removed.
    Uninstall,
}

impl Retreat {
    pub fn name(self) -> &'static str {
        match self {
            Retreat::Hold => "hold",
            Retreat::Rollback => "rollback",
            Retreat::Uninstall => "uninstall",
        }
    }

    fn read(name: &str) -> Option<Retreat> {
        [Retreat::Hold, Retreat::Rollback, Retreat::Uninstall].into_iter().find(|it| it.name() == name)
    }
}

/// One revision.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    pub number: u64,
    pub status: Status,
    pub digest: Option<Digest>,
    pub key: ObjectKey,
    pub uid: Box<str>,
    pub is_untested: bool,
    /// Whether this inventory wrote it.
    pub is_ours: bool,
    pub owner: Owner,
    pub failed: Option<Failed>,
}

/// What a revision says of a version that has failed: itself, or what it took the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub digest: Digest,
    pub failures: u32,
    pub reason: Arc<str>,
    pub retreat: Option<Retreat>,
}

impl Revision {
    fn is_good(&self) -> bool {
        matches!(self.status, Status::Deployed | Status::Superseded)
    }

    /// Reads the metadata of a record; None for what is none.
    pub fn of(secret: &Live, inventory: &str) -> Option<(ReleaseId, Revision)> {
        let name = secret.label("name")?;
        let storage = secret.key.namespace.as_deref()?;
        let digest = |annotation: &str| secret.annotation(annotation).and_then(|text| text.parse().ok());
        let failed = digest(REFUSED).map(|digest| Failed {
            digest,
            failures: secret.annotation(FAILURES).and_then(|text| text.parse().ok()).unwrap_or(1),
            reason: secret.annotation(REASON).unwrap_or_default().into(),
            retreat: secret.annotation(RETREAT).and_then(Retreat::read),
        });
        let revision = Revision {
            number: secret.label("version")?.parse().ok()?,
            status: Status::read(secret.label("status").unwrap_or_default()),
            digest: digest(DIGEST),
            key: secret.key.clone(),
            uid: secret.uid().into(),
            is_untested: secret.annotation(UNTESTED).is_some(),
            is_ours: secret.label(FLEET_LABEL) == Some(inventory),
            owner: Owner::new(secret.annotation(NAMESPACE).unwrap_or(storage), name),
            failed,
        };
        Some((ReleaseId { storage: storage.into(), name: name.into() }, revision))
    }
}

/// The revisions of one release, by their numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct History(pub BTreeMap<u64, Revision>);

impl History {
    /// All histories of a target.
    pub fn all(secrets: &[Live], inventory: &str) -> HashMap<ReleaseId, History> {
        let mut all: HashMap<ReleaseId, History> = HashMap::new();
        for (id, revision) in secrets.iter().filter_map(|secret| Revision::of(secret, inventory)) {
            all.entry(id).or_default().0.insert(revision.number, revision);
        }
        all
    }

    pub fn newest(&self) -> Option<&Revision> {
        self.0.values().next_back()
    }

    /// The revisions before another, the newest first, back to where it was removed.
    fn before(&self, number: u64) -> impl Iterator<Item = &Revision> {
        let earlier = self.0.range(..number).rev().map(|(_, revision)| revision);
        earlier.take_while(|revision| revision.status != Status::Uninstalled)
    }

    /// The revision that was good before another.
    pub fn good_before(&self, number: u64) -> Option<&Revision> {
        self.before(number).find(|revision| revision.is_good())
    }

    /// The revision whose objects are in force where a version is refused: the one that took
    /// its place, or the last that was good before it.
    pub fn in_force(&self) -> Option<&Revision> {
        let newest = self.newest()?;
        match newest.status {
            Status::Deployed => Some(newest),
            Status::Uninstalled => None,
            _ => self.good_before(newest.number),
        }
    }

    /// The revision that a digest is of: the newest, or the one before where nothing of the
    /// newest was applied.
    pub fn current(&self, digest: &Digest) -> Option<&Revision> {
        self.currents().find(|revision| revision.digest == Some(*digest))
    }

    fn currents(&self) -> impl Iterator<Item = &Revision> {
        let newest = self.newest();
        let is_held = newest
            .and_then(|newest| newest.failed.as_ref())
            .is_some_and(|failed| failed.retreat == Some(Retreat::Hold));
        let before = newest.filter(|_| is_held).and_then(|newest| self.good_before(newest.number));
        newest.into_iter().filter(|newest| newest.status != Status::Uninstalled).chain(before)
    }

    /// Where the release stands, without what is refused.
    pub fn standing(&self) -> Standing {
        let known = |revision: &Revision| Some(Known { number: revision.number, digest: revision.digest? });
        Standing {
            newest: self.newest().map_or(0, |newest| newest.number),
            known: self.currents().filter_map(known).collect(),
            is_installed: self.before(u64::MAX).any(Revision::is_good),
            refused: None,
            last_good: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use syncline_manifest::GroupKind;

    use super::*;

    fn history(statuses: &[&str]) -> History {
        let secret = |(at, status): (usize, &&str)| {
            let value = json!({"metadata": {
                "name": format!("sh.helm.release.v1.web.v{}", at + 1), "namespace": "n", "uid": "u",
                "labels": {"owner": "helm", "name": "web", "version": (at + 1).to_string(), "status": status},
            }});
            Live::new(&GroupKind::new("", "Secret"), value)
        };
        let secrets: Vec<Live> = statuses.iter().enumerate().map(secret).collect();
        History::all(&secrets, "inventory").into_values().next().unwrap_or_default()
    }

    #[test]
    fn what_is_in_force_is_the_last_good_revision_since_it_was_removed() {
        for (statuses, in_force, is_installed) in [
            (&[][..], None, false),
            (&["deployed"], Some(1), true),
            (&["superseded", "deployed"], Some(2), true),
            (&["superseded", "deployed", "failed"], Some(2), true),
            (&["failed"], None, false),
            (&["superseded", "uninstalled"], None, false),
            (&["deployed", "uninstalled", "failed"], None, false),
            // Whoever was killed in the middle has left the revision before.
            (&["deployed", "pending-upgrade"], Some(1), true),
        ] {
            let history = history(statuses);
            assert_eq!(history.in_force().map(|revision| revision.number), in_force, "{statuses:?}");
            assert_eq!(history.standing().is_installed, is_installed, "{statuses:?}");
        }
    }
}
