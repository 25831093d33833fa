//! The latest events, for watches that resume.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Key, Record, TableName};

/// How many events are kept.
const EVENTS: usize = 20_000;
/// How many bytes of objects that are no longer the newest are kept for them.
const BYTES: usize = 16 << 20;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It was created.
    Added,
    /// It was changed.
    Modified,
    /// It was deleted.
    Deleted,
}

/// One change of one object.
#[derive(Debug)]
pub struct Event {
    /// The revision of the change.
    pub revision: u64,
    /// The table of the object.
    pub table: TableName,
    /// The object.
    pub key: Key,
    /// What happened.
    pub kind: EventKind,
    /// The object since; for a deletion as it was last, at the revision of that.
    pub record: Arc<Record>,
    /// The object before.
    pub before: Option<Arc<Record>>,
}

/// What a watch that resumes gets.
pub enum Resumed {
    /// The events, and up to where they reach.
    Events(Vec<Arc<Event>>, u64),
    /// Too much happened since: it must begin anew.
    Gone,
}

/// The latest events of all tables, in their order.
#[derive(Debug, Default)]
pub(super) struct History {
    events: VecDeque<Arc<Event>>,
    /// Everything after this revision is here.
    since: u64,
    /// The newest revision.
    newest: u64,
    bytes: usize,
}

impl History {
    pub fn begin_at(&mut self, revision: u64) {
        (self.since, self.newest) = (revision, revision);
    }

    pub fn push(&mut self, event: Arc<Event>) {
        self.newest = event.revision;
        self.bytes += cost(&event);
        self.events.push_back(event);
        while self.events.len() > EVENTS || self.bytes > BYTES {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.bytes -= cost(&event);
            self.since = event.revision;
        }
    }

    pub fn forget_until(&mut self, revision: u64) {
        while self.events.front().is_some_and(|event| event.revision <= revision) {
            self.drop_oldest();
        }
        self.since = self.since.max(revision);
    }

    /// Events of one table, or of all.
    pub fn after(&self, table: Option<&str>, revision: u64, limit: usize) -> Resumed {
        if revision < self.since {
            return Resumed::Gone;
        }
        let from = self.events.partition_point(|event| event.revision <= revision);
        let mut found = Vec::new();
        for event in self.events.range(from..) {
            if table.is_some_and(|table| *event.table != *table) {
                continue;
            }
            if found.len() == limit {
                let reached = found.last().map_or(revision, |event: &Arc<Event>| event.revision);
                return Resumed::Events(found, reached);
            }
            found.push(Arc::clone(event));
        }
        Resumed::Events(found, self.newest.max(revision))
    }
}

/// What an event keeps in memory that would be gone otherwise.
fn cost(event: &Event) -> usize {
    let gone = if event.kind == EventKind::Deleted { event.record.json.len() } else { 0 };
    event.before.as_ref().map_or(0, |before| before.json.len()) + gone + 128
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Encoded;
    use super::*;

    fn event(revision: u64, table: &str, size: usize) -> Arc<Event> {
        let object = json!({"metadata": {"name": "a"}, "data": "x".repeat(size)});
        let record = Arc::new(Encoded::new(&object).at(revision));
        Arc::new(Event {
            revision,
            table: table.into(),
            key: Key::new("", "a"),
            kind: EventKind::Modified,
            before: Some(Arc::clone(&record)),
            record,
        })
    }

    fn revisions(resumed: Resumed) -> Option<(Vec<u64>, u64)> {
        match resumed {
            Resumed::Events(events, reached) => {
                Some((events.iter().map(|event| event.revision).collect(), reached))
            }
            Resumed::Gone => None,
        }
    }

    #[test]
    fn a_watch_resumes_where_it_was_or_is_told_that_it_cannot() {
        let mut history = History::default();
        history.begin_at(10);
        for (revision, table) in [(11, "a"), (12, "b"), (13, "a"), (14, "b")] {
            history.push(event(revision, table, 1));
        }
        assert_eq!(revisions(history.after(Some("a"), 10, 9)), Some((vec![11, 13], 14)));
        assert_eq!(revisions(history.after(Some("a"), 11, 9)), Some((vec![13], 14)));
        assert_eq!(
            revisions(history.after(Some("a"), 10, 1)),
            Some((vec![11], 11)),
            "the rest comes next time"
        );
        assert_eq!(revisions(history.after(Some("a"), 9, 9)), None);
        history.forget_until(12);
        assert_eq!(revisions(history.after(Some("a"), 11, 9)), None);
        assert_eq!(revisions(history.after(Some("a"), 12, 9)), Some((vec![13], 14)));
    }

    #[test]
    fn what_is_kept_for_watches_is_bounded() {
        let mut history = History::default();
        for revision in 1..=40 {
            history.push(event(revision, "a", 1 << 20));
        }
        assert!(history.bytes <= BYTES && history.events.len() < 20);
        assert!(matches!(history.after(Some("a"), 1, 9), Resumed::Gone));
    }
}
