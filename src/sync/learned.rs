//! What targets have said of themselves: the way back from them to rendering.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use syncline_helm::release::Capabilities;
use tokio::sync::Notify;

use crate::api::ClusterName;
use crate::fleet::Digest;
use crate::place::Desired;
use crate::render::release::{Answers, InForce, Refused, ReleaseId, Standing, ValuesData, ValuesSource};
use crate::render::{Abilities, ClusterAbilities, Standings};

/// What is known of the targets, and word of news.
#[derive(Debug, Default)]
pub struct Learned {
    known: Mutex<BTreeMap<ClusterName, Arc<ClusterAbilities>>>,
    standings: Mutex<Standings>,
    /// Told when something new was learned.
    pub news: Notify,
}

impl Learned {
    /// Takes in what a target says of itself.
    pub fn learn(&self, target: &ClusterName, capabilities: Capabilities) {
        let mut learned = ClusterAbilities::new(capabilities);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.get(target);
        if before.is_none_or(|before| before.digest != learned.digest) {
            learned.values = before.map(|before| before.values.clone()).unwrap_or_default();
            known.insert(target.clone(), Arc::new(learned));
            self.news.notify_one();
        }
    }

    /// Takes in what a target has of objects from which releases take values; tells whether
    /// that is news.
    pub fn read_values(&self, target: &ClusterName, source: ValuesSource, data: ValuesData) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = known.get(target) else { return false };
        if before.values.get(&source) == Some(&data) {
            return false;
        }
        let mut learned = (**before).clone();
        learned.values.insert(source, data);
        known.insert(target.clone(), Arc::new(learned));
        self.news.notify_one();
        true
    }

    /// Takes in what a target answered to the lookups of a rendering.
    pub fn answer(&self, target: &ClusterName, rendering: Digest, answers: Answers) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = known.get(target) else { return };
        let mut learned = (**before).clone();
        // A chart may look up one thing because of another: answers add up.
        Arc::make_mut(learned.answers.entry(rendering).or_default()).extend(answers);
        known.insert(target.clone(), Arc::new(learned));
        self.news.notify_one();
    }

    /// Forgets what nothing asks for any more: the answers to what is rendered by now, and
    /// values that no release takes. There are Secrets among both.
    pub fn keep_asked(&self, desired: &Desired) {
        let target = &desired.target;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = known.get(target) else { return };
        let waits = |rendering: &Digest| desired.lookups.contains_key(rendering);
        let gives = |source: &ValuesSource| desired.values_from.contains_key(source);
        if before.answers.keys().all(waits) && before.values.keys().all(gives) {
            return;
        }
        let mut learned = (**before).clone();
        learned.answers.retain(|rendering, _| waits(rendering));
        learned.values.retain(|source, _| gives(source));
        known.insert(target.clone(), Arc::new(learned));
    }

    fn standings(&self) -> std::sync::MutexGuard<'_, Standings> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in where all releases of a target stand. Comes before its capabilities are
    /// learned, which is word enough.
    pub fn stand(&self, target: &ClusterName, standings: HashMap<ReleaseId, Standing>) {
        self.standings().insert(target.clone(), standings);
    }

    /// Takes in what was written of a release. What is rendered stays as it is.
    pub fn stands(&self, target: &ClusterName, id: &ReleaseId, standing: Standing) {
        let mut standings = self.standings();
        let known = standings.entry(target.clone()).or_default().entry(id.clone()).or_default();
        *known = Standing { refused: known.refused.take(), ..standing };
    }

    /// Takes in that a version of a release is not applied for now, or is again.
    pub fn refuse(&self, target: &ClusterName, id: &ReleaseId, refused: Option<Refused>) {
        self.standings().entry(target.clone()).or_default().entry(id.clone()).or_default().refused = refused;
        self.news.notify_one();
    }

    /// Takes in what is in force of a release that cannot be rendered.
    pub fn keep_good(&self, target: &ClusterName, id: &ReleaseId, last_good: Arc<InForce>) {
        let mut standings = self.standings();
        standings.entry(target.clone()).or_default().entry(id.clone()).or_default().last_good =
            Some(last_good);
        drop(standings);
        self.news.notify_one();
    }

    /// Takes in that what has failed of a release may come again.
    pub fn forgive(&self, target: &ClusterName, id: &ReleaseId) {
        if let Some(standing) = self.standings().get_mut(target).and_then(|known| known.get_mut(id)) {
            standing.refused = None;
        }
    }

    /// All that is known.
    pub fn abilities(&self) -> Abilities {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Abilities::Learned(known, self.standings().clone())
    }
}
