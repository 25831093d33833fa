//! OCI registries: tags are versions, and a manifest names the archive by its digest.
//!
//! Follows the OCI distribution specification as Helm uses it: the `+` of a version is `_`
//! in its tag, and the layer with the chart has a media type of its own.

use std::time::Duration;

use futures::StreamExt as _;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::manifest::{OciDescriptor, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use syncline_helm::version::Version;

use super::identity::Identity;
use super::{Answer, MAX_ARCHIVE, RemoteCharts, TIMEOUT, suspended, unreachable};
use crate::fleet::{NoChart, Wanted, choose};

/// The layer that is a chart.
const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// How many tags are asked for at once, and how often.
const TAGS: usize = 1000;
const MAX_PAGES: usize = 50;
/// How long all of it may take.
const IN_ALL: Duration = Duration::from_secs(120);

impl RemoteCharts {
    /// The chart of a repository, as it is served, or as it was when it was last.
    pub(super) fn of_registry(
        &self,
        repository: &str,
        identity: &Identity,
        wanted: &Wanted,
        layer: Option<&str>,
        is_plain: bool,
    ) -> Answer {
        let registry = Registry::new(repository, identity, is_plain)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| registry.unreachable(error))?;
        runtime.block_on(async {
            tokio::time::timeout(IN_ALL, self.from(&registry, wanted, layer.unwrap_or(CHART)))
                .await
                .unwrap_or_else(|_| Err(registry.unreachable("it takes too long")))
        })
    }

    async fn from(&self, registry: &Registry, wanted: &Wanted, media_type: &str) -> Answer {
        let name = &registry.name;
        let reference = match wanted {
            Wanted::Digest(digest) => registry.reference.clone_with_digest(digest.clone()),
            Wanted::Tag(tag) => registry.tagged(tag),
            Wanted::Range(range, filter) => {
                let mut versions = self.versions(registry).await?;
                // One that is none was refused before.
                if let Some(filter) = filter.as_deref().and_then(|filter| regex::Regex::new(filter).ok()) {
                    versions.retain(|(_, tag)| filter.is_match(tag));
                }
                let tag = choose(range, &versions).map_err(|problem| NoChart {
                    message: format!("oci://{name}: {}", problem.message),
                    hint: problem.hint,
                })?;
                registry.tagged(tag)
            }
        };
        let asked = match media_type {
            CHART => format!("oci://{reference}"),
            other => format!("oci://{reference} {other}"),
        };
        // What a digest names never changes.
        let known = self.store.note(&asked);
        let kept = |digest: String| match self.store.archive(&digest) {
            Some(bytes) => self.load(&digest, &bytes, &asked),
            None => Err(registry.unreachable("it is not kept")),
        };
        let layer = match (known, wanted) {
            (Some(digest), Wanted::Digest(_)) => return kept(digest),
            (known, _) => match (registry.archive(&reference, media_type).await, known) {
                (Ok(layer), _) => layer,
                (Err(_), Some(digest)) => return kept(digest),
                (Err(problem), None) => return Err(problem),
            },
        };
        let digest = layer.digest.trim_start_matches("sha256:");
        let bytes = match self.store.archive(digest) {
            Some(bytes) => bytes,
            None => {
                let bytes = registry.download(&reference, &layer).await?;
                let found = self.store.keep_archive(&bytes);
                if found != digest {
                    return Err(NoChart {
                        message: format!("{asked} has the digest {found}, and its manifest says {digest}"),
                        hint: Some("the registry is damaged; do not use it".to_owned()),
                    });
                }
                bytes
            }
        };
        self.store.keep_note(&asked, digest);
        self.load(digest, &bytes, &asked)
    }

    /// The versions among the tags of a repository, the newest first, with their tags.
    async fn versions(&self, registry: &Registry) -> Result<Vec<(Version, String)>, NoChart> {
        let key = format!("oci://{} tags", registry.name);
        let tags = match registry.tags().await {
            Ok(tags) => {
                self.store.keep_note(&key, &tags.join("\n"));
                tags
            }
            Err(problem) => match self.store.note(&key) {
                Some(text) => text.lines().map(str::to_owned).collect(),
                None => return Err(problem),
            },
        };
        let mut versions: Vec<(Version, String)> = tags
            .into_iter()
            .filter_map(|tag| Some((Version::parse(&tag.replace('_', "+")).ok()?, tag)))
            .collect();
        versions.sort_by(|(a, _), (b, _)| b.compare(a));
        Ok(versions)
    }
}

