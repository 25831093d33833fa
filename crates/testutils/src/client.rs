//! A small HTTP client for Kubernetes APIs: no types, no retries, no opinion. What
//! goes over the wire is what the test says.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A client of one server as one user.
pub struct Client {
    address: String,
    connector: TlsConnector,
    token: Option<String>,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// The lines of a watch.
pub struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
    /// A connection lives as long as who sends on it.
    _connection: SendRequest<Full<Bytes>>,
}

impl Lines {
    /// The next event; None at the end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return serde_json::from_slice(&line).ok();
            }
            let frame = self.body.frame().await?.ok()?;
            if let Some(data) = frame.data_ref() {
                self.buffer.extend_from_slice(data);
            }
        }
    }
}

impl Client {
    /// A client of the server and user of a kubeconfig.
    ///
    /// # Panics
    /// When the kubeconfig holds no server.
    pub fn new(kubeconfig: &str) -> Client {
        let config = syncline_manifest::yaml::read(kubeconfig).expect("YAML").remove(0).value;
        let (cluster, user) = (&config["clusters"][0]["cluster"], &config["users"][0]["user"]);
        let decoded = |value: &Value| {
            base64::engine::general_purpose::STANDARD
                .decode(value.as_str().unwrap_or_default())
                .expect("base64")
        };
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&decoded(&cluster["certificate-authority-data"])) {
            roots.add(certificate.expect("a certificate")).expect("a certificate");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_root_certificates(roots);
        let config = match user.get("client-key-data") {
            Some(key) => {
                let certificate = CertificateDer::from_pem_slice(&decoded(&user["client-certificate-data"]))
                    .expect("a certificate");
                let key = PrivateKeyDer::from_pem_slice(&decoded(key)).expect("a key");
                builder.with_client_auth_cert(vec![certificate], key).expect("a certificate with its key")
            }
            None => builder.with_no_client_auth(),
        };
        Client {
            address: cluster["server"].as_str().expect("a server").trim_start_matches("https://").to_owned(),
            connector: TlsConnector::from(Arc::new(config)),
            token: user["token"].as_str().map(str::to_owned),
            idle: Mutex::default(),
        }
    }

    /// A connection that is ready: one that was used before, or a new one.
    async fn connect(&self) -> Option<SendRequest<Full<Bytes>>> {
        loop {
            let Some(mut idle) = self.idle.lock().expect("no panic").pop() else { break };
            if idle.ready().await.is_ok() {
                return Some(idle);
            }
        }
        let stream = TcpStream::connect(&self.address).await.ok()?;
        stream.set_nodelay(true).expect("a socket");
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let stream = self.connector.connect(name, stream).await.ok()?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        sender.ready().await.ok()?;
        Some(sender)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.address);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(body)).expect("a request")
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.try_send(method, path, headers, body.into()).await.expect("the server answers")
    }

    async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Option<Answer> {
        let request = self.request(method, path, headers, body);
        let mut sender = self.connect().await?;
        let response = sender.send_request(request).await.ok()?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        self.idle.lock().expect("no panic").push(sender);
        Some(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// GET of what may not answer yet.
    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        self.try_send(Method::GET, path, &[], Bytes::new()).await
    }

    /// Sends a request whose answer never ends.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn watch(&self, path: &str) -> Lines {
        let mut sender = self.connect().await.expect("the server listens");
        let response =
            sender.send_request(self.request(Method::GET, path, &[], Bytes::new())).await.expect("an answer");
        Lines { body: response.into_body(), buffer: Vec::new(), _connection: sender }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    /// POST of JSON.
    pub async fn create(&self, path: &str, object: &Value) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], object.to_string()).await
    }

    /// PATCH in a language of patches, such as `merge-patch+json`.
    pub async fn patch(&self, path: &str, language: &str, patch: &Value) -> Answer {
        let media_type = format!("application/{language}");
        self.send(Method::PATCH, path, &[("content-type", &media_type)], patch.to_string()).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], Bytes::new()).await
    }
}
