//! Where the kubeconfig of a cluster comes from: a folder of secrets, then, when
//! running inside a cluster, its Secrets.

use std::path::{Path, PathBuf};

use ::kube::config::{KubeConfigOptions, Kubeconfig};
use base64::Engine as _;
use syncline_manifest::{GroupKind, ObjectKey};

use super::{Cluster, TargetError};
use crate::api::{self, SecretReference, is_secret_name};

/// Finds kubeconfigs.
#[derive(Debug, Clone)]
pub struct Kubeconfigs {
    directory: Option<PathBuf>,
    exec: ExecCredentials,
    /// The cluster whose Secrets are read.
    host: Option<::kube::Config>,
}

/// Whether a kubeconfig may name a program that is run to get credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecCredentials {
    /// Such kubeconfigs are refused.
    Forbidden,
    /// The program is run.
    Allowed,
}

/// Why a cluster has no usable kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KubeconfigError {
    /// The Cluster names none.
    #[error("the Cluster has no spec.kubeconfigSecretRef")]
    NotGiven,
    /// None of the places has it.
    #[error("no kubeconfig named {name:?} was found; looked at {}", .looked_at.join(", "))]
    NotFound {
        /// The name of the Secret.
        name: String,
        /// The places in their order.
        looked_at: Vec<String>,
    },
    /// It is no kubeconfig.
    #[error("{place} is not a usable kubeconfig: {reason}")]
    Malformed {
        /// Where it was found.
        place: String,
        /// What is wrong with it; never its content.
        reason: String,
    },
    /// It wants a program to be run.
    #[error("{place} runs a program to get credentials, which is not allowed")]
    Exec {
        /// Where it was found.
        place: String,
    },
    /// The name would leave the folder of secrets.
    #[error("{0:?} is not a valid name of a Secret")]
    Name(String),
}

impl KubeconfigError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            KubeconfigError::NotGiven => {
                "name the Secret that holds the kubeconfig in spec.kubeconfigSecretRef.name"
            }
            KubeconfigError::NotFound { .. } => {
                "put the kubeconfig into DIR/<name> and give --secrets-dir DIR"
            }
            KubeconfigError::Malformed { .. } => "check it with `kubectl --kubeconfig FILE version`",
            KubeconfigError::Exec { .. } => "use a token or certificate, or give --allow-exec-credentials",
            KubeconfigError::Name(_) => "names hold letters, digits, dots and dashes",
        }
    }
}

impl Kubeconfigs {
    /// Looks in a folder first, if one is given.
    pub fn new(directory: Option<PathBuf>, exec: ExecCredentials) -> Kubeconfigs {
        Kubeconfigs { directory, exec, host: ::kube::Config::incluster().ok() }
    }

    /// The folder that is looked at first.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Reads Secrets from this cluster instead of the one that the process runs in.
    pub fn with_host(self, host: ::kube::Config) -> Kubeconfigs {
        Kubeconfigs { host: Some(host), ..self }
    }

    /// A client for a cluster of the fleet. Reads the kubeconfig anew each time, so
    /// that a renewed one counts at the next connection.
    ///
    /// # Errors
    /// When there is no kubeconfig or it cannot be used.
    pub async fn connect(&self, cluster: &api::Cluster) -> Result<Cluster, KubeconfigError> {
        let reference = cluster.spec.kubeconfig_secret_ref.as_ref().ok_or(KubeconfigError::NotGiven)?;
        let namespace = reference.namespace.as_deref().or(cluster.metadata.namespace.as_deref());
        let (place, text) = self.find(reference, namespace).await?;
        Self::connect_by(&text, place, self.exec).await
    }

