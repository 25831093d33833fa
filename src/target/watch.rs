//! Watching the objects of a kind: a list, then what changes, for as long as the
//! server answers. A watch that ends is taken up where it stood; a version that
//! the server no longer keeps means a new list.

use std::time::Duration;

use ::kube::client::Body;
use futures::StreamExt as _;
use http::Request;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use syncline_manifest::GroupKind;
use tokio::sync::mpsc;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use super::discovery::KindOnServer;
use super::kube::{Cluster, encoded};
use super::{Live, TargetError};

/// How long the server keeps a watch open before it is renewed.
const WATCH_SECONDS: u64 = 290;
/// The longest event that is read.
const MAX_EVENT_BYTES: usize = 16 << 20;

/// What a watch sees, with the kind it watches.
#[derive(Debug)]
pub struct WatchEvent {
    /// The kind.
    pub kind: GroupKind,
    /// What was seen.
    pub watched: Watched,
}

/// What a watch sees.
#[derive(Debug)]
pub enum Watched {
    /// A list begins; objects not seen until it ends do not exist.
    ListBegins,
    /// An object as it is now.
    Exists(Box<Live>),
    /// An object that no longer exists or no longer carries the label.
    Gone(Box<Live>),
    /// The list is complete.
    ListEnds,
    /// The watch cannot go on.
    Failed(TargetError),
}

#[derive(Deserialize)]
struct RawEvent {
    #[serde(rename = "type")]
    kind: String,
    object: Box<RawValue>,
}

enum Ended {
    /// The server closed it; go on from the last version.
    Closed,
    /// Begin anew with a list.
    Expired,
    /// Nobody listens any more.
    Unheard,
}

impl Cluster {
    /// Lists and then watches the objects of a kind that carry a label, until the
    /// receiver is dropped or the server fails.
    pub async fn watch(
        &self,
        kind: GroupKind,
        on_server: KindOnServer,
        label_selector: String,
        events: mpsc::Sender<WatchEvent>,
    ) {
        let watcher =
            Watcher { cluster: self, kind: &kind, on_server: &on_server, selector: &label_selector, events };
        if let Err(error) = watcher.run().await {
            watcher.tell(Watched::Failed(error)).await;
        }
    }
}

struct Watcher<'a> {
    cluster: &'a Cluster,
    kind: &'a GroupKind,
    on_server: &'a KindOnServer,
    selector: &'a str,
    events: mpsc::Sender<WatchEvent>,
}

impl Watcher<'_> {
    async fn run(&self) -> Result<(), TargetError> {
        loop {
            let Some(mut version) = self.list().await? else { return Ok(()) };
            loop {
                match self.follow(&mut version).await? {
                    Ended::Closed => {}
                    Ended::Expired => break,
                    Ended::Unheard => return Ok(()),
                }
            }
        }
    }

    async fn tell(&self, watched: Watched) -> bool {
        self.events.send(WatchEvent { kind: self.kind.clone(), watched }).await.is_ok()
    }

    /// Sends everything that exists; gives the version from which to watch.
    async fn list(&self) -> Result<Option<String>, TargetError> {
        'anew: loop {
            if !self.tell(Watched::ListBegins).await {
                return Ok(None);
            }
            let mut from = None;
            loop {
                let page =
                    self.cluster.list(self.kind, self.on_server, Some(self.selector), from.as_deref()).await;
                let page = match page {
                    Err(TargetError::Gone) => continue 'anew,
                    Err(TargetError::NotFound(_)) => {
                        return Err(TargetError::NoSuchKind(self.kind.to_string()));
                    }
                    other => other?,
                };
                for item in page.items {
                    let value = parse(item.get())?;
                    if !self.tell(Watched::Exists(Box::new(Live::new(self.kind, value)))).await {
                        return Ok(None);
                    }
                }
                match page.next {
                    Some(next) => from = Some(next),
                    None => {
                        let heard = self.tell(Watched::ListEnds).await;
                        return Ok(heard.then_some(page.resource_version));
                    }
                }
            }
        }
    }

    async fn follow(&self, version: &mut String) -> Result<Ended, TargetError> {
        let api_version = self.on_server.versions.first().map_or("v1", String::as_str);
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&labelSelector={}&resourceVersion={}",
            self.on_server.path(&self.kind.group, api_version, None, None),
            encoded(self.selector),
            encoded(version),
        );
        let request = Request::get(path)
            .header("accept", "application/json")
            .body(Body::empty())
            .map_err(|error| TargetError::Invalid { message: error.to_string() })?;
        let opened = tokio::time::timeout(Duration::from_secs(30), self.cluster.client().send(request)).await;
        let response = opened.map_err(|_| TargetError::TimedOut(30))??;
        let status = response.status();
        if !status.is_success() {
            let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            return match TargetError::from_reply(status.as_u16(), &body) {
                TargetError::Gone => Ok(Ended::Expired),
                TargetError::NotFound(_) => Err(TargetError::NoSuchKind(self.kind.to_string())),
                error => Err(error),
            };
        }
        let bytes = response.into_body().into_data_stream().map(|chunk| chunk.map_err(std::io::Error::other));
        let mut lines =
            FramedRead::new(StreamReader::new(bytes), LinesCodec::new_with_max_length(MAX_EVENT_BYTES));
        loop {
            // The server ends the watch itself; one that falls silent for longer is dead.
            let next = tokio::time::timeout(Duration::from_secs(WATCH_SECONDS + 30), lines.next()).await;
            let line = match next {
                Err(_) => return Err(TargetError::TimedOut(WATCH_SECONDS + 30)),
                Ok(None) => return Ok(Ended::Closed),
                Ok(Some(Err(error))) => return Err(TargetError::Unreachable(error.to_string())),
                Ok(Some(Ok(line))) => line,
            };
            if let Some(ended) = self.event(&line, version).await? {
                return Ok(ended);
            }
        }
    }

    async fn event(&self, line: &str, version: &mut String) -> Result<Option<Ended>, TargetError> {
        let event: RawEvent = serde_json::from_str(line).map_err(|error| TargetError::Server {
            code: 200,
            message: format!("not a watch event: {error}"),
        })?;
        if event.kind == "ERROR" {
            let code = parse(event.object.get())?["code"].as_u64().unwrap_or(500);
            return match TargetError::from_reply(
                u16::try_from(code).unwrap_or(500),
                event.object.get().as_bytes(),
            ) {
                TargetError::Gone => Ok(Some(Ended::Expired)),
                error => Err(error),
            };
        }
        let live = Live::new(self.kind, parse(event.object.get())?);
        if !live.resource_version().is_empty() {
            live.resource_version().clone_into(version);
        }
        let watched = match event.kind.as_str() {
            "ADDED" | "MODIFIED" => Watched::Exists(Box::new(live)),
            "DELETED" => Watched::Gone(Box::new(live)),
            _ => return Ok(None),
        };
        Ok((!self.tell(watched).await).then_some(Ended::Unheard))
    }
}

fn parse(text: &str) -> Result<Value, TargetError> {
    serde_json::from_str(text)
        .map_err(|error| TargetError::Server { code: 200, message: format!("not an object: {error}") })
}
