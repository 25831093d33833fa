//! Waiting until a fleet is what its repository says, as `run --once` and `demo` do.

use std::time::Duration;

use tokio::sync::watch;

use super::{Failure, Verdict, status};
use crate::sync::{FleetStatus, TargetStatus};

/// Waits for SIGTERM or SIGINT.
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind: SignalKind| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}

/// Waits until every target is done, or nothing can become better by waiting; shows
/// every state on the way.
pub(super) async fn settled(
    mut status: watch::Receiver<FleetStatus>,
    timeout: Duration,
    mut show: impl FnMut(&FleetStatus),
) -> Verdict {
    let deadline = tokio::time::Instant::now() + timeout;
    loop {
        {
            let status = status.borrow_and_update();
            show(&status);
            let is_settled = |target: &TargetStatus| target.is_done() || target.is_stuck();
            let has_current = status.targets.values().all(|target| target.commit == status.source.commit);
            if status.was_asked
                && status.source.commit.is_some()
                && has_current
                && status.targets.values().all(is_settled)
            {
                let is_good =
                    status.targets.values().all(TargetStatus::is_done) && status.source.problem.is_none();
                return if is_good && !has_errors(&status) { Verdict::Good } else { Verdict::Bad };
            }
            if status.was_asked && status.source.commit.is_none() && status.source.problem.is_some() {
                return Verdict::Bad;
            }
        }
        tokio::select! {
            changed = status.changed() => if changed.is_err() { return Verdict::Bad },
            () = tokio::time::sleep_until(deadline) => return Verdict::Bad,
        }
    }
}

fn has_errors(status: &FleetStatus) -> bool {
    status.diagnostics.iter().any(|diagnostic| diagnostic.severity == crate::fleet::Severity::Error)
}

/// Prints how the fleet is, with its problems.
pub(super) fn report(fleet: &FleetStatus) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let targets: Vec<TargetStatus> = fleet.targets.values().cloned().collect();
    for diagnostic in fleet.diagnostics.iter() {
        eprintln!("{diagnostic}\n");
    }
    status::write_text(&mut out, &fleet.source, &targets, &fleet.unplaced)
}
