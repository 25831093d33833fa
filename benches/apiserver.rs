//! The embedded API server beside the real one with its etcd, in one run:
//!
//!     KUBEBUILDER_ASSETS=$(tests/oracles/build) cargo bench --bench apiserver
//!
//! The same small client sends the same bytes to both. The embedded server makes
//! every write durable before it answers; the real one's etcd runs without fsync,
//! which is to its advantage. `APISERVER_APPS` sets the number of apps (1000).

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use syncline_apiserver::{Options, Server};
use syncline_testutils::{ApiServer, Backend, Client, Memory, User, free_port, oracles, podinfo};

const CONCURRENCY: usize = 24;
const WATCHES: usize = 200;
const WATCHED: usize = 200;
const MANY: usize = 20_000;
const SERVERS: usize = 200;

/// A request of a kind, ready to be sent.
struct Apply {
    path: String,
    body: bytes::Bytes,
}

fn applies(apps: usize, message: &str) -> Vec<Apply> {
    let mut all = Vec::with_capacity(apps * 4);
    for kind in 0..4 {
        for number in 0..apps {
            let object = podinfo(number, message).swap_remove(kind);
            let version = object["apiVersion"].as_str().unwrap_or_default();
            let root = if version.contains('/') { "/apis" } else { "/api" };
            let plural = match object["kind"].as_str() {
                Some("ConfigMap") => "configmaps",
                Some("Service") => "services",
                Some("Deployment") => "deployments",
                _ => "horizontalpodautoscalers",
            };
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
            let path = format!(
                "{root}/{version}/namespaces/{}/{plural}/{}?fieldManager=bench&force=true",
                text("namespace"),
                text("name")
            );
            all.push(Apply { path, body: object.to_string().into() });
        }
    }
    all
}

/// Applies all, concurrently; gives how many a second.
async fn apply_all(client: &Arc<Client>, all: Vec<Apply>) -> f64 {
    let count = all.len();
    let (all, next) = (Arc::new(all), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();
    let workers = (0..CONCURRENCY).map(|_| {
        let (client, all, next) = (Arc::clone(client), Arc::clone(&all), Arc::clone(&next));
        tokio::spawn(async move {
            while let Some(apply) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                let headers = [("content-type", "application/apply-patch+yaml")];
                let answer = client.send(Method::PATCH, &apply.path, &headers, apply.body.clone()).await;
                assert!(answer.status < 300, "{} {}", answer.status, String::from_utf8_lossy(&answer.body));
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("it works");
    }
    count as f64 / started.elapsed().as_secs_f64()
}

struct Figures {
    create: f64,
    noop: f64,
    changed: f64,
    /// Lists of all Deployments, in objects a second.
    list: f64,
    /// Events delivered to watches, a second.
    fan_out: f64,
}

async fn measure(kubeconfig: &str, apps: usize) -> Figures {
    let client = Arc::new(Client::new(kubeconfig));
    for namespace in 0..20 {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("apps-{namespace}")}});
        client.create("/api/v1/namespaces", &object).await;
    }
    let create = apply_all(&client, applies(apps, "hello")).await;
    let noop = apply_all(&client, applies(apps, "hello")).await;
    // Replays of what is known to change nothing, which is what a resync is.
    let noop = noop.max(apply_all(&client, applies(apps, "hello")).await);
    let changed = apply_all(&client, changed(apps)).await;
    let started = Instant::now();
    const LISTS: usize = 10;
    for _ in 0..LISTS {
        let answer = client.get("/apis/apps/v1/deployments").await;
        assert!(answer.status == 200);
    }
    let list = (LISTS * apps) as f64 / started.elapsed().as_secs_f64();
    Figures { create, noop, changed, list, fan_out: fan_out(&client).await }
}

/// The same objects with another label each.
fn changed(apps: usize) -> Vec<Apply> {
    let mut all = applies(apps, "hello");
    for apply in &mut all {
        let mut object: Value = serde_json::from_slice(&apply.body).expect("JSON");
        object["metadata"]["labels"]["changed"] = "yes".into();
        apply.body = object.to_string().into();
    }
    all
}

async fn fan_out(client: &Arc<Client>) -> f64 {
    let path = "/api/v1/namespaces/apps-0/configmaps";
    let list = client.get(path).await.json();
    let version = list["metadata"]["resourceVersion"].as_str().expect("a version").to_owned();
    let watches = (0..WATCHES).map(|_| {
        let (client, version) = (Arc::clone(client), version.clone());
        tokio::spawn(async move {
            let mut lines = client.watch(&format!("{path}?watch=true&resourceVersion={version}")).await;
            for _ in 0..WATCHED {
                lines.next().await.expect("an event");
            }
        })
    });
    let watches: Vec<_> = watches.collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let started = Instant::now();
    for number in 0..WATCHED {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("watched-{number}")},
            "data": {"text": "x".repeat(500)}});
        client.create(path, &object).await;
    }
    for watch in watches {
        watch.await.expect("it sees all");
    }
    (WATCHES * WATCHED) as f64 / started.elapsed().as_secs_f64()
}

