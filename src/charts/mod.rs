//! Charts from outside of the fleet repository: what HelmRepositories serve over HTTP, what
//! registries hold, and what lies in other Git repositories.
//!
//! This is where charts are fetched and kept; what is placed only asks for what is here.
//! Archives are kept by the digest of their content, with the index that named them, so
//! that everything that was once fetched is there while a repository is not.

mod git;
mod helm;
mod identity;
mod index;
mod registry;
mod store;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::fleet::{Access, ChartRequest, Digest, LoadedChart, NoChart, Remote};
use identity::Identity;
use store::Store;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long an answer is good for.
const ASK_AGAIN: Duration = Duration::from_secs(300);
/// No archive that a release is made of is larger.
const MAX_ARCHIVE: u64 = 64 << 20;
/// Repositories that are asked at once.
const CONCURRENCY: usize = 8;

type Answer = Result<LoadedChart, NoChart>;

/// The charts that were fetched.
#[derive(Debug)]
pub struct RemoteCharts {
    store: Store,
    /// Where mirrors of Git repositories are.
    folder: PathBuf,
    /// Where Secrets are that the fleet does not define.
    secrets: Option<PathBuf>,
    known: Mutex<HashMap<ChartRequest, (Answer, Instant)>>,
    /// What was asked for since the last round ended.
    asked: Mutex<HashSet<ChartRequest>>,
    under_way: Mutex<HashSet<ChartRequest>>,
}

impl RemoteCharts {
    /// Charts that are kept in a folder; `secrets` is where Secrets are that the fleet does
    /// not define.
    pub fn new(folder: PathBuf, secrets: Option<PathBuf>) -> RemoteCharts {
        RemoteCharts {
            store: Store::new(folder.clone()),
            folder,
            secrets,
            known: Mutex::default(),
            asked: Mutex::default(),
            under_way: Mutex::default(),
        }
    }

    /// What is known of a chart; None when it was not asked for yet.
    pub fn get(&self, request: &ChartRequest) -> Option<Answer> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(request.clone());
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(request)
            .map(|(answer, _)| answer.clone())
    }

    /// Forgets what was not asked for since the last call: no release has such a chart any
    /// more. The archives are kept.
    pub fn finish_round(&self) {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|request, _| asked.contains(request));
    }

    /// What is to be asked again: what failed, and what may have a newer version by now.
    pub fn due(&self) -> HashSet<ChartRequest> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |request: &ChartRequest, asked: &Instant| {
            !request.access.is_suspended && asked.elapsed() > ASK_AGAIN
        };
        let due = known.iter().filter(|(request, (answer, asked))| answer.is_err() || is_old(request, asked));
        due.map(|(request, _)| request.clone()).collect()
    }

    /// Fetches charts, or finds them where a repository does not answer; blocks until each
    /// that nobody else fetches already has an answer. Gives whether any answer is new.
    pub fn fetch(&self, requests: &HashSet<ChartRequest>) -> bool {
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
        // Who asks otherwise may be shown something else.
        let mut by_repository: HashMap<(&str, &Access), Vec<&ChartRequest>> = HashMap::new();
        for request in requests {
            by_repository.entry((request.remote.repository(), &request.access)).or_default().push(request);
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

    /// The answers to requests that ask the same repository as the same.
    fn of_repository(&self, requests: &[&ChartRequest]) -> Vec<(ChartRequest, Answer)> {
        let Some(first) = requests.first() else { return Vec::new() };
        let identity = Identity::of(&first.access, first.remote.repository(), self.secrets.as_deref());
        let identity = match &identity {
            Ok(identity) => identity,
            Err(problem) => {
                return requests.iter().map(|it| ((*it).clone(), Err(problem.clone()))).collect();
            }
        };
        let mut index = None;
        let answers = requests.iter().map(|request| {
            let answer = match &request.remote {
                Remote::Helm { repository, chart, version } => {
                    let index = index.get_or_insert_with(|| self.index(repository, identity));
                    match index {
                        Ok(index) => self.of_index(repository, identity, index, (chart, version)),
                        Err(problem) => Err(problem.clone()),
                    }
                }
                Remote::Oci { repository, wanted, layer, is_plain } => {
                    self.of_registry(repository, identity, wanted, layer.as_deref(), *is_plain)
                }
                Remote::Git { repository, reference, path } => {
                    self.of_git(repository, identity, reference, path)
                }
            };
            ((*request).clone(), answer)
        });
        answers.collect()
    }

    /// What an archive of a digest holds.
    fn load(&self, digest: &str, bytes: &[u8], path: &str) -> Answer {
        let chart = syncline_helm::chart::load_archive(bytes, &Default::default(), 0)
            .and_then(syncline_helm::chart::Chart::with_values)
            .map_err(|error| NoChart { message: format!("{path}: {error}"), hint: None })?;
        Ok(LoadedChart {
            chart: std::sync::Arc::new(chart),
            digest: Digest::of(digest.as_bytes()),
            path: path.into(),
            archive: Some(digest.into()),
        })
    }
}

fn suspended(url: &str) -> NoChart {
    NoChart {
        message: format!("{url} cannot be fetched: its source is suspended"),
        hint: Some("what was fetched before stays in use; take suspend away to fetch more".to_owned()),
    }
}

fn unreachable(url: &str, reason: impl std::fmt::Display) -> NoChart {
    NoChart {
        message: format!("{url} cannot be fetched: {reason}"),
        hint: Some("what was fetched before stays in use; it is tried again".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_release_asks_for_any_more_is_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let charts = RemoteCharts::new(folder.path().to_owned(), None);
        let request = |chart: &str| ChartRequest {
            // Nothing listens there.
            remote: Remote::Helm {
                repository: "http://127.0.0.1:9".to_owned(),
                chart: chart.to_owned(),
                version: "*".to_owned(),
            },
            access: Access::default(),
        };
        let (one, two) = (request("one"), request("two"));
        assert!(charts.get(&one).is_none() && charts.get(&two).is_none());
        charts.finish_round();
        assert!(charts.fetch(&HashSet::from([one.clone(), two.clone()])));
        assert_eq!(charts.due(), HashSet::from([one.clone(), two]));
        assert!(charts.get(&one).unwrap().is_err());
        charts.finish_round();
        assert_eq!(charts.due(), HashSet::from([one]));
    }
}
