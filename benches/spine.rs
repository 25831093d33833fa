//! The spine against its floor, on an embedded API server, or on a real
//! kube-apiserver and etcd, in one run:
//!
//!     cargo bench --bench spine
//!     SYNCLINE_TEST_SERVERS=real cargo bench --bench spine
//!
//! The floor is what the server can take: the same objects, applied raw and
//! concurrently by the same client. Everything else is a ratio to it, for the
//! machine may be slow or busy. `SPINE_APPS` sets the number of apps (1000).

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use syncline::target::{Cluster, Discovery, ExecCredentials, Kubeconfigs};
use syncline_manifest::{GroupKind, ObjectKey, yaml};
use syncline_testutils::{ApiServer, Backend, FleetRepo, Memory, User, podinfo};

const CONCURRENCY: usize = 24;
const CHANGES: usize = 50;
const DRIFTS: usize = 100;

fn file_of(number: usize, message: &str) -> String {
    podinfo(number, message).iter().fold(String::new(), |mut text, object| {
        text.push_str("---\n");
        yaml::write(&mut text, object);
        text
    })
}

fn key_of(object: &Value) -> ObjectKey {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let kind = GroupKind::new(group, text("/kind").unwrap_or_default());
    ObjectKey::new(kind, text("/metadata/namespace"), text("/metadata/name").unwrap_or_default())
}

/// The folder of kubeconfigs, with that of the cluster `one`.
fn kubeconfigs(server: &ApiServer) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("one"), server.kubeconfig(User::Admin)).expect("a file");
    folder
}

async fn connect(server: &ApiServer) -> (Cluster, Discovery) {
    let secrets = kubeconfigs(server);
    let cluster = serde_json::from_value(json!({
        "apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Cluster", "metadata": {"name": "one"},
        "spec": {"kubeconfigSecretRef": {"name": "one"}},
    }));
    let kubeconfigs = Kubeconfigs::new(Some(secrets.path().to_owned()), ExecCredentials::Forbidden);
    let cluster = kubeconfigs.connect(&cluster.expect("a cluster")).await.expect("it connects");
    let discovery = cluster.discover().await.expect("it answers");
    (cluster, discovery)
}

/// Whether objects are as they are written, or carry what Helm and Flux put on those of a
/// release.
#[derive(Clone, Copy, PartialEq)]
enum Objects {
    Plain,
    OfReleases,
}

/// Applies all objects raw and concurrently; gives how long that took.
async fn apply_all(cluster: &Cluster, discovery: &Discovery, apps: usize, objects: Objects) -> Duration {
    let mut requests: Vec<(ObjectKey, String, Vec<u8>)> = Vec::new();
    for kind in 0..4 {
        for number in 0..apps {
            let mut object = podinfo(number, "hello").swap_remove(kind);
            if objects == Objects::OfReleases {
                let (name, namespace) =
                    (object["metadata"]["name"].clone(), object["metadata"]["namespace"].clone());
                object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm".into();
                object["metadata"]["annotations"] = serde_json::json!({
                    "meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace,
                });
            }
            let version = object["apiVersion"].as_str().unwrap_or_default();
            let version = version.rsplit('/').next().unwrap_or_default().to_owned();
            requests.push((key_of(&object), version, object.to_string().into_bytes()));
        }
    }
    let started = Instant::now();
    stream::iter(requests)
        .for_each_concurrent(CONCURRENCY, |(key, version, body)| async move {
            let kind = discovery.kind(&key.group_kind).expect("a built-in kind");
            cluster.apply(&key, &version, kind, "floor", body).await.expect("it is applied");
        })
        .await;
    started.elapsed()
}

struct Floor {
    create: Duration,
    noop: Duration,
}

async fn floor(apps: usize, objects: Objects) -> Floor {
    let server = ApiServer::start(Backend::chosen());
    let (cluster, discovery) = connect(&server).await;
    for namespace in 0..20 {
        cluster.ensure_namespace(&format!("apps-{namespace}"), "floor").await.expect("a namespace");
    }
    let create = apply_all(&cluster, &discovery, apps, objects).await;
    let noop = apply_all(&cluster, &discovery, apps, objects).await;
    Floor { create, noop }
}

