//! What the server holds: every object as the bytes that are sent, in memory and on
//! disk, with the history that watches read.
//!
//! Writes are checked and ordered under one lock, become durable together (one
//! commit to disk for all that wait), and only then are acknowledged and seen by
//! watches. A reader that saw something waits until that is durable, so nobody ever
//! learns of what a crash could take back.

mod disk;
mod history;
mod record;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};

pub use disk::StoreError;
pub use history::{Event, EventKind, Resumed};
pub use record::{Encoded, Record};

use disk::Disk;
use history::History;
use writer::{Order, Waiting};

/// How many writes may wait for the disk.
const WAITING_WRITES: usize = 4096;

/// The name of a table: group and plural, as `apps/deployments`.
pub type TableName = Arc<str>;

/// Where an object stands in its table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its namespace; empty for what is beside namespaces.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

impl Key {
    /// The key of an object.
    pub fn new(namespace: &str, name: &str) -> Key {
        Key { namespace: namespace.into(), name: name.into() }
    }
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Absent,
    /// The object of this revision.
    Revision(u64),
}

/// Why a write did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Something else is there than was expected.
    Changed,
    /// The disk does not take writes any more.
    Broken,
}

/// One change of one object.
pub enum Change {
    /// It is there, or there otherwise.
    Put(Encoded),
    /// It is gone; this is how it was last.
    Delete(Encoded),
}

/// All tables of a server. Clones share them.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    orders: mpsc::Sender<Order>,
    durable: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    revision: u64,
    tables: HashMap<TableName, Table>,
    history: History,
    is_broken: bool,
}

struct Table {
    objects: BTreeMap<Key, Arc<Record>>,
    /// The revision of the last durable change, for who watches this table alone.
    changed: watch::Sender<u64>,
}

impl Table {
    fn new(revision: u64) -> Table {
        Table { objects: BTreeMap::new(), changed: watch::Sender::new(revision) }
    }
}

/// A part of a table at one revision.
pub struct Listed {
    /// The revision of the whole table.
    pub revision: u64,
    /// The objects, with their keys.
    pub records: Vec<(Key, Arc<Record>)>,
    /// How many more there are.
    pub remaining: usize,
}

impl Store {
    /// Opens a data folder, or keeps all in memory when there is none. Must be
    /// called on a tokio runtime.
    ///
    /// # Errors
    /// When the folder is in use by another process, damaged or not writable.
    pub fn open(folder: Option<&Path>) -> Result<Store, StoreError> {
        let mut state = State { revision: 1, ..State::default() };
        let disk = match folder {
            None => None,
            Some(folder) => Some(Disk::open(folder, |table, key, record| {
                state.revision = state.revision.max(record.revision);
                let table = state.tables.entry(table).or_insert_with(|| Table::new(0));
                table.objects.insert(key, Arc::new(record));
            })?),
        };
        if let Some(disk) = &disk {
            state.revision = state.revision.max(disk.revision());
        }
        state.history.begin_at(state.revision);
        let (orders, received) = mpsc::channel(WAITING_WRITES);
        let durable = watch::Sender::new(state.revision);
        let shared = Arc::new(Shared { state: Mutex::new(state), orders, durable });
        // A thread of its own, which ends when the last store is gone or closed: it
        // must not be what keeps the store.
        let weak = Arc::downgrade(&shared);
        std::thread::spawn(move || writer::run(&weak, received, disk));
        Ok(Store { shared })
    }

    /// Ends the store: what was acknowledged is on disk, nothing more is taken, and
    /// another process may open the folder.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.shared.orders.send(Order::Close(done)).await.is_ok() {
            // Gone without an answer is closed, too.
            let _ = closed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while holding the lock leaves at worst a write that nobody waits for.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything up to a revision is durable.
    pub async fn durable(&self, revision: u64) {
        // The sender lives as long as this store.
        let _ = self.shared.durable.subscribe().wait_for(|durable| *durable >= revision).await;
    }

    /// An object, durable or not.
    pub fn peek(&self, table: &str, key: &Key) -> Option<Arc<Record>> {
        self.state().tables.get(table)?.objects.get(key).cloned()
    }

    /// An object.
    pub async fn get(&self, table: &str, key: &Key) -> Option<Arc<Record>> {
        let (record, revision) = {
            let state = self.state();
            (state.tables.get(table).and_then(|table| table.objects.get(key).cloned()), state.revision)
        };
        let needed = record.as_ref().map_or(revision, |record| record.revision);
        self.durable(needed).await;
        record
    }

    /// The objects of a table in one namespace (or in all), after a key, in order.
    pub async fn list(
        &self,
        table: &str,
        namespace: Option<&str>,
        after: Option<&Key>,
        matches: impl Fn(&Key, &Record) -> bool,
        limit: usize,
    ) -> Listed {
        let listed = self.list_now(table, namespace, after, matches, limit);
        self.durable(listed.revision).await;
        listed
    }

    /// The same, durable or not.
    pub fn list_now(
        &self,
        table: &str,
        namespace: Option<&str>,
        after: Option<&Key>,
        matches: impl Fn(&Key, &Record) -> bool,
        limit: usize,
    ) -> Listed {
        let state = self.state();
        let mut listed = Listed { revision: state.revision, records: Vec::new(), remaining: 0 };
        let Some(table) = state.tables.get(table) else { return listed };
        let from = match (after, namespace) {
            (Some(after), _) => Bound::Excluded(after.clone()),
            (None, Some(namespace)) => Bound::Included(Key::new(namespace, "")),
            (None, None) => Bound::Unbounded,
        };
        for (key, record) in table.objects.range((from, Bound::Unbounded)) {
            if namespace.is_some_and(|namespace| *key.namespace != *namespace) {
                break;
            }
            if !matches(key, record) {
                continue;
            }
            if listed.records.len() < limit {
                listed.records.push((key.clone(), Arc::clone(record)));
            } else {
                listed.remaining += 1;
            }
        }
        listed
    }

