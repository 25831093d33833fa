//! The task of one target: connects, watches, takes the steps its index gives,
//! and reports. One task a target, so that a dead one delays nobody.

use std::sync::Arc;

use tracing::{info, warn};

use super::backoff::Backoff;
use super::session::{Ended, Session, TargetContext};
use super::status::ConnectionState;
use crate::target::TargetError;

/// Keeps one target what Git says, until shut down.
pub async fn run_target(mut context: TargetContext) {
    let name = context.desired.borrow().target.clone();
    let mut failures = 0;
    loop {
        let shutdown = context.shutdown.clone();
        let ended = tokio::select! {
            biased;
            () = shutdown.cancelled() => Ended::Shutdown,
            ended = session(&mut context) => ended,
        };
        match ended {
            Ended::Shutdown => return,
            Ended::Reconfigured => failures = 0,
            Ended::Failed { reason, hint, worked } => {
                failures = if worked { 1 } else { failures + 1 };
                if failures == 1 {
                    warn!(target = %name, %reason, "target is out of reach");
                }
                let commit = context.desired.borrow().commit;
                context.status.send_modify(|status| {
                    status.commit = commit;
                    status.is_observed = false;
                    status.connection = ConnectionState::Unreachable { reason, hint, attempts: failures };
                });
                let delay = Backoff::TARGET.after(failures);
                tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    () = context.shutdown.cancelled() => return,
                    _ = context.cluster.changed() => {}
                }
            }
        }
    }
}

fn failed(error: &TargetError, worked: bool) -> Ended {
    Ended::Failed { reason: error.to_string(), hint: error.hint(), worked }
}

/// Connects and works until something ends it.
async fn session(context: &mut TargetContext) -> Ended {
    let configured = Arc::clone(&context.cluster.borrow_and_update());
    let cluster = match context.kubeconfigs.connect(&configured).await {
        Ok(cluster) => cluster,
        Err(error) => {
            let hint = Some(error.hint().to_owned());
            return Ended::Failed { reason: error.to_string(), hint, worked: false };
        }
    };
    let desired = Arc::clone(&context.desired.borrow_and_update());
    let mut session = match Session::begin(cluster, desired, context).await {
        Ok(session) => session,
        Err(error) => return failed(&error, false),
    };
    info!(target = %session.index.desired.target, "connected");
    match session.run(context, &configured).await {
        Ok(ended) => ended,
        Err(error) => failed(&error, true),
    }
}
