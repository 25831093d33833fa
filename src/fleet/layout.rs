//! Which files and folders of a repository mean something.

use syncline_manifest::{Origin, yaml};

use super::cache::LoadCache;
use super::diagnostic::Diagnostic;
use super::location::{Location, LocationKind, is_below, is_manifest_file, join};
use super::{LoadError, last_good};
use crate::api::Settings;
use crate::git::{Entry, EntryId, GitError, Snapshot};

pub(super) struct Layout {
    pub settings: Settings,
    pub units: Vec<Location>,
    pub diagnostics: Vec<Diagnostic>,
}

pub(super) fn read(snapshot: &Snapshot, folder: &str, cache: &mut LoadCache) -> Result<Layout, LoadError> {
    let folder = folder.trim_matches('/').trim_start_matches("./");
    let root = if folder.is_empty() || folder == "." {
        snapshot.root()
    } else {
        let entry = snapshot.find(folder)?.filter(|entry| entry.is_folder);
        entry.ok_or_else(|| LoadError::NoSuchFolder(folder.to_owned()))?.id
    };
    let prefix = if folder == "." { "" } else { folder };
    let mut diagnostics = Vec::new();
    let settings = settings(snapshot, prefix, root, cache, &mut diagnostics)?;
    let mut walk = Walk { snapshot, cache, settings: &settings, prefix, units: Vec::new(), diagnostics };
    walk.folder(prefix, root)?;
    let Walk { units, diagnostics, .. } = walk;
    Ok(Layout { settings, units, diagnostics })
}

/// The settings; where they do not load, the last that did.
fn settings(
    snapshot: &Snapshot,
    prefix: &str,
    root: EntryId,
    cache: &mut LoadCache,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Settings, LoadError> {
    let path = join(prefix, Settings::FILE);
    let entries = cache.list(snapshot, root)?;
    let Some(entry) = entries.iter().find(|entry| *entry.name == *Settings::FILE && !entry.is_folder) else {
        return Ok(Settings::default());
    };
    let problems = match parse_settings(snapshot, &path, entry)? {
        Ok(settings) => return Ok(settings),
        Err(problems) => problems,
    };
    let earlier = last_good(snapshot, &path, entry.id, |entry, earlier| {
        Ok(parse_settings(earlier, &path, entry)?.ok())
    })?;
    let Some((commit, settings)) = earlier else { return Err(LoadError::Settings(problems)) };
    let note = format!("the version of commit {} stays in force", commit.short());
    diagnostics.extend(problems.into_iter().map(|problem| problem.note(&note)));
    Ok(settings)
}

fn parse_settings(
    snapshot: &Snapshot,
    path: &str,
    entry: &Entry,
) -> Result<Result<Settings, Vec<Diagnostic>>, GitError> {
    let mut origin = Origin::file(path);
    let content = snapshot.read(entry.id)?;
    let Ok(text) = std::str::from_utf8(&content) else {
        return Ok(Err(vec![Diagnostic::error(&origin, "the file is not UTF-8")]));
    };
    let documents = match yaml::read(text) {
        Ok(documents) => documents,
        Err(error) => {
            origin.position = error.position;
            let problem = Diagnostic { hint: error.hint, ..Diagnostic::error(&origin, error.message) };
            return Ok(Err(vec![problem]));
        }
    };
    let Some(document) = documents.into_iter().next() else { return Ok(Ok(Settings::default())) };
    Ok(Settings::parse(&document.value).map_err(|errors| {
        let locate = |error: crate::api::FieldError| {
            origin.position = yaml::locate(text, document.index, &error.pointer).unwrap_or(document.position);
            Diagnostic { hint: error.hint, ..Diagnostic::error(&origin, error.message) }
        };
        errors.into_iter().map(locate).collect()
    }))
}

struct Walk<'a> {
    snapshot: &'a Snapshot,
    cache: &'a mut LoadCache,
    settings: &'a Settings,
    prefix: &'a str,
    units: Vec<Location>,
    diagnostics: Vec<Diagnostic>,
}

impl Walk<'_> {
    fn folder(&mut self, path: &str, id: EntryId) -> Result<(), GitError> {
        let entries = self.cache.list(self.snapshot, id)?;
        let has_file = |name: &str| entries.iter().any(|entry| !entry.is_folder && *entry.name == *name);
        if has_file("Chart.yaml") {
            // A chart's templates are no manifests; releases refer to the chart.
            return Ok(());
        }
        if has_file("kustomization.yaml") || has_file("kustomization.yml") {
            self.diagnostics.push(
                Diagnostic::warning(&Origin::file(path), "a kustomization is not built by this version")
                    .hint("nothing below this folder is read; lay the app out as base/ and overlays/"),
            );
            return Ok(());
        }
        let base = entries.iter().find(|entry| entry.is_folder && *entry.name == *"base");
        let is_app = match base {
            Some(base) => !self.is_kustomize(base.id)?,
            None => false,
        };
        if is_app && self.is_wanted(path) {
            self.units.push(Location { path: path.into(), id, kind: LocationKind::AppFolder });
        }
        for entry in entries.iter() {
            let path = join(path, &entry.name);
            let is_hidden = entry.name.starts_with('.');
            let belongs_to_app = is_app && entry.is_folder && matches!(&*entry.name, "base" | "overlays");
            if is_hidden || belongs_to_app || self.is_ignored(&path) {
                continue;
            }
            if entry.is_folder {
                self.folder(&path, entry.id)?;
            } else if is_manifest_file(&entry.name) && self.is_wanted(&path) && !self.is_settings(&path) {
                self.units.push(Location { path: path.into(), id: entry.id, kind: LocationKind::File });
            }
        }
        Ok(())
    }

    fn is_kustomize(&mut self, base: EntryId) -> Result<bool, GitError> {
        let entries = self.cache.list(self.snapshot, base)?;
        Ok(entries.iter().any(|entry| matches!(&*entry.name, "kustomization.yaml" | "kustomization.yml")))
    }

    fn is_settings(&self, path: &str) -> bool {
        path == join(self.prefix, Settings::FILE)
    }

    fn is_wanted(&self, path: &str) -> bool {
        self.settings.roots.is_empty()
            || self.settings.roots.iter().any(|root| is_below(path, &join(self.prefix, clean(root))))
    }

    fn is_ignored(&self, path: &str) -> bool {
        self.settings.ignore.iter().any(|ignored| is_below(path, &join(self.prefix, clean(ignored))))
    }
}

fn clean(path: &str) -> &str {
    path.trim_start_matches("./").trim_matches('/')
}