    /// Changes an object, and waits until that is durable. Gives what is stored then.
    ///
    /// # Errors
    /// When something else is there than was expected, or the disk is broken.
    pub async fn write(
        &self,
        table: &TableName,
        key: &Key,
        expect: Expect,
        change: Change,
    ) -> Result<Arc<Record>, Refused> {
        let permit = self.shared.orders.reserve().await.map_err(|_| Refused::Broken)?;
        let (done, outcome) = oneshot::channel();
        let event = {
            let mut state = self.state();
            let event = Arc::new(state.change(table, key, expect, change)?);
            // Sent under the lock, so that the disk sees writes in their order.
            permit.send(Order::Write(Waiting { event: Arc::clone(&event), done }));
            event
        };
        outcome.await.unwrap_or(Err(Refused::Broken))?;
        Ok(Arc::clone(&event.record))
    }

    /// What happened in a table (or in all) after a revision, at most `limit` events.
    pub fn events_after(&self, table: Option<&str>, revision: u64, limit: usize) -> Resumed {
        self.state().history.after(table, revision, limit)
    }

    /// Tells when more is durable, in one table or in any.
    pub fn subscribe(&self, table: Option<&TableName>) -> watch::Receiver<u64> {
        let Some(table) = table else { return self.shared.durable.subscribe() };
        let mut state = self.state();
        let revision = state.revision;
        let table = state.tables.entry(table.clone()).or_insert_with(|| Table::new(revision));
        table.changed.subscribe()
    }

    /// The objects of a table as they were at a revision; None where that is too long
    /// ago.
    pub fn list_at(
        &self,
        table: &str,
        revision: u64,
        matches: impl Fn(&Key, &Record) -> bool,
    ) -> Option<Vec<(Key, Arc<Record>)>> {
        let state = self.state();
        let Resumed::Events(events, _) = state.history.after(Some(table), revision, usize::MAX) else {
            return None;
        };
        let mut objects = state.tables.get(table).map(|table| table.objects.clone()).unwrap_or_default();
        drop(state);
        objects.retain(|_, record| record.revision <= revision);
        for event in events.iter().rev() {
            match &event.before {
                Some(before) => drop(objects.insert(event.key.clone(), Arc::clone(before))),
                None => drop(objects.remove(&event.key)),
            }
        }
        Some(objects.into_iter().filter(|(key, record)| matches(key, record)).collect())
    }

    /// Forgets what happened before now: watches from an older revision must begin
    /// anew.
    pub fn compact(&self) {
        let mut state = self.state();
        let revision = *self.shared.durable.borrow();
        state.history.forget_until(revision);
    }

    /// The newest revision that is durable.
    pub fn durable_revision(&self) -> u64 {
        *self.shared.durable.borrow()
    }

    /// The revision of the last durable change of a table.
    pub fn table_revision(&self, table: &str) -> u64 {
        self.state().tables.get(table).map_or(0, |table| *table.changed.borrow())
    }

    /// How many objects a table holds.
    pub fn count(&self, table: &str) -> usize {
        self.state().tables.get(table).map_or(0, |table| table.objects.len())
    }

    /// The names of the tables that hold something.
    pub fn tables(&self) -> Vec<TableName> {
        let state = self.state();
        state
            .tables
            .iter()
            .filter(|(_, table)| !table.objects.is_empty())
            .map(|(name, _)| name.clone())
            .collect()
    }
}

impl State {
    fn change(
        &mut self,
        table: &TableName,
        key: &Key,
        expect: Expect,
        change: Change,
    ) -> Result<Event, Refused> {
        if self.is_broken {
            return Err(Refused::Broken);
        }
        let revision = self.revision;
        let objects = match self.tables.get_mut(table) {
            Some(table) => &mut table.objects,
            None => &mut self.tables.entry(table.clone()).or_insert_with(|| Table::new(revision)).objects,
        };
        let before = objects.get(key);
        let is_expected = match expect {
            Expect::Absent => before.is_none(),
            Expect::Revision(revision) => before.is_some_and(|record| record.revision == revision),
        };
        if !is_expected {
            return Err(Refused::Changed);
        }
        let before = before.cloned();
        self.revision += 1;
        let (kind, record) = match change {
            Change::Put(encoded) => {
                let record = Arc::new(encoded.at(self.revision));
                objects.insert(key.clone(), Arc::clone(&record));
                (if before.is_some() { EventKind::Modified } else { EventKind::Added }, record)
            }
            Change::Delete(encoded) => {
                objects.remove(key);
                (EventKind::Deleted, Arc::new(encoded.at(self.revision)))
            }
        };
        Ok(Event { revision: self.revision, table: table.clone(), key: key.clone(), kind, record, before })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn a_store_that_is_dropped_lets_go_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(Some(folder.path())).unwrap());
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Err(error) = Store::open(Some(folder.path())) {
            assert!(matches!(error, StoreError::Locked(_)) && Instant::now() < deadline, "{error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
