//! What can be known to be wrong without asking a cluster.

use std::collections::BTreeSet;

use serde_json::Value;
use syncline_manifest::schema::{self, Shape};
use syncline_manifest::{Manifest, yaml};

use super::Fleet;
use super::diagnostic::Diagnostic;
use super::location::is_below;
use super::options::ApplyOptions;
use crate::api::{ClusterName, ReplicaScheduling, suggest};

/// Checks one resource: fields that its kind does not have, Secrets in the open.
pub(super) fn resource(manifest: &Manifest, text: &str, out: &mut Vec<Diagnostic>) {
    let gvk = manifest.gvk();
    if &*gvk.kind == "Secret" && gvk.group.is_empty() && holds_plain_secret(manifest.value()) {
        out.push(
            Diagnostic::warning(&manifest.origin, format!("{} is in Git in plain text", manifest.key()))
                .hint("whoever reads the repository reads it; keep it outside, or encrypt it"),
        );
    }
    for (annotation, complaint) in ApplyOptions::read(manifest.value()).1 {
        let mut origin = manifest.origin.clone();
        let pointer = format!("{}/metadata/annotations/{}", manifest.pointer, annotation.replace('/', "~1"));
        origin.position = yaml::locate(text, origin.document as usize, &pointer).unwrap_or(origin.position);
        out.push(
            Diagnostic::warning(&origin, format!("{annotation} {complaint}")).note("it counts as not given"),
        );
    }
    let Some(kind) = schema::kind(&gvk) else {
        let group_is_builtin = schema::kinds()
            .any(|(version, _)| version.split_once('/').map_or("", |(group, _)| group) == gvk.group);
        if group_is_builtin {
            let known =
                schema::kinds().filter(|(version, _)| *version == gvk.api_version()).map(|(_, kind)| kind);
            let warning = Diagnostic::warning(&manifest.origin, format!("Kubernetes has no {gvk}"));
            out.push(match suggest(&gvk.kind, known).or_else(|| version_of(&gvk.kind)) {
                Some(close) => warning.hint(format!("did you mean {close}?")),
                None => warning,
            });
        }
        return;
    };
    let mut unknown = Vec::new();
    unknown_fields(manifest.value(), kind.shape(), String::new(), &mut unknown);
    for (pointer, name, shape) in unknown {
        let mut origin = manifest.origin.clone();
        let place = yaml::locate(text, origin.document as usize, &format!("{}{pointer}", manifest.pointer));
        origin.position = place.unwrap_or(origin.position);
        let field = pointer.trim_start_matches('/').replace('/', ".");
        let warning =
            Diagnostic::warning(&origin, format!("{}: Kubernetes 1.36 has no field {field}", manifest.key()));
        out.push(match suggest(&name, shape.field_names()) {
            Some(close) => warning.hint(format!("did you mean {close}?")),
            None => warning,
        });
    }
}

/// The `apiVersion` under which a kind is known, when it was written under another.
fn version_of(kind: &str) -> Option<&'static str> {
    schema::kinds().find(|(_, known)| *known == kind).map(|(version, _)| version)
}

fn holds_plain_secret(value: &Value) -> bool {
    let has_entries =
        |field: &str| value.get(field).and_then(Value::as_object).is_some_and(|data| !data.is_empty());
    value.get("sops").is_none() && (has_entries("data") || has_entries("stringData"))
}

fn unknown_fields(value: &Value, shape: Shape, pointer: String, out: &mut Vec<(String, String, Shape)>) {
    match (value, shape) {
        (Value::Object(fields), Shape::Object(_)) => {
            for (name, value) in fields {
                let at = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                match shape.field(name) {
                    Some(field) => unknown_fields(value, field.shape, at, out),
                    None => out.push((at, name.clone(), shape)),
                }
            }
        }
        (Value::Object(entries), Shape::Map(_)) => {
            for (name, value) in entries {
                unknown_fields(value, shape.item(), format!("{pointer}/{name}"), out);
            }
        }
        (Value::Array(items), Shape::List(_)) => {
            for (index, item) in items.iter().enumerate() {
                unknown_fields(item, shape.item(), format!("{pointer}/{index}"), out);
            }
        }
        _ => {}
    }
}

/// Checks what one object says of another.
pub(super) fn cross_check(fleet: &mut Fleet) {
    let mut found = Vec::new();
    let names: BTreeSet<&ClusterName> = fleet.clusters.keys().collect();
    for policy in &fleet.policies {
        let placement = &policy.value.spec.placement;
        let affinity = placement.cluster_affinity.as_ref();
        let named =
            affinity.into_iter().flat_map(|affinity| affinity.cluster_names.iter().chain(&affinity.exclude));
        let weighted = match &placement.replica_scheduling {
            Some(ReplicaScheduling::Weighted { weights }) => weights.keys().collect(),
            _ => Vec::new(),
        };
        let missing: BTreeSet<_> = named.chain(weighted).filter(|name| !names.contains(name)).collect();
        for name in missing {
            let error = Diagnostic::error(
                &policy.origin,
                format!("policy {} names cluster {name}, which does not exist", policy.value.metadata.name),
            )
            .note("the policy works for the clusters that do");
            found.push(match suggest(name.as_str(), names.iter().map(|name| name.as_str())) {
                Some(close) => error.hint(format!("did you mean {close}?")),
                None => error.hint("a cluster is an object of kind Cluster, anywhere in the repository"),
            });
        }
    }
    for cluster in fleet.clusters.values() {
        if let Some(path) = &cluster.value.spec.path {
            let path = path.trim_start_matches("./").trim_matches('/');
            if !fleet.units.iter().any(|loaded| is_below(&loaded.unit.path, path)) {
                found.push(Diagnostic::warning(
                    &cluster.origin,
                    format!("nothing lies below the path {path:?}"),
                ));
            }
        }
    }
    for loaded in &fleet.units {
        for overlay in &loaded.unit.overlays {
            if !fleet.settings.hierarchy.iter().any(|label| **label == *overlay.label) {
                let origin = syncline_manifest::Origin::file(&format!(
                    "{}/overlays/{}={}",
                    loaded.unit.path, overlay.label, overlay.value
                ));
                found.push(
                    Diagnostic::error(&origin, format!("{:?} is not in the hierarchy", overlay.label))
                        .note("the overlay applies to no cluster")
                        .hint(format!("the hierarchy is: {}", fleet.settings.hierarchy.join(", "))),
                );
            }
        }
    }
    fleet.diagnostics.extend(found);
}
