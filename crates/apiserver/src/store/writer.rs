//! The one thread that writes to the disk, all that waits at once.

use std::sync::{Arc, PoisonError, Weak};

use tokio::sync::{mpsc, oneshot};

use super::disk::Disk;
use super::{Event, Refused, Shared, TableName, WAITING_WRITES};

/// What the writer is told.
pub(super) enum Order {
    Write(Waiting),
    /// Let go of the disk, and tell when that is done.
    Close(oneshot::Sender<()>),
}

/// A write that is ordered and waits for the disk.
pub(super) struct Waiting {
    pub event: Arc<Event>,
    pub done: oneshot::Sender<Result<(), Refused>>,
}

/// Takes everything that waits, makes it durable at once (where there is a disk), and
/// tells who waits.
pub(super) fn run(shared: &Weak<Shared>, mut orders: mpsc::Receiver<Order>, mut disk: Option<Disk>) {
    let (mut received, mut batch) = (Vec::new(), Vec::new());
    while orders.blocking_recv_many(&mut received, WAITING_WRITES) > 0 {
        let mut close = None;
        for order in received.drain(..) {
            match order {
                Order::Write(waiting) => batch.push(waiting),
                Order::Close(done) => {
                    close = Some(done);
                    break;
                }
            }
        }
        let outcome = match &mut disk {
            Some(disk) if !batch.is_empty() => disk.write(batch.iter().map(|waiting| &*waiting.event)),
            _ => Ok(()),
        };
        if let Err(error) = &outcome {
            tracing::error!(%error, "the store cannot be written; no more writes are taken");
        }
        settle(shared, &mut batch, outcome.is_ok());
        if let Some(done) = close {
            if let Some(Err(error)) = disk.as_mut().map(Disk::tidy) {
                tracing::warn!(%error, "the store was not tidied up");
            }
            drop(disk);
            // Whoever asked may have gone away.
            let _ = done.send(());
            return;
        }
    }
}

fn settle(shared: &Weak<Shared>, batch: &mut Vec<Waiting>, is_written: bool) {
    let Some(shared) = shared.upgrade() else {
        batch.clear();
        return;
    };
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    if is_written {
        for waiting in &*batch {
            state.history.push(Arc::clone(&waiting.event));
        }
        if let Some(last) = batch.last() {
            shared.durable.send_replace(last.event.revision);
        }
        let mut told: Option<&TableName> = None;
        for event in batch.iter().rev().map(|waiting| &waiting.event) {
            if told != Some(&event.table)
                && let Some(table) = state.tables.get(&event.table)
            {
                table.changed.send_if_modified(|changed| {
                    let is_news = *changed < event.revision;
                    *changed = event.revision.max(*changed);
                    is_news
                });
                told = Some(&event.table);
            }
        }
    } else {
        state.is_broken = true;
    }
    drop(state);
    for waiting in batch.drain(..) {
        let outcome = if is_written { Ok(()) } else { Err(Refused::Broken) };
        // Whoever asked may have gone away; the write counts nevertheless.
        let _ = waiting.done.send(outcome);
    }
}
