//! One file, or one app folder: what loads or fails as a whole.

use std::sync::Arc;

use serde_json::Value;
use syncline_manifest::{Manifest, ObjectKey, Origin, yaml};

use super::check;
use super::diagnostic::Diagnostic;
use super::location::{Location, LocationKind, is_manifest_file, join};
use super::resource::Resource;
use crate::api::{ConfigKind, ConfigObject, FieldError, suggest};
use crate::git::{EntryId, GitError, Snapshot};

/// No manifest that a person reviews is larger.
const MAX_FILE_BYTES: u64 = 8 << 20;

/// What one file or app folder holds.
#[derive(Debug)]
pub struct Unit {
    /// From the root of the repository.
    pub path: Arc<str>,
    /// Its content, by which what follows from it can be kept.
    pub id: EntryId,
    /// The application it belongs to: the app folder, or the folder of the file.
    pub application: Arc<str>,
    /// The resources of the file or of `base/`.
    pub resources: Vec<Arc<Resource>>,
    /// The folders of `overlays/`; empty for files.
    pub overlays: Vec<Overlay>,
    /// Objects that configure the fleet.
    pub config: Vec<(Origin, ConfigObject)>,
    /// What people should know though it loads.
    pub warnings: Vec<Diagnostic>,
}

/// One folder `overlays/<label>=<value>/`.
#[derive(Debug)]
pub struct Overlay {
    /// The cluster label it looks at; `cluster` is the cluster's name.
    pub label: Box<str>,
    /// The value the label must have.
    pub value: Box<str>,
    /// What it changes, in the order of its files.
    pub patches: Vec<OverlayPatch>,
}

/// One change of an overlay.
#[derive(Debug)]
pub enum OverlayPatch {
    /// A partial object that merges into the object of the same identity.
    Merge {
        /// Where it stands.
        origin: Origin,
        /// Which object.
        key: ObjectKey,
        /// Its fields.
        value: Box<Value>,
    },
    /// Operations on the objects that a target names.
    Json6902 {
        /// Where they stand.
        origin: Origin,
        /// Which objects.
        target: PatchTarget,
        /// The operations.
        operations: Box<Value>,
    },
}

/// Which objects of an app JSON 6902 operations apply to; what is not given
/// matches anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchTarget {
    /// The API group.
    pub group: Option<String>,
    /// The API version.
    pub version: Option<String>,
    /// The kind.
    pub kind: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchFile {
    target: PatchTarget,
    /// `patch` is what the same list is called in a kustomization.
    #[serde(alias = "patch")]
    operations: Value,
}

/// Loads the unit at a location; on the inside of the result, everything that keeps
/// it from loading.
pub(super) fn load(
    snapshot: &Snapshot,
    location: &Location,
) -> Result<Result<Unit, Vec<Diagnostic>>, GitError> {
    let application = match location.kind {
        LocationKind::AppFolder => Arc::clone(&location.path),
        LocationKind::File => location.path.rsplit_once('/').map_or(".", |(folder, _)| folder).into(),
    };
    let mut reader = Reader { snapshot, errors: Vec::new(), warnings: Vec::new(), config: Vec::new() };
    let (mut resources, mut overlays) = (Vec::new(), Vec::new());
    match location.kind {
        LocationKind::File => reader.file(&location.path, location.id, &mut resources)?,
        LocationKind::AppFolder => {
            for entry in snapshot.list(location.id)?.iter().filter(|entry| entry.is_folder) {
                match &*entry.name {
                    "base" => reader.folder(&join(&location.path, "base"), entry.id, &mut resources)?,
                    "overlays" => {
                        reader.overlays(&join(&location.path, "overlays"), entry.id, &mut overlays)?
                    }
                    _ => {}
                }
            }
        }
    }
    reader.refuse_duplicates(&resources);
    if !reader.errors.is_empty() {
        return Ok(Err(reader.errors));
    }
    Ok(Ok(Unit {
        path: Arc::clone(&location.path),
        id: location.id,
        application,
        resources,
        overlays,
        config: reader.config,
        warnings: reader.warnings,
    }))
}

impl Unit {
    /// Where it stands, with the content of another commit.
    pub(super) fn location(&self, id: EntryId) -> Location {
        let kind = if self.application == self.path { LocationKind::AppFolder } else { LocationKind::File };
        Location { path: Arc::clone(&self.path), id, kind }
    }
}

struct Reader<'s> {
    snapshot: &'s Snapshot,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    config: Vec<(Origin, ConfigObject)>,
}

