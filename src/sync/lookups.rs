//! Answers what charts look up on a target.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use syncline_manifest::{GroupKind, ObjectKey};

use super::backoff::Backoff;
use crate::fleet::Digest;
use crate::place::{Desired, Question};
use crate::render::release::Answers;
use crate::target::{Cluster, Discovery, TargetError};

/// What was asked of a target, so that each thing is asked once.
#[derive(Debug, Default)]
pub(super) struct Asking(HashMap<Digest, Asked>);

#[derive(Debug)]
struct Asked {
    wanted: Question,
    failures: u32,
    /// None while it is under way, and after it was answered.
    again_at: Option<Instant>,
}

impl Asking {
    /// What has to be asked now. A chart that looks up more with each answer asks again
    /// under the same digest.
    pub fn take_due(&mut self, desired: &Desired, now: Instant) -> Vec<(Digest, Question)> {
        self.0.retain(|rendering, _| desired.lookups.contains_key(rendering));
        let mut due = Vec::new();
        for (rendering, wanted) in &desired.lookups {
            match self.0.get_mut(rendering) {
                Some(asked) if asked.wanted == *wanted => {
                    if asked.again_at.take_if(|at| *at <= now).is_none() {
                        continue;
                    }
                }
                _ => {
                    let asked = Asked { wanted: wanted.clone(), failures: 0, again_at: None };
                    self.0.insert(*rendering, asked);
                }
            }
            due.push((*rendering, wanted.clone()));
        }
        due
    }

    /// The target refused: it is asked again later.
    pub fn refused(&mut self, rendering: &Digest, now: Instant) {
        if let Some(asked) = self.0.get_mut(rendering) {
            asked.failures += 1;
            asked.again_at = Some(now + Backoff::OBJECT.after(asked.failures));
        }
    }

    /// When something is due again.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.0.values().filter_map(|asked| asked.again_at).min()
    }
}

/// Asks a target for everything that one rendering looks up.
///
/// # Errors
/// The target did not answer all: nothing is known then, for what is not there and what
/// could not be read are different things to a chart.
pub(super) async fn look_up(
    wanted: Question,
    cluster: Cluster,
    discovery: Arc<Discovery>,
) -> Result<Answers, TargetError> {
    let cluster = cluster.acting_as(wanted.acting_as);
    let mut answers = Answers::new();
    for key in wanted.keys {
        let (group, _) = key.api_version.split_once('/').unwrap_or(("", &key.api_version));
        let kind = GroupKind::new(group, &key.kind);
        let answer = match discovery.kind(&kind) {
            None => json!({}),
            Some(on_server) if key.name.is_empty() => {
                let all = cluster.list_all(&kind, on_server, None).await?;
                let items = all.into_iter().filter(|live| {
                    key.namespace.is_empty() || live.key.namespace.as_deref() == Some(&*key.namespace)
                });
                let items: Vec<Value> = items.map(|live| live.value).collect();
                json!({"apiVersion": key.api_version, "kind": format!("{}List", key.kind), "items": items})
            }
            Some(on_server) => {
                let namespace = Some(key.namespace.as_str()).filter(|namespace| !namespace.is_empty());
                let object = ObjectKey::new(kind.clone(), namespace, &key.name);
                match cluster.get(&object, on_server).await {
                    Ok(live) => live.value,
                    Err(TargetError::NotFound(_)) => json!({}),
                    Err(error) => return Err(error),
                }
            }
        };
        answers.insert(key, answer);
    }
    Ok(answers)
}
