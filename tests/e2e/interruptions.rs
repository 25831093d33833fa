//! Whatever is cut off goes on where it was.

use std::time::Duration;

use syncline_testutils::{ApiServer, Backend, User, shared, wait_for};

use super::support::{Fleet, SOON, binary, config_map, text, value_on, wait_value};

fn names(server: &ApiServer, namespace: &str) -> usize {
    let path =
        format!("/api/v1/namespaces/{namespace}/configmaps?labelSelector=applyset.kubernetes.io%2Fpart-of");
    let found: serde_json::Value = serde_json::from_str(&server.raw(&path)).expect("JSON");
    found["items"].as_array().map_or(0, Vec::len)
}

#[test]
fn kill_9_in_the_middle_of_an_apply_and_of_a_prune_loses_nothing() {
    let server = shared(2);
    let fleet = Fleet::empty("killed");
    fleet.add_cluster("three", "a: b", &server.kubeconfig(User::Admin));
    fleet.repo.write("policies/all.yaml", "apiVersion: policy.kurator.dev/v1alpha1\nkind: ClusterPropagationPolicy\nmetadata: {name: all}\nspec: {resourceSelectors: [{}]}\n");
    let all: String =
        (0..400).map(|n| format!("---\n{}", config_map("killed", &format!("a{n}"), "1"))).collect();
    fleet.repo.write("all.yaml", &all).write("keep.yaml", &config_map("killed", "keep", "1"));
    let first = fleet.repo.commit("first");
    let daemon = fleet.daemon();
    wait_for("some objects", SOON, || (names(server, "killed") > 5).then_some(()));
    daemon.kill();
    let at_kill = names(server, "killed");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&first);
    assert_eq!(names(server, "killed"), 401, "killed at {at_kill}");

    fleet.repo.remove("all.yaml");
    let second = fleet.repo.commit("second\n\nSyncline-Prune: confirmed");
    wait_for("some to be gone", SOON, || (names(server, "killed") < 395).then_some(()));
    daemon.kill();
    let at_kill = names(server, "killed");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&second);
    assert_eq!(names(server, "killed"), 1, "killed at {at_kill}");
    assert_eq!(value_on(server, "killed", "keep").as_deref(), Some("1"));
}

#[test]
fn a_server_that_goes_away_mid_apply_is_taken_up_when_it_returns_and_delays_nobody() {
    let other = shared(0);
    let server = ApiServer::start(Backend::chosen());
    let fleet = Fleet::of_one("outage");
    fleet.add_cluster("lonely", "a: b", &server.kubeconfig(User::Admin));
    let all: String =
        (0..300).map(|n| format!("---\n{}", config_map("outage", &format!("a{n}"), "1"))).collect();
    fleet.repo.write("all.yaml", &all);
    fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    wait_for("some objects", SOON, || (names(&server, "outage") > 5).then_some(()));
    server.pause();
    fleet.wait_status("the outage to be told", |status| {
        let targets = status["targets"].as_array()?;
        let lonely = targets.iter().find(|target| target["target"] == "lonely")?;
        (lonely["connection"]["connection"] == "unreachable").then_some(())
    });

    // The other cluster takes the next commit while this one is away.
    fleet
        .repo
        .write("all.yaml", &config_map("outage", "a0", "2"))
        .write("b.yaml", &config_map("outage", "b", "1"));
    let second = fleet.repo.commit("second\n\nSyncline-Prune: confirmed");
    wait_value(other, "outage", "b", Some("1"));

    server.resume();
    fleet.wait_in_sync(&second);
    assert_eq!(value_on(&server, "outage", "a0").as_deref(), Some("2"));
    assert_eq!(names(&server, "outage"), 2);
}

#[test]
fn the_newest_commit_supersedes_a_wait_for_a_bad_one() {
    let server = shared(0);
    let fleet = Fleet::of_one("superseded");
    fleet.repo.write("claim.yaml", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a, namespace: superseded}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n");
    let later = config_map("superseded", "later", "1")
        .replace("namespace: superseded", "namespace: superseded, annotations: {syncline.dev/wave: \"1\"}");
    fleet.repo.write("later.yaml", &later);
    fleet.repo.commit("never healthy");
    let _daemon = fleet.daemon();
    wait_for("the claim", SOON, || server.get("superseded", "pvc/a"));
    assert_eq!(value_on(server, "superseded", "later"), None);
    fleet.repo.remove("claim.yaml");
    fleet.repo.commit("the fix");
    wait_value(server, "superseded", "later", Some("1"));
}

#[test]
fn a_daemon_answers_health_and_metrics_and_stops_on_sigterm() {
    let fleet = Fleet::of_one("served");
    fleet.repo.write("a.yaml", &config_map("served", "a", "1"));
    let commit = fleet.repo.commit("first");
    let port = syncline_testutils::free_port();
    let address = format!("127.0.0.1:{port}");
    let url = fleet.repo.path().to_str().expect("UTF-8").to_owned();
    let mut command = fleet.command_on("run", &url);
    command.args(["--listen", &address, "--log-format", "json"]);
    let log = tempfile::NamedTempFile::new().expect("a file");
    command.stderr(log.reopen().expect("a file"));
    let mut child = command.spawn().expect("it runs");
    fleet.wait_in_sync(&commit);
    let get = |path: &str| {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(&address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("answered");
        reply
    };
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(get("/readyz").starts_with("HTTP/1.1 200"));
    let metrics = get("/metrics");
    assert!(metrics.contains("syncline_objects_in_sync{target=\"one\"} 1"), "{metrics}");
    assert!(metrics.contains("syncline_writes_total{kind=\"apply\"} 1"), "{metrics}");

    // Another daemon on the same data is refused, with the reason.
    let second = fleet.command("run").args(["--listen", "none"]).output().expect("it runs");
    assert_eq!(second.status.code(), Some(3));
    assert!(text(&second.stderr).contains("is in use by another syncline"));

    std::process::Command::new("kill").arg(child.id().to_string()).status().expect("kill runs");
    let ended = wait_for("the end", Duration::from_secs(10), || child.try_wait().expect("it ends"));
    assert!(ended.success());
    let lines = std::fs::read_to_string(log.path()).expect("the log");
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{lines}");
    let usage = binary()
        .args(["run", "--listen", "nowhere", "--repo"])
        .arg(fleet.repo.path())
        .output()
        .expect("it runs");
    assert_eq!(usage.status.code(), Some(3));
}
