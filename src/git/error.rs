//! What can go wrong with a source.

use std::path::PathBuf;

/// A failure of a Git operation. The last good commit stays in force through all
/// of them.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GitError {
    /// The remote does not answer, or refuses.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// The source, without credentials.
        url: String,
        /// What the transport said.
        reason: String,
    },
    /// The remote asks for credentials, or refuses those it was given.
    #[error("{url} refuses the credentials")]
    Unauthorized {
        /// The source, without credentials.
        url: String,
    },
    /// The remote has no commit at all.
    #[error("{url} has no commits yet")]
    Empty {
        /// The source, without credentials.
        url: String,
    },
    /// The branch or tag does not exist on the remote (any more).
    #[error("{url} has no {reference}")]
    NoSuchReference {
        /// The source, without credentials.
        url: String,
        /// What was asked for, in words.
        reference: String,
    },
    /// A revision that the repository does not hold.
    #[error("no commit is named {revision:?}")]
    UnknownRevision {
        /// The revision as given.
        revision: String,
    },
    /// Not a repository, or not one that can be opened.
    #[error("{} is not a Git repository: {reason}", .path.display())]
    NotARepository {
        /// The folder.
        path: PathBuf,
        /// What the library said.
        reason: String,
    },
    /// Another process works on the same mirror.
    #[error("{} is in use by another syncline", .path.display())]
    Locked {
        /// The mirror.
        path: PathBuf,
    },
    /// The local clone cannot be read or written.
    #[error("{what}: {reason}")]
    Storage {
        /// What was tried.
        what: String,
        /// What the system or the library said.
        reason: String,
    },
    /// The fetch took longer than it may.
    #[error("{url} did not answer within {seconds} s")]
    TimedOut {
        /// The source, without credentials.
        url: String,
        /// The limit.
        seconds: u64,
    },
}

impl GitError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            GitError::Unreachable { .. } | GitError::TimedOut { .. } => {
                Some("the last good commit stays in force until the remote answers")
            }
            GitError::Unauthorized { .. } => Some(
                "give a token with --git-token-file, a password with SYNCLINE_GIT_PASSWORD, or ssh a key",
            ),
            GitError::Empty { .. } => Some("commit something; `syncline init` lays out a first fleet"),
            GitError::NoSuchReference { .. } => {
                Some("the last good commit stays in force; name another with --branch")
            }
            GitError::Locked { .. } => Some("stop the other process, or use another --data-dir"),
            GitError::NotARepository { .. } => Some("give the repository with --repo URL|PATH"),
            GitError::UnknownRevision { .. } | GitError::Storage { .. } => None,
        }
    }

    pub(super) fn storage(what: impl Into<String>) -> impl FnOnce(gix::Error) -> GitError {
        let what = what.into();
        move |error| GitError::Storage { what, reason: chain(&error) }
    }
}

/// The message of an error with those of its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let message = inner.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = inner.source();
    }
    text
}
