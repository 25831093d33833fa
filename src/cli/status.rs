//! `syncline status`

use std::io::Write as _;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::source::Repository;
use super::{Failure, Output, Verdict};
use crate::fleet::{self, LoadCache};
use crate::git::Mirror;
use crate::place::{Unplaced, place};
use crate::record::Ledger;
use crate::render::{Abilities, RenderCache};
use crate::sync::{
    ConnectionState, Health, ObjectState, ObjectStatus, ReleaseState, ReleaseStatus, SourceStatus,
    TargetStatus,
};

/// Show what is known of every target
///
/// Answers from the local records, whether a daemon runs or not. Exits with 1 when
/// a target is not what Git says.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    repository: Repository,
    /// How to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

impl Status {
    pub fn run(self) -> Result<Verdict, Failure> {
        let (source, _) = self.repository.source()?;
        let nothing = || {
            Failure::new(
                format!("nothing is recorded of {source} yet"),
                "`syncline run` with the same --repo and --data-dir writes records",
            )
        };
        let mirror = Mirror::open_existing(&self.repository.data_dir, source.clone())?.ok_or_else(nothing)?;
        let mirror = Arc::new(mirror);
        let ledger = Ledger::new(Arc::clone(&mirror));
        let source = ledger.source::<SourceStatus>()?.ok_or_else(nothing)?;
        let targets: Vec<TargetStatus> = ledger.statuses()?;
        let unplaced = self.unplaced(&mirror, &source)?;
        let is_done = source.problem.is_none() && targets.iter().all(TargetStatus::is_done);
        let mut out = std::io::stdout().lock();
        match self.output {
            Output::Json => {
                let report =
                    json!({"source": source, "targets": targets, "unplaced": unplaced, "done": is_done});
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
            }
            Output::Text => write_text(&mut out, &source, &targets, &unplaced)?,
        }
        Ok(if is_done { Verdict::Good } else { Verdict::Bad })
    }

    /// Resources that go nowhere follow from the commit alone.
    fn unplaced(&self, mirror: &Mirror, source: &SourceStatus) -> Result<Vec<Unplaced>, Failure> {
        let Some(commit) = source.commit else { return Ok(Vec::new()) };
        let snapshot = mirror.snapshot(commit)?;
        let (mut loads, mut renders) = (LoadCache::default(), RenderCache::default());
        let Ok(fleet) = fleet::load(&snapshot, &self.repository.folder(), &mut loads) else {
            return Ok(Vec::new());
        };
        Ok(place(&snapshot, &fleet, &mut loads, &mut renders, &Abilities::assumed(), &|_| None)?.unplaced)
    }
}

/// What is known, for people.
pub(super) fn write_text(
    out: &mut impl std::io::Write,
    source: &SourceStatus,
    targets: &[TargetStatus],
    unplaced: &[Unplaced],
) -> Result<(), Failure> {
    let commit = source.commit.map_or_else(|| "no commit".to_owned(), |commit| commit.short());
    writeln!(out, "{} at {commit}", source.url)?;
    if let Some(problem) = &source.problem {
        writeln!(out, "  problem: {problem}")?;
    }
    if let Some(hint) = &source.hint {
        writeln!(out, "  hint: {hint}")?;
    }
    writeln!(out, "\n{:<24} {:<13} {:>9} {:>9} {:>9}", "TARGET", "COMMIT", "OBJECTS", "IN SYNC", "HEALTHY")?;
    for target in targets {
        let commit = target.commit.map_or_else(|| "-".to_owned(), |commit| commit.short());
        writeln!(
            out,
            "{:<24} {commit:<13} {:>9} {:>9} {:>9}",
            target.target, target.objects, target.in_sync, target.healthy
        )?;
    }
    for target in targets {
        write_troubles(out, target)?;
    }
    if !unplaced.is_empty() {
        writeln!(out, "\nThese resources go nowhere, for no policy selects them:")?;
        for unplaced in unplaced {
            writeln!(out, "  {}  ({})", unplaced.key, unplaced.origin)?;
        }
    }
    Ok(())
}

