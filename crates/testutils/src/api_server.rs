//! A real kube-apiserver with its etcd, on loopback ports.
//!
//! Each process is started under a shell that kills it when its standard input
//! closes, so none outlives the test that started it, however that ends.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{free_port, wait_for};

/// The folder with kube-apiserver, etcd and kubectl, from `KUBEBUILDER_ASSETS`.
pub fn oracles() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty())?);
    assert!(folder.join("kube-apiserver").exists(), "KUBEBUILDER_ASSETS holds no kube-apiserver");
    Some(folder)
}

/// Who a kubeconfig is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// May do everything.
    Admin,
    /// May do what tests grant to the user `limited`.
    Limited,
    /// Has a token that the server does not know (any more).
    Expired,
}

/// A real kube-apiserver with its etcd.
#[derive(Debug)]
pub struct ApiServer {
    folder: TempDir,
    assets: PathBuf,
    port: u16,
    etcd_port: u16,
    etcd: Mutex<Option<Child>>,
    server: Mutex<Option<Child>>,
}

/// One of a few servers that all tests of a process share, started at first use.
/// None where there are no oracles.
pub fn shared(number: usize) -> Option<&'static ApiServer> {
    static SERVERS: [OnceLock<ApiServer>; 3] = [const { OnceLock::new() }; 3];
    static STARTED: OnceLock<()> = OnceLock::new();
    oracles()?;
    STARTED.get_or_init(|| {
        std::thread::scope(|scope| {
            for server in &SERVERS {
                scope.spawn(|| server.get_or_init(ApiServer::start));
            }
        });
    });
    SERVERS[number].get()
}

impl ApiServer {
    /// Starts one and waits until it is ready.
    ///
    /// # Panics
    /// Where there are no oracles, or it does not start.
    pub fn start() -> ApiServer {
        let assets = oracles().expect("KUBEBUILDER_ASSETS is set");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = rcgen::KeyPair::generate().expect("a key");
        std::fs::write(folder.path().join("sa.key"), key.serialize_pem()).expect("a file");
        std::fs::write(folder.path().join("sa.pub"), key.public_key_pem()).expect("a file");
        let tokens = "admintoken,admin,admin,\"system:masters\"\nlimitedtoken,limited,limited,\"testers\"\n";
        std::fs::write(folder.path().join("tokens.csv"), tokens).expect("a file");
        let server = ApiServer {
            folder,
            assets,
            port: free_port(),
            etcd_port: free_port(),
            etcd: Mutex::new(None),
            server: Mutex::new(None),
        };
        *server.etcd.lock().expect("no panic") = Some(server.spawn_etcd());
        server.resume();
        server
    }

    fn spawn_etcd(&self) -> Child {
        let url = format!("http://127.0.0.1:{}", self.etcd_port);
        let arguments = [
            "--unsafe-no-fsync".to_owned(),
            format!("--data-dir={}", self.folder.path().join("etcd").display()),
            format!("--listen-client-urls={url}"),
            format!("--advertise-client-urls={url}"),
            format!("--listen-peer-urls=http://127.0.0.1:{}", free_port()),
            "--log-level=error".into(),
        ];
        self.spawn("etcd", &arguments)
    }