struct Registry {
    name: String,
    is_suspended: bool,
    client: Client,
    auth: RegistryAuth,
    reference: Reference,
}

impl Registry {
    fn new(repository: &str, identity: &Identity, is_plain: bool) -> Result<Registry, NoChart> {
        let reference = repository.parse::<Reference>().map_err(|error| NoChart {
            message: format!("oci://{repository}: {error}"),
            hint: Some("write oci://, the registry and the repository".to_owned()),
        })?;
        let authority = identity
            .authority
            .iter()
            .map(|pem| Certificate { encoding: CertificateEncoding::Pem, data: pem.clone().into_bytes() });
        let client = Client::new(ClientConfig {
            protocol: if is_plain { ClientProtocol::Http } else { ClientProtocol::Https },
            extra_root_certificates: authority.collect(),
            read_timeout: Some(TIMEOUT),
            connect_timeout: Some(TIMEOUT),
            user_agent: "syncline",
            ..ClientConfig::default()
        });
        let auth = match &identity.credentials {
            Some((user, password)) => RegistryAuth::Basic(user.clone(), password.clone()),
            None => RegistryAuth::Anonymous,
        };
        let is_suspended = identity.is_suspended;
        Ok(Registry { name: repository.to_owned(), is_suspended, client, auth, reference })
    }

    fn tagged(&self, tag: &str) -> Reference {
        Reference::with_tag(
            self.reference.registry().to_owned(),
            self.reference.repository().to_owned(),
            tag.to_owned(),
        )
    }

    fn unreachable(&self, reason: impl std::fmt::Display) -> NoChart {
        unreachable(&format!("oci://{}", self.name), reason)
    }

    /// Whether it may be asked.
    fn open(&self) -> Result<(), NoChart> {
        if self.is_suspended { Err(suspended(&format!("oci://{}", self.name))) } else { Ok(()) }
    }

    async fn tags(&self) -> Result<Vec<String>, NoChart> {
        self.open()?;
        let mut tags: Vec<String> = Vec::new();
        for _ in 0..MAX_PAGES {
            let last = tags.last().cloned();
            let page = self
                .client
                .list_tags(&self.reference, &self.auth, Some(TAGS), last.as_deref())
                .await
                .map_err(|error| self.unreachable(error))?;
            let is_last = page.tags.len() < TAGS;
            tags.extend(page.tags);
            if is_last {
                break;
            }
        }
        Ok(tags)
    }

    /// The layer that holds the chart.
    async fn archive(&self, reference: &Reference, media_type: &str) -> Result<OciDescriptor, NoChart> {
        self.open()?;
        let (manifest, digest) = self
            .client
            .pull_manifest(reference, &self.auth)
            .await
            .map_err(|error| self.unreachable(error))?;
        if let Some(wanted) = reference.digest()
            && wanted != digest
        {
            return Err(NoChart {
                message: format!("oci://{reference} has the digest {digest}"),
                hint: None,
            });
        }
        let no_chart =
            |hint: String| NoChart { message: format!("oci://{reference} is no chart"), hint: Some(hint) };
        let OciManifest::Image(image) = manifest else {
            return Err(no_chart(
                "it is an index of several artifacts; push a chart with `helm push`".to_owned(),
            ));
        };
        let Some(layer) = image.layers.iter().find(|layer| layer.media_type == media_type).cloned() else {
            let there: Vec<&str> = image.layers.iter().map(|layer| layer.media_type.as_str()).collect();
            return Err(no_chart(format!(
                "it has no layer of {media_type}, but of {}; push it with `helm push`, or set layerSelector",
                there.join(", ")
            )));
        };
        match u64::try_from(layer.size) {
            Ok(size) if size <= MAX_ARCHIVE => Ok(layer),
            _ => Err(self.unreachable(format!("it has more than {MAX_ARCHIVE} bytes"))),
        }
    }

    async fn download(&self, reference: &Reference, layer: &OciDescriptor) -> Result<Vec<u8>, NoChart> {
        let mut stream =
            self.client.pull_blob_stream(reference, layer).await.map_err(|error| self.unreachable(error))?;
        let mut bytes = Vec::new();
        while let Some(part) = stream.next().await {
            bytes.extend_from_slice(&part.map_err(|error| self.unreachable(error))?);
            if bytes.len() as u64 > MAX_ARCHIVE {
                return Err(self.unreachable(format!("it has more than {MAX_ARCHIVE} bytes")));
            }
        }
        Ok(bytes)
    }
}
