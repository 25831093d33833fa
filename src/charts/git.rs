//! Charts in other Git repositories: folders or archives of a commit.

use std::sync::atomic::AtomicBool;

use super::identity::Identity;
use super::{Answer, RemoteCharts, suspended, unreachable};
use crate::fleet::{NoChart, load_chart};
use crate::git::{Credentials, GitError, Login, Mirror, Reference, SourceUrl};

impl RemoteCharts {
    /// The chart at a path of a commit; of the last commit that was good while the
    /// repository does not answer.
    pub(super) fn of_git(
        &self,
        repository: &str,
        identity: &Identity,
        reference: &Reference,
        path: &str,
    ) -> Answer {
        let (source, in_url) = SourceUrl::parse(repository);
        let basic = identity.credentials.as_ref().map(|(user, password)| Credentials::basic(user, password));
        let login = Login {
            credentials: identity.bearer.clone().map(Credentials::Bearer).or(basic).or(in_url),
            authority: identity.authority.clone(),
            key: identity.key.clone(),
        };
        let failed =
            |error: GitError| NoChart { message: error.to_string(), hint: error.hint().map(str::to_owned) };
        let mirror = Mirror::open(&self.folder, source, login).map_err(failed)?;
        let fetched = match identity.is_suspended {
            true => Err(suspended(repository)),
            false => mirror
                .fetch(reference, &AtomicBool::new(false))
                .map_err(|error| unreachable(repository, error)),
        };
        let commit = match fetched {
            Ok(fetched) => fetched.commit,
            Err(problem) => mirror.last_good(reference).ok_or(problem)?,
        };
        let snapshot = mirror.snapshot(commit).map_err(failed)?;
        match snapshot.find(path).map_err(failed)? {
            Some(entry) => load_chart(&snapshot, path, &entry).map_err(failed)?,
            None => Err(NoChart {
                message: format!("{repository} has no chart at {path:?} in commit {}", commit.short()),
                hint: Some("the path counts from the root of that repository".to_owned()),
            }),
        }
    }
}
