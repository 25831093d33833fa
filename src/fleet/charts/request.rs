//! What is asked of elsewhere: charts of HelmRepositories, registries and Git repositories,
//! with what it takes to be let in.

use std::collections::BTreeMap;

use serde_json::Value;
use syncline_manifest::{GroupKind, ObjectKey};

use super::load::NoChart;
use crate::api::{ChartSpec, GitRepositorySpec, HelmRepositorySpec, OciRepositorySpec, SecretName};
use crate::fleet::Fleet;
use crate::git::Reference;

/// A chart that has to be fetched.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ChartRequest {
    /// Where it is.
    pub remote: Remote,
    /// How to be let in there.
    pub access: Access,
}

/// Where a chart is, outside of the fleet repository.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Remote {
    /// In a HelmRepository over HTTP.
    Helm {
        /// The address of the repository.
        repository: String,
        /// The chart.
        chart: String,
        /// A version or a range.
        version: String,
    },
    /// In an OCI registry.
    Oci {
        /// The registry and the repository of the chart, without `oci://`.
        repository: String,
        /// Which version of it.
        wanted: Wanted,
        /// The media type of the layer that is the chart; Helm's own where not given.
        layer: Option<String>,
        /// Whether the registry is spoken to without TLS.
        is_plain: bool,
    },
    /// In a Git repository.
    Git {
        /// The address of the repository.
        repository: String,
        /// Which commit of it.
        reference: Reference,
        /// The path of the chart.
        path: String,
    },
}

/// Which version of an artifact is wanted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// The highest of a range; a version is a range of itself. Only tags count that the
    /// expression matches.
    Range(String, Option<String>),
    /// What a tag names now.
    Tag(String),
    /// What has this digest, for ever.
    Digest(String),
}

/// What it takes to be let in.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// The Secret with user and password.
    pub login: Option<SecretData>,
    /// The Secret with the authority that signed the server's certificate, and with the
    /// certificate that the server wants to see.
    pub certificate: Option<SecretData>,
    /// Whether other hosts that an index names get the password too.
    pub pass_credentials: bool,
    /// Whether nobody is let in: what was fetched before is used.
    pub is_suspended: bool,
}

/// A Secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum SecretData {
    /// What the fleet says that it holds.
    Defined(BTreeMap<String, String>),
    /// The fleet does not define it: it is somewhere else, for that is where secrets belong.
    Named {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

impl SecretData {
    /// What counts of what a Secret holds.
    pub const KEYS: [&str; 12] = [
        "username",
        "password",
        "bearerToken",
        "identity",
        "known_hosts",
        ".dockerconfigjson",
        "ca.crt",
        "caFile",
        "tls.crt",
        "certFile",
        "tls.key",
        "keyFile",
    ];
}

impl Remote {
    /// The address of the repository.
    pub fn repository(&self) -> &str {
        match self {
            Remote::Helm { repository, .. }
            | Remote::Oci { repository, .. }
            | Remote::Git { repository, .. } => repository,
        }
    }
}

impl std::fmt::Display for ChartRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.remote {
            Remote::Helm { repository, chart, version } => write!(f, "{chart} {version} of {repository}"),
            Remote::Oci { repository, wanted, .. } => write!(f, "{wanted} of oci://{repository}"),
            Remote::Git { repository, reference, path } => write!(f, "{path} of {repository}, {reference}"),
        }
    }
}

impl std::fmt::Debug for ChartRequest {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wanted::Range(text, _) | Wanted::Tag(text) | Wanted::Digest(text) => f.write_str(text),
        }
    }
}

/// The Secrets that sources of a namespace refer to.
pub(super) struct Secrets<'f> {
    pub fleet: &'f Fleet,
    pub namespace: &'f str,
}

