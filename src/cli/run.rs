//! `syncline run`

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::settle::{report, settled, stop_signal};
use super::source::{Access, Repository};
use super::{Failure, Verdict};
use crate::api::ClusterName;
use crate::git::{CommitId, Reference};
use crate::server;
use crate::sync::{EngineOptions, FleetStatus, Metrics, TargetStatus, run_engine};

/// Keep every cluster what the repository says
///
/// Follows the repository, applies every new commit, deletes what left it, and
/// reverts what others change. With --once it ends when every cluster is in sync
/// and healthy (exit code 0), or cannot become so (1, with the reasons).
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    access: Access,
    /// Follow this branch instead of the default one
    #[arg(long, value_name = "NAME", group = "reference")]
    branch: Option<String>,
    /// Follow this tag
    #[arg(long, value_name = "NAME", group = "reference")]
    tag: Option<String>,
    /// Follow the highest tag within a range, such as ">=1.2, <2"
    #[arg(long, value_name = "RANGE", group = "reference")]
    semver: Option<semver::VersionReq>,
    /// Stay at this commit
    #[arg(long, value_name = "ID", group = "reference")]
    commit: Option<String>,
    /// How often the repository is asked for new commits; a local one tells
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    interval: Duration,
    /// End when everything is in sync and healthy, or cannot become so
    #[arg(long)]
    once: bool,
    /// With --once, how long to wait at most
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    timeout: Duration,
    /// Delete even what the guard against large deletions would hold
    #[arg(long)]
    confirm_prune: bool,
    /// Where /healthz, /readyz and /metrics are served; nothing is with `none`
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8089", env = "SYNCLINE_LISTEN")]
    listen: String,
    /// A file with the token that clients of /metrics have to send; needed to
    /// listen beyond this machine
    #[arg(long, value_name = "FILE", env = "SYNCLINE_LISTEN_TOKEN_FILE")]
    listen_token_file: Option<PathBuf>,
    /// How to log
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// What to log, as a tracing filter such as "debug" or "syncline::sync=debug"
    #[arg(long, value_name = "FILTER", env = "SYNCLINE_LOG")]
    log: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// For machines
    Json,
}

impl Run {
    pub fn run(self) -> Result<Verdict, Failure> {
        // Progress and log lines would overwrite each other on a terminal.
        let shows_progress = self.once && std::io::stderr().is_terminal() && self.log.is_none();
        self.start_log(if shows_progress { "error" } else { "info" });
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let verdict = runtime.block_on(self.follow(shows_progress));
        // A fetch that hangs must not keep the program.
        runtime.shutdown_timeout(Duration::from_secs(1));
        verdict
    }

    fn start_log(&self, default: &str) {
        let filter = self.log.clone().unwrap_or_else(|| format!("warn,syncline={default}"));
        let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new("info"));
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        // A log that was started before, as in tests, stays.
        let _ = match self.log_format {
            LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
            LogFormat::Json => log.json().try_init(),
        };
    }

    fn reference(&self) -> Result<Reference, Failure> {
        Ok(match (&self.branch, &self.tag, &self.semver, &self.commit) {
            (Some(branch), ..) => Reference::Branch(branch.clone()),
            (_, Some(tag), ..) => Reference::Tag(tag.clone()),
            (_, _, Some(range), _) => Reference::Semver(range.clone()),
            (_, _, _, Some(commit)) => Reference::Commit(commit.parse::<CommitId>()?),
            _ => Reference::DefaultBranch,
        })
    }

    async fn follow(self, shows_progress: bool) -> Result<Verdict, Failure> {
        let (source, credentials) = self.repository.source()?;
        let options = EngineOptions {
            source,
            credentials,
            reference: self.reference()?,
            folder: self.repository.folder(),
            data_dir: self.repository.data_dir.clone(),
            kubeconfigs: self.access.kubeconfigs(),
            interval: self.interval,
            confirm_prune: self.confirm_prune,
        };
        let metrics = Arc::new(Metrics::default());
        let shutdown = CancellationToken::new();
        let (sender, receiver) = watch::channel(FleetStatus::default());
        let serving = match self.listen.as_str() {
            "none" => None,
            _ if self.once => None,
            address => {
                let address: SocketAddr = address.parse().map_err(|_| {
                    Failure::new(format!("{address:?} is no address"), "such as 127.0.0.1:8089")
                })?;
                let token = self.listen_token_file.as_deref().map(read_token).transpose()?;
                let listener = server::bind(address, token.as_ref()).await.map_err(|error| {
                    Failure::new(format!("cannot listen on {address}: {error}"), "give another --listen")
                })?;
                Some(tokio::spawn(server::serve(listener, Arc::clone(&metrics), token, shutdown.clone())))
            }
        };
        let mut engine = tokio::spawn(run_engine(options, metrics, sender, shutdown.clone()));
        let waiting = async {
            if self.once {
                let mut progress = shows_progress.then(Progress::default);
                let show = |status: &FleetStatus| {
                    if let Some(progress) = &mut progress {
                        progress.show(&status.targets);
                    }
                };
                settled(receiver.clone(), self.timeout, show).await
            } else {
                std::future::pending().await
            }
        };
        let verdict = tokio::select! {
            ended = &mut engine => {
                ended.map_err(|error| Failure::new(error, "this is a fault of syncline"))??;
                return Ok(Verdict::Good);
            }
            () = stop_signal() => {
                tracing::info!("stopping");
                Verdict::Good
            }
            verdict = waiting => verdict,
        };
        shutdown.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(10), engine).await;
        if let Some(serving) = serving {
            let _ = tokio::time::timeout(Duration::from_secs(1), serving).await;
        }
        if self.once {
            report(&receiver.borrow())?;
        }
        Ok(verdict)
    }
}

fn read_token(path: &Path) -> Result<server::Token, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => Ok(server::Token::new(&text)),
        Ok(_) => Err(Failure::new(format!("{} is empty", path.display()), "put the token into it")),
        Err(error) => Err(Failure::new(format!("{}: {error}", path.display()), "check --listen-token-file")),
    }
}

/// A bar for each target.
#[derive(Default)]
struct Progress {
    bars: MultiProgress,
    by_target: BTreeMap<ClusterName, ProgressBar>,
}

impl Progress {
    fn show(&mut self, targets: &BTreeMap<ClusterName, TargetStatus>) {
        for (name, status) in targets {
            let bar = self.by_target.entry(name.clone()).or_insert_with(|| {
                let bar = self.bars.add(ProgressBar::new(0));
                if let Ok(style) = ProgressStyle::with_template("{prefix:<24} [{bar:30}] {pos}/{len} {msg}") {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_prefix(name.to_string());
                bar
            });
            bar.set_length(status.objects as u64);
            bar.set_position(status.in_sync as u64);
            let waiting = status.objects - status.healthy;
            bar.set_message(if waiting == 0 { String::new() } else { format!("{waiting} not healthy yet") });
        }
    }
}

/// `500ms`, `30s`, `5m`, `2h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is no time; write 30s, 5m or 1h"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(60 * number)),
        "h" => Ok(Duration::from_secs(3600 * number)),
        _ => Err(format!("{text:?} has no unit; write 30s, 5m or 1h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert!(duration("30").is_err() && duration("s").is_err() && duration("1d").is_err());
    }
}