    /// Stops the API server at once; its data stays.
    pub fn pause(&self) {
        let child = self.server.lock().expect("no panic").take();
        kill(child);
        wait_for("the port to close", Duration::from_secs(10), || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err().then_some(())
        });
    }

    /// Starts the API server (again) and waits until it is ready.
    pub fn resume(&self) {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let arguments = [
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port),
            format!("--secure-port={}", self.port),
            "--bind-address=127.0.0.1".into(),
            format!("--cert-dir={}", file("certs")),
            "--service-account-issuer=https://localhost".into(),
            format!("--service-account-key-file={}", file("sa.pub")),
            format!("--service-account-signing-key-file={}", file("sa.key")),
            format!("--token-auth-file={}", file("tokens.csv")),
            "--authorization-mode=RBAC".into(),
            "--disable-admission-plugins=ServiceAccount".into(),
            "--endpoint-reconciler-type=none".into(),
            "--service-cluster-ip-range=10.0.0.0/16".into(),
            "--watch-cache=true".into(),
        ];
        *self.server.lock().expect("no panic") = Some(self.spawn("kube-apiserver", &arguments));
        wait_for("the API server to be ready", Duration::from_secs(90), || {
            let log = std::fs::read_to_string(file("kube-apiserver.log")).unwrap_or_default();
            let failure = log.lines().find(|line| line.contains("\"command failed\""));
            assert!(failure.is_none(), "kube-apiserver: {}", failure.unwrap_or_default());
            let ready = self.try_kubectl(&["get", "--raw", "/readyz"]).ok()?;
            let namespace = self.try_kubectl(&["get", "namespace", "default"]);
            (ready == "ok" && namespace.is_ok()).then_some(())
        });
    }

    fn spawn(&self, program: &str, arguments: &[String]) -> Child {
        let log =
            std::fs::File::create(self.folder.path().join(format!("{program}.log"))).expect("a log file");
        Command::new("sh")
            .args(["-c", "\"$@\" & pid=$!; cat >/dev/null; kill -9 $pid", "sh"])
            .arg(self.assets.join(program))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("a shell runs")
    }

    /// A kubeconfig for a user.
    pub fn kubeconfig(&self, user: User) -> String {
        let token = match user {
            User::Admin => "admintoken",
            User::Limited => "limitedtoken",
            User::Expired => "expiredtoken",
        };
        let certificate = std::fs::read(self.folder.path().join("certs/apiserver.crt")).unwrap_or_default();
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.port),
                "certificate-authority-data": base64::engine::general_purpose::STANDARD.encode(certificate),
            }}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        });
        config.to_string()
    }

    /// Replaced as a whole: another kubectl may be reading it.
    fn kubeconfig_file(&self) -> PathBuf {
        let path = self.folder.path().join("admin.kubeconfig");
        let mut file = tempfile::NamedTempFile::new_in(self.folder.path()).expect("a file");
        file.write_all(self.kubeconfig(User::Admin).as_bytes()).expect("a file");
        file.persist(&path).expect("a file");
        path
    }

    /// Runs the real kubectl as admin; gives what it prints.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
    }

    /// Runs the real kubectl as admin; gives what it prints, or why it fails.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        self.kubectl_with_input(arguments, "")
    }

    /// Runs the real kubectl with a text as its standard input.
    pub fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut child = Command::new(self.assets.join("kubectl"))
            .env("KUBECONFIG", self.kubeconfig_file())
            .env("HOME", self.folder.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).ok();
        let output = child.wait_with_output().expect("kubectl ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// An object, if it exists.
    ///
    /// # Panics
    /// When kubectl fails otherwise.
    pub fn get(&self, namespace: &str, object: &str) -> Option<Value> {
        match self.try_kubectl(&["get", "-n", namespace, object, "-o", "json", "--show-managed-fields"]) {
            Ok(found) => Some(serde_json::from_str(&found).expect("kubectl prints JSON")),
            // A kind that does not exist holds no object.
            Err(error) if error.contains("NotFound") || error.contains("doesn't have a resource type") => {
                None
            }
            Err(error) => panic!("kubectl get {object}: {error}"),
        }
    }

    /// How many requests the server counted, by its own metrics, whose verb is one
    /// of the given.
    pub fn requests(&self, verbs: &[&str]) -> u64 {
        let metrics = self.kubectl(&["get", "--raw", "/metrics"]);
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

    /// The folder it works in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        kill(self.server.lock().ok().and_then(|mut child| child.take()));
        kill(self.etcd.lock().ok().and_then(|mut child| child.take()));
    }
}

fn kill(child: Option<Child>) {
    if let Some(mut child) = child {
        drop(child.stdin.take());
        child.wait().ok();
    }
}
