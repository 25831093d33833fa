//! Where units stand in a repository, and what paths mean.

use std::sync::Arc;

use crate::git::EntryId;

/// Where a unit stands: a file, or an app folder with `base/` and `overlays/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    /// From the root of the repository.
    pub path: Arc<str>,
    /// Its content.
    pub id: EntryId,
    /// What it is.
    pub kind: LocationKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LocationKind {
    File,
    AppFolder,
}

pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

pub(super) fn is_manifest_file(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending))
}

pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
