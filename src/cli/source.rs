//! Where a command finds the fleet: options that many commands share.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::Failure;
use crate::api::ClusterName;
use crate::charts::RemoteCharts;
use crate::fleet::{self, Diagnostic, Fleet, LoadCache};
use crate::git::{CommitId, Credentials, Mirror, Reference, Snapshot, SourceUrl};
use crate::place::{Desired, Placements, place};
use crate::render::{Abilities, RenderCache};
use crate::target::{ExecCredentials, Kubeconfigs};

/// The fleet repository.
#[derive(Debug, Args)]
pub(super) struct Repository {
    /// The fleet repository: a folder or a URL
    #[arg(long, value_name = "URL|PATH", default_value = ".")]
    repo: String,
    /// The folder of the repository that is the fleet; its root where not given
    #[arg(long, value_name = "PATH", default_value = "")]
    path: String,
    /// Where clones of repositories are kept
    #[arg(long, value_name = "DIR", env = "SYNCLINE_DATA_DIR", default_value_os_t = default_data_dir())]
    pub data_dir: PathBuf,
    /// A file with a token for the repository
    #[arg(long, value_name = "FILE", env = "SYNCLINE_GIT_TOKEN_FILE")]
    git_token_file: Option<PathBuf>,
    /// The user name for the repository; its password comes from the
    /// environment variable SYNCLINE_GIT_PASSWORD
    #[arg(long, value_name = "NAME", env = "SYNCLINE_GIT_USERNAME")]
    git_username: Option<String>,
}

/// Where secrets are that have no business in Git.
#[derive(Debug, Args)]
pub(super) struct Secrets {
    /// A folder of Secrets: of kubeconfigs as DIR/<name> or
    /// DIR/<name>/kubeconfig, of other Secrets with their keys as files,
    /// all of them also below DIR/<namespace>/
    #[arg(long, value_name = "DIR", env = "SYNCLINE_SECRETS_DIR")]
    pub secrets_dir: Option<PathBuf>,
}

/// How clusters are reached.
#[derive(Debug, Args)]
pub(super) struct Access {
    #[command(flatten)]
    pub secrets: Secrets,
    /// Run the programs that kubeconfigs name to get credentials
    #[arg(long)]
    allow_exec_credentials: bool,
}

impl Access {
    pub fn kubeconfigs(&self) -> Kubeconfigs {
        let exec =
            if self.allow_exec_credentials { ExecCredentials::Allowed } else { ExecCredentials::Forbidden };
        Kubeconfigs::new(self.secrets.secrets_dir.clone(), exec)
    }
}

/// A commit of the fleet, placed.
pub(super) struct Placed {
    pub fleet: Fleet,
    pub placements: Placements,
}

impl Placed {
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.fleet.diagnostics.iter().chain(&self.placements.diagnostics)
    }

    /// What a cluster should hold.
    pub fn target(&self, name: &str) -> Result<&Desired, Failure> {
        let desired = self.placements.targets.get(&ClusterName::new(name));
        desired.map(|desired| &**desired).ok_or_else(|| no_cluster(&self.fleet, name))
    }
}

fn no_cluster(fleet: &Fleet, name: &str) -> Failure {
    let known: Vec<&str> = fleet.clusters.keys().map(ClusterName::as_str).collect();
    let hint = match crate::api::suggest(name, known.iter().copied()) {
        Some(close) => format!("did you mean {close}?"),
        None if known.is_empty() => "the fleet has no clusters".to_owned(),
        None => format!("the clusters are: {}", known.join(", ")),
    };
    Failure::new(format!("there is no cluster {name}"), hint)
}

impl Repository {
    /// The address and the folder of the fleet below it. A folder inside a working
    /// directory stands for that repository and that folder.
    fn place(&self) -> (String, String) {
        let path = std::path::Path::new(&self.repo);
        match crate::git::enclosing_repository(path) {
            Some((root, below)) if self.path.is_empty() => (root.display().to_string(), below),
            Some((root, _)) if path.join(".git").exists() => (root.display().to_string(), self.path.clone()),
            _ => (self.repo.clone(), self.path.clone()),
        }
    }

    /// The folder of the repository that is the fleet.
    pub fn folder(&self) -> String {
        self.place().1
    }

