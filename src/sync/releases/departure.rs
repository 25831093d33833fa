//! Releases that left Git: their hooks before and after deletion, and the end of their
//! records. What they were is read from the newest record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use syncline_helm::release::{Hook, HookEvent};
use tokio_util::sync::CancellationToken;

use super::hooks::Hooks;
use crate::render::release::Owner;
use crate::sync::backoff::Backoff;
use crate::sync::index::Index;

/// How long a hook may take: the release that said it is gone.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What the record of a release says of its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Parting {
    pub hooks: Vec<Hook>,
    pub namespace: String,
    pub acting_as: Option<Arc<str>>,
    /// Whether its records stay.
    pub is_kept: bool,
}

/// What is to be done.
pub(super) enum Order {
    /// What the record says is read.
    Read,
    /// Hooks are run.
    Hooks(Hooks),
    /// Its records go, or are kept as those of what was uninstalled.
    Remove { is_kept: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Reading,
    Before,
    Pruning,
    After,
    Removing,
}

/// The end of one release.
#[derive(Debug)]
pub(super) struct Departure {
    owner: Owner,
    stage: Stage,
    parting: Option<Parting>,
    is_busy: bool,
    again: Option<(u32, Instant)>,
    /// Ends with the departure: the release may come back.
    cancel: CancellationToken,
    pub reason: Option<String>,
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Departure {
    pub fn new(owner: Owner) -> Departure {
        Departure {
            owner,
            stage: Stage::Reading,
            parting: None,
            is_busy: false,
            again: None,
            cancel: CancellationToken::new(),
            reason: None,
        }
    }

    /// Of a release whose objects live on as those of another: only its records go.
    pub fn of_records(owner: Owner) -> Departure {
        let mut departure = Departure::new(owner);
        departure.parting = Some(Parting::default());
        departure.stage = Stage::Removing;
        departure
    }

    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Whether its objects must not be deleted yet.
    pub fn holds(&self) -> bool {
        matches!(self.stage, Stage::Reading | Stage::Before)
    }

    /// What is to be done now.
    pub fn advance(&mut self, index: &Index, now: Instant) -> Option<Order> {
        if self.is_busy || self.again.is_some_and(|(_, at)| at > now) {
            return None;
        }
        loop {
            let order = match (self.stage, &self.parting) {
                (Stage::Reading, _) | (_, None) => Order::Read,
                // What may not be deleted yet is not told that it will be.
                (Stage::Before, _) if index.prune_hold().is_some() => return None,
                (Stage::Before, Some(parting)) => match self.hooks(parting, HookEvent::PreDelete) {
                    Some(hooks) => Order::Hooks(hooks),
                    None => {
                        self.stage = Stage::Pruning;
                        continue;
                    }
                },
                (Stage::Pruning, _) if index.has_objects_of(&self.owner) => return None,
                (Stage::Pruning, _) => {
                    self.stage = Stage::After;
                    continue;
                }
                (Stage::After, Some(parting)) => match self.hooks(parting, HookEvent::PostDelete) {
                    Some(hooks) => Order::Hooks(hooks),
                    None => {
                        self.stage = Stage::Removing;
                        continue;
                    }
                },
                (Stage::Removing, Some(parting)) => Order::Remove { is_kept: parting.is_kept },
            };
            self.is_busy = true;
            return Some(order);
        }
    }

    fn hooks(&self, parting: &Parting, event: HookEvent) -> Option<Hooks> {
        let is_any = parting.hooks.iter().any(|hook| hook.events.contains(&event));
        is_any.then(|| Hooks {
            hooks: parting.hooks.clone(),
            event,
            namespace: parting.namespace.clone(),
            timeout: TIMEOUT,
            acting_as: parting.acting_as.clone(),
            cancel: self.cancel.child_token(),
        })
    }

    pub fn read(&mut self, parting: Option<Parting>) {
        self.is_busy = false;
        self.again = None;
        // Without a record that can be read there are no hooks to run.
        self.parting = Some(parting.unwrap_or_default());
        self.stage = Stage::Before;
    }

    pub fn hooks_ran(&mut self) {
        self.is_busy = false;
        (self.again, self.reason) = (None, None);
        self.stage = match self.stage {
            Stage::Before => Stage::Pruning,
            _ => Stage::Removing,
        };
    }

    /// A hook has failed: the release stays until it works, or Git has it again.
    pub fn hooks_failed(&mut self, reason: &str, now: Instant) {
        self.reason = Some(reason.to_owned());
        self.try_again(Backoff::OBJECT, now);
    }

    /// The target refused a request; gives how often in a row.
    pub fn refused(&mut self, now: Instant) -> u32 {
        self.try_again(Backoff::TARGET, now)
    }

    fn try_again(&mut self, backoff: Backoff, now: Instant) -> u32 {
        self.is_busy = false;
        let attempts = self.again.map_or(0, |(attempts, _)| attempts) + 1;
        self.again = Some((attempts, now + backoff.after(attempts)));
        attempts
    }

    pub fn wakes_at(&self) -> Option<Instant> {
        self.again.map(|(_, at)| at)
    }
}
