//! Merging overlays into a base, in the order of the hierarchy.

use std::sync::Arc;

use serde_json::Value;
use syncline_manifest::merge::{Json6902Error, MergeError, json6902, strategic};
use syncline_manifest::schema::Shape;
use syncline_manifest::{GroupVersionKind, Manifest, ObjectKey, Origin};

use super::{Facts, Rendered, Replicas};
use crate::fleet::scale::replica_pointer;
use crate::fleet::{Diagnostic, OverlayPatch, PatchTarget, Resource, Unit, nearest};

/// An object while overlays are merged into it; parsed when the first one does.
struct Slot {
    resource: Arc<Resource>,
    changed: Option<Value>,
    overlays: Vec<Origin>,
    replicas: Replicas,
}

impl Slot {
    fn value(&mut self) -> &mut Value {
        self.changed.get_or_insert_with(|| self.resource.value())
    }

    fn finish(self) -> Rendered {
        let resource = match self.changed {
            Some(value) => Arc::new(self.resource.with_value(value)),
            None => self.resource,
        };
        Rendered { resource, overlays: self.overlays, replicas: self.replicas }
    }
}

pub(super) fn apply(unit: &Unit, facts: &Facts, errors: &mut Vec<Diagnostic>) -> Vec<Rendered> {
    let mut slots: Vec<Slot> = unit
        .resources
        .iter()
        .map(|resource| Slot {
            resource: Arc::clone(resource),
            changed: None,
            overlays: Vec::new(),
            replicas: Replicas::Shared,
        })
        .collect();
    for label in facts.hierarchy.iter() {
        let Some(value) = facts.label(label) else { continue };
        let matching =
            unit.overlays.iter().filter(|overlay| *overlay.label == **label && *overlay.value == *value);
        for patch in matching.flat_map(|overlay| &overlay.patches) {
            let outcome = match patch {
                OverlayPatch::Merge { origin, key, value } => {
                    merge(&mut slots, unit, label, origin, key, value)
                }
                OverlayPatch::Json6902 { origin, target, operations } => {
                    operate(&mut slots, unit, label, origin, target, operations)
                }
            };
            errors.extend(outcome.err());
        }
    }
    slots.into_iter().map(Slot::finish).collect()
}

fn merge(
    slots: &mut Vec<Slot>,
    unit: &Unit,
    label: &str,
    origin: &Origin,
    key: &ObjectKey,
    patch: &Value,
) -> Result<(), Diagnostic> {
    let Some(index) = find(slots, key, patch) else { return add(slots, unit, label, origin, key, patch) };
    let slot = &mut slots[index];
    let shape = Shape::of(&slot.resource.gvk());
    let mut patch = patch.clone();
    // The base's own spelling of its identity stays.
    if let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("namespace");
    }
    let base = slot.value().clone();
    let merged =
        strategic(base, &patch, shape).map_err(|error| merge_error(origin, &slot.resource.key, &error))?;
    match merged {
        None => {
            slots.remove(index);
        }
        Some(merged) => {
            slot.note_replicas(label, |pointer| patch.pointer(pointer).is_some());
            slot.changed = Some(merged);
            slot.overlays.push(origin.clone());
        }
    }
    Ok(())
}

impl Slot {
    /// An overlay of the cluster itself that speaks of replicas pins them.
    fn note_replicas(&mut self, label: &str, mentions: impl Fn(&str) -> bool) {
        let pointer = replica_pointer(&self.resource.key.group_kind);
        if label == "cluster" && pointer.is_some_and(mentions) {
            self.replicas = Replicas::Pinned;
        }
    }
}

/// The object an overlay means. One that names no namespace means the object of
/// that kind and name whatever its namespace, if there is only one.
fn find(slots: &[Slot], key: &ObjectKey, patch: &Value) -> Option<usize> {
    let exact = slots.iter().position(|slot| slot.resource.key == *key);
    let names_namespace = patch.pointer("/metadata/namespace").is_some();
    if exact.is_some() || names_namespace {
        return exact;
    }
    let mut same_name = slots.iter().enumerate().filter(|(_, slot)| {
        slot.resource.key.group_kind == key.group_kind && slot.resource.key.name == key.name
    });
    match (same_name.next(), same_name.next()) {
        (Some((index, _)), None) => Some(index),
        _ => None,
    }
}

