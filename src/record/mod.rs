//! Recording: what syncline saw, as commits in the local mirror.
//!
//! Last in the flow. The state of each target is a commit at
//! `refs/syncline/status/<target>`, so `syncline status` answers while no daemon
//! runs, and Git's own tools can read it: `git show refs/syncline/status/asia`.
//! Each state replaces the one before it; history is that of the fleet itself.

use std::sync::Arc;

use gix::objs::tree::{Entry, EntryKind};
use gix::refs::transaction::{Change, PreviousValue, RefEdit, RefLog};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::git::Mirror;

/// Why a record could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {name}: {reason}")]
pub struct LedgerError {
    what: &'static str,
    name: String,
    reason: String,
}

/// The refs that syncline writes in a mirror.
pub struct Ledger {
    mirror: Arc<Mirror>,
}

const FILE: &str = "status.json";
const STATUS: &str = "refs/syncline/status/";
const SOURCE: &str = "refs/syncline/source-status";

impl Ledger {
    /// The ledger in a mirror.
    pub fn new(mirror: Arc<Mirror>) -> Ledger {
        Ledger { mirror }
    }

    /// Records the state of a target.
    ///
    /// # Errors
    /// When the mirror cannot be written.
    pub fn write_status(&self, target: &str, status: &impl Serialize) -> Result<(), LedgerError> {
        self.write(&format!("{STATUS}{target}"), status)
    }

    /// Records the state of the source.
    ///
    /// # Errors
    /// When the mirror cannot be written.
    pub fn write_source(&self, status: &impl Serialize) -> Result<(), LedgerError> {
        self.write(SOURCE, status)
    }

    /// The recorded state of the source.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn source<T: DeserializeOwned>(&self) -> Result<Option<T>, LedgerError> {
        self.read(SOURCE)
    }

    /// The recorded states of all targets.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn statuses<T: DeserializeOwned>(&self) -> Result<Vec<T>, LedgerError> {
        let fail = |reason: String| LedgerError { what: "read", name: STATUS.into(), reason };
        let repository = self.mirror.repository().map_err(|error| fail(error.to_string()))?.to_thread_local();
        let references = repository.references().map_err(|error| fail(error.to_string()))?;
        let mut names = Vec::new();
        for reference in references.prefixed(STATUS).map_err(|error| fail(error.to_string()))? {
            let reference = reference.map_err(|error| fail(error.to_string()))?;
            names.push(reference.name().as_bstr().to_string());
        }
        names.sort();
        let records: Result<Vec<Option<T>>, LedgerError> = names.iter().map(|name| self.read(name)).collect();
        Ok(records?.into_iter().flatten().collect())
    }

    /// Forgets targets that left the fleet.
    ///
    /// # Errors
    /// When the mirror cannot be written.
    pub fn keep_only(&self, targets: &[&str]) -> Result<(), LedgerError> {
        let fail = |reason: String| LedgerError { what: "clean", name: STATUS.into(), reason };
        let repository = self.mirror.repository().map_err(|error| fail(error.to_string()))?.to_thread_local();
        let references = repository.references().map_err(|error| fail(error.to_string()))?;
        let mut edits = Vec::new();
        for reference in references.prefixed(STATUS).map_err(|error| fail(error.to_string()))? {
            let reference = reference.map_err(|error| fail(error.to_string()))?;
            let name = reference.name().to_owned();
            let target = name.as_bstr().to_string();
            if !targets.contains(&target.trim_start_matches(STATUS)) {
                let change = Change::Delete { expected: PreviousValue::Any, log: RefLog::AndReference };
                edits.push(RefEdit { change, name, deref: false });
            }
        }
        repository.edit_references(edits).map(|_| ()).map_err(|error| fail(error.to_string()))
    }

    fn write(&self, reference: &str, status: &impl Serialize) -> Result<(), LedgerError> {
        let fail = |reason: String| LedgerError { what: "write", name: reference.to_owned(), reason };
        let text = serde_json::to_vec_pretty(status).map_err(|error| fail(error.to_string()))?;
        let repository = self.mirror.repository().map_err(|error| fail(error.to_string()))?.to_thread_local();
        let git = |error: gix::Error| fail(error.to_string());
        let blob = repository.write_blob(text).map_err(git)?.detach();
        let entry = Entry { mode: EntryKind::Blob.into(), filename: FILE.into(), oid: blob };
        let tree = repository.write_object(gix::objs::Tree { entries: vec![entry] }).map_err(git)?.detach();
        let message = format!("Status of {}", reference.trim_start_matches(STATUS));
        let parents: [gix::ObjectId; 0] = [];
        let commit = repository.new_commit(message, tree, parents).map_err(git)?.id;
        repository.reference(reference, commit, PreviousValue::Any, "syncline: status").map_err(git)?;
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, LedgerError> {
        let fail = |reason: String| LedgerError { what: "read", name: name.to_owned(), reason };
        let git = |error: gix::Error| fail(error.to_string());
        let repository = self.mirror.repository().map_err(|error| fail(error.to_string()))?.to_thread_local();
        let Some(mut reference) = repository.try_find_reference(name).map_err(git)? else { return Ok(None) };
        let commit = reference.peel_to_id().map_err(git)?.detach();
        let tree = repository.find_commit(commit).map_err(git)?.tree().map_err(git)?;
        let Some(entry) = tree.find_entry(FILE) else { return Ok(None) };
        let blob = repository.find_blob(entry.object_id()).map_err(git)?;
        serde_json::from_slice(&blob.data).map(Some).map_err(|error| fail(error.to_string()))
    }
}
