//! Waves: the order that people give to the objects of an application.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use syncline_manifest::ObjectKey;

use super::{Index, Wanted};

impl Index {
    /// A wave may begin when all before it, in its application, are in sync and
    /// healthy.
    pub(super) fn is_gate_open(&self, key: &ObjectKey) -> bool {
        let Some(wanted) = self.wanted.get(key) else { return true };
        let application = &wanted.object.application;
        if !self.is_let_through(application, wanted.object.role) || !self.has_what_it_needs(application) {
            return false;
        }
        let Some(waves) = self.waves.get(&wanted.object.application) else { return true };
        waves
            .range(..wanted.object.resource.options.wave)
            .flat_map(|(_, keys)| keys)
            .all(|key| self.is_done(key))
    }
    pub(super) fn open_gates(&mut self, key: &ObjectKey) {
        if self.gated.is_empty() {
            return;
        }
        let Some(application) = self.wanted.get(key).map(|wanted| Arc::clone(&wanted.object.application))
        else {
            return;
        };
        if !self.waves.contains_key(&application) && !self.dependencies.is_needed(&application) {
            return;
        }
        self.reconsider_gated();
    }
}

/// The waves of every application that has more than one.
pub(super) fn of(wanted: &BTreeMap<ObjectKey, Wanted>) -> HashMap<Arc<str>, BTreeMap<i32, Vec<ObjectKey>>> {
    let mut used: HashMap<&Arc<str>, BTreeSet<i32>> = HashMap::new();
    for wanted in wanted.values() {
        used.entry(&wanted.object.application).or_default().insert(wanted.object.resource.options.wave);
    }
    let several: HashSet<Arc<str>> =
        used.into_iter().filter(|(_, waves)| waves.len() > 1).map(|(name, _)| Arc::clone(name)).collect();
    let mut out: HashMap<Arc<str>, BTreeMap<i32, Vec<ObjectKey>>> = HashMap::new();
    for (key, wanted) in wanted {
        if several.contains(&wanted.object.application) {
            let waves = out.entry(Arc::clone(&wanted.object.application)).or_default();
            waves.entry(wanted.object.resource.options.wave).or_default().push(key.clone());
        }
    }
    out
}
