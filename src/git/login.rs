//! What it takes to be let in by the host of a source.

use std::fmt;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use gix::protocol::transport::client::blocking_io::http;
use tempfile::TempDir;

use super::GitError;

/// What is shown to a host, and whom it is trusted by. Never printed.
#[derive(Clone, Default)]
pub struct Login {
    /// Who asks, over https.
    pub credentials: Option<Credentials>,
    /// The authority that signed the certificate of the host, as PEM, besides those that
    /// the machine trusts.
    pub authority: Option<String>,
    /// Who asks, over ssh; where not given, ssh itself knows.
    pub key: Option<SshKey>,
}

/// A user name and password, or a token.
#[derive(Clone)]
pub enum Credentials {
    /// Basic authentication.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: String,
    },
    /// A token that stands for itself (RFC 6750).
    Bearer(String),
}

/// A private key, and the keys of the hosts that it is shown to.
#[derive(Clone)]
pub struct SshKey {
    /// The private key, as ssh keeps it.
    pub identity: String,
    /// What ssh keeps of hosts.
    pub known_hosts: String,
}

impl Credentials {
    /// Basic authentication.
    pub fn basic(username: impl Into<String>, password: impl Into<String>) -> Credentials {
        Credentials::Basic { username: username.into(), password: password.into() }
    }

    /// A token, sent as a password; forges take any user name with it.
    pub fn token(token: impl Into<String>) -> Credentials {
        Credentials::basic("git", token)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Basic { username, .. } => write!(f, "Credentials({username}, ***)"),
            Credentials::Bearer(_) => f.write_str("Credentials(***)"),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({:?})", self.credentials)
    }
}

impl From<Option<Credentials>> for Login {
    fn from(credentials: Option<Credentials>) -> Login {
        Login { credentials, ..Login::default() }
    }
}

impl Login {
    /// How requests are made, where that differs from what is usual: `configured` are the
    /// options that the transport has of its configuration.
    pub(super) fn over_http(
        &self,
        url: &str,
        configured: Option<http::Options>,
    ) -> Result<Option<http::Options>, GitError> {
        let mut options = http::reqwest::Options::default();
        if let Some(pem) = &self.authority {
            let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).map_err(|error| {
                GitError::Unreachable { url: url.to_owned(), reason: format!("the authority: {error}") }
            })?;
            options.configure_client =
                Some(Box::new(move |client| Ok(client.tls_certs_merge([certificate.clone()]))));
        }
        let mut extra_headers = Vec::new();
        if let Some(Credentials::Bearer(token)) = &self.credentials {
            extra_headers.push(format!("Authorization: Bearer {token}"));
        }
        if options.configure_client.is_none() && extra_headers.is_empty() {
            return Ok(None);
        }
        let mut configured = configured.unwrap_or_default();
        configured.extra_headers.extend(extra_headers);
        configured.backend = Some(Arc::new(Mutex::new(options)));
        Ok(Some(configured))
    }
}

/// A private key where ssh finds it, for as long as this is held.
pub(super) struct KeyFiles(TempDir);

impl SshKey {
    /// Lays the key down where nobody but this user can read it.
    pub(super) fn lay_down(&self) -> Result<KeyFiles, GitError> {
        let failed = |error: std::io::Error| GitError::Storage {
            what: "cannot lay down the key for ssh".to_owned(),
            reason: error.to_string(),
        };
        let folder = tempfile::Builder::new().prefix("syncline-ssh-").tempdir().map_err(failed)?;
        for (name, text) in [("identity", &self.identity), ("known_hosts", &self.known_hosts)] {
            // Temporary files are readable for their user alone.
            let mut file = tempfile::NamedTempFile::new_in(folder.path()).map_err(failed)?;
            // ssh wants a line break at the end.
            writeln!(file, "{}", text.trim_end()).map_err(failed)?;
            file.persist(folder.path().join(name)).map_err(|error| failed(error.error))?;
        }
        Ok(KeyFiles(folder))
    }
}

impl KeyFiles {
    /// The program that uses the key, and trusts no host but those it knows.
    pub(super) fn command(&self) -> String {
        let path = |name: &str| self.0.path().join(name).display().to_string().replace('\'', "'\\''");
        format!(
            "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile='{}' -i '{}'",
            path("known_hosts"),
            path("identity"),
        )
    }
}
