//! An API server of a test: the embedded one, or the real one where
//! `SYNCLINE_TEST_SERVERS=real` asks for it. What a test says to it is the same.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, OnceLock};

use http::Method;
use serde_json::{Value, json};

use crate::embedded_server::EmbeddedServer;
use crate::real_server::{Durability, RealServer, oracles};
use crate::user::User;
use crate::{Client, block_on};

/// Which of the servers a test wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The one of this project.
    Embedded,
    /// kube-apiserver with an etcd that does not wait for the disk.
    Real,
    /// kube-apiserver with an etcd that waits for the disk, to measure against.
    RealDurable,
}

impl Backend {
    /// What the tests of this run are to stand on.
    ///
    /// # Panics
    /// When `SYNCLINE_TEST_SERVERS` is neither `embedded` nor `real`.
    pub fn chosen() -> Backend {
        match std::env::var("SYNCLINE_TEST_SERVERS").as_deref() {
            Err(_) | Ok("embedded") => Backend::Embedded,
            Ok("real") => Backend::Real,
            Ok(other) => panic!("SYNCLINE_TEST_SERVERS={other}: write embedded or real"),
        }
    }
}

#[derive(Debug)]
enum Process {
    Embedded(Box<EmbeddedServer>),
    Real(RealServer),
}

/// An API server of a test.
pub struct ApiServer {
    process: Process,
    admin: OnceLock<Arc<Client>>,
}

/// One of a few servers that all tests of a process share, started at first use.
pub fn shared(number: usize) -> &'static ApiServer {
    static SERVERS: [OnceLock<ApiServer>; 3] = [const { OnceLock::new() }; 3];
    SERVERS[number].get_or_init(|| ApiServer::start(Backend::chosen()))
}

/// A real server that all comparisons of a process share; None, said aloud, where
/// there are no oracles.
pub fn real() -> Option<&'static ApiServer> {
    static SERVER: OnceLock<ApiServer> = OnceLock::new();
    if oracles().is_none() {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return None;
    }
    Some(SERVER.get_or_init(|| ApiServer::start(Backend::Real)))
}

impl ApiServer {
    /// Starts one; it answers when this returns.
    ///
    /// # Panics
    /// When it does not start, or there are no oracles for a real one.
    pub fn start(backend: Backend) -> ApiServer {
        let process = match backend {
            Backend::Embedded => Process::Embedded(Box::new(EmbeddedServer::start())),
            Backend::Real => Process::Real(RealServer::start(Durability::None)),
            Backend::RealDurable => Process::Real(RealServer::start(Durability::Disk)),
        };
        ApiServer { process, admin: OnceLock::new() }
    }

    /// Stops it at once; its data stays.
    pub fn pause(&self) {
        match &self.process {
            Process::Embedded(server) => server.pause(),
            Process::Real(server) => server.pause(),
        }
    }

    /// Starts it again where it was, and waits until it answers.
    pub fn resume(&self) {
        match &self.process {
            Process::Embedded(server) => server.resume(),
            Process::Real(server) => server.resume(),
        }
    }

    /// A kubeconfig for a user.
    pub fn kubeconfig(&self, user: User) -> String {
        match &self.process {
            Process::Embedded(server) => server.kubeconfig(user),
            Process::Real(server) => server.kubeconfig(user),
        }
    }

    /// The folder it works in.
    pub fn folder(&self) -> &Path {
        match &self.process {
            Process::Embedded(server) => server.folder(),
            Process::Real(server) => server.folder(),
        }
    }

    fn admin(&self) -> Arc<Client> {
        Arc::clone(self.admin.get_or_init(|| Arc::new(Client::new(&self.kubeconfig(User::Admin)))))
    }

    /// Sends a request as admin; gives the status and the answer.
    fn send(&self, method: Method, path: &str, media_type: &str, body: String) -> (u16, Value) {
        let (client, path, media_type) = (self.admin(), path.to_owned(), media_type.to_owned());
        block_on(async move {
            let headers = [("content-type", media_type.as_str()), ("accept", DISCOVERY)];
            let answer = client.send(method, &path, &headers, body).await;
            (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
        })
    }

    /// The path of an object called as kubectl calls it: `deployment/web`,
    /// `widgets.example.com/a`. None where there is no such kind.
    fn path_of(&self, namespace: &str, object: &str) -> Option<String> {
        let (kind, name) = object.split_once('/').expect("KIND/NAME");
        ["/api", "/apis"].iter().find_map(|root| {
            let (_, found) = self.send(Method::GET, root, "application/json", String::new());
            let groups = found["items"].as_array().cloned().unwrap_or_default();
            groups.iter().find_map(|group| path_in_group(root, group, kind, namespace, name))
        })
    }

    /// An object, if it exists.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn get(&self, namespace: &str, object: &str) -> Option<Value> {
        // A kind that does not exist holds no object.
        let path = self.path_of(namespace, object)?;
        match self.send(Method::GET, &path, "application/json", String::new()) {
            (200, found) => Some(found),
            (404, _) => None,
            (_, refusal) => panic!("GET {path}: {refusal}"),
        }
    }

    fn change(&self, method: Method, path: &str, media_type: &str, body: String) -> Value {
        let (status, answer) = self.send(method.clone(), path, media_type, body);
        assert!((200..300).contains(&status), "{method} {path}: {answer}");
        answer
    }

