//! Certificates of a server on loopback and of its clients, of an authority made for one test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// Whom a server lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// Everyone.
    Anyone,
    /// Who shows a certificate of its authority.
    Known,
}

/// What a server over TLS needs, and its clients.
#[derive(Debug)]
pub struct Certificates {
    /// The authority, as PEM.
    pub authority: String,
    /// The certificate of a client, as PEM.
    pub client: String,
    /// Its key, as PEM.
    pub client_key: String,
    server: Arc<ServerConfig>,
}

impl Certificates {
    /// Those of a server.
    pub fn new(clients: Clients) -> Certificates {
        let key = || KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key()).expect("an authority");
        let signed = |name: &str| {
            let key = key();
            let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
            (params.signed_by(&key, &authority).expect("a certificate"), key)
        };
        let ((server, server_key), (client, client_key)) = (signed("localhost"), signed("client"));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut known = RootCertStore::empty();
        known.add(authority.der().clone()).expect("an authority");
        let verifier = match clients {
            Clients::Anyone => WebPkiClientVerifier::no_client_auth(),
            Clients::Known => {
                let builder =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(known), Arc::clone(&provider));
                builder.build().expect("a verifier")
            }
        };
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![server.der().clone()],
                PrivatePkcs8KeyDer::from(server_key.serialize_der()).into(),
            )
            .expect("a usable certificate");
        Certificates {
            authority: authority.pem(),
            client: client.pem(),
            client_key: client_key.serialize_pem(),
            server: Arc::new(config),
        }
    }

    /// What a client sends and is sent.
    pub fn accept(&self, stream: TcpStream) -> Option<Box<dyn Stream>> {
        let connection = ServerConnection::new(Arc::clone(&self.server)).ok()?;
        Some(Box::new(StreamOwned::new(connection, stream)))
    }
}

/// Both ways.
pub trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}
