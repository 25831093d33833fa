//! Running the hooks of an event on a target, one after the other: each is created, and a
//! Job or a Pod is waited for, as Helm does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use syncline_helm::record::{HookPhase, HookRun};
use syncline_helm::release::{DeletePolicy, Hook, HookEvent};
use syncline_manifest::schema::Scope;
use syncline_manifest::{GroupVersionKind, ObjectKey, yaml};
use tokio_util::sync::CancellationToken;

use crate::fleet::{ApplyMode, OnImmutable};
use crate::sync::health::{Health, health};
use crate::sync::index::{Outcome, Step, StepAction};
use crate::sync::metrics::Metrics;
use crate::sync::step::{Namespaces, take, wait_until_gone};
use crate::target::{Cluster, Discovery, KindOnServer, Live, TargetError};

/// The first pause between two looks at a hook, and the longest.
const LOOK: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

/// Where hooks run.
#[derive(Clone)]
pub(in crate::sync) struct HookRunner {
    pub cluster: Cluster,
    pub discovery: Arc<Discovery>,
    pub namespaces: Namespaces,
    pub metrics: Arc<Metrics>,
}

/// The hooks of an event.
#[derive(Debug)]
pub(super) struct Hooks {
    pub hooks: Vec<Hook>,
    pub event: HookEvent,
    /// The namespace of those that name none.
    pub namespace: String,
    /// How long each may take.
    pub timeout: Duration,
    pub acting_as: Option<Arc<str>>,
    /// Ends the waiting: a newer version of the release has come.
    pub cancel: CancellationToken,
}

/// Why hooks did not do what they should.
#[derive(Debug)]
pub(super) enum HookError {
    /// One has failed, or took too long.
    Failed(String),
    /// The target does not answer.
    Target(TargetError),
    /// Nobody wants them any more.
    Cancelled,
}

impl From<TargetError> for HookError {
    fn from(error: TargetError) -> HookError {
        match error {
            error if error.is_about_target() => HookError::Target(error),
            error => HookError::Failed(error.to_string()),
        }
    }
}

struct OnTarget {
    key: ObjectKey,
    version: String,
    kind: KindOnServer,
    object: Value,
}

impl HookRunner {
    /// Runs the hooks of an event; gives how those ran that did.
    pub(super) async fn run(mut self, hooks: Hooks) -> (Vec<HookRun>, Result<(), HookError>) {
        self.cluster = self.cluster.acting_as(hooks.acting_as.clone());
        let mut runs = Vec::new();
        let mut done: Vec<(&Hook, OnTarget)> = Vec::new();
        let mut outcome = Ok(());
        for hook in Hook::of_event(&hooks.hooks, hooks.event) {
            let named = |error: HookError| match error {
                HookError::Failed(message) => HookError::Failed(format!(
                    "{} hook {} {}: {message}",
                    hooks.event.name(),
                    hook.kind,
                    hook.name
                )),
                other => other,
            };
            let on_target = match self.on_target(hook, &hooks.namespace) {
                Ok(on_target) => on_target,
                Err(message) => {
                    outcome = Err(named(HookError::Failed(message)));
                    break;
                }
            };
            let started = jiff::Timestamp::now().to_string();
            let ran = tokio::select! {
                () = hooks.cancel.cancelled() => Err(HookError::Cancelled),
                ran = self.one(hook, &on_target, hooks.timeout) => ran,
            };
            if !matches!(ran, Err(HookError::Cancelled | HookError::Target(_))) {
                runs.push(HookRun {
                    hook: (hook.kind.clone(), hook.name.clone()),
                    phase: if ran.is_ok() { HookPhase::Succeeded } else { HookPhase::Failed },
                    started,
                    completed: jiff::Timestamp::now().to_string(),
                });
            }
            if let Err(error) = ran {
                if matches!(error, HookError::Failed(_)) && hook.is_deleted(DeletePolicy::Failed) {
                    // That it has failed matters more than that it is still there.
                    let _ = self.delete(&on_target).await;
                }
                outcome = Err(named(error));
                break;
            }
            done.push((hook, on_target));
        }
        if !matches!(outcome, Err(HookError::Target(_))) {
            for (_, on_target) in
                done.iter().rev().filter(|(hook, _)| hook.is_deleted(DeletePolicy::Succeeded))
            {
                let _ = self.delete(on_target).await;
            }
        }
        (runs, outcome)
    }

