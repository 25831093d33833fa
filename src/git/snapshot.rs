//! One commit as a tree of files, or a working directory before it is committed.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::objs::tree::EntryKind;

use super::error::chain;
use super::mirror::open_options;
use super::{CommitId, GitError};

/// The id of a file's or folder's content: what caches are keyed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(pub(super) gix::ObjectId);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A file or folder directly inside a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without slashes.
    pub name: Arc<str>,
    /// Its content.
    pub id: EntryId,
    /// Whether it is a folder. Links and submodules are not listed at all.
    pub is_folder: bool,
}

/// A commit (or a working directory) as a tree. Reading is by content id, so the
/// same folder of two commits is the same folder.
pub struct Snapshot {
    pub(super) repository: gix::Repository,
    commit: Option<CommitId>,
    root: EntryId,
    /// Content of a working directory that Git does not hold yet.
    uncommitted: HashMap<EntryId, Uncommitted>,
}

enum Uncommitted {
    File(PathBuf),
    Folder(Arc<[Entry]>),
}

impl Snapshot {
    pub(super) fn of_commit(
        repository: &gix::ThreadSafeRepository,
        id: CommitId,
    ) -> Result<Snapshot, GitError> {
        let repository = repository.to_thread_local();
        let root = {
            let commit = repository
                .find_commit(id.0)
                .map_err(|_| GitError::UnknownRevision { revision: id.to_string() })?;
            EntryId(commit.tree_id().map_err(GitError::storage("cannot read the commit"))?.detach())
        };
        Ok(Snapshot { repository, commit: Some(id), root, uncommitted: HashMap::new() })
    }

    /// A revision of a local repository (`HEAD`, a branch, a tag, `HEAD~1`, a commit).
    ///
    /// # Errors
    /// When the folder is no repository or the revision does not exist.
    pub fn of_revision(path: &Path, revision: &str) -> Result<Snapshot, GitError> {
        let repository = open_local(path)?;
        let id = repository
            .rev_parse_single(revision)
            .ok()
            .and_then(|id| id.object().ok()?.peel_to_commit().ok())
            .map(|commit| CommitId(commit.id().detach()))
            .ok_or_else(|| GitError::UnknownRevision { revision: revision.to_owned() })?;
        Snapshot::of_commit(&repository.into_sync(), id)
    }

    /// The files of a working directory as they lie on disk, committed or not.
    ///
    /// # Errors
    /// When the folder is no repository or cannot be read.
    pub fn of_working_directory(path: &Path) -> Result<Snapshot, GitError> {
        let repository = open_local(path)?;
        let root = repository.workdir().map(Path::to_path_buf).ok_or_else(|| GitError::NotARepository {
            path: path.to_owned(),
            reason: "it has no working directory".into(),
        })?;
        let commit = repository.head_id().ok().map(|id| CommitId(id.detach()));
        let mut uncommitted = HashMap::new();
        let id = read_folder(&root, &mut uncommitted)?;
        Ok(Snapshot { repository, commit, root: id, uncommitted })
    }

    /// The commit; for a working directory the one it is based on, if any.
    pub fn commit(&self) -> Option<CommitId> {
        self.commit
    }

    /// The folder that holds everything.
    pub fn root(&self) -> EntryId {
        self.root
    }

    /// What lies directly in a folder, in Git's order.
    ///
    /// # Errors
    /// When the repository is damaged.
    pub fn list(&self, folder: EntryId) -> Result<Arc<[Entry]>, GitError> {
        if let Some(Uncommitted::Folder(entries)) = self.uncommitted.get(&folder) {
            return Ok(Arc::clone(entries));
        }
        let tree = self.repository.find_tree(folder.0).map_err(GitError::storage("cannot read a folder"))?;
        let mut entries = Vec::new();
        for entry in tree.iter() {
            let entry = entry.map_err(GitError::storage("cannot read a folder"))?;
            let is_folder = match entry.mode().kind() {
                EntryKind::Tree => true,
                EntryKind::Blob | EntryKind::BlobExecutable => false,
                EntryKind::Link | EntryKind::Commit => continue,
            };
            let name = entry.filename().to_string().into();
            entries.push(Entry { name, id: EntryId(entry.object_id()), is_folder });
        }
        Ok(entries.into())
    }

