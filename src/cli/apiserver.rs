//! `syncline apiserver`: the embedded Kubernetes API server by itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use syncline_apiserver::{Account, Options, Server, Simulation, write_private};

use super::{Failure, Verdict};

/// Serve the Kubernetes API from one file, without a cluster.
#[derive(Debug, Args)]
#[command(after_help = "\
kubectl, helm and every other client work on it; nothing runs what they
create. Each user gets a kubeconfig with a client certificate: the admin in
DATA_DIR/kubeconfig, others in DATA_DIR/users/NAME.kubeconfig. What they may
do is up to RBAC: create roles and bindings as the admin.

  syncline apiserver --data-dir ./api
  kubectl --kubeconfig ./api/kubeconfig get namespaces")]
pub(super) struct Apiserver {
    /// Where objects, certificates and kubeconfigs are kept
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Where to listen; always with TLS and authentication
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6443")]
    listen: SocketAddr,
    /// Another user to write a kubeconfig for: NAME or NAME=GROUP,GROUP
    #[arg(long = "user", value_name = "USER")]
    users: Vec<Account>,
    /// A file with a line `TOKEN,USER[,GROUP...]` for each token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Pretend that workloads run: they become ready after a delay, though
    /// nothing runs at all
    #[arg(long)]
    simulate: bool,
    /// How long simulated workloads take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000, requires = "simulate")]
    simulate_delay: u64,
}

impl Apiserver {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> Result<Verdict, Failure> {
        let simulation = Simulation { delay: Duration::from_millis(self.simulate_delay) };
        let options = Options {
            data_dir: Some(self.data_dir.clone()),
            listen: Some(self.listen),
            tokens: self.token_file.as_deref().map(read_tokens).transpose()?.unwrap_or_default(),
            simulate: self.simulate.then_some(simulation),
            ..Options::default()
        };
        let server = Server::start(options).await?;
        let kubeconfig = self.data_dir.join("kubeconfig");
        write_private(&kubeconfig, &server.kubeconfig(&Account::admin())?)?;
        if !self.users.is_empty() {
            std::fs::create_dir_all(self.data_dir.join("users"))?;
        }
        for account in &self.users {
            let path = self.data_dir.join("users").join(format!("{}.kubeconfig", account.name));
            write_private(&path, &server.kubeconfig(account)?)?;
        }
        println!("serving the Kubernetes API at {}", server.url());
        println!("  export KUBECONFIG={}", kubeconfig.display());
        if self.simulate {
            println!("workloads are simulated: they become ready, but nothing runs");
        }
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            outcome = tokio::signal::ctrl_c() => outcome?,
            _ = terminate.recv() => {}
        }
        server.stop().await;
        Ok(Verdict::Good)
    }
}

fn read_tokens(path: &Path) -> Result<Vec<(String, Account)>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("{}: {error}", path.display()), "name a file with --token-file")
    })?;
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split(',').map(str::trim);
        let (token, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if token.is_empty() || name.is_empty() {
            let message = format!("{}:{}: a token or its user is missing", path.display(), index + 1);
            return Err(Failure::new(message, "each line is TOKEN,USER[,GROUP...]"));
        }
        tokens.push((
            token.to_owned(),
            Account { name: name.to_owned(), groups: words.map(str::to_owned).collect() },
        ));
    }
    Ok(tokens)
}
