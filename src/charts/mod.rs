//! Charts from outside of the fleet repository: what HelmRepositories serve over HTTP.
//!
//! This is where charts are fetched and kept; what is placed only asks for what is here.
//! Archives are kept by the digest of their content, with the index that named them, so
//! that everything that was once fetched is there while a repository is not.

mod index;
mod store;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::fleet::{ChartRequest, Digest, LoadedChart, NoChart, choose};
use index::Index;
use store::Store;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long an answer is good for.
const ASK_AGAIN: Duration = Duration::from_secs(300);
/// No index that is served is larger.
const MAX_INDEX: u64 = 128 << 20;
/// No archive that a release is made of is larger.
const MAX_ARCHIVE: u64 = 64 << 20;
/// Repositories that are asked at once.
const CONCURRENCY: usize = 8;

type Answer = Result<LoadedChart, NoChart>;

/// The charts that were fetched.
#[derive(Debug)]
pub struct RemoteCharts {
    store: Store,
    known: Mutex<HashMap<ChartRequest, (Answer, Instant)>>,
    under_way: Mutex<HashSet<ChartRequest>>,
}

impl RemoteCharts {
    /// Charts that are kept in a folder.
    pub fn new(folder: PathBuf) -> RemoteCharts {
        RemoteCharts { store: Store::new(folder), known: Mutex::default(), under_way: Mutex::default() }
    }

