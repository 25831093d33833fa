//! `syncline helm template --validate`: what is printed is applied to an embedded API server,
//! which lives in memory for as long as that takes. No cluster is asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use syncline_apiserver::{Account, Options, Server};
use syncline_helm::release::Rendered;
use syncline_manifest::schema::Scope;
use syncline_manifest::yaml::{self, Document};
use syncline_manifest::{Manifest, ObjectKey};

use super::super::Failure;
use crate::target::{Cluster, Discovery, ExecCredentials, Kubeconfigs, TargetError};

/// Who applies.
const MANAGER: &str = "helm";
/// How often is looked whether the kinds of definitions are there.
const LOOKS: u32 = 50;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What no API server would take.
    pub errors: Vec<String>,
    /// Objects of kinds that are known only where their definitions are installed.
    pub unknown: Vec<String>,
}

/// An object with the template that it comes from.
struct Piece {
    path: String,
    manifest: Manifest,
}

/// Validates what a chart renders to, its definitions first.
pub(super) fn validate(rendered: &Rendered, namespace: &str) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let mut pieces = Vec::new();
    let mut definitions = Vec::new();
    for definition in &rendered.definitions {
        definitions.push((&definition.path, definition.text.read().map_err(anyhow::Error::from)?.to_text()));
    }
    let hooks = rendered.hooks.iter().map(|hook| (&hook.path, hook.manifest.as_str().into()));
    for (path, text) in definitions.into_iter().chain(hooks) {
        match yaml::read_lenient(&text) {
            Ok(read) => read.into_iter().for_each(|it| add(&mut pieces, &mut findings, path, it.value)),
            Err(error) => findings.errors.push(format!("{path}: {error}")),
        }
    }
    for manifest in rendered.manifests.iter().filter(|manifest| !manifest.document.is_null()) {
        add(&mut pieces, &mut findings, &manifest.path, manifest.document.clone());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start(Options::default()).await?;
        let kubeconfig = server.kubeconfig(&Account::admin())?;
        let place = "the embedded API server".to_owned();
        let cluster = Kubeconfigs::connect_by(&kubeconfig, place, ExecCredentials::Forbidden).await?;
        let outcome = apply_all(&cluster, pieces, namespace, &mut findings).await;
        server.stop().await;
        outcome
    })?;
    Ok(findings)
}

fn add(pieces: &mut Vec<Piece>, findings: &mut Findings, path: &str, value: Value) {
    let document = Document { index: 0, position: yaml::Position::START, value };
    for manifest in Manifest::from_document(document, &Arc::from(path)) {
        match manifest {
            Ok(manifest) => pieces.push(Piece { path: path.to_owned(), manifest }),
            Err((_, error)) => findings.errors.push(format!("{path}: {error}")),
        }
    }
}

async fn apply_all(
    cluster: &Cluster,
    pieces: Vec<Piece>,
    namespace: &str,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let is_definition = |piece: &Piece| {
        piece.manifest.key().group_kind.is("apiextensions.k8s.io", "CustomResourceDefinition")
    };
    let (definitions, others): (Vec<Piece>, Vec<Piece>) = pieces.into_iter().partition(is_definition);
    let before = cluster.discover().await?;
    let mut defined = BTreeSet::new();
    for piece in &definitions {
        let names = piece.manifest.value().pointer("/spec/names/kind").and_then(Value::as_str);
        let group = piece.manifest.value().pointer("/spec/group").and_then(Value::as_str);
        if apply(cluster, &before, piece, namespace, findings).await?
            && let (Some(group), Some(kind)) = (group, names)
        {
            defined.insert(syncline_manifest::GroupKind::new(group, kind));
        }
    }
    let mut discovery = before;
    for _ in 0..LOOKS {
        if defined.iter().all(|kind| discovery.kind(kind).is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        discovery = cluster.discover().await?;
    }
    for piece in &others {
        apply(cluster, &discovery, piece, namespace, findings).await?;
    }
    Ok(())
}

/// Applies one object; gives whether it was taken.
async fn apply(
    cluster: &Cluster,
    discovery: &Discovery,
    piece: &Piece,
    namespace: &str,
    findings: &mut Findings,
) -> Result<bool, Failure> {
    let mut key = piece.manifest.key();
    let gvk = piece.manifest.gvk();
    let served = discovery.kind(&key.group_kind).filter(|kind| kind.versions.contains(&gvk.version));
    let Some(kind) = served else {
        findings.unknown.push(format!("{}: {key} ({})", piece.path, gvk.api_version()));
        return Ok(false);
    };
    if kind.scope == Scope::Namespaced {
        let place = key.namespace.clone().unwrap_or_else(|| namespace.into());
        cluster.ensure_namespace(&place, MANAGER).await?;
        key = ObjectKey::new(key.group_kind, Some(&place), &key.name);
    }
    let mut value = piece.manifest.value().clone();
    if let (Some(metadata), Some(namespace)) = (value["metadata"].as_object_mut(), &key.namespace) {
        metadata.insert("namespace".to_owned(), Value::from(&**namespace));
    }
    match cluster.apply(&key, &gvk.version, kind, MANAGER, value.to_string().into_bytes()).await {
        Ok(_) => Ok(true),
        Err(error @ TargetError::Unreachable(_)) => Err(error.into()),
        Err(error) => {
            findings.errors.push(format!("{}: {key}: {error}", piece.path));
            Ok(false)
        }
    }
}
