//! The local bare clone of a source.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use gix::protocol::handshake::Ref;
use gix::refs::transaction::PreviousValue;

use super::error::chain;
use super::{CommitId, Credentials, GitError, Login, Reference, Snapshot, SourceUrl, SshKey};

/// A local bare clone of a source. It keeps the last good commit when the remote
/// is gone, and it holds the refs that syncline writes.
pub struct Mirror {
    path: PathBuf,
    source: SourceUrl,
    login: Login,
    lock: Option<File>,
}

/// Files of packs and their indices, before they are joined.
const MANY_PACK_FILES: usize = 100;

/// What a fetch found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched {
    /// The commit now wanted.
    pub commit: CommitId,
    /// The one wanted before, if any.
    pub previous: Option<CommitId>,
}

impl Mirror {
    /// Opens the mirror of a source below a data folder, creating it when it is new.
    ///
    /// # Errors
    /// When the folder cannot be written or holds something else.
    pub fn open(data_dir: &Path, source: SourceUrl, login: impl Into<Login>) -> Result<Mirror, GitError> {
        let path = data_dir.join("mirrors").join(folder_name(&source));
        if !path.join("HEAD").exists() {
            create(&path)?;
        }
        Mirror::open_at(path, source, login.into())
    }

    /// Opens the mirror of a source if there is one.
    ///
    /// # Errors
    /// When the folder holds something else.
    pub fn open_existing(data_dir: &Path, source: SourceUrl) -> Result<Option<Mirror>, GitError> {
        let path = data_dir.join("mirrors").join(folder_name(&source));
        path.join("HEAD").exists().then(|| Mirror::open_at(path, source, Login::default())).transpose()
    }

    fn open_at(path: PathBuf, source: SourceUrl, login: Login) -> Result<Mirror, GitError> {
        let mirror = Mirror { path, source, login, lock: None };
        mirror.repository()?;
        Ok(mirror)
    }

