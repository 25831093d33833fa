//! The clusters of a demo: one embedded API server for each file in `clusters/`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use syncline_apiserver::{Account, Options, Server, Simulation, write_private};

use super::{Failure, Layout};

/// How long a simulated workload takes to become ready.
const DELAY: Duration = Duration::from_millis(800);

pub struct Clusters {
    servers: Vec<(String, Server)>,
}

impl Clusters {
    pub async fn start(layout: &Layout) -> Result<Clusters, Failure> {
        let mut servers = Vec::new();
        std::fs::create_dir_all(layout.secrets())?;
        for name in names(&layout.fleet().join("clusters"))? {
            let data_dir = layout.clusters().join(&name);
            let token = token(&data_dir)?;
            let server = Server::start(Options {
                data_dir: Some(data_dir.clone()),
                tokens: vec![(token.clone(), Account::admin())],
                simulate: Some(Simulation { delay: DELAY }),
                ..Options::default()
            })
            .await?;
            write_private(&kubeconfig(layout, &name), &server.kubeconfig(&Account::admin())?)?;
            let curl = format!(
                "silent\nshow-error\ncacert = \"{}\"\nheader = \"Authorization: Bearer {token}\"\n",
                data_dir.join("ca.crt").display()
            );
            write_private(&data_dir.join("curl"), &curl)?;
            servers.push((name, server));
        }
        Ok(Clusters { servers })
    }

    /// The first of them, and its address.
    pub fn first(&self) -> Option<(&str, String)> {
        self.servers.first().map(|(name, server)| (name.as_str(), server.url()))
    }

    pub fn names(&self) -> String {
        let names: Vec<&str> = self.servers.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }

    pub async fn stop(self) {
        for (_, server) in self.servers {
            server.stop().await;
        }
    }
}

/// Where the kubeconfig of a cluster is; syncline and people use the same.
pub fn kubeconfig(layout: &Layout, name: &str) -> PathBuf {
    layout.secrets().join(format!("{name}-kubeconfig"))
}

fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A token for those who have no kubectl.
fn token(data_dir: &Path) -> Result<String, Failure> {
    std::fs::create_dir_all(data_dir)?;
    let path = data_dir.join("token");
    if let Ok(token) = std::fs::read_to_string(&path) {
        return Ok(token);
    }
    let bytes: [u8; 24] = rand::random();
    let token = bytes.iter().fold(String::new(), |mut token, byte| {
        // Writing into a string cannot fail.
        let _ = write!(token, "{byte:02x}");
        token
    });
    write_private(&path, &token)?;
    Ok(token)
}