/// An object that the base lacks is added, if it is whole.
fn add(
    slots: &mut Vec<Slot>,
    unit: &Unit,
    label: &str,
    origin: &Origin,
    key: &ObjectKey,
    value: &Value,
) -> Result<(), Diagnostic> {
    if !is_whole(value, &key.group_kind.kind) {
        let keys = slots.iter().map(|slot| &slot.resource.key);
        let error = Diagnostic::error(origin, "overlay matches no object")
            .note(format!("{key} is not in {}/base", unit.path));
        return Err(match nearest(key, keys) {
            Some(close) => error.hint(format!("did you mean {close}?")),
            None => error.hint("an overlay that adds an object must hold all of it"),
        });
    }
    let manifest = Manifest::new(value.clone(), origin.clone())
        .map_err(|error| Diagnostic::error(origin, error.to_string()))?;
    let mut slot = Slot {
        resource: Arc::new(Resource::from_manifest(manifest)),
        changed: None,
        overlays: Vec::new(),
        replicas: Replicas::Shared,
    };
    slot.note_replicas(label, |pointer| value.pointer(pointer).is_some());
    slots.push(slot);
    Ok(())
}

/// Whether a value can stand alone. What every server demands of the common kinds
/// is asked for; another kind is whole when it has more than its identity.
fn is_whole(value: &Value, kind: &str) -> bool {
    if value.get("$patch").is_some() {
        return false;
    }
    let needed: &[&str] = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => &["/spec/selector", "/spec/template"],
        "Job" => &["/spec/template"],
        "CronJob" => &["/spec/schedule", "/spec/jobTemplate"],
        "Pod" => &["/spec/containers"],
        "Service" | "Ingress" => &["/spec"],
        "ConfigMap" | "Secret" | "ServiceAccount" | "Namespace" => return true,
        _ => &[],
    };
    let fields = value.as_object().map_or(0, serde_json::Map::len);
    needed.iter().all(|pointer| value.pointer(pointer).is_some()) && (!needed.is_empty() || fields > 3)
}

fn merge_error(origin: &Origin, key: &ObjectKey, error: &MergeError) -> Diagnostic {
    let diagnostic = Diagnostic::error(origin, format!("{key}: {error}"));
    match error {
        MergeError::NoMergeKey { key, .. } => {
            diagnostic.hint(format!("give each item its {key}, or start the list with `- $patch: replace`"))
        }
        MergeError::UnknownDirective { .. } | MergeError::NotPlain { .. } => diagnostic,
    }
}

fn operate(
    slots: &mut [Slot],
    unit: &Unit,
    label: &str,
    origin: &Origin,
    target: &PatchTarget,
    operations: &Value,
) -> Result<(), Diagnostic> {
    let mut matched = false;
    for slot in slots.iter_mut() {
        if !target.matches(&slot.resource.key, &slot.resource.api_version) {
            continue;
        }
        matched = true;
        let key = slot.resource.key.clone();
        json6902(slot.value(), operations)
            .map_err(|error| operation_error(origin, &key, operations, &error))?;
        let mentions = |pointer: &str| {
            operations.as_array().into_iter().flatten().any(|operation| operation["path"] == pointer)
        };
        slot.note_replicas(label, mentions);
        slot.overlays.push(origin.clone());
        let identity = slot.value().clone();
        let renamed = Manifest::new(identity, origin.clone()).is_ok_and(|manifest| {
            GroupVersionKind::group_kind(&manifest.gvk()) != key.group_kind || *manifest.name() != *key.name
        });
        if renamed {
            return Err(Diagnostic::error(
                origin,
                format!("{key}: operations cannot change what an object is called"),
            ));
        }
    }
    if matched {
        return Ok(());
    }
    let error = Diagnostic::error(origin, "operations match no object")
        .note(format!("no {target} is in {}/base", unit.path));
    let wanted = ObjectKey::new(
        syncline_manifest::GroupKind::new("", target.kind.as_deref().unwrap_or_default()),
        Some(target.namespace.as_deref().unwrap_or("default")),
        target.name.as_deref().unwrap_or_default(),
    );
    Err(match nearest(&wanted, slots.iter().map(|slot| &slot.resource.key)) {
        Some(close) => error.hint(format!("did you mean {close}?")),
        None => error,
    })
}

fn operation_error(
    origin: &Origin,
    key: &ObjectKey,
    operations: &Value,
    error: &Json6902Error,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(origin, format!("{key}: {error}"));
    match error {
        Json6902Error::Operation { index, .. } => {
            diagnostic.note(format!("operation {index} is {}", operations[*index]))
        }
        Json6902Error::Malformed(_) => diagnostic,
    }
}