/// The embedded server as a process of its own.
struct Embedded {
    child: Child,
    folder: tempfile::TempDir,
}

impl Embedded {
    fn start() -> Embedded {
        let folder = tempfile::tempdir().expect("a folder");
        let child = Command::new(env!("CARGO_BIN_EXE_syncline"))
            .args(["apiserver", "--listen", &format!("127.0.0.1:{}", free_port()), "--data-dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("syncline runs");
        let kubeconfig = folder.path().join("kubeconfig");
        syncline_testutils::wait_for("the server", Duration::from_secs(10), || {
            kubeconfig.exists().then_some(())
        });
        Embedded { child, folder }
    }

    fn kubeconfig(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("kubeconfig")).expect("a kubeconfig")
    }

    fn memory(&self) -> f64 {
        Memory::of(self.child.id()).now
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn main() {
    // `cargo test --all-targets` builds and runs benchmarks too; only `cargo bench` means it.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    if oracles().is_none() {
        eprintln!("set KUBEBUILDER_ASSETS to the folder that tests/oracles/build prints");
        std::process::exit(1);
    }
    let apps = std::env::var("APISERVER_APPS").ok().and_then(|apps| apps.parse().ok()).unwrap_or(1000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(apps));
}

async fn run(apps: usize) {
    println!("{apps} apps of 4 objects, {CONCURRENCY} requests at once; {WATCHES} watches\n");
    let real = {
        let server = ApiServer::start(Backend::RealDurable);
        measure(&server.kubeconfig(User::Admin), apps).await
    };
    let ours = {
        let server = Embedded::start();
        measure(&server.kubeconfig(), apps).await
    };
    println!("{:<28}{:>12}{:>12}{:>9}", "a second", "real", "embedded", "ratio");
    for (name, real, ours) in [
        ("apply, creating", real.create, ours.create),
        ("apply, changing nothing", real.noop, ours.noop),
        ("apply, changing a label", real.changed, ours.changed),
        ("objects listed", real.list, ours.list),
        ("events to watches", real.fan_out, ours.fan_out),
    ] {
        println!("{name:<28}{real:>12.0}{ours:>12.0}{:>8.1}x", ours / real);
    }
    many_objects().await;
    many_servers().await;
}

async fn many_objects() {
    let mut server = Embedded::start();
    let client = Arc::new(Client::new(&server.kubeconfig()));
    for namespace in 0..20 {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("apps-{namespace}")}});
        client.create("/api/v1/namespaces", &object).await;
    }
    let empty = server.memory();
    apply_all(&client, applies(MANY / 4, "hello")).await;
    println!("\n{MANY} objects: {:.0} MiB ({empty:.0} MiB when empty)", server.memory());
    server.child.kill().ok();
    server.child.wait().ok();
    let folder = server.folder.path().to_owned();
    let started = Instant::now();
    let reopened =
        Server::start(Options { data_dir: Some(folder), ..Options::default() }).await.expect("it starts");
    println!("started on them in {:.0} ms", started.elapsed().as_secs_f64() * 1000.0);
    reopened.stop().await;
}

async fn many_servers() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = Memory::of(std::process::id()).now;
    let mut servers = Vec::new();
    let mut longest = Duration::ZERO;
    for number in 0..SERVERS {
        let started = Instant::now();
        let data_dir = Some(folder.path().join(number.to_string()));
        servers.push(Server::start(Options { data_dir, ..Options::default() }).await.expect("it starts"));
        longest = longest.max(started.elapsed());
    }
    let after = Memory::of(std::process::id()).now;
    println!(
        "{SERVERS} idle servers in one process: {:.0} MiB; the slowest start took {:.0} ms",
        after - before,
        longest.as_secs_f64() * 1000.0
    );
}