    /// Creates or changes an object, as `kubectl apply --server-side` does.
    ///
    /// # Panics
    /// When its kind does not exist or the server refuses.
    pub fn apply(&self, object: &Value) -> Value {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let group = text("/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
        let kind = [text("/kind"), group].join(".");
        let object_name = format!("{}/{}", kind.trim_end_matches('.'), text("/metadata/name"));
        let path = self
            .path_of(text("/metadata/namespace"), &object_name)
            .unwrap_or_else(|| panic!("{kind}: no such kind"));
        let path = format!("{path}?fieldManager=test&force=true");
        self.change(Method::PATCH, &path, "application/apply-patch+yaml", object.to_string())
    }

    /// Changes an object by a merge patch, as a manager of fields of its own.
    ///
    /// # Panics
    /// When it does not exist or the server refuses.
    pub fn patch(&self, namespace: &str, object: &str, manager: &str, patch: &Value) -> Value {
        self.patch_part(namespace, object, "", manager, patch)
    }

    /// Changes the status of an object by a merge patch.
    ///
    /// # Panics
    /// When it does not exist or the server refuses.
    pub fn patch_status(&self, namespace: &str, object: &str, patch: &Value) -> Value {
        self.patch_part(namespace, object, "/status", "controller", patch)
    }

    /// Changes the number of replicas of an object.
    ///
    /// # Panics
    /// When it does not exist or the server refuses.
    pub fn scale(&self, namespace: &str, object: &str, replicas: u32) -> Value {
        let patch = json!({"spec": {"replicas": replicas}});
        self.patch_part(namespace, object, "/scale", "scaler", &patch)
    }

    fn patch_part(&self, namespace: &str, object: &str, part: &str, manager: &str, patch: &Value) -> Value {
        let path = self.path_of(namespace, object).unwrap_or_else(|| panic!("{object}: no such kind"));
        let path = format!("{path}{part}?fieldManager={manager}");
        self.change(Method::PATCH, &path, "application/merge-patch+json", patch.to_string())
    }

    /// Deletes an object.
    ///
    /// # Panics
    /// When it does not exist or the server refuses.
    pub fn delete(&self, namespace: &str, object: &str) -> Value {
        let path = self.path_of(namespace, object).unwrap_or_else(|| panic!("{object}: no such kind"));
        self.change(Method::DELETE, &path, "application/json", String::new())
    }

    /// What a path answers, as text.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn raw(&self, path: &str) -> String {
        let (client, path) = (self.admin(), path.to_owned());
        let answer = block_on(async move { client.get(&path).await });
        assert_eq!(answer.status, 200);
        String::from_utf8_lossy(&answer.body).into_owned()
    }

    /// How many requests the server counted, by its own metrics, whose verb is one
    /// of the given.
    pub fn requests(&self, verbs: &[&str]) -> u64 {
        let metrics = self.raw("/metrics");
        metrics
            .lines()
            .filter(|line| line.starts_with("apiserver_request_total{"))
            // The server writes leases and the like by itself.
            .filter(|line| {
                !line.contains("resource=\"leases\"") && !line.contains("group=\"coordination.k8s.io\"")
            })
            .filter(|line| verbs.iter().any(|verb| line.contains(&format!("verb=\"{verb}\""))))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .map(|count| count as u64)
            .sum()
    }

    /// A command of the oracles, such as kubectl or helm, as admin of this server.
    ///
    /// # Panics
    /// Where there are no oracles.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(oracles().expect("KUBEBUILDER_ASSETS is set").join(program));
        command.env("KUBECONFIG", self.kubeconfig_file()).env("HOME", self.folder());
        command
    }

    /// Replaced as a whole: another kubectl may be reading it.
    fn kubeconfig_file(&self) -> PathBuf {
        let path = self.folder().join("admin.kubeconfig");
        let mut file = tempfile::NamedTempFile::new_in(self.folder()).expect("a file");
        file.write_all(self.kubeconfig(User::Admin).as_bytes()).expect("a file");
        file.persist(&path).expect("a file");
        path
    }

    /// Runs the real kubectl as admin with a text as its standard input; gives what
    /// it prints, or why it fails.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let output = output_with_input(self.command("kubectl").args(arguments), input);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

/// Runs a program with a text as its standard input, until it ends.
///
/// # Panics
/// When it does not start.
pub fn output_with_input(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).ok();
    child.wait_with_output().expect("the program ends")
}

const DISCOVERY: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// Where an object lies, if its kind is one of an aggregated discovery group.
fn path_in_group(root: &str, group: &Value, kind: &str, namespace: &str, name: &str) -> Option<String> {
    let group_name = group["metadata"]["name"].as_str().unwrap_or_default();
    let (word, wanted_group) = kind.split_once('.').map_or((kind, None), |(word, rest)| (word, Some(rest)));
    if wanted_group.is_some_and(|wanted| wanted != group_name) {
        return None;
    }
    group["versions"].as_array()?.iter().find_map(|version| {
        let resource = version["resources"].as_array()?.iter().find(|resource| {
            let is_word = |value: &Value| value.as_str().is_some_and(|name| name.eq_ignore_ascii_case(word));
            is_word(&resource["resource"])
                || is_word(&resource["singularResource"])
                || is_word(&resource["responseKind"]["kind"])
                || resource["shortNames"].as_array().is_some_and(|names| names.iter().any(is_word))
        })?;
        let mut path = root.to_owned();
        let mut push = |part: &str| {
            path.push('/');
            path.push_str(part);
        };
        if !group_name.is_empty() {
            push(group_name);
        }
        push(version["version"].as_str()?);
        if resource["scope"] == "Namespaced" {
            push("namespaces");
            push(namespace);
        }
        push(resource["resource"].as_str()?);
        push(name);
        Some(path)
    })
}
