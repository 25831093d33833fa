//! What the end-to-end tests share: a fleet with its clusters and its daemon.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use syncline_testutils::{ApiServer, FleetRepo, User, shared, wait_for};
use tempfile::TempDir;

pub const SOON: Duration = Duration::from_secs(20);

/// A fleet repository with the kubeconfigs of its clusters and a data folder.
pub struct Fleet {
    pub repo: FleetRepo,
    secrets: TempDir,
    data: TempDir,
}

impl Fleet {
    /// A fleet of one cluster called `one`, on the first shared server; everything
    /// with the label `fleet: <name>` goes there.
    pub fn of_one(name: &str) -> Fleet {
        let fleet = Fleet::empty(name);
        fleet.add_cluster("one", "environment: test", &shared(0).kubeconfig(User::Admin));
        fleet.repo.write(
            "policies/all.yaml",
            "apiVersion: policy.kurator.dev/v1alpha1\nkind: ClusterPropagationPolicy\nmetadata: {name: all}\nspec:\n  resourceSelectors: [{}]\n",
        );
        fleet
    }

    pub fn empty(name: &str) -> Fleet {
        let repo = FleetRepo::new();
        repo.write("syncline.yaml", &format!("name: {name}\n"));
        let folder = || tempfile::tempdir().expect("a temporary folder");
        Fleet { repo, secrets: folder(), data: folder() }
    }

    pub fn add_cluster(&self, name: &str, labels: &str, kubeconfig: &str) {
        self.repo.write(
            &format!("clusters/{name}.yaml"),
            &format!(
                "apiVersion: fleet.kurator.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: {name}\n  labels: {{{labels}}}\nspec:\n  kubeconfigSecretRef: {{name: {name}-kubeconfig}}\n"
            ),
        );
        self.set_kubeconfig(name, kubeconfig);
    }

    pub fn set_kubeconfig(&self, name: &str, kubeconfig: &str) {
        std::fs::write(self.secrets.path().join(format!("{name}-kubeconfig")), kubeconfig).expect("a file");
    }

    /// A Secret that Git does not have, as a mounted one is laid out.
    pub fn set_secret(&self, name: &str, key: &str, text: &str) {
        let folder = self.secrets.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(key), text).expect("a file");
    }

    /// The binary with the options of this fleet.
    pub fn command(&self, command: &str) -> Command {
        self.command_on(command, self.repo.path().to_str().expect("a UTF-8 path"))
    }

    /// The binary on another address of the repository.
    pub fn command_on(&self, command: &str, url: &str) -> Command {
        let mut program = binary();
        program.args([command, "--repo", url, "--data-dir"]).arg(self.data.path());
        if !matches!(command, "status" | "init") {
            program.arg("--secrets-dir").arg(self.secrets.path());
        }
        program
    }

    /// `run --once`, until it ends.
    pub fn once(&self) -> Output {
        self.once_with(&["--timeout", "15s"])
    }

    pub fn once_with(&self, arguments: &[&str]) -> Output {
        let output = self.command("run").arg("--once").args(arguments).output().expect("syncline runs");
        eprintln!("{}{}", text(&output.stdout), text(&output.stderr));
        output
    }

    /// A daemon, until dropped.
    pub fn daemon(&self) -> Daemon {
        self.daemon_on(self.repo.path().to_str().expect("a UTF-8 path"), &["--interval", "1s"])
    }

    pub fn daemon_on(&self, url: &str, arguments: &[&str]) -> Daemon {
        let log = self.data.path().join("log.txt");
        let file = std::fs::File::options().create(true).append(true).open(&log).expect("a log file");
        let child = self
            .command_on("run", url)
            .args(["--listen", "none"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("syncline runs");
        Daemon { child }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("log.txt")).unwrap_or_default()
    }

    /// What `status -o json` says; null before anything is recorded.
    pub fn status(&self) -> Value {
        self.status_on(self.repo.path().to_str().expect("a UTF-8 path"))
    }

    pub fn status_on(&self, url: &str) -> Value {
        let output = self.command_on("status", url).args(["-o", "json"]).output().expect("syncline runs");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Waits until every target has a commit and is exactly what it says.
    pub fn wait_in_sync(&self, commit: &str) {
        self.wait_status(&format!("{commit} in sync"), |status| {
            let targets = status["targets"].as_array()?;
            let is_in_sync = |target: &Value| {
                target["commit"] == commit
                    && target["isObserved"] == true
                    && target["inSync"] == target["objects"]
                    && target["leftovers"] == 0
            };
            (!targets.is_empty() && targets.iter().all(is_in_sync)).then_some(())
        });
    }

    pub fn wait_status<T>(&self, what: &str, mut look: impl FnMut(&Value) -> Option<T>) -> T {
        let mut last = Value::Null;
        let deadline = std::time::Instant::now() + SOON;
        loop {
            let status = self.status();
            if let Some(found) = look(&status) {
                return found;
            }
            if status != Value::Null {
                last = status;
            }
            assert!(std::time::Instant::now() < deadline, "waited for {what}\n{last:#}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A running `syncline run`; killed at once when dropped.
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// `kill -9`
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM; gives whether it ended with success, in time.
    pub fn terminate(mut self) -> bool {
        Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        wait_for("the daemon to stop", Duration::from_secs(10), || self.child.try_wait().expect("it ends"))
            .success()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
    command.env("RUST_BACKTRACE", "0");
    for variable in ["SYNCLINE_DATA_DIR", "SYNCLINE_SECRETS_DIR", "SYNCLINE_LOG"] {
        command.env_remove(variable);
    }
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A ConfigMap as a file.
pub fn config_map(namespace: &str, name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata: {{key: \"{value}\"}}\n"
    )
}

/// The value that [`config_map`] gives, as it is on a server.
pub fn value_on(server: &ApiServer, namespace: &str, name: &str) -> Option<String> {
    let object = server.get(namespace, &format!("configmap/{name}"))?;
    Some(object["data"]["key"].as_str()?.to_owned())
}

/// Waits until a ConfigMap has a value, or does not exist.
pub fn wait_value(server: &ApiServer, namespace: &str, name: &str, value: Option<&str>) {
    let what = format!("{namespace}/{name} to be {value:?}");
    wait_for(&what, SOON, || (value_on(server, namespace, name).as_deref() == value).then_some(()));
}

/// The path of a file of the project.
pub fn project(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
