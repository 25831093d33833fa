//! A real kube-apiserver with its etcd, on loopback ports.
//!
//! Each process is started under a shell that kills it when its standard input
//! closes, so none outlives the test that started it, however that ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use serde_json::json;
use tempfile::TempDir;

use crate::user::User;
use crate::{free_port, wait_for};

/// The folder with kube-apiserver, etcd, kubectl and helm, from
/// `KUBEBUILDER_ASSETS`.
pub fn oracles() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty())?);
    assert!(folder.join("kube-apiserver").exists(), "KUBEBUILDER_ASSETS holds no kube-apiserver");
    Some(folder)
}

/// When etcd acknowledges a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// At once.
    None,
    /// When it is on disk.
    Disk,
}

#[derive(Debug)]
pub struct RealServer {
    folder: TempDir,
    assets: PathBuf,
    port: u16,
    etcd_port: u16,
    etcd: Mutex<Option<Child>>,
    server: Mutex<Option<Child>>,
}

impl RealServer {
    pub fn start(durability: Durability) -> RealServer {
        let assets = oracles().expect("KUBEBUILDER_ASSETS is set");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = rcgen::KeyPair::generate().expect("a key");
        std::fs::write(folder.path().join("sa.key"), key.serialize_pem()).expect("a file");
        std::fs::write(folder.path().join("sa.pub"), key.public_key_pem()).expect("a file");
        let tokens = [User::Admin, User::Limited].map(|user| {
            let account = user.account();
            format!("{},{},{},\"{}\"\n", user.token(), account.name, account.name, account.groups.join(","))
        });
        std::fs::write(folder.path().join("tokens.csv"), tokens.concat()).expect("a file");
        let server = RealServer {
            folder,
            assets,
            port: free_port(),
            etcd_port: free_port(),
            etcd: Mutex::new(None),
            server: Mutex::new(None),
        };
        *server.etcd.lock().expect("no panic") = Some(server.spawn_etcd(durability));
        server.resume();
        server
    }

    fn spawn_etcd(&self, durability: Durability) -> Child {
        let url = format!("http://127.0.0.1:{}", self.etcd_port);
        let arguments = [
            format!("--unsafe-no-fsync={}", durability == Durability::None),
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
            let is_ready = |path: &str| self.answers(path).is_some();
            (is_ready("/readyz") && is_ready("/api/v1/namespaces/default")).then_some(())
        });
    }

    fn answers(&self, path: &str) -> Option<()> {
        if !self.folder.path().join("certs/apiserver.crt").exists() {
            return None;
        }
        let client = crate::Client::new(&self.kubeconfig(User::Admin));
        let path = path.to_owned();
        let answer = crate::block_on(async move { client.try_get(&path).await })?;
        (answer.status == 200).then_some(())
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

    pub fn kubeconfig(&self, user: User) -> String {
        let certificate = std::fs::read(self.folder.path().join("certs/apiserver.crt")).unwrap_or_default();
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.port),
                "certificate-authority-data": base64::engine::general_purpose::STANDARD.encode(certificate),
            }}],
            "users": [{"name": "test", "user": {"token": user.token()}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        });
        config.to_string()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for RealServer {
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
