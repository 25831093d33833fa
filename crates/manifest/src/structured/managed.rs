//! `metadata.managedFields`: who owns what, after updates and applies.
//!
//! The rules are those of the API server: fields that a write changes become the
//! writer's and nobody else's; fields that an apply names are the applier's, shared
//! with whoever names the same value; what an applier no longer names and nobody
//! else owns is removed.

use std::cmp::Ordering;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::compare::compare;
use super::field_set::{FieldSet, Path, spelled};
use super::fields::{fields, without};
use super::merge::merge;
use super::structure::Structure;

/// How a manager came to own its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

/// What one manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedEntry {
    /// Its name.
    pub manager: String,
    /// How it came to own the fields.
    pub operation: Operation,
    /// The version of the schema that the fields are of.
    pub api_version: String,
    /// The subresource it wrote through, if any.
    pub subresource: String,
    /// When the fields changed last, in RFC 3339.
    pub time: Option<String>,
    /// The fields.
    pub fields: FieldSet,
    /// Which of the object's entries spells these fields already, so that they need
    /// not be spelled again.
    spelled_by: Option<usize>,
}

/// How many managers of updates are told apart.
const MAX_UPDATERS: usize = 10;
/// Who the oldest of them become.
const ANCIENT: &str = "ancient-changes";
/// Who owns what was there before the first apply.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";
/// What kubectl keeps of client-side applies.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl ManagedEntry {
    fn is_same_manager(&self, other: &ManagedEntry) -> bool {
        self.manager == other.manager
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    fn decode(index: usize, entry: &Value) -> Option<ManagedEntry> {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let operation = match entry["operation"].as_str()? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        if entry["fieldsType"] != "FieldsV1" || text("apiVersion").is_empty() {
            return None;
        }
        let fields = match &entry["fieldsV1"] {
            Value::Null => FieldSet::default(),
            fields => FieldSet::from_fields_v1(fields)?,
        };
        Some(ManagedEntry {
            manager: text("manager"),
            operation,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: entry["time"].as_str().map(str::to_owned),
            fields,
            spelled_by: Some(index),
        })
    }

    /// Takes fields away.
    fn lose(&mut self, gone: [&FieldSet; 2]) {
        let left = self.fields.difference(gone[0]).difference(gone[1]);
        if left != self.fields {
            self.fields = left;
            self.spelled_by = None;
        }
    }

    /// As the object tells it; `before` are the entries that it had.
    fn encode(&self, before: &mut [Value]) -> Value {
        if let Some(mut entry) = self.spelled_by.and_then(|index| before.get_mut(index)).map(Value::take) {
            match &self.time {
                Some(time) if entry["time"] == time.as_str() => {}
                Some(time) => entry["time"] = time.as_str().into(),
                None => {
                    if let Some(fields) = entry.as_object_mut() {
                        fields.remove("time");
                    }
                }
            }
            return entry;
        }
        let operation = match self.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        let mut entry = json!({
            "manager": self.manager,
            "operation": operation,
            "apiVersion": self.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.to_fields_v1(),
        });
        if let Some(time) = &self.time {
            entry["time"] = Value::from(time.as_str());
        }
        if !self.subresource.is_empty() {
            entry["subresource"] = Value::from(self.subresource.as_str());
        }
        entry
    }

    fn order(&self, other: &ManagedEntry) -> Ordering {
        let key = |entry: &ManagedEntry| {
            (
                entry.operation,
                entry.time.clone().unwrap_or_default(),
                entry.manager.clone(),
                entry.api_version.clone(),
                entry.subresource.clone(),
            )
        };
        key(self).cmp(&key(other))
    }
}

/// The managed fields of an object; None where they are malformed.
pub fn decode(object: &Value) -> Option<Vec<ManagedEntry>> {
    match object.pointer("/metadata/managedFields") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(entries) => entries
            .as_array()?
            .iter()
            .enumerate()
            .map(|(at, entry)| ManagedEntry::decode(at, entry))
            .collect(),
    }
}

/// Gives an object its entries; `before` are those that they were read from.
fn encode(object: &mut Value, mut entries: Vec<ManagedEntry>, mut before: Vec<Value>) {
    entries.sort_by(ManagedEntry::order);
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if !entries.is_empty() {
        let entries: Vec<Value> = entries.iter().map(|entry| entry.encode(&mut before)).collect();
        metadata.insert("managedFields".into(), entries.into());
    }
}

