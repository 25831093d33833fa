//! `source.toolkit.fluxcd.io`: where charts come from, as Flux's source-controller
//! defines it. What is not needed to find a chart is not read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FieldError, Metadata, ObjectReference};

/// Where charts come from.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartSource {
    /// Name and namespace.
    pub metadata: Metadata,
    /// What it is.
    pub spec: ChartSourceSpec,
}

/// The kinds of sources.
#[derive(Debug, Clone, PartialEq)]
pub enum ChartSourceSpec {
    /// A repository of charts.
    HelmRepository(HelmRepositorySpec),
    /// A Git repository that holds charts in folders.
    GitRepository(GitRepositorySpec),
    /// An artifact of an OCI registry that is a chart.
    OciRepository(OciRepositorySpec),
    /// A chart of another source.
    HelmChart(Box<super::ChartSpec>),
}

/// A repository of charts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmRepositorySpec {
    /// Its address; a path without a scheme is a folder of the fleet repository, in which
    /// charts lie as folders or archives.
    pub url: String,
    /// A Secret with username and password.
    #[serde(default, rename = "secretRef")]
    pub secret_ref: Option<SecretName>,
    /// A Secret with the authority that signed the server's certificate (`ca.crt`), and with
    /// the certificate that is shown to the server (`tls.crt`, `tls.key`).
    #[serde(default, rename = "certSecretRef")]
    pub cert_secret_ref: Option<SecretName>,
    /// Whether other hosts that the index names get the credentials too.
    #[serde(default, rename = "passCredentials")]
    pub pass_credentials: bool,
    /// `oci` for a registry.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Whether a registry is spoken to without TLS.
    #[serde(default)]
    pub insecure: bool,
    /// Whether it is not asked any more; what was fetched before stays in use.
    #[serde(default)]
    pub suspend: bool,
}

/// A Secret beside its user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecretName {
    /// Its name.
    pub name: String,
}

/// A Git repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitRepositorySpec {
    /// Its address.
    pub url: String,
    /// Which commit of it counts; the tip of the default branch where not given.
    #[serde(default, rename = "ref")]
    pub reference: GitReference,
    /// A Secret with username and password.
    #[serde(default)]
    pub secret_ref: Option<SecretName>,
    /// How signatures of commits are checked: not yet, so no chart is taken from where this is
    /// given.
    #[serde(default)]
    pub verify: Option<Value>,
    /// Whether it is not asked any more; what was fetched before stays in use.
    #[serde(default)]
    pub suspend: bool,
}

/// A commit of a Git repository; of several fields the first that is given counts, in the
/// order of commit, name, semver, tag, branch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitReference {
    /// The tip of a branch.
    #[serde(default)]
    pub branch: Option<String>,
    /// A tag.
    #[serde(default)]
    pub tag: Option<String>,
    /// The highest tag within a range.
    #[serde(default)]
    pub semver: Option<String>,
    /// A commit.
    #[serde(default)]
    pub commit: Option<String>,
    /// A reference by its full name, such as `refs/pull/7/head`.
    #[serde(default)]
    pub name: Option<String>,
}

/// An artifact of an OCI registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciRepositorySpec {
    /// Its address, `oci://` and the repository of the artifact.
    pub url: String,
    /// Which version of it counts; the tag `latest` where not given.
    #[serde(default, rename = "ref")]
    pub reference: OciReference,
    /// Which layer of the artifact is the chart; the one of Helm's media type where not given.
    #[serde(default)]
    pub layer_selector: Option<LayerSelector>,
    /// A Secret of type kubernetes.io/dockerconfigjson, or with username and password.
    #[serde(default)]
    pub secret_ref: Option<SecretName>,
    /// A Secret with the authority that signed the server's certificate.
    #[serde(default)]
    pub cert_secret_ref: Option<SecretName>,
    /// Whether the registry is spoken to without TLS.
    #[serde(default)]
    pub insecure: bool,
    /// How its signature is checked: not yet, so no chart is taken from where this is given.
    #[serde(default)]
    pub verify: Option<Value>,
    /// Whether it is not asked any more; what was fetched before stays in use.
    #[serde(default)]
    pub suspend: bool,
}

/// A version of an artifact; of several fields the first that is given counts, in the order
/// of digest, semver, tag.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciReference {
    /// A tag.
    #[serde(default)]
    pub tag: Option<String>,
    /// The highest tag within a range.
    #[serde(default)]
    pub semver: Option<String>,
    /// A regular expression: only tags that it matches can be within the range.
    #[serde(default)]
    pub semver_filter: Option<String>,
    /// The digest of the manifest, `sha256:` and 64 digits.
    #[serde(default)]
    pub digest: Option<String>,
}

/// A layer of an artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LayerSelector {
    /// Its media type.
    #[serde(default)]
    pub media_type: Option<String>,
    /// Read for compatibility: a chart is an archive, and is used as it is.
    #[serde(default)]
    pub operation: Option<String>,
}

impl ChartSource {
    /// The API group.
    pub const GROUP: &'static str = "source.toolkit.fluxcd.io";

    /// Types an object; None for a kind of the group that holds no charts.
    ///
    /// # Errors
    /// The field that is missing or malformed.
    pub fn parse(kind: &str, value: &Value) -> Result<Option<ChartSource>, Vec<FieldError>> {
        fn spec<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Vec<FieldError>> {
            serde_path_to_error::deserialize(&value["spec"]).map_err(|error| {
                let path = error.path().to_string().replace('.', "/");
                let pointer = if path == "/" { "/spec".to_owned() } else { format!("/spec/{path}") };
                vec![FieldError::new(pointer, error.inner().to_string())]
            })
        }
        let spec = match kind {
            "HelmRepository" => ChartSourceSpec::HelmRepository(spec(value)?),
            "GitRepository" => ChartSourceSpec::GitRepository(spec(value)?),
            "OCIRepository" => ChartSourceSpec::OciRepository(spec(value)?),
            "HelmChart" => ChartSourceSpec::HelmChart(Box::new(spec(value)?)),
            _ => return Ok(None),
        };
        let metadata: Metadata = serde_json::from_value(value["metadata"].clone())
            .map_err(|error| vec![FieldError::new("/metadata", error.to_string())])?;
        Ok(Some(ChartSource { metadata, spec }))
    }

    /// The kind.
    pub fn kind(&self) -> &'static str {
        match &self.spec {
            ChartSourceSpec::HelmRepository(_) => "HelmRepository",
            ChartSourceSpec::GitRepository(_) => "GitRepository",
            ChartSourceSpec::OciRepository(_) => "OCIRepository",
            ChartSourceSpec::HelmChart(_) => "HelmChart",
        }
    }

    /// Whether a reference of an object in some namespace means this source.
    pub fn is_meant(&self, reference: &ObjectReference, from: &str) -> bool {
        let namespace = reference.namespace.as_deref().unwrap_or(from);
        self.kind() == reference.kind
            && self.metadata.name == reference.name
            && self.metadata.namespace.as_deref().unwrap_or("default") == namespace
    }
}
