//! What was fetched, in a folder: archives by their digest, indexes by their address.

use std::fs;
use std::path::PathBuf;

use sha2::Digest as _;

#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

/// The SHA-256 of some bytes, in small letters.
fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Store {
    pub fn new(folder: PathBuf) -> Store {
        Store { folder }
    }

    fn index_path(&self, repository: &str) -> PathBuf {
        self.folder.join(format!("index-{}.yaml", sha256(repository.as_bytes())))
    }

    /// The index of a repository as it was last served.
    pub fn index(&self, repository: &str) -> Option<Vec<u8>> {
        fs::read(self.index_path(repository)).ok()
    }

    /// Keeps the index of a repository.
    pub fn keep_index(&self, repository: &str, bytes: &[u8]) {
        self.keep(&self.index_path(repository), bytes);
    }

    fn note_path(&self, what: &str) -> PathBuf {
        self.folder.join(format!("note-{}.txt", sha256(what.as_bytes())))
    }

    /// What was last said of something.
    pub fn note(&self, what: &str) -> Option<String> {
        fs::read_to_string(self.note_path(what)).ok()
    }

    /// Keeps what was said of something.
    pub fn keep_note(&self, what: &str, text: &str) {
        self.keep(&self.note_path(what), text.as_bytes());
    }

    /// The archive of a digest, unless it was damaged.
    pub fn archive(&self, digest: &str) -> Option<Vec<u8>> {
        // A digest that comes from an index is no path.
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        fs::read(self.folder.join(format!("{digest}.tgz"))).ok().filter(|bytes| sha256(bytes) == digest)
    }

    /// Keeps an archive; gives its digest.
    pub fn keep_archive(&self, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        self.keep(&self.folder.join(format!("{digest}.tgz")), bytes);
        digest
    }

    /// What cannot be kept is fetched again: that is no failure.
    fn keep(&self, path: &std::path::Path, bytes: &[u8]) {
        let written = fs::create_dir_all(&self.folder).and_then(|()| {
            let aside = path.with_extension(format!("{}.new", std::process::id()));
            fs::write(&aside, bytes)?;
            fs::rename(&aside, path)
        });
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "a chart is not kept");
        }
    }
}