impl Reader<'_> {
    fn folder(&mut self, path: &str, id: EntryId, out: &mut Vec<Arc<Resource>>) -> Result<(), GitError> {
        for entry in self.snapshot.list(id)?.iter().filter(|entry| !entry.name.starts_with('.')) {
            let path = join(path, &entry.name);
            if entry.is_folder {
                self.folder(&path, entry.id, out)?;
            } else if is_manifest_file(&entry.name) {
                self.file(&path, entry.id, out)?;
            }
        }
        Ok(())
    }

    /// The text of a file, or nothing with an error noted.
    fn text(&mut self, path: &str, id: EntryId) -> Result<Option<String>, GitError> {
        let origin = Origin::file(path);
        let size = self.snapshot.size(id)?;
        if size > MAX_FILE_BYTES {
            self.errors.push(
                Diagnostic::error(&origin, format!("the file has {size} bytes, more than {MAX_FILE_BYTES}"))
                    .hint("split it, or list it under ignore in syncline.yaml"),
            );
            return Ok(None);
        }
        match String::from_utf8(self.snapshot.read(id)?) {
            Ok(text) => Ok(Some(text)),
            Err(_) => {
                self.errors.push(Diagnostic::error(&origin, "the file is not UTF-8"));
                Ok(None)
            }
        }
    }

    /// The documents of a text, or none with an error noted.
    fn documents(&mut self, path: &Arc<str>, text: &str) -> Vec<yaml::Document> {
        yaml::read(text).unwrap_or_else(|error| {
            let origin = Origin { path: Arc::clone(path), document: 0, position: error.position };
            self.errors.push(Diagnostic { hint: error.hint, ..Diagnostic::error(&origin, error.message) });
            Vec::new()
        })
    }

    fn file(&mut self, path: &str, id: EntryId, out: &mut Vec<Arc<Resource>>) -> Result<(), GitError> {
        let Some(text) = self.text(path, id)? else { return Ok(()) };
        let path: Arc<str> = path.into();
        for document in self.documents(&path, &text) {
            for object in self.objects(document, &path, &text) {
                self.object(object, &text, out);
            }
        }
        Ok(())
    }

    fn objects(&mut self, document: yaml::Document, path: &Arc<str>, text: &str) -> Vec<Manifest> {
        let (index, position) = (document.index, document.position);
        let mut manifests = Vec::new();
        for object in Manifest::from_document(document, path) {
            match object {
                Ok(mut manifest) => {
                    if !manifest.pointer.is_empty() {
                        let at = yaml::locate(text, index, &manifest.pointer);
                        manifest.origin.position = at.unwrap_or(position);
                    }
                    manifests.push(manifest);
                }
                Err((pointer, error)) => {
                    let at = yaml::locate(text, index, &format!("{pointer}{}", error.pointer()));
                    let origin = Origin {
                        path: Arc::clone(path),
                        document: u32::try_from(index).unwrap_or(u32::MAX),
                        position: at.unwrap_or(position),
                    };
                    self.errors.push(Diagnostic::error(&origin, error.to_string()).hint(
                        "every document is a Kubernetes object; other files go under ignore in syncline.yaml",
                    ));
                }
            }
        }
        manifests
    }

    fn object(&mut self, manifest: Manifest, text: &str, out: &mut Vec<Arc<Resource>>) {
        let gvk = manifest.gvk();
        let Some(kind) = ConfigKind::of(&gvk) else {
            check::resource(&manifest, text, &mut self.warnings);
            out.push(Arc::new(Resource::from_manifest(manifest)));
            return;
        };
        match ConfigObject::parse(kind, &gvk, manifest.value()) {
            Ok(Some(config)) => self.config.push((manifest.origin, config)),
            // A release is placed as resources are, and rendered where it goes.
            Ok(None) if kind == ConfigKind::HelmRelease => {
                out.push(Arc::new(Resource::from_manifest(manifest)))
            }
            Ok(None) => self.warnings.push(
                Diagnostic::warning(&manifest.origin, format!("{} is not served by this version", gvk.kind))
                    .hint("it is read and then left alone"),
            ),
            Err(problems) => {
                let what = format!("{} {}", gvk.kind, manifest.name());
                for problem in problems {
                    let error = self.field_error(&manifest, text, &what, problem);
                    self.errors.push(error);
                }
            }
        }
    }

    fn field_error(&self, manifest: &Manifest, text: &str, what: &str, problem: FieldError) -> Diagnostic {
        let mut origin = manifest.origin.clone();
        let pointer = format!("{}{}", manifest.pointer, problem.pointer);
        if let Some(position) = yaml::locate(text, origin.document as usize, &pointer) {
            origin.position = position;
        }
        let field = problem.pointer.trim_start_matches('/').replace('/', ".");
        let field = if field.is_empty() { String::new() } else { format!(", {field}") };
        Diagnostic {
            hint: problem.hint,
            ..Diagnostic::error(&origin, format!("{what}{field}: {}", problem.message))
        }
    }

    fn overlays(&mut self, path: &str, id: EntryId, out: &mut Vec<Overlay>) -> Result<(), GitError> {
        for entry in self.snapshot.list(id)?.iter().filter(|entry| !entry.name.starts_with('.')) {
            let path = join(path, &entry.name);
            let pair =
                entry.name.split_once('=').filter(|(label, value)| !label.is_empty() && !value.is_empty());
            let (true, Some((label, value))) = (entry.is_folder, pair) else {
                self.errors.push(
                    Diagnostic::error(&Origin::file(&path), "an overlay is a folder named <label>=<value>")
                        .hint("such as overlays/environment=production or overlays/cluster=asia-cluster"),
                );
                continue;
            };
            let mut patches = Vec::new();
            self.overlay_folder(&path, entry.id, &mut patches)?;
            out.push(Overlay { label: label.into(), value: value.into(), patches });
        }
        Ok(())
    }

    fn overlay_folder(
        &mut self,
        path: &str,
        id: EntryId,
        out: &mut Vec<OverlayPatch>,
    ) -> Result<(), GitError> {
        for entry in self.snapshot.list(id)?.iter().filter(|entry| !entry.name.starts_with('.')) {
            let path = join(path, &entry.name);
            if entry.is_folder {
                self.overlay_folder(&path, entry.id, out)?;
                continue;
            }
            if !is_manifest_file(&entry.name) {
                continue;
            }
            let Some(text) = self.text(&path, entry.id)? else { continue };
            let is_operations =
                [".patch.yaml", ".patch.yml", ".patch.json"].iter().any(|end| path.ends_with(end));
            let path: Arc<str> = path.into();
            for document in self.documents(&path, &text) {
                if is_operations {
                    self.operations(document, &path, out);
                    continue;
                }
                for manifest in self.objects(document, &path, &text) {
                    let (origin, key) = (manifest.origin.clone(), manifest.key());
                    out.push(OverlayPatch::Merge { origin, key, value: Box::new(manifest.into_value()) });
                }
            }
        }
        Ok(())
    }

    fn operations(&mut self, document: yaml::Document, path: &Arc<str>, out: &mut Vec<OverlayPatch>) {
        let origin = Origin {
            path: Arc::clone(path),
            document: u32::try_from(document.index).unwrap_or(u32::MAX),
            position: document.position,
        };
        let refuse = |message: String| {
            Diagnostic::error(&origin, message)
                .hint("write `target: {kind: Deployment, name: web}` and a list of `operations`")
        };
        let file: PatchFile = match serde_json::from_value(document.value) {
            Ok(file) => file,
            Err(error) => return self.errors.push(refuse(format!("not JSON 6902 operations: {error}"))),
        };
        // A kustomization writes the operations as a text inside the file.
        let operations = match file.operations {
            Value::String(text) => {
                yaml::read(&text).ok().and_then(|mut documents| Some(documents.pop()?.value))
            }
            other => Some(other),
        };
        match operations {
            Some(operations @ Value::Array(_)) => out.push(OverlayPatch::Json6902 {
                origin,
                target: file.target,
                operations: Box::new(operations),
            }),
            _ => self.errors.push(refuse("the operations are not a list".into())),
        }
    }

    fn refuse_duplicates(&mut self, resources: &[Arc<Resource>]) {
        let mut seen = std::collections::HashMap::new();
        for resource in resources {
            if let Some(first) = seen.insert(&resource.key, resource) {
                self.errors.push(
                    Diagnostic::error(&resource.origin, format!("{} is defined twice", resource.key))
                        .note(format!("first at {}", first.origin))
                        .hint("remove one of the two, or rename it"),
                );
            }
        }
    }
}

