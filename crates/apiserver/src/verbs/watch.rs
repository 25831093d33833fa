//! Watches: what happens to objects, as it happens.
//!
//! A watch reads the shared history at its own pace. One that never reads costs one
//! buffer; one that is too slow for the history is told that it must begin anew.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::read::{Selection, namespace, revision_of, selection, wait_for};
use super::{Call, convert};
use crate::access::User;
use crate::api::Api;
use crate::error::ApiError;
use crate::kinds::{Resource, Version};
use crate::request::Query;
use crate::response::{Reply, Representation};
use crate::store::{Event, EventKind, Key, Record, Resumed};

/// How many events are taken from the history at once.
const BATCH: usize = 256;
/// How many bytes are sent at once.
const CHUNK: usize = 64 << 10;
/// How often a watch that wants bookmarks gets one.
const BOOKMARKS: Duration = Duration::from_secs(60);

/// Starts a watch.
pub(crate) async fn watch(call: &Call<'_>) -> Result<Reply, ApiError> {
    selection(call)?;
    let asked = revision_of(&call.query.resource_version)?;
    call.query.check_listing()?;
    let sends_initial = call.query.initial_events == Some(true);
    if let Some(revision) = asked {
        wait_for(call, revision).await?;
    }
    let store = &call.api.store;
    let changed = store.subscribe(Some(&call.resource.table));
    let lists_first = sends_initial || (asked.is_none() && call.query.initial_events.is_none());
    let mut pending = VecDeque::new();
    let revision = match (lists_first, asked) {
        (true, _) => {
            let all = |_: &Key, _: &Record| true;
            let listed = store.list(&call.resource.table, namespace(call), None, all, usize::MAX).await;
            pending.extend(listed.records);
            listed.revision
        }
        (false, Some(revision)) => revision,
        (false, None) => store.durable_revision(),
    };
    let seconds = call.query.timeout_seconds.unwrap_or_else(|| rand::random_range(1800..3600));
    let watcher = Watcher {
        api: Arc::clone(call.api),
        resource: Arc::clone(call.resource),
        version: call.version.name.clone(),
        namespace: call.namespace.to_owned(),
        query: call.query.clone(),
        representation: call.representation.clone(),
        user: call.user.clone(),
        revision,
        changed,
        pending,
        owes_initial_bookmark: sends_initial,
        ends: Instant::now() + Duration::from_secs(seconds),
        next_bookmark: Instant::now() + BOOKMARKS,
        is_over: false,
    };
    let mut reply = Reply::stream(StatusCode::OK, watcher.stream());
    reply.warn(&call.warnings);
    Ok(reply)
}

struct Watcher {
    api: Arc<Api>,
    resource: Arc<Resource>,
    version: Box<str>,
    namespace: String,
    query: Query,
    representation: Representation,
    user: User,
    /// Everything up to here was sent.
    revision: u64,
    changed: Receiver<u64>,
    /// What was there at the beginning and is not sent yet.
    pending: VecDeque<(Key, Arc<Record>)>,
    owes_initial_bookmark: bool,
    ends: Instant,
    next_bookmark: Instant,
    is_over: bool,
}

impl Watcher {
    fn stream(self) -> impl Stream<Item = Bytes> + Send + 'static {
        futures::stream::unfold(self, |mut watcher| async move {
            let chunk = watcher.next().await?;
            Some((chunk, watcher))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.is_over {
                return None;
            }
            let mut chunk = Vec::new();
            self.initial(&mut chunk);
            if chunk.is_empty() {
                // Seen before looking, so that nothing is missed in between.
                let _ = self.changed.borrow_and_update();
                self.events(&mut chunk);
            }
            if chunk.is_empty() && self.query.bookmarks && Instant::now() >= self.next_bookmark {
                self.next_bookmark = Instant::now() + BOOKMARKS;
                self.bookmark(&mut chunk, false);
            }
            if !chunk.is_empty() {
                return Some(chunk.into());
            }
            let wakes = if self.query.bookmarks { self.ends.min(self.next_bookmark) } else { self.ends };
            tokio::select! {
                changed = self.changed.changed() => if changed.is_err() { return None },
                () = tokio::time::sleep_until(wakes) => if Instant::now() >= self.ends { return None },
                () = self.api.stopped() => return None,
            }
        }
    }

