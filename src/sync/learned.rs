//! What targets have said of themselves: the way back from them to rendering.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use syncline_helm::release::Capabilities;
use tokio::sync::Notify;

use crate::api::ClusterName;
use crate::render::{Abilities, ClusterAbilities};

/// What is known of the targets, and word of news.
#[derive(Debug, Default)]
pub struct Learned {
    known: Mutex<BTreeMap<ClusterName, Arc<ClusterAbilities>>>,
    /// Told when something new was learned.
    pub news: Notify,
}

impl Learned {
    /// Takes in what a target says of itself.
    pub fn learn(&self, target: &ClusterName, capabilities: Capabilities) {
        let learned = Arc::new(ClusterAbilities::new(capabilities));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(target).is_none_or(|before| before.digest != learned.digest) {
            known.insert(target.clone(), learned);
            self.news.notify_one();
        }
    }

    /// All that is known.
    pub fn abilities(&self) -> Abilities {
        Abilities::Learned(self.known.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
