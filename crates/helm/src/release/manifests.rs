//! What templates print, taken apart into manifests and put into order.

use serde_json::Value as Json;

use crate::chart::Content;

use super::error::RenderError;
use super::hooks::{Hook, Role, role};

/// One manifest of a release.
#[derive(Debug, Clone)]
pub struct RenderedManifest {
    /// The template that printed it.
    pub path: String,
    /// The text.
    pub text: String,
    /// What it says: null where the text is a comment only.
    pub document: Json,
}

impl RenderedManifest {
    /// The object's kind, empty where there is none.
    pub fn kind(&self) -> &str {
        self.document["kind"].as_str().unwrap_or_default()
    }
}

/// A file of crds/.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The file, with the path of its chart.
    pub path: String,
    /// The text, which may hold several documents.
    pub text: Content,
}

/// Kinds in the order in which they are installed; others come after all of them.
const ORDER: [&str; 36] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// Where a kind stands when a release is installed: unknown kinds last, by their names.
pub fn install_order(kind: &str) -> (usize, &str) {
    match ORDER.iter().position(|known| *known == kind) {
        Some(at) => (at, ""),
        None => (ORDER.len(), kind),
    }
}

/// The documents of a text, by Helm's rule: a line that begins with three dashes.
pub fn split(text: &str) -> Vec<&str> {
    let text = text.trim();
    let mut documents = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(found) = memchr::memmem::find(&bytes[at..], b"---").map(|found| found + at) {
        // `(?:^|\s*\n)---\s*`: a line break that belongs to the separator before is none of
        // this one.
        if found == 0 || found > start && bytes[found - 1] == b'\n' {
            let before = text[start..found].trim_end();
            let after = text[found + 3..].trim_start_matches([' ', '\t', '\n', '\u{c}', '\r']);
            documents.push(before);
            start = text.len() - after.len();
            at = start;
        } else {
            at = found + 1;
        }
    }
    documents.push(&text[start..]);
    documents.into_iter().map(str::trim).filter(|document| !document.is_empty()).collect()
}

/// What one template printed.
pub(super) enum Piece {
    /// An object.
    Manifest(RenderedManifest),
    /// A hook.
    Hook(Hook),
}

/// Reads what one template printed into manifests and hooks.
pub(super) fn collect(path: &str, text: &str) -> Result<Vec<Piece>, RenderError> {
    let mut pieces = Vec::new();
    for document_text in split(text) {
        let failed = |line: u32, message: String| RenderError::Yaml {
            path: path.to_owned(),
            line,
            message,
            text: document_text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default().to_owned(),
        };
        // A line break follows each in the manifest of a release: it belongs to a block scalar
        // at the end.
        let mut owned = String::with_capacity(document_text.len() + 1);
        owned.push_str(document_text);
        owned.push('\n');
        let documents = syncline_manifest::yaml::read_lenient(&owned)
            .map_err(|error| failed(error.position.line, error.message))?;
        owned.pop();
        let document = documents.into_iter().next().map_or(Json::Null, |document| document.value);
        if !matches!(document, Json::Object(_) | Json::Null) {
            return Err(failed(1, format!("is {}, not an object of Kubernetes", name_of(&document))));
        }
        let kind = document["kind"].as_str().unwrap_or_default().to_owned();
        match role(&document, &kind, path, document_text) {
            Role::Plain => {
                let manifest = RenderedManifest { path: path.to_owned(), text: owned, document };
                pieces.push(Piece::Manifest(manifest));
            }
            Role::Hook(hook) => pieces.push(Piece::Hook(*hook)),
            Role::UnknownHook => {}
        }
    }
    Ok(pieces)
}

fn name_of(value: &Json) -> &'static str {
    match value {
        Json::Array(_) => "a list",
        Json::String(_) => "text",
        Json::Number(_) => "a number",
        Json::Bool(_) => "a boolean",
        Json::Object(_) | Json::Null => "an object",
    }
}

/// Orders by kind; those of one kind stay as they were.
pub(super) fn order(manifests: &mut [RenderedManifest], hooks: &mut [Hook]) {
    manifests.sort_by(|a, b| install_order(a.kind()).cmp(&install_order(b.kind())));
    hooks.sort_by(|a, b| install_order(&a.kind).cmp(&install_order(&b.kind)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_split_where_helm_splits_them() {
        for (text, documents) in [
            ("a: 1\n---\nb: 2\n", vec!["a: 1", "b: 2"]),
            ("---\na: 1\n  \n---   \n\nb: 2", vec!["a: 1", "b: 2"]),
            ("a: |\n  x\n  ---\n  y", vec!["a: |\n  x\n  ---\n  y"]),
            ("a: 1\n--- # comment\nb: 2", vec!["a: 1", "# comment\nb: 2"]),
            ("\n---\n---\n", vec!["---"]),
            ("a: 1\n---\n---\nb: 2", vec!["a: 1", "---\nb: 2"]),
            ("a: x---y\n", vec!["a: x---y"]),
            ("a: 1\n---b: 2", vec!["a: 1", "b: 2"]),
        ] {
            assert_eq!(split(text), documents, "{text:?}");
        }
    }
}
