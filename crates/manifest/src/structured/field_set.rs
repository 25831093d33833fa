//! Sets of fields, as `fieldsV1` of managed fields spells them.

use std::cmp::Ordering;

use compact_str::{CompactString, format_compact};
use serde_json::{Map, Value};

/// One step on the way to a field, as FieldsV1 spells it: `f:<name>` a field,
/// `k:{"name":"a"}` a list item by its keys, `v:<value>` a list item by its value.
/// Sets hold thousands of them, most of them short.
pub type Step = CompactString;

/// The way from the root of an object to a field.
pub type Path = Vec<Step>;

/// A set of fields. Members and what is below them are told apart: owning a list
/// item is not owning what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// In the order of their steps, each once.
    entries: Vec<(Step, Entry)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    is_member: bool,
    below: FieldSet,
}

impl Entry {
    fn is_empty(&self) -> bool {
        !self.is_member && self.below.is_empty()
    }
}

/// The step to a field of a name.
pub fn field(name: &str) -> Step {
    format_compact!("f:{name}")
}

impl FieldSet {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a step is, or would be.
    fn find(&self, step: &str) -> Result<usize, usize> {
        // Most sets are made in order.
        match self.entries.last().map(|(last, _)| last.as_str().cmp(step)) {
            None => Err(0),
            Some(Ordering::Less) => Err(self.entries.len()),
            Some(Ordering::Equal) => Ok(self.entries.len() - 1),
            Some(Ordering::Greater) => self.entries.binary_search_by(|(known, _)| known.as_str().cmp(step)),
        }
    }

    fn get(&self, step: &str) -> Option<&Entry> {
        self.find(step).ok().map(|index| &self.entries[index].1)
    }

    fn entry(&mut self, step: &Step) -> &mut Entry {
        let index = match self.find(step) {
            Ok(index) => index,
            Err(index) => {
                self.entries.insert(index, (step.clone(), Entry::default()));
                index
            }
        };
        &mut self.entries[index].1
    }

    /// Adds a field. The root itself is never a member.
    pub fn insert(&mut self, path: &[Step]) {
        let Some((first, rest)) = path.split_first() else { return };
        let mut entry = self.entry(first);
        for step in rest {
            entry = entry.below.entry(step);
        }
        entry.is_member = true;
    }

    /// Whether a field is a member.
    pub fn has(&self, path: &[Step]) -> bool {
        let Some((last, above)) = path.split_last() else { return false };
        let mut set = self;
        for step in above {
            match set.get(step) {
                Some(entry) => set = &entry.below,
                None => return false,
            }
        }
        set.has_member(last)
    }

    /// Whether a step from here is a member.
    pub fn has_member(&self, step: &str) -> bool {
        self.get(step).is_some_and(|entry| entry.is_member)
    }

    /// What is below a step from here.
    pub fn below(&self, step: &str) -> Option<&FieldSet> {
        self.get(step).map(|entry| &entry.below).filter(|below| !below.is_empty())
    }

    /// What is in either.
    pub fn union(mut self, other: &FieldSet) -> FieldSet {
        self.add(other);
        self
    }

    fn add(&mut self, other: &FieldSet) {
        for (step, theirs) in &other.entries {
            match self.find(step) {
                Ok(index) => {
                    let entry = &mut self.entries[index].1;
                    entry.is_member |= theirs.is_member;
                    entry.below.add(&theirs.below);
                }
                Err(index) => self.entries.insert(index, (step.clone(), theirs.clone())),
            }
        }
    }

    /// What is in both.
    pub fn intersection(&self, other: &FieldSet) -> FieldSet {
        self.combined(other, |ours, theirs| {
            let theirs = theirs?;
            Some(Entry {
                is_member: ours.is_member && theirs.is_member,
                below: ours.below.intersection(&theirs.below),
            })
        })
    }

    /// What is in this and not in the other.
    pub fn difference(&self, other: &FieldSet) -> FieldSet {
        if other.is_empty() {
            return self.clone();
        }
        self.combined(other, |ours, theirs| {
            let Some(theirs) = theirs else { return Some(ours.clone()) };
            Some(Entry {
                is_member: ours.is_member && !theirs.is_member,
                below: ours.below.difference(&theirs.below),
            })
        })
    }

    /// What is neither a member of the other nor below one.
    pub fn outside(&self, other: &FieldSet) -> FieldSet {
        if other.is_empty() {
            return self.clone();
        }
        self.combined(other, |ours, theirs| match theirs {
            None => Some(ours.clone()),
            Some(theirs) if theirs.is_member => None,
            Some(theirs) => {
                Some(Entry { is_member: ours.is_member, below: ours.below.outside(&theirs.below) })
            }
        })
    }

    fn combined(&self, other: &FieldSet, each: impl Fn(&Entry, Option<&Entry>) -> Option<Entry>) -> FieldSet {
        let mut others = other.entries.iter().peekable();
        let entries = self
            .entries
            .iter()
            .filter_map(|(step, ours)| {
                // Both are in order.
                while others.next_if(|(theirs, _)| theirs < step).is_some() {}
                let theirs = others.next_if(|(theirs, _)| theirs == step);
                let entry = each(ours, theirs.map(|(_, entry)| entry))?;
                (!entry.is_empty()).then(|| (step.clone(), entry))
            })
            .collect();
        FieldSet { entries }
    }

