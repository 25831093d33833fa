//! `syncline demo`: the whole product on one machine, without a cluster.

mod clusters;
mod feed;
mod repository;
mod tour;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use self::clusters::Clusters;
use self::feed::Feed;
use self::tour::Tour;
use super::run::duration;
use super::settle::{report, settled, stop_signal};
use super::{Failure, Verdict};
use crate::git::{Reference, SourceUrl};
use crate::sync::{EngineOptions, FleetStatus, Metrics, run_engine};
use crate::target::{ExecCredentials, Kubeconfigs};

/// See syncline work: a fleet of three simulated clusters on this machine
///
/// Lays out a fleet repository with its history, starts three embedded clusters
/// whose workloads are simulated, and keeps them what the repository says. Then it
/// tells what to try: a commit, a drift, a revert. All of it stays in one folder,
/// and goes on there when started again.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The folder for the repository and the clusters
    #[arg(value_name = "DIR", default_value = "syncline-demo")]
    folder: PathBuf,
    /// End when everything is in sync and healthy (0), or cannot become so (1)
    #[arg(long)]
    once: bool,
    /// How long everything may take to become so
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
    timeout: Duration,
}

/// Where the parts of a demo lie.
struct Layout {
    root: PathBuf,
}

impl Layout {
    fn fleet(&self) -> PathBuf {
        self.root.join("fleet")
    }

    fn clusters(&self) -> PathBuf {
        self.root.join("clusters")
    }

    fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    fn data(&self) -> PathBuf {
        self.root.join("data")
    }
}

impl Demo {
    pub fn run(self) -> Result<Verdict, Failure> {
        let log = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("warn,syncline=info,syncline_apiserver=error"))
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_target(false)
            .without_time();
        // A log that was started before, as in tests, stays.
        let _ = log.try_init();
        let layout = prepare(&self.folder)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let verdict = runtime.block_on(self.show(&layout));
        runtime.shutdown_timeout(Duration::from_secs(1));
        verdict
    }

    async fn show(self, layout: &Layout) -> Result<Verdict, Failure> {
        let started = Instant::now();
        let clusters = Clusters::start(layout).await?;
        println!("clusters    {}", clusters.names());
        println!("            embedded API servers; workloads are simulated, nothing runs");
        println!("repository  {}", layout.fleet().display());
        for commit in repository::history(&layout.fleet())? {
            println!("            {commit}");
        }
        println!();
        let shutdown = CancellationToken::new();
        let (sender, receiver) = watch::channel(FleetStatus::default());
        let metrics = Arc::new(Metrics::default());
        let mut engine = tokio::spawn(run_engine(options(layout), metrics, sender, shutdown.clone()));
        let mut feed = Feed::default();
        let verdict = tokio::select! {
            biased;
            ended = &mut engine => {
                ended.map_err(|error| Failure::new(error, "this is a fault of syncline"))??;
                Verdict::Bad
            }
            () = stop_signal() => Verdict::Bad,
            verdict = settled(receiver.clone(), self.timeout, |status| feed.show(status)) => {
                println!();
                report(&receiver.borrow())?;
                if verdict == Verdict::Good {
                    println!("\nIn sync and healthy after {:.1} s.", started.elapsed().as_secs_f64());
                }
                if self.once {
                    verdict
                } else {
                    println!("{}", Tour::new(layout, &clusters));
                    follow(receiver, feed).await;
                    println!("stopped; `syncline demo {}` goes on from here", self.folder.display());
                    Verdict::Good
                }
            }
        };
        shutdown.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(10), engine).await;
        clusters.stop().await;
        Ok(verdict)
    }
}

/// The folder of a demo, with its repository: a new one, or the one that was there.
fn prepare(folder: &Path) -> Result<Layout, Failure> {
    let unusable = |error: std::io::Error| {
        Failure::new(format!("{}: {error}", folder.display()), "give another folder: `syncline demo DIR`")
    };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let layout = Layout { root: folder.canonicalize().map_err(unusable)? };
    let is_demo = layout.fleet().join(".git").exists();
    let is_empty = std::fs::read_dir(&layout.root).map_err(unusable)?.next().is_none();
    if !is_demo && !is_empty {
        return Err(Failure::new(
            format!("{} holds something else", layout.root.display()),
            "give an empty folder, or one that does not exist: `syncline demo DIR`",
        ));
    }
    if !is_demo {
        repository::create(&layout.fleet())?;
    }
    Ok(layout)
}

fn options(layout: &Layout) -> EngineOptions {
    let (source, credentials) = SourceUrl::parse(&layout.fleet().display().to_string());
    EngineOptions {
        source,
        credentials,
        reference: Reference::DefaultBranch,
        folder: String::new(),
        data_dir: layout.data(),
        kubeconfigs: Kubeconfigs::new(Some(layout.secrets()), ExecCredentials::Forbidden),
        interval: Duration::from_secs(30),
        confirm_prune: false,
    }
}

/// Tells what happens, until the program is stopped.
async fn follow(mut status: watch::Receiver<FleetStatus>, mut feed: Feed) {
    let news = async {
        while status.changed().await.is_ok() {
            feed.show(&status.borrow_and_update());
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = news => {}
        () = stop_signal() => {}
    }
}