fn write_troubles(out: &mut impl std::io::Write, target: &TargetStatus) -> Result<(), Failure> {
    let is_quiet = target.is_done()
        && target.prune_hold.is_none()
        && target.troubles.is_empty()
        && target.releases.is_empty();
    if is_quiet {
        return Ok(());
    }
    writeln!(out, "\n{}", target.target)?;
    match &target.connection {
        ConnectionState::Pending => writeln!(out, "  is being connected")?,
        ConnectionState::Connected if !target.is_observed => writeln!(out, "  is being read")?,
        ConnectionState::Connected => {}
        ConnectionState::Unreachable { reason, hint, attempts } => {
            writeln!(out, "  unreachable ({attempts} tries): {reason}")?;
            if let Some(hint) = hint {
                writeln!(out, "    hint: {hint}")?;
            }
        }
    }
    if let Some(hold) = &target.prune_hold {
        writeln!(out, "  held: {hold}")?;
    } else if target.leftovers > 0 {
        writeln!(out, "  {} objects that left Git are still there", target.leftovers)?;
    }
    for (name, application) in &target.applications {
        if let Some(stale) = application.stale {
            writeln!(out, "  {name} is held at commit {}, for the newest does not load", stale.short())?;
        }
    }
    for (name, release) in &target.releases {
        write_release(out, name, release)?;
    }
    for trouble in target.troubles.iter().take(20) {
        write_trouble(out, trouble)?;
    }
    if target.troubles.len() > 20 {
        writeln!(out, "  and {} more; see them all with -o json", target.troubles.len() - 20)?;
    }
    Ok(())
}

fn write_release(out: &mut impl std::io::Write, name: &str, release: &ReleaseStatus) -> Result<(), Failure> {
    let revision = release.revision;
    let mut hint = None;
    let mut once_more = |again: bool| {
        if !again {
            hint =
                Some("the next commit that changes the release is tried; so is another forceAt annotation");
        }
        if again { "it is tried again" } else { "it is not tried again" }
    };
    let state = match &release.state {
        ReleaseState::Waiting => format!("revision {revision} waits for what it needs"),
        ReleaseState::RunningHooks => format!("revision {revision} runs its hooks"),
        ReleaseState::Applying => format!("revision {revision} is becoming ready"),
        ReleaseState::Testing => format!("revision {revision} is being tested"),
        ReleaseState::Retreating => format!("revision {revision} has failed and is taken back"),
        ReleaseState::Failed { again } => format!("revision {revision} has failed; {}", once_more(*again)),
        ReleaseState::RolledBack { to, again } => {
            format!("has failed and was rolled back to revision {to}; {}", once_more(*again))
        }
        ReleaseState::Uninstalled { again } => {
            format!("has failed and was uninstalled; {}", once_more(*again))
        }
        ReleaseState::Leaving => "left Git and is being removed".to_owned(),
        ReleaseState::Suspended => "is suspended: nothing of it is changed".to_owned(),
        ReleaseState::Awaited => "waits for its chart, or for what the chart looks up".to_owned(),
        ReleaseState::Broken => "cannot be rendered; its last good revision stays in force".to_owned(),
    };
    writeln!(out, "  {name}: {state}")?;
    if let Some(reason) = &release.reason {
        let count = release.failures;
        let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
        writeln!(out, "    reason{times}: {reason}")?;
    }
    if let Some(hint) = hint {
        writeln!(out, "    hint: {hint}")?;
    }
    Ok(())
}

fn write_trouble(out: &mut impl std::io::Write, trouble: &ObjectStatus) -> Result<(), Failure> {
    let key = &trouble.key;
    match &trouble.state {
        ObjectState::Failed { message, hint, attempts, .. } => {
            writeln!(out, "  {key}: failed ({attempts} tries): {message}")?;
            if let Some(origin) = &trouble.origin {
                writeln!(out, "    --> {origin}")?;
            }
            if let Some(hint) = hint {
                writeln!(out, "    hint: {hint}")?;
            }
        }
        ObjectState::WaitingForKind => {
            writeln!(out, "  {key}: the server has no kind {}", key.group_kind)?;
            writeln!(
                out,
                "    hint: install its CustomResourceDefinition; it is applied the moment that arrives"
            )?;
        }
        ObjectState::WaitingForWave { wave } => writeln!(out, "  {key}: waits for the waves before {wave}")?,
        ObjectState::Drifted => {
            writeln!(out, "  {key}: changed by somebody else, and left so as its release says")?;
            writeln!(out, "    hint: set driftDetection.mode: enabled to have it reverted")?;
        }
        ObjectState::Contested { fields, .. } if fields.is_empty() => {
            writeln!(out, "  {key}: contested, somebody keeps deleting it or taking it from the inventory")?;
            writeln!(out, "    hint: look for another fleet, or a controller, that claims the object too")?;
        }
        ObjectState::Contested { manager, fields } => {
            let manager = manager.as_deref().unwrap_or("somebody");
            writeln!(out, "  {key}: contested, {manager} keeps changing {}", fields.join(", "))?;
            writeln!(out, "    hint: leave the fields to it with syncline.dev/ignore-differences")?;
        }
        ObjectState::Unhealthy { health } => match health {
            Health::Failed(reason) => writeln!(out, "  {key}: failed: {reason}")?,
            Health::Progressing(reason) => writeln!(out, "  {key}: in progress: {reason}")?,
            Health::Healthy => {}
        },
        ObjectState::Conflict { origins } => {
            writeln!(out, "  {key}: defined more than once: {}", origins.join(", "))?;
        }
    }
    Ok(())
}