    /// The content of a file.
    ///
    /// # Errors
    /// When the repository is damaged or the file went away.
    pub fn read(&self, file: EntryId) -> Result<Vec<u8>, GitError> {
        if let Some(Uncommitted::File(path)) = self.uncommitted.get(&file) {
            return std::fs::read(path).map_err(|error| GitError::Storage {
                what: format!("cannot read {}", path.display()),
                reason: error.to_string(),
            });
        }
        let mut blob = self.repository.find_blob(file.0).map_err(GitError::storage("cannot read a file"))?;
        Ok(blob.take_data())
    }

    /// The size of a file in bytes, without reading it.
    ///
    /// # Errors
    /// When the repository is damaged or the file went away.
    pub fn size(&self, file: EntryId) -> Result<u64, GitError> {
        if let Some(Uncommitted::File(path)) = self.uncommitted.get(&file) {
            return std::fs::metadata(path).map(|metadata| metadata.len()).map_err(|error| {
                GitError::Storage {
                    what: format!("cannot read {}", path.display()),
                    reason: error.to_string(),
                }
            });
        }
        let header = self.repository.find_header(file.0).map_err(GitError::storage("cannot read a file"))?;
        Ok(header.size())
    }

    /// The file or folder at a path, from the root.
    ///
    /// # Errors
    /// When the repository is damaged.
    pub fn find(&self, path: &str) -> Result<Option<Entry>, GitError> {
        let mut folder = self.root;
        let mut found = None;
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            let entry = self.list(folder)?.iter().find(|entry| *entry.name == *part).cloned();
            let Some(entry) = entry else { return Ok(None) };
            folder = entry.id;
            found = Some(entry);
        }
        Ok(found)
    }
}

/// The root of the working directory that a folder lies in, and the folder's path
/// below it; None outside of any, and for bare repositories.
pub fn enclosing_repository(path: &Path) -> Option<(PathBuf, String)> {
    let folder = path.canonicalize().ok()?;
    let root = open_local(&folder).ok()?.workdir()?.canonicalize().ok()?;
    let below = folder.strip_prefix(&root).ok()?.to_str()?.replace('\\', "/");
    Some((root, below))
}

fn open_local(path: &Path) -> Result<gix::Repository, GitError> {
    let refuse = |reason: String| GitError::NotARepository { path: path.to_owned(), reason };
    let options = gix::sec::trust::Mapping { full: open_options(), reduced: open_options() };
    gix::ThreadSafeRepository::discover_opts(path, Default::default(), options)
        .map(|repository| repository.to_thread_local())
        .map_err(|error| refuse(chain(&error)))
}

/// Hidden folders and files, links, and what is not UTF-8 are left out.
fn read_folder(path: &Path, out: &mut HashMap<EntryId, Uncommitted>) -> Result<EntryId, GitError> {
    let storage = |error: std::io::Error| GitError::Storage {
        what: format!("cannot read {}", path.display()),
        reason: error.to_string(),
    };
    let mut entries = Vec::new();
    for item in std::fs::read_dir(path).map_err(storage)? {
        let item = item.map_err(storage)?;
        let Ok(name) = item.file_name().into_string() else { continue };
        let kind = item.file_type().map_err(storage)?;
        if name.starts_with('.') || kind.is_symlink() {
            continue;
        }
        let id = if kind.is_dir() {
            read_folder(&item.path(), out)?
        } else {
            let content = std::fs::read(item.path()).map_err(storage)?;
            let id = hash(gix::objs::Kind::Blob, &content)?;
            out.insert(id, Uncommitted::File(item.path()));
            id
        };
        entries.push(Entry { name: name.into(), id, is_folder: kind.is_dir() });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let listing: String = entries.iter().map(|e| format!("{} {} {}\n", e.name, e.id, e.is_folder)).collect();
    let id = hash(gix::objs::Kind::Tree, listing.as_bytes())?;
    out.insert(id, Uncommitted::Folder(entries.into()));
    Ok(id)
}

fn hash(kind: gix::objs::Kind, content: &[u8]) -> Result<EntryId, GitError> {
    gix::objs::compute_hash(gix::hash::Kind::Sha1, kind, content)
        .map(EntryId)
        .map_err(|error| GitError::Storage { what: "cannot hash a file".into(), reason: error.to_string() })
}