    /// A client for a kubeconfig that was read at some place.
    ///
    /// # Errors
    /// When it cannot be used.
    pub async fn connect_by(
        text: &str,
        place: String,
        exec: ExecCredentials,
    ) -> Result<Cluster, KubeconfigError> {
        let malformed = |reason: String| KubeconfigError::Malformed { place: place.clone(), reason };
        // What a parser says could quote the content.
        let mut kubeconfig =
            Kubeconfig::from_yaml(text).map_err(|_| malformed("it does not parse".into()))?;
        for user in &mut kubeconfig.auth_infos {
            let Some(user) = &mut user.auth_info else { continue };
            let runs_program = user.exec.is_some() || user.auth_provider.is_some();
            if runs_program && exec == ExecCredentials::Forbidden {
                return Err(KubeconfigError::Exec { place });
            }
        }
        let config = ::kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .map_err(|error| malformed(error.to_string()))?;
        Cluster::new(config).map_err(|error| malformed(error.to_string()))
    }

    async fn find(
        &self,
        reference: &SecretReference,
        namespace: Option<&str>,
    ) -> Result<(String, String), KubeconfigError> {
        for part in std::iter::once(reference.name.as_str()).chain(namespace).chain(reference.key.as_deref())
        {
            if !is_secret_name(part) {
                return Err(KubeconfigError::Name(part.to_owned()));
            }
        }
        let mut looked_at = Vec::new();
        if let Some(directory) = &self.directory {
            for place in places(directory, reference, namespace) {
                match tokio::fs::read_to_string(&place).await {
                    Ok(text) => return Ok((place.display().to_string(), text)),
                    Err(_) => looked_at.push(place.display().to_string()),
                }
            }
        } else {
            looked_at.push("no folder (--secrets-dir is not given)".into());
        }
        match secret_of_host(self.host.clone(), reference, namespace).await {
            Ok(found) => Ok(found),
            Err(place) => {
                looked_at.push(place);
                Err(KubeconfigError::NotFound { name: reference.name.clone(), looked_at })
            }
        }
    }
}

/// `DIR/<name>` as a file, `DIR/<name>/<key>` as a mounted Secret lays it out, the
/// same below `DIR/<namespace>/`.
fn places(directory: &Path, reference: &SecretReference, namespace: Option<&str>) -> Vec<PathBuf> {
    let keys = keys(reference);
    let mut places = Vec::new();
    let folders =
        std::iter::once(directory.to_owned()).chain(namespace.map(|namespace| directory.join(namespace)));
    for folder in folders {
        let own = folder.join(&reference.name);
        places.push(own.clone());
        places.extend(keys.iter().map(|key| own.join(key)));
    }
    places
}

/// The kubeconfig in a Secret of the host cluster; otherwise why there is none.
async fn secret_of_host(
    host: Option<::kube::Config>,
    reference: &SecretReference,
    namespace: Option<&str>,
) -> Result<(String, String), String> {
    let config = host.ok_or("no Secret (not running in a cluster)")?;
    let namespace = namespace.unwrap_or(&config.default_namespace).to_owned();
    let place = format!("Secret {namespace}/{}", reference.name);
    let secret = async {
        let cluster = Cluster::new(config)?;
        let discovery = cluster.discover().await?;
        let kind = GroupKind::new("", "Secret");
        let on_server = discovery.kind(&kind).ok_or_else(|| TargetError::NoSuchKind(kind.to_string()))?;
        cluster.get(&ObjectKey::new(kind, Some(&namespace), &reference.name), on_server).await
    };
    let secret = secret.await.map_err(|error| format!("{place} ({error})"))?;
    let keys = keys(reference);
    let text = keys
        .iter()
        .find_map(|key| secret.value["data"][*key].as_str())
        .and_then(|encoded| base64::engine::general_purpose::STANDARD.decode(encoded).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(|text| (place.clone(), text))
        .ok_or_else(|| format!("{place} (it has no text at key {})", keys.join(" or ")))
}

/// The keys of a Secret that may hold the kubeconfig; `value` is what Cluster API
/// writes.
fn keys(reference: &SecretReference) -> Vec<&str> {
    reference.key.as_deref().map_or_else(|| vec!["kubeconfig", "value"], |key| vec![key])
}
