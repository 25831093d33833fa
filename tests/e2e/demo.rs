//! `syncline demo` on a machine with nothing but git.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{OnceLock, mpsc};

use serde_json::Value;
use syncline_testutils::{Client, block_on, wait_for};

use super::support::{SOON, binary, project, text};

/// The demo with git alone in the path, and without settings of git.
fn demo(folder: &Path, arguments: &[&str]) -> Command {
    static PATH: OnceLock<tempfile::TempDir> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let search = std::env::var_os("PATH").expect("a path");
        let git = std::env::split_paths(&search).map(|folder| folder.join("git")).find(|git| git.exists());
        std::os::unix::fs::symlink(git.expect("git is installed"), folder.path().join("git"))
            .expect("a link");
        folder
    });
    let mut command = binary();
    command
        .arg("demo")
        .arg(folder)
        .args(arguments)
        .env("PATH", path.path())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    command
}

fn once(folder: &Path, timeout: &str) -> Output {
    let output = demo(folder, &["--once", "--timeout", timeout]).output().expect("it runs");
    eprintln!("{}{}", text(&output.stdout), text(&output.stderr));
    output
}

fn git(fleet: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(fleet)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

fn replace(fleet: &Path, from: &str, to: &str) {
    let web = fleet.join("apps/web/base/web.yaml");
    let before = std::fs::read_to_string(&web).expect("the app");
    assert!(before.contains(from));
    std::fs::write(&web, before.replace(from, to)).expect("the app");
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != ".git") {
            found.extend(
                files(&path).into_iter().map(|(below, content)| {
                    (Path::new(path.file_name().expect("a name")).join(below), content)
                }),
            );
        } else if path.is_file() {
            found.push((path.file_name().expect("a name").into(), std::fs::read(&path).expect("a file")));
        }
    }
    found.sort();
    found
}

#[test]
fn once_lays_out_the_example_with_its_history_and_ends_when_all_is_healthy() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = once(folder.path(), "20s");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("In sync and healthy after"));
    let fleet = folder.path().join("fleet");
    assert_eq!(files(&fleet), files(&project("example-repo")));
    let commits = git(&fleet, &["log", "--format=%H"]);
    assert!(commits.lines().count() >= 4, "{commits}");
    for commit in commits.lines() {
        let validate = binary().args(["validate", "--rev", commit, "--repo"]).arg(&fleet).output();
        let validate = validate.expect("it runs");
        assert_eq!(validate.status.code(), Some(0), "{commit}: {}", text(&validate.stdout));
    }

    // A rollout that fails is the reason of the exit, on the same clusters.
    replace(&fleet, "podinfo:6.9.0", "podinfo:6.9.1");
    replace(
        &fleet,
        "    app: web\nspec:\n  # Div",
        "    app: web\n  annotations: {simulate.syncline.dev/fail: no space}\nspec:\n  # Div",
    );
    git(&fleet, &["commit", "--quiet", "--all", "--message", "Fail"]);
    let output = once(folder.path(), "2s");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("no space"));
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("thesis.txt"), "mine").expect("a file");
    let output = once(folder.path(), "20s");
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("holds something else") && text(&output.stderr).contains("hint:"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn what_the_tour_proposes_works_a_commit_a_drift_and_a_revert() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child =
        demo(folder.path(), &[]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || out.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
    let mut tour = String::new();
    while !tour.contains("Ctrl-C") {
        let line = lines.recv_timeout(SOON).expect("the tour is printed");
        assert!(line.chars().count() <= 80 || line.contains('/'), "{line}");
        tour.push_str(&line);
        tour.push('\n');
    }
    assert!(tour.contains("git commit") && tour.contains("git revert"), "{tour}");

    let fleet = folder.path().join("fleet");
    let names = ["asia-cluster", "eu-cluster", "us-cluster"];
    let replicas = |name: &str| {
        let path = folder.path().join("secrets").join(format!("{name}-kubeconfig"));
        assert!(tour.contains(path.to_str().expect("UTF-8")), "{tour}");
        let client = Client::new(&std::fs::read_to_string(path).expect("a kubeconfig"));
        let web: Value =
            block_on(async move { client.get("/apis/apps/v1/namespaces/shop/deployments/web").await.json() });
        web["spec"]["replicas"].as_u64()
    };
    let wait_replicas = |wanted: [u64; 3]| {
        wait_for("the replicas", SOON, || (names.map(replicas) == wanted.map(Some)).then_some(()));
    };
    wait_replicas([5, 3, 2]);
    replace(&fleet, "replicas: 10", "replicas: 20");
    git(&fleet, &["commit", "--all", "--message", "Scale the shop to 20"]);
    wait_replicas([10, 6, 4]);

    // The line of the tour that deletes the app, as it is printed for who has no kubectl.
    let drift = tour.lines().find(|line| line.contains("-X DELETE")).expect("a line of curl");
    if Command::new("curl").arg("--version").output().is_ok() {
        let done = Command::new("sh").current_dir(&fleet).args(["-c", drift]).output().expect("it runs");
        assert!(done.status.success(), "{drift}: {}", text(&done.stderr));
    } else {
        // A machine with git alone: what the line names is deleted all the same.
        let kubeconfig = folder.path().join("secrets/asia-cluster-kubeconfig");
        let client = Client::new(&std::fs::read_to_string(kubeconfig).expect("a kubeconfig"));
        let url = drift.split_whitespace().last().expect("a URL").to_owned();
        let path = url[url.find("/apis/").expect("a path")..].to_owned();
        assert_eq!(block_on(async move { client.delete(&path).await.status }), 200, "{url}");
    }
    wait_replicas([10, 6, 4]);

    git(&fleet, &["revert", "--no-edit", "HEAD"]);
    wait_replicas([5, 3, 2]);
    Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
    assert!(child.wait().expect("it ends").success());
    let last = lines.iter().last().unwrap_or_default();
    assert!(last.contains("goes on from here"), "{last}");
}
