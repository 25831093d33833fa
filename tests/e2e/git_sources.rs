//! Sources: every way in, every reference, and what happens when one goes away.

use std::process::Command;
use std::time::Duration;

use syncline_testutils::{FleetRepo, GitServer, User, shared};

use super::support::{Fleet, binary, config_map, text, value_on, wait_value};

/// What `render` prints for a repository at an address.
fn render(
    url: &str,
    revision: Option<&str>,
    adjust: impl FnOnce(&mut Command),
) -> (String, String, Option<i32>) {
    let data = tempfile::tempdir().expect("a temporary folder");
    let mut command = binary();
    command.args(["render", "--cluster", "one", "--repo", url, "--data-dir"]).arg(data.path());
    if let Some(revision) = revision {
        command.args(["--rev", revision]);
    }
    adjust(&mut command);
    let output = command.output().expect("it runs");
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

fn small_fleet(value: &str) -> FleetRepo {
    FleetRepo::with(&[
        (
            "cluster.yaml",
            "apiVersion: fleet.kurator.dev/v1alpha1\nkind: Cluster\nmetadata: {name: one}\nspec: {path: live}\n",
        ),
        ("live/a.yaml", &config_map("ns", "a", value)),
    ])
}

#[test]
fn https_takes_a_token_or_a_password_and_tells_when_they_are_wrong() {
    let repo = small_fleet("over https");
    let bare = repo.bare_clone("git");
    let server = GitServer::start(bare.parent().expect("a folder"), "git", "s3cret");
    let url = server.url(bare.file_name().and_then(|name| name.to_str()).expect("a name"));
    let trust = |command: &mut Command| {
        command.env("SSL_CERT_FILE", server.certificate());
    };
    let token = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(token.path(), "s3cret\n").expect("a file");
    let (out, error, code) = render(&url, None, |command| {
        trust(command);
        command.arg("--git-token-file").arg(token.path());
    });
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("over https"));

    let (out, ..) = render(&url, None, |command| {
        trust(command);
        command.args(["--git-username", "git"]).env("SYNCLINE_GIT_PASSWORD", "s3cret");
    });
    assert!(out.contains("over https"));

    let (_, error, code) = render(&url, None, |command| {
        trust(command);
        command.env("SYNCLINE_GIT_PASSWORD", "wr0ng");
    });
    assert_eq!(code, Some(3));
    assert!(error.contains("refuses the credentials") && error.contains("--git-token-file"), "{error}");
    assert!(!error.contains("wr0ng"));
}

#[test]
fn ssh_goes_through_the_ssh_program() {
    let repo = small_fleet("over ssh");
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Stands for the network: runs what ssh would run on the other host, by the
    // real git-upload-pack.
    let script = folder.path().join("ssh");
    std::fs::write(
        &script,
        "#!/bin/sh\nwhile [ \"$1\" != git@localhost ]; do shift; done\nshift\nexec sh -c \"$*\"\n",
    )
    .expect("a file");
    Command::new("chmod").arg("+x").arg(&script).status().expect("chmod runs");
    let url = format!("ssh://git@localhost{}", repo.path().display());
    let (out, error, _) = render(&url, None, |command| {
        command.env("GIT_SSH_COMMAND", &script);
    });
    assert!(out.contains("over ssh"), "{error}");
}

#[test]
fn branches_tags_ranges_and_commits_can_be_followed() {
    let server = shared(0);
    let fleet = Fleet::of_one("followed");
    let value = |value: &str| {
        fleet.repo.write("a.yaml", &config_map("followed", "a", value));
        fleet.repo.commit(value)
    };
    let first = value("first");
    fleet.repo.git(&["tag", "v1.2.0"]);
    value("second");
    fleet.repo.git(&["tag", "-a", "v1.10.0", "-m", "annotated"]);
    value("third");
    fleet.repo.git(&["tag", "v2.0.0"]);
    fleet.repo.git(&["checkout", "-q", "-b", "next"]);
    value("on a branch");
    fleet.repo.git(&["checkout", "-q", "main"]);
    for (arguments, expected) in [
        (vec![], "third"),
        (vec!["--branch", "next"], "on a branch"),
        (vec!["--tag", "v1.2.0"], "first"),
        (vec!["--semver", "^1"], "second"),
        (vec!["--commit", &first], "first"),
    ] {
        let output = fleet.once_with(&arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(value_on(server, "followed", "a").as_deref(), Some(expected), "{arguments:?}");
    }
}

#[test]
fn a_force_push_is_followed_and_a_vanished_branch_or_remote_keeps_the_last_good_commit() {
    let server = shared(0);
    let fleet = Fleet::of_one("vanish");
    fleet.repo.write("a.yaml", &config_map("vanish", "a", "1"));
    fleet.repo.commit("first");
    let bare = fleet.repo.bare_clone("git");
    let bare_path = bare.to_str().expect("UTF-8");
    let daemon = fleet.daemon_on(bare_path, &["--branch", "main", "--interval", "300ms"]);
    wait_value(server, "vanish", "a", Some("1"));

    fleet.repo.write("a.yaml", &config_map("vanish", "a", "2"));
    fleet.repo.git(&["commit", "-q", "-a", "--amend", "-m", "rewritten"]);
    fleet.repo.git(&["push", "-q", "--force", bare_path, "main"]);
    wait_value(server, "vanish", "a", Some("2"));

    let problem = |what: &str| {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        loop {
            let status = fleet.status_on(bare_path);
            if status["source"]["problem"].as_str().is_some_and(|problem| problem.contains(what)) {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{what}: {status:#}\n{}", fleet.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let heals = || {
        server.delete("vanish", "configmap/a");
        wait_value(server, "vanish", "a", Some("2"));
    };
    let delete = Command::new("git").args(["-C", bare_path, "update-ref", "-d", "refs/heads/main"]).status();
    assert!(delete.expect("git runs").success());
    problem("has no branch main");
    heals();

    let moved = bare.with_extension("moved");
    std::fs::rename(&bare, &moved).expect("it moves");
    problem("cannot reach");
    heals();

    // A restart without the remote keeps it too.
    daemon.kill();
    let _daemon = fleet.daemon_on(bare_path, &["--branch", "main", "--interval", "300ms"]);
    std::thread::sleep(Duration::from_millis(500));
    heals();

    // And when the remote is back, it goes on.
    std::fs::rename(&moved, &bare).expect("it moves back");
    fleet.repo.write("a.yaml", &config_map("vanish", "a", "3"));
    fleet.repo.commit("third");
    fleet.repo.git(&["push", "-q", bare_path, "main"]);
    wait_value(server, "vanish", "a", Some("3"));
}

#[test]
fn an_empty_repository_is_told_and_its_first_commit_is_taken_up() {
    let server = shared(0);
    let fleet = Fleet::empty("empty");
    let _daemon = fleet.daemon();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while fleet.status()["source"]["problem"]
        .as_str()
        .is_none_or(|problem| !problem.contains("has no commits yet"))
    {
        assert!(std::time::Instant::now() < deadline, "{}", fleet.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    fleet.repo.write("clusters/one.yaml", "apiVersion: fleet.kurator.dev/v1alpha1\nkind: Cluster\nmetadata: {name: one}\nspec: {path: live, kubeconfigSecretRef: {name: one-kubeconfig}}\n");
    fleet.set_kubeconfig("one", &server.kubeconfig(User::Admin));
    fleet.repo.write("live/a.yaml", &config_map("empty", "a", "1"));
    fleet.repo.commit("first");
    wait_value(server, "empty", "a", Some("1"));
}
