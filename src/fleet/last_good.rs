//! Going back in history for the last version of a unit that was good. A pure
//! function of the commit, so a restart finds the same version again.

use crate::git::{CommitId, Entry, EntryId, GitError, Snapshot};

/// How many commits are looked at. A file that has been broken for longer is
/// reported, and what it defined stays on the clusters untouched.
const DEPTH: usize = 100;

/// Walks back along first parents, over the distinct versions of a path, until
/// `accept` takes one; gives the commit it is of.
///
/// # Errors
/// When the repository is damaged, or `accept` fails.
pub fn last_good<T>(
    snapshot: &Snapshot,
    path: &str,
    current: EntryId,
    mut accept: impl FnMut(&Entry, &Snapshot) -> Result<Option<T>, GitError>,
) -> Result<Option<(CommitId, T)>, GitError> {
    let mut tried = current;
    for commit in snapshot.first_parents(DEPTH)? {
        let earlier = snapshot.at(commit)?;
        let Some(entry) = earlier.find(path)? else { continue };
        if entry.id == tried {
            continue;
        }
        tried = entry.id;
        if let Some(good) = accept(&entry, &earlier)? {
            return Ok(Some((commit, good)));
        }
    }
    Ok(None)
}
