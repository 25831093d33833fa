//! Charts of HelmRepositories that are served over HTTP.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use syncline_testutils::{Certificates, Clients, Stream, shared, wait_for};

use super::super::support::{Fleet, SOON, text};

/// A repository of charts: files over HTTP, for who knows the password.
struct ChartServer {
    url: String,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    is_open: Arc<AtomicBool>,
    archives_sent: Arc<AtomicUsize>,
}

impl ChartServer {
    fn start() -> ChartServer {
        ChartServer::serving("http", |stream| Some(Box::new(stream)))
    }

    fn serving(
        scheme: &str,
        accept: impl Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + 'static,
    ) -> ChartServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("{scheme}://localhost:{}", listener.local_addr().expect("an address").port());
        let server = ChartServer {
            url,
            files: Arc::default(),
            is_open: Arc::new(AtomicBool::new(true)),
            archives_sent: Arc::default(),
        };
        let (files, is_open, sent) =
            (Arc::clone(&server.files), Arc::clone(&server.is_open), Arc::clone(&server.archives_sent));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(mut stream) = stream.ok().and_then(&accept) else { continue };
                let mut lines = BufReader::new(&mut stream).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                // user:secret
                let knows = headers.iter().any(|line| {
                    line.to_lowercase().contains("authorization") && line.ends_with("dXNlcjpzZWNyZXQ=")
                });
                let file = files.lock().expect("the files").get(&path).cloned();
                let (status, body) = match file {
                    _ if !is_open.load(Ordering::SeqCst) => ("503 Unavailable", Vec::new()),
                    _ if !knows => ("401 Unauthorized", Vec::new()),
                    Some(body) => ("200 OK", body),
                    None => ("404 Not Found", Vec::new()),
                };
                if path.ends_with(".tgz") {
                    sent.fetch_add(1, Ordering::SeqCst);
                }
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        server
    }

    /// Publishes versions of a chart, packed and indexed by helm.
    fn publish(&self, helm: &Path, versions: &[&str]) {
        let folder = packed(helm, versions);
        run_in(folder.path(), helm, &["repo", "index", "out"]);
        let mut files = self.files.lock().expect("the files");
        for entry in std::fs::read_dir(folder.path().join("out")).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = format!("/charts/{}", entry.file_name().to_string_lossy());
            files.insert(path, std::fs::read(entry.path()).expect("a file"));
        }
    }
}

fn run_in(folder: &Path, program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Versions of a chart, packed by helm: a folder with the chart `shop` and archives in `out`.
pub(super) fn packed(helm: &Path, versions: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let chart = folder.path().join("shop");
    std::fs::create_dir_all(chart.join("templates")).expect("a folder");
    std::fs::write(chart.join("templates/a.yaml"), TEMPLATE).expect("written");
    for version in versions {
        let about = format!("apiVersion: v2\nname: shop\nversion: {version}\n");
        std::fs::write(chart.join("Chart.yaml"), about).expect("written");
        run_in(folder.path(), helm, &["package", "shop", "-d", "out"]);
    }
    folder
}

const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {version: {{ .Chart.Version | quote }}}\n";

fn fleet(name: &str, server: &ChartServer, version: &str) -> Fleet {
    let fleet = Fleet::of_one(name);
    fleet.repo.write(
        "source.yaml",
        &format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: charts, namespace: {name}}}\n\
             spec: {{url: '{}/charts', secretRef: {{name: login}}}}\n---\n\
             apiVersion: v1\nkind: Secret\nmetadata: {{name: login, namespace: {name}}}\nstringData: {{username: user, password: secret}}\n",
            server.url
        ),
    );
    fleet.repo.write("release.yaml", &release(name, version));
    fleet
}

fn release(name: &str, version: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: shop, namespace: {name}}}\nspec:\n  \
         install: {{createNamespace: true}}\n  chart:\n    spec:\n      chart: shop\n      version: '{version}'\n      \
         sourceRef: {{kind: HelmRepository, name: charts}}\n"
    )
}

