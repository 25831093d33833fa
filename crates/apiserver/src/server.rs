//! The server: its socket, its certificates, its life.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{Account, Authority, AuthorityError, User, Users};
use crate::api::Api;
use crate::controllers;
use crate::dispatch;
use crate::kinds::builtin;
use crate::simulate::{self, Simulation};
use crate::store::{Store, StoreError};

/// How long a client may take to say what it wants, unless another time is set.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a connection is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How many connections may be open at once.
const CONNECTIONS: usize = 4096;
/// The size of HTTP/2 windows: lists are large.
const WINDOW: u32 = 1 << 20;

/// How a server is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where objects and certificates are kept; in memory when there is none.
    pub data_dir: Option<PathBuf>,
    /// Where to listen; a free port on loopback when there is none.
    pub listen: Option<SocketAddr>,
    /// Tokens and whose they are.
    pub tokens: Vec<(String, Account)>,
    /// Pretend that workloads run.
    pub simulate: Option<Simulation>,
    /// How long a client may take to say what it wants: to greet, to send a header.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options { data_dir: None, listen: None, tokens: Vec::new(), simulate: None, patience: PATIENCE }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are no certificates.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
}

/// A server that runs.
pub struct Server {
    api: Arc<Api>,
    authority: Authority,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts a server; it answers when this returns.
    ///
    /// # Errors
    /// When its data or its address cannot be used.
    pub async fn start(options: Options) -> Result<Server, StartError> {
        let folder = options.data_dir.clone();
        // Reading the data is work for another thread than those that answer.
        let opened = tokio::task::spawn_blocking({
            let runtime = tokio::runtime::Handle::current();
            move || {
                let _runtime = runtime.enter();
                Store::open(folder.as_deref())
            }
        });
        let store = opened.await.map_err(|error| StartError::Tls(error.to_string()))??;
        let authority = Authority::open(options.data_dir.as_deref())?;
        let address = options.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener =
            TcpListener::bind(address).await.map_err(|error| StartError::Listen { address, error })?;
        let address = listener.local_addr().map_err(|error| StartError::Listen { address, error })?;
        let acceptor = acceptor(&authority, address.ip())?;
        let mut users = Users::default();
        for (token, account) in options.tokens {
            users.add(&token, User::known(account.name, account.groups));
        }
        let stop = CancellationToken::new();
        let api = Arc::new(Api::new(store, builtin(), users, controllers::definition_changed, stop.clone()));
        controllers::prepare(&api).await;
        let mut tasks = vec![
            tokio::spawn(controllers::run(Arc::clone(&api))),
            tokio::spawn(accept(listener, acceptor, options.patience, Arc::clone(&api), stop.clone())),
        ];
        if let Some(simulation) = options.simulate {
            tasks.push(tokio::spawn(simulate::run(Arc::clone(&api), simulation)));
        }
        Ok(Server { api, authority, address, stop, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let address = if self.address.ip().is_unspecified() {
            SocketAddr::from(([127, 0, 0, 1], self.address.port()))
        } else {
            self.address
        };
        format!("https://{address}")
    }

    /// A kubeconfig for an account, with a certificate of its own.
    ///
    /// # Errors
    /// When the certificate cannot be made.
    pub fn kubeconfig(&self, account: &Account) -> Result<String, AuthorityError> {
        self.authority.kubeconfig(account, &self.url())
    }

    /// A kubeconfig with a token.
    pub fn token_kubeconfig(&self, name: &str, token: &str) -> String {
        self.authority.token_kubeconfig(name, token, &self.url())
    }

    /// The certificate that clients trust, in PEM.
    pub fn certificate(&self) -> &str {
        self.authority.certificate()
    }

    /// Forgets the history: watches and lists from older revisions must begin anew.
    pub fn compact(&self) {
        self.api.store.compact();
    }

    /// Stops it. What was acknowledged is stored, and its address and data folder are
    /// free for another when this returns.
    pub async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            // A task that panicked has nothing to finish.
            let _ = task.await;
        }
        self.api.store.close().await;
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

fn acceptor(authority: &Authority, ip: IpAddr) -> Result<TlsAcceptor, StartError> {
    let tls = |error: &dyn std::fmt::Display| StartError::Tls(error.to_string());
    let mut names: Vec<String> =
        ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "127.0.0.1", "::1"]
            .map(str::to_owned)
            .to_vec();
    if !ip.is_loopback() && !ip.is_unspecified() {
        names.push(ip.to_string());
    }
    let (certificate, key) = authority.server(&names)?;
    let mut roots = RootCertStore::empty();
    let root =
        CertificateDer::from_pem_slice(authority.certificate().as_bytes()).map_err(|error| tls(&error))?;
    roots.add(root).map_err(|error| tls(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| tls(&error))?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)
        .map_err(|error| tls(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    patience: Duration,
    api: Arc<Api>,
    stop: CancellationToken,
) {
    let permits = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let next = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of files, most likely: others will close theirs.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, api, stop) = (acceptor.clone(), Arc::clone(&api), stop.clone());
        connections.spawn(async move {
            tokio::select! {
                () = serve(stream, acceptor, patience, api) => {}
                () = stop.cancelled() => {}
            }
            drop(permit);
        });
    }
    connections.close();
    connections.wait().await;
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, patience: Duration, api: Arc<Api>) {
    // Small answers are not to wait for more.
    stream.set_nodelay(true).ok();
    let Ok(Ok(stream)) = tokio::time::timeout(patience, acceptor.accept(stream)).await else { return };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|all| all.first());
    let user = certificate.and_then(|certificate| user_of(certificate));
    let service = hyper::service::service_fn(move |request| {
        let (api, user) = (Arc::clone(&api), user.clone());
        async move { Ok::<_, std::convert::Infallible>(dispatch::answer(&api, user, request).await.0) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(1000)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 4)
        .keep_alive_interval(KEEP_ALIVE);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(error, "a connection ended");
    }
}

/// Who a certificate is for: its authority was checked already.
fn user_of(certificate: &CertificateDer<'_>) -> Option<User> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
    let groups = subject.iter_organization().filter_map(|group| group.as_str().ok());
    Some(User::known(name, groups.flat_map(|groups| groups.split(',')).map(str::to_owned)))
}