    /// What is known of a chart; None when it was not asked for yet.
    pub fn get(&self, request: &ChartRequest) -> Option<Answer> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(request)
            .map(|(answer, _)| answer.clone())
    }

    /// What is to be asked again: what failed, and what may have a newer version by now.
    pub fn due(&self) -> BTreeSet<ChartRequest> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let due = known.iter().filter(|(_, (answer, asked))| answer.is_err() || asked.elapsed() > ASK_AGAIN);
        due.map(|(request, _)| request.clone()).collect()
    }

    /// Fetches charts, or finds them where a repository does not answer; blocks until each
    /// that nobody else fetches already has an answer. Gives whether any answer is new.
    pub fn fetch(&self, requests: &BTreeSet<ChartRequest>) -> bool {
        let mut begun = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let requests: Vec<&ChartRequest> =
            requests.iter().filter(|request| begun.insert((*request).clone())).collect();
        drop(begun);
        let is_new = self.fetch_all(&requests);
        let mut begun = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|request| !requests.contains(&request));
        is_new
    }

    fn fetch_all(&self, requests: &[&ChartRequest]) -> bool {
        // Who asks otherwise may be shown another index.
        let mut by_repository: HashMap<_, Vec<&ChartRequest>> = HashMap::new();
        for request in requests {
            let access = (&request.repository, &request.credentials, &request.authority);
            by_repository.entry(access).or_default().push(request);
        }
        let repositories: Vec<Vec<&ChartRequest>> = by_repository.into_values().collect();
        let mut is_new = false;
        for some in repositories.chunks(CONCURRENCY) {
            let answers: Vec<(ChartRequest, Answer)> = std::thread::scope(|scope| {
                let asked: Vec<_> =
                    some.iter().map(|requests| scope.spawn(|| self.of_repository(requests))).collect();
                asked.into_iter().flat_map(|asked| asked.join().unwrap_or_default()).collect()
            });
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for (request, answer) in answers {
                let digest =
                    |answer: &Answer| answer.as_ref().map(|loaded| loaded.digest).map_err(Clone::clone);
                is_new |= known.get(&request).map(|(before, _)| digest(before)) != Some(digest(&answer));
                known.insert(request, (answer, Instant::now()));
            }
        }
        is_new
    }

    fn of_repository(&self, requests: &[&ChartRequest]) -> Vec<(ChartRequest, Answer)> {
        let Some(first) = requests.first() else { return Vec::new() };
        let index = self.index(first);
        let answers = requests.iter().map(|request| {
            let answer = match &index {
                Ok(index) => self.chart(request, index),
                Err(problem) => Err(problem.clone()),
            };
            ((*request).clone(), answer)
        });
        answers.collect()
    }

    /// The index of a repository: as it is served, or as it was when it was last.
    fn index(&self, request: &ChartRequest) -> Result<Index, NoChart> {
        let url = format!("{}/index.yaml", request.repository.trim_end_matches('/'));
        let served = get(&url, request, MAX_INDEX);
        match served {
            Ok(bytes) => {
                let index = Index::read(&bytes).map_err(|message| NoChart {
                    message: format!("{url}: {message}"),
                    hint: Some("the url of a HelmRepository is a folder that serves index.yaml".to_owned()),
                })?;
                self.store.keep_index(&request.repository, &bytes);
                Ok(index)
            }
            Err(problem) => {
                match self.store.index(&request.repository).and_then(|bytes| Index::read(&bytes).ok()) {
                    Some(index) => Ok(index),
                    None => Err(problem),
                }
            }
        }
    }

    fn chart(&self, request: &ChartRequest, index: &Index) -> Answer {
        let entries = index.versions(&request.chart);
        if entries.is_empty() {
            let names = index.names();
            return Err(NoChart {
                message: format!("{} has no chart {:?}", request.repository, request.chart),
                hint: crate::api::suggest(&request.chart, names.into_iter())
                    .map(|close| format!("did you mean {close}?")),
            });
        }
        let entry = choose(&request.version, &entries).map_err(|problem| NoChart {
            message: format!("{}: chart {:?}: {}", request.repository, request.chart, problem.message),
            hint: problem.hint,
        })?;
        let stored = entry.digest.as_deref().and_then(|digest| Some((digest, self.store.archive(digest)?)));
        let (digest, bytes) = match stored {
            Some((digest, bytes)) => (digest.to_owned(), bytes),
            None => {
                let url = entry.url(&request.repository).ok_or_else(|| NoChart {
                    message: format!(
                        "{} has no url for {} {}",
                        request.repository, request.chart, entry.version
                    ),
                    hint: None,
                })?;
                let bytes = get(&url, request, MAX_ARCHIVE)?;
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
        let chart =
            syncline_helm::chart::load_archive(&bytes, &Default::default(), 0).map_err(|error| NoChart {
                message: format!("{}: {} {}: {error}", request.repository, request.chart, entry.version),
                hint: None,
            })?;
        Ok(LoadedChart {
            chart: std::sync::Arc::new(chart),
            digest: Digest::of(digest.as_bytes()),
            path: format!("{}/{}-{}", request.repository.trim_end_matches('/'), request.chart, entry.version)
                .into(),
        })
    }
}

fn unreachable(url: &str, reason: impl std::fmt::Display) -> NoChart {
    NoChart {
        message: format!("{url} cannot be fetched: {reason}"),
        hint: Some("what was fetched before stays in use; it is tried again".to_owned()),
    }
}

/// Fetches what an address serves. Credentials go to the repository's own host alone,
/// unless it is said that others may have them.
fn get(url: &str, request: &ChartRequest, limit: u64) -> Result<Vec<u8>, NoChart> {
    use std::io::Read as _;
    let mut client = reqwest::blocking::Client::builder().timeout(TIMEOUT).user_agent("syncline");
    if let Some(authority) = &request.authority {
        let certificate = reqwest::Certificate::from_pem(authority.as_bytes())
            .map_err(|error| unreachable(url, format!("the authority of certSecretRef: {error}")))?;
        client = client.tls_certs_merge([certificate]);
    }
    let client = client.build().map_err(|error| unreachable(url, error))?;
    let mut asked = client.get(url);
    let host = |url: &str| {
        let parsed = reqwest::Url::parse(url).ok()?;
        Some((parsed.scheme().to_owned(), parsed.host_str()?.to_owned(), parsed.port_or_known_default()))
    };
    if let Some((user, password)) = &request.credentials
        && (request.pass_credentials || host(url) == host(&request.repository))
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
