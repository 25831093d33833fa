//! Git: where everything comes from.
//!
//! First in the flow: a [`Mirror`] is a local bare clone of a source that keeps
//! the last good commit when the remote is gone; a [`Snapshot`] is one commit (or
//! a working directory, for checks before committing), readable as a tree and
//! never checked out. All of it blocks; callers on the async runtime go through
//! `spawn_blocking`.

mod error;
mod history;
mod login;
mod mirror;
mod notice;
mod reference;
mod snapshot;
mod source;

pub use error::GitError;
pub use login::{Credentials, Login, SshKey};
pub use mirror::{Fetched, Mirror};
pub use notice::LocalNotice;
pub use reference::Reference;
pub use snapshot::{Entry, EntryId, Snapshot, enclosing_repository};
pub use source::SourceUrl;

use std::fmt;
use std::str::FromStr;

/// The id of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitId(gix::ObjectId);

impl CommitId {
    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        self.0.to_hex_with_len(12).to_string()
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for CommitId {
    type Err = GitError;

    fn from_str(text: &str) -> Result<CommitId, GitError> {
        gix::ObjectId::from_str(text)
            .map(CommitId)
            .map_err(|_| GitError::UnknownRevision { revision: text.to_owned() })
    }
}

impl serde::Serialize for CommitId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for CommitId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<CommitId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