struct Daemon {
    child: Child,
    metrics: String,
}

impl Daemon {
    fn start(repo: &FleetRepo, data: &Path, secrets: &Path) -> Daemon {
        let port = syncline_testutils::free_port();
        let metrics = format!("127.0.0.1:{port}");
        let child = Command::new(env!("CARGO_BIN_EXE_syncline"))
            .args(["run", "--listen", &metrics, "--log", "warn", "--repo"])
            .arg(repo.path())
            .arg("--data-dir")
            .arg(data)
            .arg("--secrets-dir")
            .arg(secrets)
            .stdin(Stdio::null())
            .spawn()
            .expect("syncline runs");
        Daemon { child, metrics }
    }

    fn metric(&self, name: &str) -> Option<f64> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(&self.metrics).ok()?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        let line = reply.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    fn wait_in_sync(&self, objects: usize) {
        let deadline = Instant::now() + Duration::from_secs(300);
        while self.metric("syncline_objects_in_sync{") != Some(objects as f64) {
            assert!(Instant::now() < deadline, "not in sync: {:?}", self.metric("syncline_objects_in_sync{"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn memory(&self) -> Memory {
        Memory::of(self.child.id())
    }

    fn stop(mut self) {
        Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration, Duration) {
    times.sort();
    let at = |share: f64| times[((times.len() as f64 * share).ceil() as usize).clamp(1, times.len()) - 1];
    (at(0.5), at(0.99), times[times.len() - 1])
}

/// Waits until a ConfigMap's message is as given.
async fn until_message(cluster: &Cluster, discovery: &Discovery, key: &ObjectKey, message: &str) {
    let kind = discovery.kind(&key.group_kind).expect("a built-in kind");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let live = cluster.get(key, kind).await.expect("it exists");
        if live.value["data"]["message"] == message {
            return;
        }
        assert!(Instant::now() < deadline, "{key} is {}", live.value["data"]["message"]);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

const WRITES: &[&str] = &["PATCH", "APPLY", "POST", "PUT", "DELETE", "DELETECOLLECTION"];

fn main() {
    // `cargo test --all-targets` builds and runs benchmarks too; only `cargo bench` means it.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let apps = std::env::var("SPINE_APPS").ok().and_then(|apps| apps.parse().ok()).unwrap_or(1000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if std::env::var_os("SPINE_RELEASES").is_some() {
        runtime.block_on(measure_releases(apps));
    } else {
        runtime.block_on(measure(apps));
    }
}

const CLUSTER: &str = "apiVersion: fleet.kurator.dev/v1alpha1\nkind: Cluster\nmetadata: {name: one}\nspec: {kubeconfigSecretRef: {name: one}}\n";

/// The same objects as releases of a chart: one HelmRelease an app.
async fn measure_releases(apps: usize) {
    let objects = apps * 4;
    println!("{apps} HelmReleases, {objects} objects; {:?} servers on this machine\n", Backend::chosen());
    let plain = floor(apps, Objects::Plain).await;

    let server = ApiServer::start(Backend::chosen());
    let repo = FleetRepo::new();
    repo.write("clusters/one.yaml", CLUSTER);
    repo.write("policies/all.yaml", "apiVersion: policy.kurator.dev/v1alpha1\nkind: ClusterPropagationPolicy\nmetadata: {name: all}\nspec: {resourceSelectors: [{kind: HelmRelease}]}\n");
    repo.write("charts/podinfo/Chart.yaml", "apiVersion: v2\nname: podinfo\nversion: 6.9.0\n");
    repo.write("charts/podinfo/values.yaml", "message: nothing\n");
    let text =
        file_of(0, "hello").replace("    namespace: apps-0\n", "").replace("  namespace: apps-0\n", "");
    let text = text
        .replace("app-0000", "{{ .Release.Name }}")
        .replace("message: hello", "message: {{ .Values.message }}");
    repo.write("charts/podinfo/templates/all.yaml", &text);
    for number in 0..apps {
        let release = format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n\
             metadata: {{name: app-{number:04}, namespace: apps-{}}}\nspec:\n  chart:\n    spec:\n      \
             chart: ./charts/podinfo\n      sourceRef: {{kind: GitRepository, name: fleet}}\n  values: {{message: hello}}\n",
            number % 20
        );
        repo.write(&format!("apps/app-{number:04}/release.yaml"), &release);
    }
    repo.commit("first");
    let data = tempfile::tempdir().expect("a folder");
    let secrets = kubeconfigs(&server);
    let started = Instant::now();
    let daemon = Daemon::start(&repo, data.path(), secrets.path());
    daemon.wait_in_sync(objects);
    let cold = started.elapsed();
    let load = daemon.metric("syncline_load_seconds").unwrap_or_default();
    let Memory { peak, now } = daemon.memory();
    daemon.stop();
    drop(server);
    let released = floor(apps, Objects::OfReleases).await;
    let ratio = |floor: &Floor| cold.as_secs_f64() / floor.create.as_secs_f64();
    println!("| what | measured | target |");
    println!("|---|---|---|");
    println!(
        "| floor: raw creating applies, plain and with what Helm puts on them | {:.2?} and {:.2?} | |",
        plain.create, released.create
    );
    println!(
        "| cold sync of the releases, from process start | {cold:.2?} = {:.2} and {:.2} x floor | at most 1.5 |",
        ratio(&plain),
        ratio(&released)
    );
    println!("| of it: load, render, place | {load:.3} s | |");
    println!("| memory: peak, and settled | {peak:.0} and {now:.0} MiB | |");
}

async fn measure(apps: usize) {
    let objects = apps * 4;
    println!("{apps} apps, {objects} objects; {:?} servers on this machine\n", Backend::chosen());
    let before = floor(apps, Objects::Plain).await;

    let server = ApiServer::start(Backend::chosen());
    let repo = FleetRepo::new();
    repo.write("clusters/one.yaml", CLUSTER);
    repo.write("policies/all.yaml", "apiVersion: policy.kurator.dev/v1alpha1\nkind: ClusterPropagationPolicy\nmetadata: {name: all}\nspec: {resourceSelectors: [{labelSelector: {matchLabels: {team: bench}}}]}\n");
    for number in 0..apps {
        repo.write(&format!("apps/app-{number:04}/app.yaml"), &file_of(number, "hello"));
    }
    repo.commit("first");
    let data = tempfile::tempdir().expect("a folder");
    let secrets = kubeconfigs(&server);

    let started = Instant::now();
    let daemon = Daemon::start(&repo, data.path(), secrets.path());
    daemon.wait_in_sync(objects);
    let cold = started.elapsed();
    let load = daemon.metric("syncline_load_seconds").unwrap_or_default();
    let cold_peak = daemon.memory().peak;

    // A commit that changes nothing on the cluster.
    let writes_before = server.requests(WRITES);
    let reads_before = server.requests(&["GET", "LIST"]);
    let cpu_before = cpu(&daemon);
    repo.write("README.md", "nothing that matters");
    let started = Instant::now();
    repo.commit("unrelated");
    // The time of the last load changes when the new commit has been loaded and
    // every target was told.
    while daemon.metric("syncline_load_seconds") == Some(load) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let noop_load = daemon.metric("syncline_load_seconds").unwrap_or_default();
    let noop = started.elapsed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let noop_cpu = cpu(&daemon) - cpu_before;
    let noop_writes = server.requests(WRITES) - writes_before;
    // Two reads of the metrics are the benchmark's own.
    let noop_reads = (server.requests(&["GET", "LIST"]) - reads_before).saturating_sub(2);

    let (cluster, discovery) = connect(&server).await;
    let mut changes = Vec::new();
    for round in 0..CHANGES {
        let number = (round * 37) % apps;
        let message = format!("change {round}");
        let key = key_of(&podinfo(number, "")[0]);
        repo.write(&format!("apps/app-{number:04}/app.yaml"), &file_of(number, &message));
        let started = Instant::now();
        repo.commit(&message);
        until_message(&cluster, &discovery, &key, &message).await;
        changes.push(started.elapsed());
    }
    let mut drifts = Vec::new();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for round in 0..DRIFTS {
        let number = (7 + round * 13) % apps;
        let key = key_of(&podinfo(number, "")[0]);
        let kind = discovery.kind(&key.group_kind).expect("a built-in kind");
        let live = cluster.get(&key, kind).await.expect("it exists");
        let message = live.value["data"]["message"].as_str().unwrap_or_default().to_owned();
        let patch = json!({"data": {"message": "drifted"}});
        let started = Instant::now();
        cluster.merge_patch(&key, kind, "rival", &patch).await.expect("it is changed");
        until_message(&cluster, &discovery, &key, &message).await;
        drifts.push(started.elapsed());
    }
    let Memory { peak, now: settled } = daemon.memory();
    daemon.stop();

    // A restart: everything is compared again, nothing is written.
    let writes_before = server.requests(WRITES);
    let started = Instant::now();
    let daemon = Daemon::start(&repo, data.path(), secrets.path());
    daemon.wait_in_sync(objects);
    let restart = started.elapsed();
    let restart_writes = server.requests(WRITES) - writes_before;
    let restart_peak = daemon.memory().peak;
    daemon.stop();
    drop(server);

    let after = floor(apps, Objects::Plain).await;
    let create = (before.create + after.create) / 2;
    let applied = (before.noop + after.noop) / 2;
    let ratio = |time: Duration| time.as_secs_f64() / create.as_secs_f64();
    let rate = |time: Duration| objects as f64 / time.as_secs_f64();
    let (change_p50, change_p99, change_max) = percentiles(changes);
    let (drift_p50, drift_p99, drift_max) = percentiles(drifts);
    println!("| what | measured | target |");
    println!("|---|---|---|");
    println!(
        "| floor: raw creates, before and after | {:.2?} and {:.2?}, {:.0}/s | |",
        before.create,
        after.create,
        rate(create)
    );
    println!("| floor: raw no-op applies | {applied:.2?}, {:.0}/s | |", rate(applied));
    println!("| cold sync, from process start | {cold:.2?} = {:.2} x floor | at most 1.3 |", ratio(cold));
    println!("| of it: clone aside, load, render, place | {load:.3} s | |");
    println!(
        "| no-op resync: a commit without changes, `git commit` included | {noop:.2?} = {:.2} % of the floor | under 2 % |",
        100.0 * ratio(noop)
    );
    println!("| of it: load, render, place | {noop_load:.3} s; CPU over 2 s {:.0} ms | |", noop_cpu * 1000.0);
    println!("| its writes and reads, counted by the server | {noop_writes} and {noop_reads} | 0 writes |");
    println!(
        "| restart to in sync | {restart:.2?} = {:.2} % of the floor, {restart_writes} writes | 0 writes |",
        100.0 * ratio(restart)
    );
    println!(
        "| git commit to applied, p50 / p99 / max | {change_p50:.0?} / {change_p99:.0?} / {change_max:.0?} | p99 under 1 s |"
    );
    println!(
        "| drift to reverted, p50 / p99 / max | {drift_p50:.0?} / {drift_p99:.0?} / {drift_max:.0?} | p99 under 1 s |"
    );
    println!(
        "| peak memory: cold, all, restart; settled | {cold_peak:.0}, {peak:.0}, {restart_peak:.0}; {settled:.0} MiB | under 64 MiB |"
    );
}

/// The processor time a daemon has used, in seconds.
fn cpu(daemon: &Daemon) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.child.id())).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}
