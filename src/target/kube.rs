//! A Kubernetes API server.

use std::sync::Arc;
use std::time::Duration;

use ::kube::client::Body;
use ::kube::{Client, Config};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use syncline_manifest::{GroupKind, ObjectKey};

use super::discovery::{Discovery, GroupDiscoveryList, KindOnServer};
use super::{Live, TargetError};

/// How long one request may take, but for watches.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How many objects a page of a list holds.
const PAGE: usize = 500;

/// Of lists that hold no more than metadata.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                         application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                         application/json";

/// A Kubernetes API server. Clones share connections.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    /// The user whose permissions are used; the client's own where there is none.
    acting_as: Option<Arc<str>>,
}

/// A part of a list.
#[derive(Debug)]
pub struct Page {
    /// The objects, each as JSON text.
    pub items: Vec<Box<RawValue>>,
    /// The version of the whole list, from which a watch goes on.
    pub resource_version: String,
    /// Where the next page begins; None after the last.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct RawList {
    metadata: ListMetadata,
    /// A server writes null for none.
    #[serde(default)]
    items: Option<Vec<Box<RawValue>>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    next: String,
}

/// What a server says of its version.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerVersion {
    /// Such as `v1.33.0`.
    pub git_version: String,
    /// Such as `1`.
    pub major: String,
    /// Such as `33`.
    pub minor: String,
}

impl Cluster {
    /// A client for a configuration; connects at the first request.
    ///
    /// # Errors
    /// When the configuration holds certificates or keys that cannot be read.
    pub fn new(mut config: Config) -> Result<Cluster, TargetError> {
        config.connect_timeout = Some(Duration::from_secs(5));
        Ok(Cluster { client: Client::try_from(config)?, acting_as: None })
    }

    /// The same server with the permissions of another user, by impersonation.
    pub fn acting_as(&self, user: Option<Arc<str>>) -> Cluster {
        Cluster { client: self.client.clone(), acting_as: user }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and gives the body of the reply.
    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Result<Bytes, TargetError> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(user) = &self.acting_as {
            request = request.header("impersonate-user", &**user);
        }
        let request = request
            .body(Body::from(body))
            .map_err(|error| TargetError::Invalid { message: format!("{path}: {error}") })?;
        let exchange = async {
            let response = self.client.send(request).await?;
            let status = response.status();
            let body = response
                .into_body()
                .collect()
                .await
                .map_err(|error| TargetError::Unreachable(error.to_string()))?
                .to_bytes();
            if status.is_success() { Ok(body) } else { Err(TargetError::from_reply(status.as_u16(), &body)) }
        };
        match tokio::time::timeout(REQUEST_TIMEOUT, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(TargetError::TimedOut(REQUEST_TIMEOUT.as_secs())),
        }
    }

