//! What differs between two versions of an object, by field.

use std::collections::BTreeMap;

use serde_json::Value;

use super::field_set::{FieldSet, Path, Step, field};
use super::merge::{entries, items};
use super::structure::{Form, Structure, step_of};

/// What differs between two versions of an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What only the new version has.
    pub added: FieldSet,
    /// What only the old version has.
    pub removed: FieldSet,
    /// Leaves that differ.
    pub modified: FieldSet,
}

impl Comparison {
    /// Whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.modified.is_empty()
    }

    /// Without some fields and all that is below them.
    pub fn outside(self, ignored: &FieldSet) -> Comparison {
        Comparison {
            added: self.added.outside(ignored),
            removed: self.removed.outside(ignored),
            modified: self.modified.outside(ignored),
        }
    }
}

/// Compares two versions of an object.
pub fn compare<S: Structure>(structure: S, old: &Value, new: &Value) -> Comparison {
    let mut walk = Walk { path: Vec::new(), out: Comparison::default() };
    walk.visit(structure, Some(old), Some(new));
    walk.out
}

struct Walk {
    path: Path,
    out: Comparison,
}

impl Walk {
    fn visit<S: Structure>(&mut self, structure: S, old: Option<&Value>, new: Option<&Value>) {
        if old == new {
            return;
        }
        let (before, after) = (old.map(|v| structure.form(v)), new.map(|v| structure.form(v)));
        let is_leaf = match (before, after) {
            (Some(before), Some(after)) if before != after => {
                // Of another kind altogether: what was inside is gone.
                self.descend(structure, before, old, None);
                self.descend(structure, after, None, new);
                true
            }
            (form, other) => {
                let form = form.or(other).unwrap_or(Form::Leaf);
                !self.descend(structure, form, old, new)
            }
        };
        match (old, new) {
            (None, _) => self.out.added.insert(&self.path),
            (_, None) => self.out.removed.insert(&self.path),
            _ if is_leaf => self.out.modified.insert(&self.path),
            _ => {}
        }
    }

    /// Compares what is inside; false for what is compared as a whole.
    fn descend<S: Structure>(
        &mut self,
        structure: S,
        form: Form,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> bool {
        match form {
            Form::Leaf => false,
            Form::Granular => {
                let (old, new) = (entries(old), entries(new));
                if old.is_none() && new.is_none() {
                    return false;
                }
                for (name, before) in old.into_iter().flatten() {
                    let after = new.and_then(|new| new.get(name));
                    self.child(structure, name, Some(before), after);
                }
                for (name, after) in new.into_iter().flatten() {
                    if old.is_none_or(|old| !old.contains_key(name)) {
                        self.child(structure, name, None, Some(after));
                    }
                }
                true
            }
            Form::Set | Form::Keyed => {
                let (old, new) = (items(old), items(new));
                if old.is_empty() && new.is_empty() {
                    return false;
                }
                self.lists(structure, form, old, new);
                true
            }
        }
    }

    fn child<S: Structure>(&mut self, structure: S, name: &str, old: Option<&Value>, new: Option<&Value>) {
        if old == new {
            return;
        }
        self.path.push(field(name));
        match structure.child(name) {
            Some(child) => self.visit(child, old, new),
            None => self.leaf(old, new),
        }
        self.path.pop();
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (None, _) => self.out.added.insert(&self.path),
            (_, None) => self.out.removed.insert(&self.path),
            _ => self.out.modified.insert(&self.path),
        }
    }

    fn lists<S: Structure>(&mut self, structure: S, form: Form, old: &[Value], new: &[Value]) {
        let mut by_step: BTreeMap<Step, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
        for item in old {
            if let Ok(step) = step_of(structure, form, item) {
                by_step.entry(step).or_default().0.push(item);
            }
        }
        for item in new {
            if let Ok(step) = step_of(structure, form, item) {
                by_step.entry(step).or_default().1.push(item);
            }
        }
        let item = structure.item();
        for (step, (old, new)) in by_step {
            self.path.push(step);
            match (old.as_slice(), new.as_slice()) {
                ([] | [_], [] | [_]) => self.visit(item, old.first().copied(), new.first().copied()),
                // Items that cannot be told apart are owned together.
                ([_, _, ..], [_, _, ..]) => {
                    if old != new {
                        self.out.modified.insert(&self.path);
                    }
                }
                ([_, _, ..], _) => {
                    if let Some(new) = new.first() {
                        self.visit(item, None, Some(new));
                    }
                    self.out.removed.insert(&self.path);
                }
                (_, [_, _, ..]) => {
                    if let Some(old) = old.first() {
                        self.visit(item, Some(old), None);
                    }
                    self.out.added.insert(&self.path);
                }
            }
            self.path.pop();
        }
    }
}