/// Takes the entries of an object away.
fn take_managed_fields(object: &mut Value) -> Vec<Value> {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    match metadata.and_then(|metadata| metadata.remove("managedFields")) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    }
}

/// Who writes, how, and into what.
#[derive(Debug, Clone)]
pub struct Write<'w, S> {
    /// The name of the field manager.
    pub manager: &'w str,
    /// The version that is written.
    pub api_version: &'w str,
    /// The subresource that is written through; empty for the object itself.
    pub subresource: &'w str,
    /// When, in RFC 3339 to the second.
    pub now: &'w str,
    /// The structure of the object.
    pub structure: S,
    /// Fields that this endpoint does not write, whatever is sent.
    pub ignored: &'w FieldSet,
}

/// A field that somebody else owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Who owns it, as the API's messages name it.
    pub manager: String,
    /// The field.
    pub path: Path,
}

/// Fields that others own and an apply would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflicts(pub Vec<Conflict>);

impl std::fmt::Display for Conflicts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let [only] = self.0.as_slice() {
            let path = spelled(&only.path);
            return write!(f, "Apply failed with 1 conflict: conflict with {}: {path}", only.manager);
        }
        write!(f, "Apply failed with {} conflicts: ", self.0.len())?;
        let mut managers: Vec<&str> = self.0.iter().map(|conflict| conflict.manager.as_str()).collect();
        managers.sort_unstable();
        managers.dedup();
        for (index, manager) in managers.iter().enumerate() {
            let newline = if index > 0 { "\n" } else { "" };
            write!(f, "{newline}conflicts with {manager}:")?;
            for conflict in self.0.iter().filter(|conflict| conflict.manager == *manager) {
                write!(f, "\n- {}", spelled(&conflict.path))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Conflicts {}

/// The fields that tell who owns what.
fn bookkeeping() -> &'static FieldSet {
    static BOOKKEEPING: OnceLock<FieldSet> = OnceLock::new();
    BOOKKEEPING.get_or_init(|| {
        let fields = json!({"f:metadata": {"f:managedFields": {}}});
        FieldSet::from_fields_v1(&fields).unwrap_or_default()
    })
}

/// Fields that are nobody's.
fn identity() -> &'static FieldSet {
    static IDENTITY: OnceLock<FieldSet> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let nothing = || json!({});
        let mut metadata = Map::from_iter([(".".to_owned(), nothing())]);
        for field in [
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "generation",
            "managedFields",
            "resourceVersion",
        ] {
            metadata.insert(format!("f:{field}"), nothing());
        }
        let all = json!({"f:apiVersion": {}, "f:kind": {}, "f:metadata": metadata});
        FieldSet::from_fields_v1(&all).unwrap_or_default()
    })
}