    /// Asks which kinds the server has.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn discover(&self) -> Result<Discovery, TargetError> {
        let mut discovery = Discovery::default();
        for path in ["/api", "/apis"] {
            let body = self.send(Method::GET, path, &[("accept", DISCOVERY)], Vec::new()).await?;
            let list: GroupDiscoveryList =
                serde_json::from_slice(&body).map_err(|error| unexpected(path, &error))?;
            discovery.add(list);
        }
        Ok(discovery)
    }

    /// The version of the server.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn version(&self) -> Result<ServerVersion, TargetError> {
        let path = "/version";
        let body = self.send(Method::GET, path, &[], Vec::new()).await?;
        serde_json::from_slice(&body).map_err(|error| unexpected(path, &error))
    }

    /// One page of the objects of a kind that carry a label.
    ///
    /// # Errors
    /// [`TargetError::Gone`] when the list must begin anew.
    pub async fn list(
        &self,
        kind: &GroupKind,
        on_server: &KindOnServer,
        label_selector: Option<&str>,
        from: Option<&str>,
    ) -> Result<Page, TargetError> {
        self.list_as("application/json", kind, on_server, label_selector, from).await
    }

    async fn list_as(
        &self,
        accept: &str,
        kind: &GroupKind,
        on_server: &KindOnServer,
        label_selector: Option<&str>,
        from: Option<&str>,
    ) -> Result<Page, TargetError> {
        let version = on_server.versions.first().map_or("v1", String::as_str);
        let mut path = on_server.path(&kind.group, version, None, None);
        path.push_str(&format!("?limit={PAGE}"));
        for (name, value) in [("labelSelector", label_selector), ("continue", from)] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        let body = self.send(Method::GET, &path, &[("accept", accept)], Vec::new()).await?;
        let list: RawList = serde_json::from_slice(&body).map_err(|error| unexpected(&path, &error))?;
        Ok(Page {
            items: list.items.unwrap_or_default(),
            resource_version: list.metadata.resource_version,
            next: Some(list.metadata.next).filter(|next| !next.is_empty()),
        })
    }

    /// All objects of a kind that carry a label, page by page.
    ///
    /// # Errors
    /// As [`Cluster::list`].
    pub async fn list_all(
        &self,
        kind: &GroupKind,
        on_server: &KindOnServer,
        label_selector: Option<&str>,
    ) -> Result<Vec<Live>, TargetError> {
        self.pages("application/json", kind, on_server, label_selector).await
    }

    /// The same with the metadata of objects only.
    ///
    /// # Errors
    /// As [`Cluster::list`].
    pub async fn list_metadata(
        &self,
        kind: &GroupKind,
        on_server: &KindOnServer,
        label_selector: Option<&str>,
    ) -> Result<Vec<Live>, TargetError> {
        self.pages(METADATA, kind, on_server, label_selector).await
    }

    async fn pages(
        &self,
        accept: &str,
        kind: &GroupKind,
        on_server: &KindOnServer,
        label_selector: Option<&str>,
    ) -> Result<Vec<Live>, TargetError> {
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let page = self.list_as(accept, kind, on_server, label_selector, from.as_deref()).await?;
            for item in page.items {
                let value = serde_json::from_str(item.get())
                    .map_err(|error| unexpected(&kind.to_string(), &error))?;
                all.push(Live::new(kind, value));
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// One object.
    ///
    /// # Errors
    /// [`TargetError::NotFound`] when it does not exist.
    pub async fn get(&self, key: &ObjectKey, on_server: &KindOnServer) -> Result<Live, TargetError> {
        let path = self.object_path(key, on_server, None);
        let body = self.send(Method::GET, &path, &[("accept", "application/json")], Vec::new()).await?;
        live(&key.group_kind, &path, &body)
    }

    /// Server-side apply of an object's JSON text, taking over fields from others.
    /// Gives what the server then stores.
    ///
    /// # Errors
    /// Whatever the server says.
    pub async fn apply(
        &self,
        key: &ObjectKey,
        version: &str,
        on_server: &KindOnServer,
        manager: &str,
        body: Vec<u8>,
    ) -> Result<Live, TargetError> {
        let path =
            format!("{}?fieldManager={manager}&force=true", self.object_path(key, on_server, Some(version)));
        let headers = [("content-type", "application/apply-patch+yaml"), ("accept", "application/json")];
        let body = self.send(Method::PATCH, &path, &headers, body).await?;
        live(&key.group_kind, &path, &body)
    }

    /// Creates an object that must not exist yet.
    ///
    /// # Errors
    /// [`TargetError::Conflict`] when it does.
    pub async fn create(
        &self,
        key: &ObjectKey,
        on_server: &KindOnServer,
        manager: &str,
        object: &Value,
    ) -> Result<Live, TargetError> {
        let version = on_server.versions.first().map_or("v1", String::as_str);
        let path = on_server.path(&key.group_kind.group, version, key.namespace.as_deref(), None);
        let path = format!("{path}?fieldManager={manager}");
        let headers = [("content-type", "application/json"), ("accept", "application/json")];
        let body = self.send(Method::POST, &path, &headers, object.to_string().into_bytes()).await?;
        live(&key.group_kind, &path, &body)
    }

    /// Changes an object by a JSON merge patch.
    ///
    /// # Errors
    /// Whatever the server says.
    pub async fn merge_patch(
        &self,
        key: &ObjectKey,
        on_server: &KindOnServer,
        manager: &str,
        patch: &Value,
    ) -> Result<Live, TargetError> {
        let path = format!("{}?fieldManager={manager}", self.object_path(key, on_server, None));
        let headers = [("content-type", "application/merge-patch+json"), ("accept", "application/json")];
        let body = self.send(Method::PATCH, &path, &headers, patch.to_string().into_bytes()).await?;
        live(&key.group_kind, &path, &body)
    }

    /// Deletes one very object: one of the same name that was created since is left
    /// alone. An object that does not exist counts as deleted.
    ///
    /// # Errors
    /// Whatever the server says.
    pub async fn delete(
        &self,
        key: &ObjectKey,
        on_server: &KindOnServer,
        uid: &str,
    ) -> Result<(), TargetError> {
        let path = self.object_path(key, on_server, None);
        let options = serde_json::json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "propagationPolicy": "Background", "preconditions": {"uid": uid},
        });
        let headers = [("content-type", "application/json"), ("accept", "application/json")];
        match self.send(Method::DELETE, &path, &headers, options.to_string().into_bytes()).await {
            Ok(_) | Err(TargetError::NotFound(_)) => Ok(()),
            // Another object has the name by now: the one that was meant is gone.
            Err(TargetError::Conflict(message)) if message.contains("uid") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Creates a namespace, unless it exists.
    ///
    /// # Errors
    /// Whatever the server says.
    pub async fn ensure_namespace(&self, name: &str, manager: &str) -> Result<(), TargetError> {
        let namespace =
            serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let path = format!("/api/v1/namespaces?fieldManager={manager}");
        let headers = [("content-type", "application/json"), ("accept", "application/json")];
        match self.send(Method::POST, &path, &headers, namespace.to_string().into_bytes()).await {
            Ok(_) | Err(TargetError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn object_path(&self, key: &ObjectKey, on_server: &KindOnServer, version: Option<&str>) -> String {
        let preferred = on_server.versions.first().map_or("v1", String::as_str);
        let version = version.unwrap_or(preferred);
        on_server.path(&key.group_kind.group, version, key.namespace.as_deref(), Some(&key.name))
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cluster")
    }
}

fn live(kind: &GroupKind, path: &str, body: &[u8]) -> Result<Live, TargetError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| unexpected(path, &error))?;
    Ok(Live::new(kind, value))
}

fn unexpected(path: &str, error: &serde_json::Error) -> TargetError {
    TargetError::Server {
        code: StatusCode::OK.as_u16(),
        message: format!("{path}: not what was asked for: {error}"),
    }
}

/// A query value, percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
