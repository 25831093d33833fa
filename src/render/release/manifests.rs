//! What a chart rendered to, as resources: with their namespaces, labels and options.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use syncline_helm::record::Record;
use syncline_helm::release::Rendered;
use syncline_manifest::yaml::{self, Document};
use syncline_manifest::{GroupVersionKind, Manifest, ObjectKey, Origin, schema};

use super::{RELEASE_NAME, RELEASE_NAMESPACE, definition_policy, namespace_object, post};
use crate::api::{DefinitionPolicy, DriftMode, HelmRelease};
use crate::fleet::{ApplyOptions, Diagnostic, Resource};

/// Whether objects of a custom kind have a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Cluster,
    Namespaced,
}

/// What an object is to its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It stands on it.
    Foundation,
    /// It consists of it.
    Body,
}

/// What a release stands on, and what it consists of.
type Both = (Vec<Arc<Resource>>, Vec<Arc<Resource>>);

pub(super) fn objects(
    owner: &Resource,
    release: &HelmRelease,
    rendered: &Rendered,
) -> Result<Both, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut documents: Vec<(Part, &str, Value)> = Vec::new();
    let policy = definition_policy(release);
    for definition in rendered.definitions.iter().filter(|_| policy != DefinitionPolicy::Skip) {
        let text = match definition.text.read() {
            Ok(text) => text.to_text(),
            Err(error) => {
                errors.push(problem(owner, &definition.path, &error.to_string()));
                continue;
            }
        };
        match yaml::read_lenient(&text) {
            Ok(read) => documents.extend(read.into_iter().map(|mut document| {
                // Helm deletes no definition that came from crds/: its objects would go with it.
                annotate(&mut document.value, ApplyOptions::PRUNE, "disabled");
                if policy == DefinitionPolicy::Create {
                    annotate(&mut document.value, ApplyOptions::APPLY, "if-missing");
                }
                (Part::Foundation, definition.path.as_str(), document.value)
            })),
            Err(error) => errors.push(problem(owner, &definition.path, &error.to_string())),
        }
    }
    let manifests = rendered.manifests.iter().filter(|manifest| !manifest.document.is_null());
    documents
        .extend(manifests.map(|manifest| (Part::Body, manifest.path.as_str(), manifest.document.clone())));
    let mut objects = Vec::new();
    for (part, path, value) in documents {
        let document = Document { index: 0, position: yaml::Position::START, value };
        for manifest in Manifest::from_document(document, &Arc::from(path)) {
            match manifest {
                Ok(manifest) => objects.push((part, path, manifest.into_value())),
                Err((_, error)) => errors.push(problem(owner, path, &error.to_string())),
            }
        }
    }
    let mut values: Vec<Value> = objects.iter().map(|(.., value)| value.clone()).collect();
    post::apply(&release.spec.post_renderers, &mut values).map_err(|message| {
        vec![Diagnostic::error(&owner.origin, format!("{}: postRenderers: {message}", owner.key))]
    })?;
    let scopes = scopes(&values);
    let mut seen: HashMap<ObjectKey, &str> = HashMap::new();
    let (mut foundations, mut resources) = (Vec::new(), Vec::new());
    if let Some((key, value)) = namespace_object(release) {
        let brings_it =
            values.iter().any(|value| value["kind"] == "Namespace" && value["metadata"]["name"] == *key.name);
        if !brings_it {
            foundations.push(Arc::new(Resource::new(key, owner.origin.clone(), value)));
        }
    }
    let left = objects.iter().zip(values).filter(|(_, value)| !value.is_null());
    for (&(part, path, _), mut value) in left {
        place(&mut value, release.target_namespace(), &scopes);
        common_metadata(&mut value, release);
        options(&mut value, release);
        let manifest = match Manifest::new(value, owner.origin.clone()) {
            Ok(manifest) => manifest,
            Err(error) => {
                errors.push(problem(owner, path, &error.to_string()));
                continue;
            }
        };
        let key = manifest.key();
        if let Some(first) = seen.insert(key.clone(), path) {
            errors.push(problem(owner, path, &format!("{key} is rendered twice, first by {first}")));
            continue;
        }
        let part = match part {
            Part::Foundation => &mut foundations,
            Part::Body => &mut resources,
        };
        part.push(Arc::new(Resource::new(key, owner.origin.clone(), manifest.into_value())));
    }
    if errors.is_empty() { Ok((foundations, resources)) } else { Err(errors) }
}

