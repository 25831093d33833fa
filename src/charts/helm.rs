//! HelmRepositories over HTTP: an index, and archives that it names.

use super::identity::Identity;
use super::index::Index;
use super::{Answer, MAX_ARCHIVE, RemoteCharts, TIMEOUT, suspended, unreachable};
use crate::fleet::{NoChart, choose};

/// No index that is served is larger.
const MAX_INDEX: u64 = 128 << 20;

impl RemoteCharts {
    /// The index of a repository: as it is served, or as it was when it was last.
    pub(super) fn index(&self, repository: &str, identity: &Identity) -> Result<Index, NoChart> {
        let url = format!("{}/index.yaml", repository.trim_end_matches('/'));
        let served = get(&url, repository, identity, MAX_INDEX);
        match served {
            Ok(bytes) => {
                let index = Index::read(&bytes).map_err(|message| NoChart {
                    message: format!("{url}: {message}"),
                    hint: Some("the url of a HelmRepository is a folder that serves index.yaml".to_owned()),
                })?;
                self.store.keep_index(repository, &bytes);
                Ok(index)
            }
            Err(problem) => match self.store.index(repository).and_then(|bytes| Index::read(&bytes).ok()) {
                Some(index) => Ok(index),
                None => Err(problem),
            },
        }
    }

    /// A chart of an index, by its name and range.
    pub(super) fn of_index(
        &self,
        repository: &str,
        identity: &Identity,
        index: &Index,
        (chart, version): (&str, &str),
    ) -> Answer {
        let entries = index.versions(chart);
        if entries.is_empty() {
            let names = index.names();
            return Err(NoChart {
                message: format!("{repository} has no chart {chart:?}"),
                hint: crate::api::suggest(chart, names.into_iter())
                    .map(|close| format!("did you mean {close}?")),
            });
        }
        let entry = choose(version, &entries).map_err(|problem| NoChart {
            message: format!("{repository}: chart {chart:?}: {}", problem.message),
            hint: problem.hint,
        })?;
        let stored = entry.digest.as_deref().and_then(|digest| Some((digest, self.store.archive(digest)?)));
        let (digest, bytes) = match stored {
            Some((digest, bytes)) => (digest.to_owned(), bytes),
            None => {
                let url = entry.url(repository).ok_or_else(|| NoChart {
                    message: format!("{repository} has no url for {chart} {}", entry.version),
                    hint: None,
                })?;
                let bytes = get(&url, repository, identity, MAX_ARCHIVE)?;
                let digest = self.store.keep_archive(&bytes);
                if let Some(wanted) = &entry.digest
                    && *wanted != digest
                {
                    return Err(NoChart {
                        message: format!("{url} has the digest {digest}, and the index says {wanted}"),
                        hint: Some(
                            "the archive was changed after it was published; do not use it".to_owned(),
                        ),
                    });
                }
                (digest, bytes)
            }
        };
        let path = format!("{}/{chart}-{}", repository.trim_end_matches('/'), entry.version);
        self.load(&digest, &bytes, &path)
    }
}

/// Fetches what an address serves. Credentials go to the repository's own host alone,
/// unless it is said that others may have them.
fn get(url: &str, repository: &str, identity: &Identity, limit: u64) -> Result<Vec<u8>, NoChart> {
    use std::io::Read as _;
    if identity.is_suspended {
        return Err(suspended(url));
    }
    let mut client = reqwest::blocking::Client::builder().timeout(TIMEOUT).user_agent("syncline");
    if let Some(authority) = &identity.authority {
        let certificate = reqwest::Certificate::from_pem(authority.as_bytes())
            .map_err(|error| unreachable(url, format!("the authority of certSecretRef: {error}")))?;
        client = client.tls_certs_merge([certificate]);
    }
    if let Some(certificate) = &identity.certificate {
        let shown = reqwest::Identity::from_pem(certificate.as_bytes())
            .map_err(|error| unreachable(url, format!("the certificate of certSecretRef: {error}")))?;
        client = client.identity(shown);
    }
    let client = client.build().map_err(|error| unreachable(url, error))?;
    let mut asked = client.get(url);
    let host = |url: &str| {
        let parsed = reqwest::Url::parse(url).ok()?;
        Some((parsed.scheme().to_owned(), parsed.host_str()?.to_owned(), parsed.port_or_known_default()))
    };
    if let Some((user, password)) = &identity.credentials
        && (identity.pass_credentials || host(url) == host(repository))
    {
        asked = asked.basic_auth(user, Some(password));
    }
    let answer = asked.send().map_err(|error| unreachable(url, error.without_url()))?;
    if !answer.status().is_success() {
        return Err(unreachable(url, answer.status()));
    }
    let mut bytes = Vec::new();
    let mut limited = answer.take(limit + 1);
    limited.read_to_end(&mut bytes).map_err(|error| unreachable(url, error))?;
    if bytes.len() as u64 > limit {
        return Err(unreachable(url, format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}
