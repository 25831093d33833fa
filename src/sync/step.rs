//! One step on a target: an object is applied, deleted or let go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use syncline_manifest::ObjectKey;
use tokio::sync::OnceCell;

use super::FIELD_MANAGER;
use super::index::{Outcome, Step, StepAction};
use super::inventory::MEMBER_LABEL;
use super::metrics::Metrics;
use crate::fleet::{ApplyMode, OnImmutable};
use crate::target::{Cluster, KindOnServer, TargetError};

/// Namespaces that exist, or are being created by one of several that need them.
pub(super) type Namespaces = Arc<std::sync::Mutex<HashMap<Arc<str>, Arc<OnceCell<()>>>>>;

/// Takes one step.
pub(super) async fn take(
    step: Step,
    cluster: Cluster,
    namespaces: Namespaces,
    metrics: Arc<Metrics>,
) -> (ObjectKey, Outcome) {
    let Step { key, on_server, acting_as, action } = step;
    let cluster = cluster.acting_as(acting_as);
    let outcome = match action {
        StepAction::Delete { uid } => {
            metrics.count_write("delete");
            match cluster.delete(&key, &on_server, &uid).await {
                Ok(()) => Outcome::Removed,
                Err(error) => Outcome::Failed { error, digest: None },
            }
        }
        StepAction::Release => {
            metrics.count_write("release");
            let patch = serde_json::json!({"metadata": {"labels": {MEMBER_LABEL: null}}});
            match cluster.merge_patch(&key, &on_server, FIELD_MANAGER, &patch).await {
                Ok(_) | Err(TargetError::NotFound(_)) => Outcome::Removed,
                Err(error) => Outcome::Failed { error, digest: None },
            }
        }
        StepAction::Apply { version, body, digest, is_new, mode, immutable } => {
            let apply = || {
                metrics.count_write("apply");
                cluster.apply(&key, &version, &on_server, FIELD_MANAGER, body.clone())
            };
            let attempt = async {
                if mode == ApplyMode::IfMissing {
                    match cluster.get(&key, &on_server).await {
                        Ok(live) if live.is_terminating() => {
                            return Err(TargetError::Conflict(format!("{key} is being deleted")));
                        }
                        Err(TargetError::NotFound(_)) => {}
                        other => return other,
                    }
                }
                if is_new && let Some(namespace) = &key.namespace {
                    ensure_namespace(&cluster, &namespaces, namespace, Freshness::Remembered).await?;
                }
                match apply().await {
                    Err(error) if is_missing_namespace(&error) => {
                        let Some(namespace) = &key.namespace else { return Err(error) };
                        ensure_namespace(&cluster, &namespaces, namespace, Freshness::Checked).await?;
                        apply().await
                    }
                    Err(error) if error.is_immutable_field() && immutable == OnImmutable::Recreate => {
                        let live = cluster.get(&key, &on_server).await?;
                        metrics.count_write("delete");
                        cluster.delete(&key, &on_server, live.uid()).await?;
                        wait_until_gone(&cluster, &key, &on_server).await?;
                        apply().await
                    }
                    other => other,
                }
            };
            match attempt.await {
                Ok(live) => Outcome::Applied { live: Box::new(live), digest },
                Err(error) => Outcome::Failed { error, digest: Some(digest) },
            }
        }
    };
    (key, outcome)
}

fn is_missing_namespace(error: &TargetError) -> bool {
    matches!(error, TargetError::NotFound(message) if message.contains("namespaces \""))
}

#[derive(PartialEq)]
enum Freshness {
    /// What was created once is there.
    Remembered,
    /// The server just said that it is not.
    Checked,
}

/// Creates a namespace once, however many objects need it.
async fn ensure_namespace(
    cluster: &Cluster,
    namespaces: &Namespaces,
    name: &Arc<str>,
    freshness: Freshness,
) -> Result<(), TargetError> {
    let cell = {
        let mut known = namespaces.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if freshness == Freshness::Checked {
            known.remove(name);
        }
        Arc::clone(known.entry(Arc::clone(name)).or_default())
    };
    cell.get_or_try_init(|| async {
        match cluster.ensure_namespace(name, FIELD_MANAGER).await {
            // Whoever may not create namespaces may still be allowed to work in one.
            Err(TargetError::Forbidden(_)) => Ok(()),
            other => other,
        }
    })
    .await
    .copied()
}

pub(super) async fn wait_until_gone(
    cluster: &Cluster,
    key: &ObjectKey,
    on_server: &KindOnServer,
) -> Result<(), TargetError> {
    for attempt in 0..50 {
        match cluster.get(key, on_server).await {
            Err(TargetError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
            Ok(_) => tokio::time::sleep(Duration::from_millis(20 * (attempt + 1))).await,
        }
    }
    Err(TargetError::Conflict(format!("{key} is still being deleted")))
}
