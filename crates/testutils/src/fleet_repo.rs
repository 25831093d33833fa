//! A Git repository in a temporary folder, written with the real git.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A Git repository that goes away when dropped.
#[derive(Debug)]
pub struct FleetRepo {
    folder: TempDir,
}

impl Default for FleetRepo {
    fn default() -> FleetRepo {
        FleetRepo::new()
    }
}

impl FleetRepo {
    /// An empty repository with the branch `main`.
    pub fn new() -> FleetRepo {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repo = FleetRepo { folder };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    /// A repository with some files, committed.
    pub fn with(files: &[(&str, &str)]) -> FleetRepo {
        let repo = FleetRepo::new();
        for (path, content) in files {
            repo.write(path, content);
        }
        repo.commit("first");
        repo
    }

    /// A repository with a copy of a folder, committed.
    pub fn copy_of(folder: &Path) -> FleetRepo {
        let repo = FleetRepo::new();
        copy(folder, repo.path());
        repo.commit("first");
        repo
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    pub fn write(&self, path: &str, content: &str) -> &FleetRepo {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// Removes a file or folder.
    pub fn remove(&self, path: &str) -> &FleetRepo {
        let path = self.path().join(path);
        if path.is_dir() {
            std::fs::remove_dir_all(path).expect("the folder goes away");
        } else {
            std::fs::remove_file(path).expect("the file goes away");
        }
        self
    }

    /// Commits everything; gives the id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in the repository; gives what it prints.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .args([
                "-c",
                "user.name=Test",
                "-c",
                "user.email=test@example.com",
                "-c",
                "protocol.file.allow=always",
            ])
            .args(arguments)
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A bare clone beside it, to push to.
    pub fn bare_clone(&self, name: &str) -> PathBuf {
        let path = self.path().with_extension(name);
        self.git(&["clone", "-q", "--bare", ".", path.to_str().expect("a UTF-8 path")]);
        path
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the folder is readable") {
        let entry = entry.expect("the folder is readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("the file is copied");
        }
    }
}
