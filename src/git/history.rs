//! What earlier commits hold: the last version of a path that was good, and which
//! commit touched a path last.

use super::{CommitId, GitError, Snapshot};

impl Snapshot {
    /// The commits before this one, along first parents, newest first: what the
    /// branch was, whatever was merged into it.
    ///
    /// # Errors
    /// When the repository is damaged. A shallow history simply ends.
    pub fn first_parents(&self, limit: usize) -> Result<Vec<CommitId>, GitError> {
        let mut out = Vec::new();
        let mut current = self.commit();
        while let Some(CommitId(id)) = current
            && out.len() < limit
        {
            let Ok(commit) = self.repository.find_commit(id) else { break };
            current = commit.parent_ids().next().map(|id| CommitId(id.detach()));
            out.extend(current);
        }
        Ok(out)
    }

    /// Another commit of the same repository.
    ///
    /// # Errors
    /// When the repository does not hold it.
    pub fn at(&self, commit: CommitId) -> Result<Snapshot, GitError> {
        Snapshot::of_commit(&self.repository.clone().into_sync(), commit)
    }

    /// How many commits ago a path was last changed, counting at most `limit`;
    /// smaller is newer.
    ///
    /// # Errors
    /// When the repository is damaged.
    pub fn age_of(&self, path: &str, limit: usize) -> Result<usize, GitError> {
        let now = self.find(path)?.map(|entry| entry.id);
        for (age, commit) in self.first_parents(limit)?.into_iter().enumerate() {
            if self.at(commit)?.find(path)?.map(|entry| entry.id) != now {
                return Ok(age);
            }
        }
        Ok(limit)
    }

    /// The message of the commit, and of the commits it merges.
    ///
    /// # Errors
    /// When the repository is damaged.
    pub fn messages(&self) -> Result<Vec<String>, GitError> {
        let Some(CommitId(id)) = self.commit() else { return Ok(Vec::new()) };
        let commit = self.repository.find_commit(id).map_err(GitError::storage("cannot read the commit"))?;
        let mut messages = vec![commit.message_raw_sloppy().to_string()];
        for parent in commit.parent_ids().skip(1) {
            if let Ok(parent) = self.repository.find_commit(parent.detach()) {
                messages.push(parent.message_raw_sloppy().to_string());
            }
        }
        Ok(messages)
    }
}