impl Secrets<'_> {
    fn secret(&self, reference: &SecretName) -> SecretData {
        let key = ObjectKey::new(GroupKind::new("", "Secret"), Some(self.namespace), &reference.name);
        match self.fleet.resource(&key) {
            Some(secret) => {
                let held = |key: &&str| Some(((*key).to_owned(), secret.data_text(key)?));
                SecretData::Defined(SecretData::KEYS.iter().filter_map(held).collect())
            }
            None => SecretData::Named { namespace: self.namespace.to_owned(), name: reference.name.clone() },
        }
    }

    fn access(
        &self,
        secret: &Option<SecretName>,
        certificate: &Option<SecretName>,
        is_suspended: bool,
    ) -> Access {
        Access {
            login: secret.as_ref().map(|reference| self.secret(reference)),
            certificate: certificate.as_ref().map(|reference| self.secret(reference)),
            pass_credentials: false,
            is_suspended,
        }
    }

    /// A chart of a HelmRepository, over HTTP or in a registry.
    pub fn of_helm(&self, source: &HelmRepositorySpec, spec: &ChartSpec) -> Result<ChartRequest, NoChart> {
        let version = spec.version.clone().unwrap_or_else(|| "*".to_owned());
        let url = source.url.trim_end_matches('/');
        let access = self.access(&source.secret_ref, &source.cert_secret_ref, source.suspend);
        if let Some(registry) = url.strip_prefix("oci://") {
            let repository = format!("{registry}/{}", spec.chart);
            let wanted = Wanted::Range(version, None);
            let remote = Remote::Oci { repository, wanted, layer: None, is_plain: source.insecure };
            return Ok(ChartRequest { remote, access });
        }
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(NoChart::new(
                format!("{url:?} is no address of a HelmRepository"),
                "write https://..., oci://..., or a folder of the repository such as ./charts",
            ));
        }
        Ok(ChartRequest {
            remote: Remote::Helm { repository: source.url.clone(), chart: spec.chart.clone(), version },
            access: Access { pass_credentials: source.pass_credentials, ..access },
        })
    }

    /// An artifact that is a chart.
    pub fn of_oci(&self, source: &OciRepositorySpec) -> Result<ChartRequest, NoChart> {
        unsigned(source.verify.as_ref(), "ref.digest")?;
        let Some(repository) = source.url.strip_prefix("oci://") else {
            return Err(NoChart::new(
                format!("{:?} is no address of an OCIRepository", source.url),
                "it begins with oci://",
            ));
        };
        let reference = &source.reference;
        let wanted = match (&reference.digest, &reference.semver, &reference.tag) {
            (Some(digest), ..) => Wanted::Digest(digest.clone()),
            (None, Some(range), _) => {
                if let Some(filter) = &reference.semver_filter
                    && let Err(error) = regex::Regex::new(filter)
                {
                    return Err(NoChart::new(
                        format!("ref.semverFilter: {error}"),
                        "write a regular expression such as '-rc\\.[0-9]+$'",
                    ));
                }
                Wanted::Range(range.clone(), reference.semver_filter.clone())
            }
            (None, None, Some(tag)) => Wanted::Tag(tag.clone()),
            (None, None, None) => Wanted::Tag("latest".to_owned()),
        };
        let repository = repository.trim_end_matches('/').to_owned();
        let access = self.access(&source.secret_ref, &source.cert_secret_ref, source.suspend);
        let layer = source.layer_selector.as_ref().and_then(|selector| selector.media_type.clone());
        let remote = Remote::Oci { repository, wanted, layer, is_plain: source.insecure };
        Ok(ChartRequest { remote, access })
    }

    /// A chart in a Git repository.
    pub fn of_git(&self, source: &GitRepositorySpec, spec: &ChartSpec) -> Result<ChartRequest, NoChart> {
        unsigned(source.verify.as_ref(), "ref.commit")?;
        // A folder of the machine is nothing that a fleet may ask for.
        if !["http://", "https://", "ssh://"].iter().any(|scheme| source.url.starts_with(scheme)) {
            return Err(NoChart::new(
                format!("{:?} is no address of a GitRepository", source.url),
                "write https://... or ssh://...; charts of this repository need no GitRepository",
            ));
        }
        let wanted = &source.reference;
        let reference = match (&wanted.commit, &wanted.name, &wanted.semver, &wanted.tag, &wanted.branch) {
            (Some(commit), ..) => Reference::Commit(commit.parse().map_err(|_| {
                NoChart::new(format!("{commit:?} is no commit"), "write all 40 digits of it")
            })?),
            (None, Some(name), ..) => Reference::named(name).ok_or_else(|| {
                NoChart::new(
                    format!("ref.name: {name:?} is no reference"),
                    "write all of it, such as refs/heads/main or refs/pull/7/head",
                )
            })?,
            (None, None, Some(range), ..) => {
                Reference::Semver(range.parse().map_err(|error: semver::Error| {
                    NoChart::new(format!("ref.semver: {error}"), "write a range such as ^1.2")
                })?)
            }
            (None, None, None, Some(tag), _) => Reference::Tag(tag.clone()),
            (None, None, None, None, Some(branch)) => Reference::Branch(branch.clone()),
            (None, None, None, None, None) => Reference::DefaultBranch,
        };
        let path = spec.chart.trim_start_matches("./").trim_matches('/').to_owned();
        Ok(ChartRequest {
            remote: Remote::Git { repository: source.url.clone(), reference, path },
            access: self.access(&source.secret_ref, &None, source.suspend),
        })
    }
}

/// Nothing, where no signature is asked for. They cannot be checked, and what somebody wants
/// checked is not taken unchecked.
///
/// # Errors
/// One is asked for.
pub fn unsigned(verify: Option<&Value>, pin: &str) -> Result<(), NoChart> {
    if verify.is_none() {
        return Ok(());
    }
    Err(NoChart::new(
        "verify: signatures of charts cannot be checked yet, and it is not taken unchecked",
        format!("take verify away, and pin what you trust with {pin}"),
    ))
}
