//! The embedded API server: what clients rely on, and that it is what the real one
//! does, to the last managed field.

mod access;
mod apply;
mod custom;
mod kubectl;
mod limits;
mod refused;
mod semantics;
mod simulate;
mod storage;
mod stored;
mod transcript;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use syncline_apiserver::{Account, Options, Server};
use syncline_testutils::{Answer, Client, free_port, wait_for};

async fn embedded() -> (Server, Client) {
    let server = Server::start(Options::default()).await.expect("it starts");
    let client = Client::new(&server.kubeconfig(&Account::admin()).expect("a kubeconfig"));
    (server, client)
}

/// `syncline apiserver` as a process of its own; killed at once when dropped.
struct Process(std::process::Child);

impl Process {
    /// Starts it on a folder and waits until it serves.
    fn start(folder: &Path, arguments: &[&str]) -> (Process, Client) {
        let kubeconfig = folder.join("kubeconfig");
        std::fs::remove_file(&kubeconfig).ok();
        let child = Process::command(folder).args(arguments).spawn().expect("it runs");
        let process = Process(child);
        wait_for("the server", Duration::from_secs(20), || kubeconfig.exists().then_some(()));
        (process, Client::new(&std::fs::read_to_string(&kubeconfig).expect("a kubeconfig")))
    }

    fn command(folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
        command.args(["apiserver", "--listen", &format!("127.0.0.1:{}", free_port()), "--data-dir"]);
        command.arg(folder).stdout(Stdio::null());
        command
    }

    fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Without what differs from server to server.
fn comparable(mut object: Value) -> Value {
    let uid = object["metadata"]["uid"].as_str().unwrap_or("no uid").to_owned();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["uid", "resourceVersion", "creationTimestamp"] {
            metadata.remove(field);
        }
        for entry in metadata.get_mut("managedFields").and_then(Value::as_array_mut).into_iter().flatten() {
            entry.as_object_mut().expect("an entry").remove("time");
        }
        // Writes of one second are ordered by the names of their managers.
        if let Some(entries) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            entries.sort_by_key(ToString::to_string);
        }
    }
    for field in ["clusterIP", "clusterIPs"] {
        if let Some(address) = object["spec"].get_mut(field) {
            *address = Value::from(address.to_string().replace(|c: char| c.is_ascii_digit(), "").len() > 6);
        }
    }
    for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
        if let Some(port) = port.get_mut("nodePort") {
            *port = Value::from(port.as_i64().unwrap_or(0) >= 30_000);
        }
    }
    serde_json::from_str(&object.to_string().replace(&uid, "UID")).expect("JSON")
}

async fn both(
    real: &Client,
    ours: &Client,
    method: Method,
    path: &str,
    language: &str,
    body: &Value,
) -> (Answer, Answer) {
    let media_type = format!("application/{language}");
    let headers = [("content-type", media_type.as_str()), ("user-agent", "conformance/1")];
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let expected = real.send(method.clone(), path, &headers, text.clone()).await;
    let found = ours.send(method, path, &headers, text).await;
    (expected, found)
}

fn pod_template() -> Value {
    json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [
        {"name": "c", "image": "i:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
         "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
         "readinessProbe": {"httpGet": {"port": 80}}, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
        "volumes": [{"name": "v", "configMap": {"name": "x"}}, {"name": "e"}]}})
}