    /// Takes the mirror for this process alone, until it ends.
    ///
    /// # Errors
    /// [`GitError::Locked`] when another process has it.
    pub fn lock(&mut self) -> Result<(), GitError> {
        let path = self.path.join("syncline.lock");
        let storage = |error: std::io::Error| GitError::Storage {
            what: format!("cannot lock {}", path.display()),
            reason: error.to_string(),
        };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(storage)?;
        match file.try_lock() {
            Ok(()) => {
                self.lock = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(GitError::Locked { path: self.path.clone() }),
            Err(TryLockError::Error(error)) => Err(storage(error)),
        }
    }

    /// The source it mirrors.
    pub fn source(&self) -> &SourceUrl {
        &self.source
    }

    /// The commit last seen for a reference, without asking the remote.
    pub fn last_good(&self, reference: &Reference) -> Option<CommitId> {
        let repository = self.repository().ok()?.to_thread_local();
        let mut found = repository.try_find_reference(reference.mirrored().as_str()).ok()??;
        found.peel_to_id().ok().map(|id| CommitId(id.detach()))
    }

    /// Asks the remote for a reference and brings what is missing. A force-push is
    /// an ordinary change; on any failure the last good commit stays what it was.
    /// Setting `interrupt` ends the transfer.
    ///
    /// # Errors
    /// When the remote does not answer, refuses, or does not have the reference.
    pub fn fetch(&self, reference: &Reference, interrupt: &AtomicBool) -> Result<Fetched, GitError> {
        let previous = self.last_good(reference);
        if let Reference::Commit(id) = reference
            && previous == Some(*id)
        {
            return Ok(Fetched { commit: *id, previous });
        }
        let mut repository = self.repository()?.to_thread_local();
        // The key is there as long as it is used.
        let key = self.login.key.as_ref().map(SshKey::lay_down).transpose()?;
        if let Some(key) = &key {
            repository
                .config_snapshot_mut()
                .set_raw_value("core.sshCommand", key.command().as_str())
                .map_err(GitError::storage("cannot set the program for ssh"))?;
        }
        let commit = self.receive(&repository, reference, interrupt)?;
        if previous != Some(commit) {
            repository
                .reference(reference.mirrored(), commit.0, PreviousValue::Any, "syncline: fetch")
                .map_err(GitError::storage("cannot record the commit"))?;
        }
        Ok(Fetched { commit, previous })
    }

    fn receive(
        &self,
        repository: &gix::Repository,
        reference: &Reference,
        interrupt: &AtomicBool,
    ) -> Result<CommitId, GitError> {
        let unreachable = |error: gix::Error| self.transport_error(&error);
        let remote = repository
            .remote_at(self.source.as_str())
            .and_then(|remote| {
                remote.with_fetch_tags(gix::remote::fetch::Tags::None).with_refspecs(
                    refspecs(reference).iter().map(String::as_str),
                    gix::remote::Direction::Fetch,
                )
            })
            .map_err(unreachable)?;
        let mut connection = remote.connect(gix::remote::Direction::Fetch).map_err(unreachable)?;
        let url = self.source.as_str();
        if url.starts_with("http") {
            let configured = repository.transport_options(url, None).map_err(unreachable)?;
            let configured = configured.and_then(|options| options.downcast().ok()).map(|options| *options);
            if let Some(options) = self.login.over_http(url, configured)? {
                connection.set_transport_options(Box::new(options));
            }
        }
        let credentials = match &self.login.credentials {
            Some(Credentials::Basic { username, password }) => Some((username.clone(), password.clone())),
            Some(Credentials::Bearer(_)) | None => None,
        };
        let mut asked = false;
        connection.set_credentials(move |action| {
            let gix::credentials::helper::Action::Get(context) = action else { return Ok(None) };
            // A second question means that the first answer was refused.
            if std::mem::replace(&mut asked, true) {
                return Ok(None);
            }
            Ok(credentials.clone().map(|(username, password)| gix::credentials::protocol::Outcome {
                identity: gix::sec::identity::Account { username, password, oauth_refresh_token: None },
                next: context.into(),
            }))
        });
        let prepared = connection
            .prepare_fetch(gix::progress::Discard, gix::remote::ref_map::Options::default())
            .map_err(unreachable)?;
        let wanted = self.wanted(reference, &prepared.ref_map().remote_refs)?;
        if wanted.is_none_or(|id| !repository.has_object(id.0)) {
            prepared.receive(gix::progress::Discard, interrupt).map_err(unreachable)?;
        }
        let id = match (wanted, reference) {
            (Some(id), _) => id,
            (None, Reference::Commit(id)) => *id,
            (None, other) => return Err(self.no_such_reference(other)),
        };
        if !repository.has_object(id.0) {
            return Err(self.no_such_reference(reference));
        }
        Ok(id)
    }

    /// The commit that the remote's advertisement gives for the reference. None
    /// when it must be looked for among what the fetch brings.
    fn wanted(&self, reference: &Reference, advertised: &[Ref]) -> Result<Option<CommitId>, GitError> {
        let commits: Vec<(&str, gix::ObjectId)> = advertised
            .iter()
            .filter_map(|advertised| match advertised {
                Ref::Peeled { full_ref_name, object, .. }
                | Ref::Direct { full_ref_name, object }
                | Ref::Symbolic { full_ref_name, object, .. } => {
                    Some((std::str::from_utf8(full_ref_name).ok()?, *object))
                }
                Ref::Unborn { .. } => None,
            })
            .collect();
        let find =
            |wanted: &str| commits.iter().find(|(name, _)| *name == wanted).map(|(_, id)| CommitId(*id));
        let found = match reference {
            Reference::Commit(_) => return Ok(None),
            Reference::DefaultBranch => {
                return find("HEAD")
                    .map(Some)
                    .ok_or_else(|| GitError::Empty { url: self.source.to_string() });
            }
            Reference::Branch(name) => find(&format!("refs/heads/{name}")),
            Reference::Tag(name) => find(&format!("refs/tags/{name}")),
            Reference::Name(name) => find(name),
            Reference::Semver(range) => {
                let tags = commits.iter().filter_map(|(name, _)| name.strip_prefix("refs/tags/"));
                Reference::best_version(range, tags).and_then(|tag| find(&format!("refs/tags/{tag}")))
            }
        };
        found.map(Some).ok_or_else(|| self.no_such_reference(reference))
    }

    fn no_such_reference(&self, reference: &Reference) -> GitError {
        GitError::NoSuchReference { url: self.source.to_string(), reference: reference.to_string() }
    }

    fn transport_error(&self, error: &gix::Error) -> GitError {
        let reason = chain(error);
        let url = self.source.to_string();
        let refused = ["401", "403", "credential", "Credential", "authentication", "Permission denied"];
        if refused.iter().any(|mark| reason.contains(mark)) {
            return GitError::Unauthorized { url };
        }
        GitError::Unreachable { url, reason }
    }

    /// A commit of the mirror as a tree.
    ///
    /// # Errors
    /// When the mirror does not hold the commit.
    pub fn snapshot(&self, commit: CommitId) -> Result<Snapshot, GitError> {
        Snapshot::of_commit(&self.repository()?, commit)
    }

    /// The repository, opened anew: an open one has room for a limited number of
    /// packs, and every fetch brings one.
    ///
    /// # Errors
    /// When the folder is damaged.
    pub fn repository(&self) -> Result<gix::ThreadSafeRepository, GitError> {
        gix::ThreadSafeRepository::open_opts(&self.path, open_options())
            .map_err(GitError::storage(format!("cannot open the mirror {}", self.path.display())))
    }

    /// Joins the packs of many fetches into one, by the `git` program where there is
    /// one. Without it reading gets slower with every fetch, and nothing else.
    pub fn tidy(&self) {
        let packs = std::fs::read_dir(self.path.join("objects/pack")).map_or(0, Iterator::count);
        if packs < MANY_PACK_FILES {
            return;
        }
        let outcome = std::process::Command::new("git")
            .arg("-C")
            .arg(&self.path)
            .args(["-c", "gc.autoDetach=false", "gc", "--quiet"])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        tracing::debug!(?outcome, "the mirror was tidied");
    }
}

/// Creates a mirror beside its place and moves it there, so that nobody ever sees
/// half of one; whoever comes second finds the first one's.
fn create(path: &Path) -> Result<(), GitError> {
    let storage = |error: std::io::Error| GitError::Storage {
        what: format!("cannot create {}", path.display()),
        reason: error.to_string(),
    };
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    std::fs::create_dir_all(&draft).map_err(storage)?;
    gix::ThreadSafeRepository::init_opts(
        &draft,
        gix::create::Kind::Bare,
        gix::create::Options::default(),
        open_options(),
    )
    .map_err(GitError::storage(format!("cannot create the mirror {}", path.display())))?;
    match std::fs::rename(&draft, path) {
        Err(_) if path.join("HEAD").exists() => std::fs::remove_dir_all(&draft).map_err(storage),
        other => other.map_err(storage),
    }
}

fn refspecs(reference: &Reference) -> Vec<String> {
    match reference {
        Reference::DefaultBranch => vec!["+HEAD:refs/syncline/fetched/HEAD".into()],
        Reference::Branch(name) => vec![format!("+refs/heads/{name}:refs/syncline/fetched/heads/{name}")],
        Reference::Tag(name) => vec![format!("+refs/tags/{name}:refs/syncline/fetched/tags/{name}")],
        Reference::Name(name) => vec![format!("+{name}:refs/syncline/fetched/names/{name}")],
        Reference::Semver(_) => vec!["+refs/tags/*:refs/syncline/fetched/tags/*".into()],
        Reference::Commit(_) => vec![
            "+refs/heads/*:refs/syncline/fetched/heads/*".into(),
            "+refs/tags/*:refs/syncline/fetched/tags/*".into(),
        ],
    }
}

/// No configuration of the machine or its user leaks in, except how to reach
/// hosts; whatever the environment says of proxies and ssh is honoured.
pub(super) fn open_options() -> gix::open::Options {
    let mut permissions = gix::open::Permissions::isolated();
    permissions.env.http_transport = gix::sec::Permission::Allow;
    permissions.env.ssh_prefix = gix::sec::Permission::Allow;
    permissions.env.git_prefix = gix::sec::Permission::Allow;
    permissions.env.home = gix::sec::Permission::Allow;
    let slots = gix::odb::store::init::Slots::AsNeededByDiskState { multiplier: 1.5, minimum: 64 };
    gix::open::Options::isolated().object_store_slots(slots).permissions(permissions).config_overrides([
        "core.logAllRefUpdates=false",
        "committer.name=syncline",
        "committer.email=syncline@localhost",
        "author.name=syncline",
        "author.email=syncline@localhost",
        // A transfer that stalls ends; see also the limit on the whole fetch.
        "http.lowSpeedLimit=1000",
        "http.lowSpeedTime=20",
        "gitoxide.http.connectTimeout=10000",
    ])
}

/// A readable, unique folder for a source.
fn folder_name(source: &SourceUrl) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(source.as_str().as_bytes());
    let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let name = source.as_str().trim_end_matches('/').trim_end_matches("/.git").trim_end_matches(".git");
    let name = name.rsplit(['/', ':']).next().unwrap_or_default();
    let safe: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    format!("{safe}-{hash}.git")
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror")
            .field("source", &self.source)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