#[test]
fn charts_are_fetched_over_http_and_stay_in_use_while_the_repository_is_gone() {
    let Some(assets) = syncline_testutils::oracles() else {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return;
    };
    let charts = ChartServer::start();
    charts.publish(&assets.join("helm"), &["1.0.0", "1.2.0", "2.0.0-rc.1", "2.0.0"]);
    let cluster = shared(1);
    let fleet = fleet("fetched", &charts, "^1.0");
    fleet.set_kubeconfig("one", &cluster.kubeconfig(syncline_testutils::User::Admin));
    let commit = fleet.repo.commit("first");
    let daemon = fleet.daemon();
    let version = || Some(cluster.get("fetched", "configmap/shop")?["data"]["version"].clone());
    wait_for("the newest of the range", SOON, || (version()? == json!("1.2.0")).then_some(()));
    fleet.wait_in_sync(&commit);
    assert_eq!(charts.archives_sent.load(Ordering::SeqCst), 1);
    assert!(daemon.terminate());

    // The repository is gone: what was fetched is used, after a restart too.
    charts.is_open.store(false, Ordering::SeqCst);
    let daemon = fleet.daemon();
    cluster.patch("fetched", "configmap/shop", "someone", &json!({"data": {"version": "by hand"}}));
    wait_for("the drift to be reverted", SOON, || (version()? == json!("1.2.0")).then_some(()));
    charts.is_open.store(true, Ordering::SeqCst);
    fleet.repo.write("release.yaml", &release("fetched", "2.0.0"));
    fleet.wait_in_sync(&fleet.repo.commit("A pinned version"));
    wait_for("the pinned version", SOON, || (version()? == json!("2.0.0")).then_some(()));
    assert!(daemon.terminate());
}

#[test]
fn what_a_repository_does_not_have_or_should_not_be_used_is_told() {
    let Some(assets) = syncline_testutils::oracles() else {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return;
    };
    let charts = ChartServer::start();
    charts.publish(&assets.join("helm"), &["1.0.0", "1.1.0", "1.2.0", "2.0.0"]);
    let fleet = fleet("refusing", &charts, "1.3.x");
    fleet.repo.commit("first");
    let validate = || {
        let output = fleet.command("validate").output().expect("syncline runs");
        (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
    };
    let expect = |parts: &[&str]| {
        let (code, output) = validate();
        assert_eq!(code, Some(1), "{output}");
        for part in parts {
            assert!(output.contains(part), "{part} is not in\n{output}");
        }
        assert!(!output.contains("secret}") && !output.contains("dXNlcj"), "{output}");
    };
    expect(&["no version 1.3.x", "nearest: 2.0.0, 1.2.0, 1.1.0"]);
    let release = release("refusing", "1.0.0");
    fleet.repo.write("release.yaml", &release.replace("chart: shop", "chart: shp"));
    expect(&["has no chart \"shp\"", "did you mean shop?"]);
    fleet.repo.write("release.yaml", &release);
    charts
        .files
        .lock()
        .expect("the files")
        .insert("/charts/shop-1.0.0.tgz".to_owned(), b"something else".to_vec());
    expect(&["has the digest", "was changed after it was published"]);
    charts.files.lock().expect("the files").insert("/charts/index.yaml".to_owned(), b"<html>".to_vec());
    expect(&["serves index.yaml"]);
    charts.is_open.store(false, Ordering::SeqCst);
}

#[test]
fn a_repository_that_wants_a_certificate_is_shown_the_one_of_its_secret() {
    let Some(assets) = syncline_testutils::oracles() else {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return;
    };
    let certificates = Arc::new(Certificates::new(Clients::Known));
    let accepting = Arc::clone(&certificates);
    let charts = ChartServer::serving("https", move |stream| accepting.accept(stream));
    charts.publish(&assets.join("helm"), &["1.0.0"]);
    let fleet = fleet("shown", &charts, "1.0.0");
    let source = std::fs::read_to_string(fleet.repo.path().join("source.yaml")).expect("a file");
    let render = |data: &serde_json::Value| {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls", "namespace": "shown"},
            "stringData": data,
        });
        let source = source.replace("secretRef:", "certSecretRef: {name: tls}, secretRef:");
        fleet.repo.write("source.yaml", &format!("{source}---\n{secret}\n"));
        fleet.repo.commit("a Secret");
        let output = fleet.command("render").args(["--cluster", "one"]).output().expect("syncline runs");
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    };
    let (authority, client) = (&certificates.authority, &certificates.client);
    let refused = render(&json!({"ca.crt": authority}));
    assert!(refused.contains("cannot be fetched"), "{refused}");
    let broken = render(&json!({"ca.crt": authority, "tls.crt": client, "tls.key": "s3cret"}));
    assert!(broken.contains("the certificate of certSecretRef"), "{broken}");
    assert!(!broken.contains("s3cret"), "{broken}");
    for names in [["caFile", "certFile", "keyFile"], ["ca.crt", "tls.crt", "tls.key"]] {
        let values = [authority, client, &certificates.client_key];
        let data = names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), json!(value)));
        let printed = render(&serde_json::Value::Object(data.collect()));
        assert!(printed.contains("version: \"1.0.0\""), "{names:?}: {printed}");
    }
}