    /// The address and how to enter it.
    pub fn source(&self) -> Result<(SourceUrl, Option<Credentials>), Failure> {
        let (source, from_url) = SourceUrl::parse(&self.place().0);
        let password = std::env::var("SYNCLINE_GIT_PASSWORD").ok();
        let credentials = match (&self.git_token_file, &self.git_username, password) {
            (Some(file), ..) => {
                let token = std::fs::read_to_string(file).map_err(|error| {
                    Failure::new(format!("{}: {error}", file.display()), "check --git-token-file")
                })?;
                Some(Credentials::token(token.trim()))
            }
            (None, Some(username), Some(password)) => Some(Credentials::basic(username, password)),
            (None, None, Some(password)) => Some(Credentials::token(password)),
            (None, _, None) => from_url,
        };
        Ok((source, credentials))
    }

    /// A revision of the repository. Without one: the working directory of a local
    /// repository, committed or not; the default branch of a remote one.
    pub fn snapshot(&self, revision: Option<&str>) -> Result<Snapshot, Failure> {
        let (source, credentials) = self.source()?;
        if let Some(path) = source.local_path() {
            return Ok(match revision {
                Some(revision) => Snapshot::of_revision(path, revision)?,
                None => Snapshot::of_working_directory(path).or_else(|error| {
                    // A bare repository has no working directory.
                    Snapshot::of_revision(path, "HEAD").map_err(|_| error)
                })?,
            });
        }
        let mirror = Mirror::open(&self.data_dir, source, credentials)?;
        let reference = match revision {
            None => Reference::DefaultBranch,
            Some(revision) => match revision.parse::<CommitId>() {
                Ok(commit) => Reference::Commit(commit),
                Err(_) => Reference::Branch(revision.to_owned()),
            },
        };
        let fetch = |reference: &Reference| mirror.fetch(reference, &AtomicBool::new(false));
        let fetched = match (fetch(&reference), revision) {
            (Err(_), Some(revision)) => fetch(&Reference::Tag(revision.to_owned()))?,
            (fetched, _) => fetched?,
        };
        Ok(mirror.snapshot(fetched.commit)?)
    }

    /// A revision, loaded and placed as far as it can be without asking a cluster.
    pub fn placed(&self, revision: Option<&str>, secrets: &Secrets) -> Result<Placed, Failure> {
        let mut loaded = self.loaded(revision, secrets)?;
        let placements = loaded.place(&Abilities::assumed())?;
        Ok(Placed { fleet: loaded.fleet, placements })
    }

    /// A revision, loaded.
    pub fn loaded(&self, revision: Option<&str>, secrets: &Secrets) -> Result<Loaded, Failure> {
        let snapshot = self.snapshot(revision)?;
        let (mut loads, renders) = (LoadCache::default(), RenderCache::default());
        let fleet = fleet::load(&snapshot, &self.folder(), &mut loads)?;
        let charts = RemoteCharts::new(self.data_dir.join("charts"), secrets.secrets_dir.clone());
        Ok(Loaded { snapshot, fleet, loads, renders, charts })
    }
}

/// A fleet that can be placed with what is known of its clusters.
pub(super) struct Loaded {
    pub fleet: Fleet,
    snapshot: Snapshot,
    loads: LoadCache,
    renders: RenderCache,
    charts: RemoteCharts,
}

impl Loaded {
    /// A cluster of the fleet.
    pub fn cluster(&self, name: &str) -> Result<&ClusterName, Failure> {
        let known = self.fleet.clusters.keys().find(|known| known.as_str() == name);
        known.ok_or_else(|| no_cluster(&self.fleet, name))
    }

    /// Where everything goes; charts that are missing are fetched.
    pub fn place(&mut self, abilities: &Abilities) -> Result<Placements, Failure> {
        let Loaded { snapshot, fleet, loads, renders, charts } = self;
        let mut placed = || place(snapshot, fleet, loads, renders, abilities, &|request| charts.get(request));
        let placements = placed()?;
        if placements.missing_charts.is_empty() {
            return Ok(placements);
        }
        charts.fetch(&placements.missing_charts);
        Ok(placed()?)
    }
}

fn default_data_dir() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match (from("XDG_DATA_HOME"), from("HOME")) {
        (Some(data), _) => data.join("syncline"),
        (None, Some(home)) => home.join(".local/share/syncline"),
        (None, None) => PathBuf::from("/var/lib/syncline"),
    }
}