impl<S: Structure> Write<'_, S> {
    fn entry(&self, operation: Operation, fields: FieldSet) -> ManagedEntry {
        let manager = if self.manager.is_empty() { "unknown" } else { self.manager };
        ManagedEntry {
            manager: manager.to_owned(),
            operation,
            api_version: self.api_version.to_owned(),
            subresource: self.subresource.to_owned(),
            time: None,
            fields,
            spelled_by: None,
        }
    }

    /// Records who owns what after a write that is no apply: `new` becomes what is
    /// stored. For a creation `live` is the empty object.
    pub fn update(&self, live: &Value, new: &mut Value) {
        let is_subresource = !self.subresource.is_empty();
        let sent = new.pointer("/metadata/managedFields").and_then(Value::as_array);
        let is_reset = sent.is_some_and(|sent| {
            sent.is_empty()
                || matches!(sent.as_slice(), [only] if only.as_object().is_some_and(Map::is_empty))
        });
        // Entries that are the server's own need not be spelled again; what a client
        // spells is not kept as it is.
        let is_known = sent.is_some_and(|sent| {
            live.pointer("/metadata/managedFields").and_then(Value::as_array) == Some(sent)
        });
        let entries = if is_reset && !is_subresource {
            Vec::new()
        } else {
            let own = if is_subresource { None } else { decode(new).filter(|entries| !entries.is_empty()) };
            own.or_else(|| decode(live)).unwrap_or_default()
        };
        let is_creation = live.pointer("/metadata/uid").and_then(Value::as_str).is_none_or(str::is_empty);
        if entries.is_empty() && !is_creation {
            take_managed_fields(new);
            return;
        }
        let mut entries = self.updated(live, new, entries);
        let sent = take_managed_fields(new);
        let before = if is_known { sent } else { Vec::new() };
        cap(&mut entries);
        encode(new, entries, before);
    }

    fn updated(&self, live: &Value, new: &Value, mut entries: Vec<ManagedEntry>) -> Vec<ManagedEntry> {
        let is_unmanaged = |object: &Value| object["metadata"]["managedFields"].is_null();
        let mut comparison = compare(self.structure, live, new).outside(self.ignored);
        if !is_unmanaged(live) || !is_unmanaged(new) {
            // Who owns what is nobody's.
            comparison = comparison.outside(bookkeeping());
        }
        if comparison.is_same() {
            return entries;
        }
        let changed = comparison.added.union(&comparison.modified);
        for entry in &mut entries {
            entry.lose([&changed, &comparison.removed]);
        }
        let own = changed.difference(identity());
        if !own.is_empty() {
            let mut entry = self.entry(Operation::Update, own);
            entry.time = Some(self.now.to_owned());
            match entries.iter_mut().find(|other| other.is_same_manager(&entry)) {
                Some(previous) => {
                    previous.fields = std::mem::take(&mut previous.fields).union(&entry.fields);
                    previous.time = entry.time;
                    previous.spelled_by = None;
                }
                None => entries.push(entry),
            }
        }
        entries.retain(|entry| !entry.fields.is_empty());
        entries
    }

    /// Joins what is applied into `live` and records who owns what. For a creation
    /// `live` is the empty object.
    ///
    /// # Errors
    /// The fields that others own, unless forced.
    pub fn apply(&self, live: &Value, applied: &Value, force: bool) -> Result<Value, Conflicts> {
        let managed = decode(live).unwrap_or_default();
        let again = (self.manager == "kubectl").then(|| managed.clone());
        let outcome = self.try_apply(live, applied, managed, force);
        let mut object = match (outcome, again) {
            (Err(conflicts), Some(managed)) => {
                let Some(allowed) = self.last_applied(live) else { return Err(conflicts) };
                let left: Vec<Conflict> =
                    conflicts.0.into_iter().filter(|conflict| !allowed.has(&conflict.path)).collect();
                if !left.is_empty() {
                    return Err(Conflicts(left));
                }
                self.try_apply(live, applied, managed, true)?
            }
            (outcome, _) => outcome?,
        };
        self.renew_last_applied(&mut object, applied);
        Ok(object)
    }

    fn try_apply(
        &self,
        live: &Value,
        applied: &Value,
        mut entries: Vec<ManagedEntry>,
        force: bool,
    ) -> Result<Value, Conflicts> {
        let is_creation = live.pointer("/metadata/uid").and_then(Value::as_str).is_none_or(str::is_empty);
        if entries.is_empty() && !is_creation {
            let first = Write { manager: BEFORE_FIRST_APPLY, ..self.clone() };
            let nothing = json!({"metadata": {}});
            entries = first.updated(&nothing, live, entries);
        }
        let own_entry = self.entry(Operation::Apply, FieldSet::default());
        let position = entries.iter().position(|entry| entry.is_same_manager(&own_entry));
        let last = position.map(|position| entries.remove(position));

        let own = fields(self.structure, applied).outside(self.ignored);
        let mut object = merge(self.structure, Some(live), Some(applied)).unwrap_or_else(|| json!({}));
        if let Some(last) = &last
            && !last.fields.difference(&own).is_empty()
        {
            let others = entries.iter().fold(own.clone(), |all, entry| all.union(&entry.fields));
            object = self.pruned(object, &last.fields, &others);
        }

        let comparison = compare(self.structure, live, &object).outside(self.ignored);
        let is_same = *live == object;
        let changed = comparison.added.union(&comparison.modified);
        let conflicts: Vec<Conflict> = entries
            .iter()
            .flat_map(|entry| {
                let manager = printed(entry);
                let paths = entry.fields.intersection(&changed).paths();
                paths.into_iter().map(move |path| Conflict { manager: manager.clone(), path })
            })
            .collect();
        if !force && !conflicts.is_empty() {
            return Err(Conflicts(conflicts));
        }
        for entry in &mut entries {
            entry.lose([&changed, &comparison.removed]);
        }
        let mut entry = own_entry;
        entry.fields = own.difference(identity());
        // The same fields of the same version are spelled the same.
        entry.spelled_by = last
            .as_ref()
            .filter(|last| last.fields == entry.fields && last.api_version == entry.api_version)
            .and_then(|last| last.spelled_by);
        entry.time = if is_same { last.and_then(|last| last.time) } else { Some(self.now.to_owned()) };
        entries.push(entry);
        entries.retain(|entry| !entry.fields.is_empty());
        // The object is joined from what lives, entries and all.
        let before = take_managed_fields(&mut object);
        encode(&mut object, entries, before);
        Ok(object)
    }

    /// Without what the manager applied last time, unless somebody (or the manager
    /// itself, now) owns it.
    fn pruned(&self, merged: Value, last: &FieldSet, owned: &FieldSet) -> Value {
        if last.difference(owned).is_empty() {
            return merged;
        }
        let structure = self.structure;
        let named = |set: &FieldSet| {
            set.with_named_members(&mut Vec::new(), &|above, step| {
                step.strip_prefix("f:").is_some_and(|name| {
                    structure_at(structure, above).is_some_and(|structure| structure.names(name))
                })
            })
        };
        let all = |value: &Value| named(&fields(structure, value));
        let less =
            |value: &Value, gone: &FieldSet| without(structure, value, gone).unwrap_or_else(|| json!({}));
        let last = named(last);
        let merged_fields = all(&merged);
        let pruned = less(&merged, &last);
        // What others own comes back ...
        let pruned = less(&merged, &merged_fields.difference(&all(&pruned).union(&named(owned))));
        // ... and so does what was inside of it and was not this manager's.
        less(&merged, &merged_fields.difference(&all(&pruned)).intersection(&last))
    }

    /// The fields that client-side apply set and nobody changed since.
    fn last_applied(&self, live: &Value) -> Option<FieldSet> {
        let text = live.pointer("/metadata/annotations")?.get(LAST_APPLIED)?.as_str()?;
        let last: Value = serde_json::from_str(text).ok()?;
        if last["apiVersion"] != self.api_version {
            return None;
        }
        let comparison = compare(self.structure, &last, live);
        let fields = fields(self.structure, &last);
        Some(
            fields
                .difference(&comparison.modified)
                .difference(&comparison.added)
                .difference(&comparison.removed),
        )
    }

    /// kubectl's own annotation follows its server-side applies.
    fn renew_last_applied(&self, object: &mut Value, applied: &Value) {
        if self.manager != "kubectl" {
            return;
        }
        let Some(annotation) = object
            .pointer_mut("/metadata/annotations")
            .and_then(|annotations| annotations.get_mut(LAST_APPLIED))
        else {
            return;
        };
        let mut applied = applied.clone();
        if let Some(metadata) = applied.get_mut("metadata").and_then(Value::as_object_mut)
            && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
        {
            annotations.remove(LAST_APPLIED);
        }
        *annotation = Value::from(format!("{applied}\n"));
    }
}

