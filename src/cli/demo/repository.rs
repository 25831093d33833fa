//! The fleet repository of a demo: the example fleet, commit by commit. Written with
//! the `git` program, which whoever tries the demo works with anyway.

use std::path::Path;
use std::process::Command;

use include_dir::{Dir, include_dir};

use super::Failure;

static EXAMPLE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/example-repo");

/// How the fleet came to be: each commit adds what lies below some paths, the last
/// one whatever is left.
const HISTORY: [(&str, &[&str]); 5] = [
    ("Three clusters on three continents", &["syncline.yaml", "README.md", "clusters"]),
    ("A shop, the same everywhere", &["apps/web/base", "policies/web.yaml"]),
    ("Divide the replicas of the shop 50/30/20", &["policies/web-replicas.yaml"]),
    ("What differs in production, in Asia and in the US", &["apps/web"]),
    ("A Helm release, divided 60/25/15", &[""]),
];

/// Makes the repository in a folder.
pub fn create(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    git(folder, &["init", "--quiet", "--initial-branch", "main"])?;
    // Whoever has no name yet could not commit what the tour proposes.
    if git(folder, &["config", "user.email"]).is_err() {
        git(folder, &["config", "user.name", "Demo"])?;
        git(folder, &["config", "user.email", "demo@example.com"])?;
    }
    let mut left: Vec<&include_dir::File<'_>> = files(&EXAMPLE);
    for (message, paths) in HISTORY {
        let (now, later) =
            left.into_iter().partition(|file| paths.iter().any(|path| file.path().starts_with(path)));
        left = later;
        for file in now as Vec<&include_dir::File<'_>> {
            let path = folder.join(file.path());
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, file.contents())?;
        }
        git(folder, &["add", "--all"])?;
        git(folder, &["commit", "--quiet", "--no-gpg-sign", "--no-verify", "--message", message])?;
    }
    Ok(())
}

/// The newest commits, one a line.
pub fn history(folder: &Path) -> Result<Vec<String>, Failure> {
    let log = git(folder, &["log", "--max-count=5", "--format=%h %s"])?;
    Ok(log.lines().map(str::to_owned).collect())
}

fn files<'d>(folder: &'d Dir<'d>) -> Vec<&'d include_dir::File<'d>> {
    folder.files().chain(folder.dirs().flat_map(files)).collect()
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .map_err(|error| Failure::new(format!("git does not run: {error}"), "install git"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(
        format!("git {} failed: {}", arguments.first().unwrap_or(&""), said.trim()),
        "remove the folder of the demo, and look at the settings of git",
    ))
}