    fn initial(&mut self, chunk: &mut Vec<u8>) {
        while let Some((key, record)) = self.pending.pop_front() {
            if self.matches(&key, &record) {
                self.event(chunk, "ADDED", &record);
            }
            if chunk.len() >= CHUNK {
                return;
            }
        }
        if std::mem::take(&mut self.owes_initial_bookmark) {
            self.bookmark(chunk, true);
        }
    }

    fn events(&mut self, chunk: &mut Vec<u8>) {
        match self.api.store.events_after(Some(&self.resource.table), self.revision, BATCH) {
            Resumed::Gone => {
                let error = ApiError::expired(format!(
                    "too old resource version: {} ({})",
                    self.revision,
                    self.api.store.durable_revision()
                ));
                line(chunk, "ERROR", error.status().to_string().as_bytes());
                self.is_over = true;
            }
            Resumed::Events(events, reached) => {
                for event in events {
                    self.revision = event.revision;
                    self.happened(chunk, &event);
                    if chunk.len() >= CHUNK {
                        return;
                    }
                }
                self.revision = reached;
            }
        }
    }

    /// What an event is for who sees only what is selected.
    fn happened(&self, chunk: &mut Vec<u8>, event: &Event) {
        if !self.namespace.is_empty() && *event.key.namespace != *self.namespace {
            return;
        }
        let is_selective = !self.query.labels.is_empty() || !self.query.fields.0.is_empty();
        if !is_selective {
            let kind = match event.kind {
                EventKind::Added => "ADDED",
                EventKind::Modified => "MODIFIED",
                EventKind::Deleted => "DELETED",
            };
            return self.event(chunk, kind, &event.record);
        }
        let was = event.before.as_ref().is_some_and(|before| self.matches(&event.key, before));
        let is = event.kind != EventKind::Deleted && self.matches(&event.key, &event.record);
        match (was, is) {
            (false, true) => self.event(chunk, "ADDED", &event.record),
            (true, true) => self.event(chunk, "MODIFIED", &event.record),
            (true, false) => self.event(chunk, "DELETED", &event.record),
            (false, false) => {}
        }
    }

    fn matches(&self, key: &Key, record: &Record) -> bool {
        Selection::of(&self.query).matches(key, record)
    }

    fn event(&self, chunk: &mut Vec<u8>, kind: &str, record: &Record) {
        if self.representation.is_plain() && *self.version == *self.resource.storage_version {
            return line(chunk, kind, &record.json);
        }
        let shown = self.with_call(|call| {
            let mut object = record.value();
            if !call.is_stored_version() {
                convert(call.resource, call.version, &mut object);
            }
            call.representation.shown(call, &object)
        });
        line(chunk, kind, shown.to_string().as_bytes());
    }

    fn bookmark(&mut self, chunk: &mut Vec<u8>, ends_initial: bool) {
        if !ends_initial {
            // Nothing of this table happened up to here.
            self.revision = self.revision.max(self.api.store.table_revision(&self.resource.table));
        }
        let mut metadata = json!({"resourceVersion": self.revision.to_string(), "creationTimestamp": null});
        if ends_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let bookmark: Value = json!({
            "kind": self.resource.kind, "apiVersion": self.resource.api_version(&self.version), "metadata": metadata,
        });
        let shown = if self.representation.is_plain() {
            bookmark
        } else {
            self.with_call(|call| call.representation.bookmark(&bookmark))
        };
        line(chunk, "BOOKMARK", shown.to_string().as_bytes());
    }

    fn with_call<T>(&self, look: impl FnOnce(&Call<'_>) -> T) -> T {
        // The version was found when the watch began, and the resource is kept since.
        let fallback = &self.resource.versions[0];
        let version: &Version = self.resource.version(&self.version).unwrap_or(fallback);
        look(&Call {
            api: &self.api,
            resource: &self.resource,
            version,
            namespace: &self.namespace,
            name: "",
            subresource: "",
            query: Query::default(),
            user: &self.user,
            agent: "",
            representation: self.representation.clone(),
            warnings: Vec::new(),
        })
    }
}

fn line(chunk: &mut Vec<u8>, kind: &str, object: &[u8]) {
    chunk.reserve(object.len() + 64);
    chunk.extend_from_slice(b"{\"type\":\"");
    chunk.extend_from_slice(kind.as_bytes());
    chunk.extend_from_slice(b"\",\"object\":");
    chunk.extend_from_slice(object);
    chunk.extend_from_slice(b"}\n");
}