/// The objects of a revision, as its record has them. What cannot be read is left out: no
/// more was ever applied of it.
pub fn recorded(record: &Record) -> Vec<Arc<Resource>> {
    let name = record.release["name"].as_str().unwrap_or_default();
    let path: Arc<str> = Arc::from(format!("revision {} of release {name}", record.number));
    let documents = yaml::read_lenient(record.manifest()).unwrap_or_default();
    let manifests = documents.into_iter().flat_map(|document| Manifest::from_document(document, &path));
    let mut values: Vec<Value> = manifests.filter_map(|read| Some(read.ok()?.into_value())).collect();
    let scopes = scopes(&values);
    for value in &mut values {
        place(value, record.namespace(), &scopes);
        owned(value, name, record.namespace());
    }
    let manifests = values.into_iter().filter_map(|value| Manifest::new(value, Origin::file(&path)).ok());
    manifests.map(|manifest| Arc::new(Resource::from_manifest(manifest))).collect()
}

fn problem(owner: &Resource, path: &str, message: &str) -> Diagnostic {
    Diagnostic::error(&owner.origin, format!("{}: {path}: {message}", owner.key))
}

/// The scopes of the kinds that a chart defines itself.
fn scopes(values: &[Value]) -> HashMap<(String, String), Scope> {
    let definitions = values.iter().filter(|value| value["kind"] == "CustomResourceDefinition");
    definitions
        .filter_map(|value| {
            let group = value["spec"]["group"].as_str()?.to_owned();
            let kind = value.pointer("/spec/names/kind")?.as_str()?.to_owned();
            let scope = if value["spec"]["scope"] == "Cluster" { Scope::Cluster } else { Scope::Namespaced };
            Some(((group, kind), scope))
        })
        .collect()
}

/// Puts an object that names no namespace into the release's.
fn place(value: &mut Value, namespace: &str, scopes: &HashMap<(String, String), Scope>) {
    let gvk = GroupVersionKind::of(value);
    let is_cluster_wide = match schema::kind(&gvk) {
        Some(kind) => kind.scope == schema::Scope::Cluster,
        None => scopes.get(&(gvk.group.clone(), gvk.kind.clone())) == Some(&Scope::Cluster),
    };
    let named =
        value.pointer("/metadata/namespace").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if !is_cluster_wide && !named && value["metadata"].is_object() {
        value["metadata"]["namespace"] = json!(namespace);
    }
}

fn annotate(value: &mut Value, name: &str, text: &str) {
    set(value, "annotations", name, text);
}

fn label(value: &mut Value, name: &str, text: &str) {
    set(value, "labels", name, text);
}

/// Sets a text in a mapping of the metadata, which may be missing or null.
fn set(value: &mut Value, mapping: &str, name: &str, text: &str) {
    let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let mapping = metadata.entry(mapping).or_insert_with(|| json!({}));
    if mapping.is_null() {
        *mapping = json!({});
    }
    if let Some(mapping) = mapping.as_object_mut() {
        mapping.insert(name.to_owned(), text.into());
    }
}

/// What Helm and Flux say of whose object it is, by which `helm` knows it again.
fn owned(value: &mut Value, name: &str, namespace: &str) {
    label(value, "app.kubernetes.io/managed-by", "Helm");
    annotate(value, RELEASE_NAME, name);
    annotate(value, RELEASE_NAMESPACE, namespace);
}

fn common_metadata(value: &mut Value, release: &HelmRelease) {
    owned(value, &release.release_name(), release.target_namespace());
    if let Some(common) = &release.spec.common_metadata {
        for (name, text) in &common.labels {
            label(value, name, text);
        }
        for (name, text) in &common.annotations {
            annotate(value, name, text);
        }
    }
}

/// `helm.sh/resource-policy: keep` and what the release says of drift.
fn options(value: &mut Value, release: &HelmRelease) {
    let policy = value.pointer("/metadata/annotations/helm.sh~1resource-policy").and_then(Value::as_str);
    if policy.is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep")) {
        annotate(value, ApplyOptions::PRUNE, "disabled");
    }
    if release.spec.upgrade.force {
        annotate(value, ApplyOptions::RECREATE, "allowed");
    }
    let Some(drift) = &release.spec.drift_detection else { return };
    if drift.mode == DriftMode::Disabled {
        return;
    }
    let mut paths: Vec<&str> = Vec::new();
    for rule in &drift.ignore {
        if rule.target.as_ref().is_none_or(|target| post::selects(target, value)) {
            paths.extend(rule.paths.iter().map(String::as_str).filter(|path| path.starts_with('/')));
        }
    }
    if !paths.is_empty() {
        let text = paths.join(",");
        annotate(value, ApplyOptions::IGNORE_DIFFERENCES, &text);
    }
}