    /// Makes every step that `is_named` accepts, and that has something below it, a
    /// member too. The predicate is given the steps above and the step.
    pub(super) fn with_named_members(
        &self,
        above: &mut Path,
        is_named: &impl Fn(&[Step], &str) -> bool,
    ) -> FieldSet {
        let mut entries = Vec::with_capacity(self.entries.len());
        for (step, entry) in &self.entries {
            let is_member = entry.is_member || (!entry.below.is_empty() && is_named(above, step));
            above.push(step.clone());
            let below = entry.below.with_named_members(above, is_named);
            above.pop();
            entries.push((step.clone(), Entry { is_member, below }));
        }
        FieldSet { entries }
    }

    /// All members, those of one level before what is below them.
    pub fn paths(&self) -> Vec<Path> {
        let mut found = Vec::new();
        self.collect(&mut Vec::new(), &mut found);
        found
    }

    fn collect(&self, above: &mut Path, found: &mut Vec<Path>) {
        for (step, entry) in &self.entries {
            if entry.is_member {
                let mut path = above.clone();
                path.push(step.clone());
                found.push(path);
            }
        }
        for (step, entry) in &self.entries {
            if !entry.below.is_empty() {
                above.push(step.clone());
                entry.below.collect(above, found);
                above.pop();
            }
        }
    }

    /// From FieldsV1; what is malformed is None.
    pub fn from_fields_v1(fields: &Value) -> Option<FieldSet> {
        let fields = fields.as_object()?;
        let mut set = FieldSet { entries: Vec::with_capacity(fields.len()) };
        for (step, below) in fields {
            if step == "." {
                continue;
            }
            let kind = step.get(..2)?;
            if !matches!(kind, "f:" | "k:" | "v:" | "i:") {
                return None;
            }
            let fields = below.as_object()?;
            let is_member = fields.is_empty() || fields.contains_key(".");
            let entry = Entry { is_member, below: FieldSet::from_fields_v1(below)? };
            // A mapping is in the order of its keys, as the set is.
            set.entries.push((step.as_str().into(), entry));
        }
        Some(set)
    }

    /// As FieldsV1.
    pub fn to_fields_v1(&self) -> Value {
        let mut fields = Map::new();
        for (step, entry) in &self.entries {
            let mut below = entry.below.to_fields_v1();
            if entry.is_member
                && !entry.below.is_empty()
                && let Some(below) = below.as_object_mut()
            {
                below.insert(".".into(), Value::Object(Map::new()));
            }
            fields.insert(step.to_string(), below);
        }
        Value::Object(fields)
    }
}

/// A path as messages of the API spell it: `.spec.containers[name="a"].image`.
pub fn spelled(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        let (kind, text) = step.split_at(2);
        match kind {
            "f:" => {
                out.push('.');
                out.push_str(text);
            }
            "k:" => {
                let keys: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
                let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                out.push_str(&format!("[{}]", keys.join(",")));
            }
            "v:" => out.push_str(&format!("[={text}]")),
            _ => out.push_str(&format!("[{text}]")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn set(fields: Value) -> FieldSet {
        FieldSet::from_fields_v1(&fields).unwrap()
    }

    #[test]
    fn fields_v1_is_read_and_written_and_paths_are_spelled_as_the_api_does() {
        let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}}, "f:spec": {
            "f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:args": {}}},
            "f:finalizers": {"v:\"x/y\"": {}}}});
        assert_eq!(set(fields.clone()).to_fields_v1(), fields);
        let spelled: Vec<String> = set(fields).paths().iter().map(|path| spelled(path)).collect();
        assert_eq!(
            spelled,
            [
                ".metadata.labels",
                ".metadata.labels.a",
                ".spec.containers[name=\"a\"]",
                ".spec.containers[name=\"a\"].args",
                ".spec.finalizers[=\"x/y\"]"
            ]
        );
        for malformed in [json!([]), json!({"a": {}}), json!({"f:a": 1}), json!({"é": {}})] {
            assert_eq!(FieldSet::from_fields_v1(&malformed), None, "{malformed}");
        }
    }

    #[test]
    fn owning_an_item_is_not_owning_what_it_holds() {
        let item = set(json!({"f:l": {"k:{}": {}}}));
        let both = set(json!({"f:l": {"k:{}": {".": {}, "f:a": {}}}}));
        let inside = set(json!({"f:l": {"k:{}": {"f:a": {}}}}));
        assert_eq!(both.difference(&item), inside);
        assert_eq!(both.intersection(&item), item);
        assert_eq!(item.clone().union(&inside), both);
        assert_eq!(both.outside(&item), FieldSet::default());
    }

    fn sets() -> impl Strategy<Value = FieldSet> {
        let path = prop::collection::vec(prop::sample::select(vec!["f:a", "f:b", "v:1"]), 1..4);
        prop::collection::vec(path, 0..6).prop_map(|paths| {
            let mut set = FieldSet::default();
            for path in paths {
                set.insert(&path.into_iter().map(Step::from).collect::<Vec<_>>());
            }
            set
        })
    }

    proptest! {
        #[test]
        fn sets_obey_the_laws_of_sets(a in sets(), b in sets()) {
            let union = a.clone().union(&b);
            let (common, only) = (a.intersection(&b), a.difference(&b));
            for path in union.paths() {
                prop_assert_eq!(union.has(&path), a.has(&path) || b.has(&path));
                prop_assert_eq!(common.has(&path), a.has(&path) && b.has(&path));
                prop_assert_eq!(only.has(&path), a.has(&path) && !b.has(&path));
            }
            prop_assert_eq!(common.union(&only), a.clone());
            prop_assert_eq!(FieldSet::from_fields_v1(&a.to_fields_v1()), Some(a));
        }
    }
}