impl PatchTarget {
    /// Whether an object is meant.
    pub fn matches(&self, resource: &ObjectKey, api_version: &str) -> bool {
        let version = api_version.rsplit('/').next().unwrap_or_default();
        let fits =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        fits(&self.group, &resource.group_kind.group)
            && fits(&self.version, version)
            && fits(&self.kind, &resource.group_kind.kind)
            && fits(&self.name, &resource.name)
            && fits(&self.namespace, resource.namespace.as_deref().unwrap_or_default())
    }
}

impl std::fmt::Display for PatchTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let any = || "*".to_owned();
        write!(f, "{} ", self.kind.clone().unwrap_or_else(any))?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}", self.name.clone().unwrap_or_else(any))
    }
}

/// The existing object whose name is closest to a misspelt one.
pub(crate) fn nearest<'k>(
    key: &ObjectKey,
    existing: impl Iterator<Item = &'k ObjectKey>,
) -> Option<&'k ObjectKey> {
    let existing: Vec<_> = existing.collect();
    let wanted = key.to_string();
    let names: Vec<String> = existing.iter().map(|key| key.to_string()).collect();
    let close = suggest(&wanted, names.iter().map(String::as_str))?;
    existing.into_iter().zip(&names).find(|(_, name)| *name == close).map(|(key, _)| key)
}