    fn on_target(&self, hook: &Hook, namespace: &str) -> Result<OnTarget, String> {
        let documents = yaml::read_lenient(&hook.manifest).map_err(|error| error.to_string())?;
        let mut object = documents.into_iter().next().ok_or("is empty")?.value;
        let gvk = GroupVersionKind::of(&object);
        let kind = self
            .discovery
            .kind(&gvk.group_kind())
            .ok_or_else(|| format!("the server has no kind {}", gvk.group_kind()))?
            .clone();
        let named = object.pointer("/metadata/namespace").and_then(Value::as_str);
        let namespace = named.filter(|name| !name.is_empty()).unwrap_or(namespace).to_owned();
        let key = match kind.scope {
            Scope::Namespaced => {
                object["metadata"]["namespace"] = Value::from(namespace.as_str());
                ObjectKey::new(gvk.group_kind(), Some(&namespace), &hook.name)
            }
            Scope::Cluster => ObjectKey::new(gvk.group_kind(), None, &hook.name),
        };
        Ok(OnTarget { key, version: gvk.version, kind, object })
    }

    async fn one(&self, hook: &Hook, on_target: &OnTarget, timeout: Duration) -> Result<(), HookError> {
        let deadline = Instant::now() + timeout;
        if hook.is_deleted(DeletePolicy::BeforeCreation) {
            self.delete(on_target).await?;
        }
        let step = Step {
            key: on_target.key.clone(),
            on_server: on_target.kind.clone(),
            acting_as: None,
            action: StepAction::Apply {
                version: on_target.version.clone(),
                body: on_target.object.to_string().into_bytes(),
                digest: crate::fleet::Digest::of(b""),
                is_new: true,
                mode: ApplyMode::Always,
                immutable: OnImmutable::Fail,
            },
        };
        let step = take(step, self.cluster.clone(), Arc::clone(&self.namespaces), Arc::clone(&self.metrics));
        if let (_, Outcome::Failed { error, .. }) = step.await {
            return Err(error.into());
        }
        let kind = &on_target.key.group_kind;
        if !kind.is("batch", "Job") && !kind.is("", "Pod") {
            return Ok(());
        }
        let mut pause = LOOK[0];
        loop {
            let state = match self.cluster.get(&on_target.key, &on_target.kind).await {
                Ok(live) => progress(&live),
                // A finished Job may be removed by its time to live.
                Err(TargetError::NotFound(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let reason = match state {
                Health::Healthy => return Ok(()),
                Health::Failed(reason) => return Err(HookError::Failed(reason.into())),
                Health::Progressing(reason) => reason,
            };
            if Instant::now() >= deadline {
                return Err(HookError::Failed(format!("not done after {}s: {reason}", timeout.as_secs())));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK[1]);
        }
    }

    /// Deletes an object, if it is there, and waits until it is gone.
    async fn delete(&self, on_target: &OnTarget) -> Result<(), TargetError> {
        match self.cluster.get(&on_target.key, &on_target.kind).await {
            Ok(live) => {
                self.metrics.count_write("delete");
                self.cluster.delete(&on_target.key, &on_target.kind, live.uid()).await?;
                wait_until_gone(&self.cluster, &on_target.key, &on_target.kind).await
            }
            Err(TargetError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// How far a Job or a Pod is. A Pod that runs is not done.
fn progress(live: &Live) -> Health {
    match live.value.pointer("/status/phase").and_then(Value::as_str) {
        Some("Running") if live.key.group_kind.is("", "Pod") => Health::Progressing("is running".into()),
        _ => health(live),
    }
}
