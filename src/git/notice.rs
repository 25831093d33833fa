//! Hearing of new commits in a repository on this machine, without polling.

use std::path::Path;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::GitError;
use super::error::chain;
use super::mirror::open_options;

/// Watches the refs of a local repository. Dropping it ends the watch.
#[derive(Debug)]
pub struct LocalNotice {
    _watcher: notify::RecommendedWatcher,
    changes: mpsc::Receiver<()>,
}

impl LocalNotice {
    /// Starts watching.
    ///
    /// # Errors
    /// When the folder is no repository or the system cannot watch it.
    pub fn new(path: &Path) -> Result<LocalNotice, GitError> {
        let options = gix::sec::trust::Mapping { full: open_options(), reduced: open_options() };
        let repository = gix::ThreadSafeRepository::discover_opts(path, Default::default(), options)
            .map_err(|error| GitError::NotARepository { path: path.to_owned(), reason: chain(&error) })?
            .to_thread_local();
        let folder = repository.common_dir().to_path_buf();
        // One waiting notice stands for any number of changes.
        let (sender, changes) = mpsc::channel(1);
        let storage = |error: notify::Error| GitError::Storage {
            what: format!("cannot watch {}", folder.display()),
            reason: error.to_string(),
        };
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = sender.try_send(());
            }
        })
        .map_err(storage)?;
        // HEAD and packed-refs lie in the folder itself, branches and tags below refs.
        watcher.watch(&folder, RecursiveMode::NonRecursive).map_err(storage)?;
        watcher.watch(&folder.join("refs"), RecursiveMode::Recursive).map_err(storage)?;
        Ok(LocalNotice { _watcher: watcher, changes })
    }

    /// Waits until something changed since the last call.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