fn structure_at<S: Structure>(structure: S, path: &[super::Step]) -> Option<S> {
    path.iter().try_fold(structure, |structure, step| match step.split_at(2) {
        ("f:", name) => structure.child(name),
        _ => Some(structure.item()),
    })
}

/// A manager as conflicts name it.
fn printed(entry: &ManagedEntry) -> String {
    let mut out = format!("{:?}", entry.manager);
    if !entry.subresource.is_empty() {
        out.push_str(&format!(" with subresource {:?}", entry.subresource));
    }
    if entry.operation == Operation::Update {
        out.push_str(&format!(" using {}", entry.api_version));
    }
    out
}

/// Joins the oldest managers of updates, so that there are not ever more.
fn cap(entries: &mut Vec<ManagedEntry>) {
    let mut surplus = entries
        .iter()
        .filter(|entry| entry.operation == Operation::Update)
        .count()
        .saturating_sub(MAX_UPDATERS);
    if surplus == 0 {
        return;
    }
    entries.sort_by(ManagedEntry::order);
    let mut kept: Vec<ManagedEntry> = Vec::with_capacity(entries.len());
    // Where the oldest update of each version is among those that are kept.
    let mut oldest: Vec<usize> = Vec::new();
    for entry in entries.drain(..) {
        if entry.operation == Operation::Apply || surplus == 0 {
            kept.push(entry);
            continue;
        }
        match oldest.iter().find(|index| kept[**index].api_version == entry.api_version) {
            Some(index) => {
                let bucket = &mut kept[*index];
                bucket.manager = ANCIENT.into();
                bucket.subresource = String::new();
                bucket.fields = std::mem::take(&mut bucket.fields).union(&entry.fields);
                bucket.time = entry.time;
                bucket.spelled_by = None;
                surplus -= 1;
            }
            None => {
                oldest.push(kept.len());
                kept.push(entry);
            }
        }
    }
    *entries = kept;
}
