//! What was rendered before, by everything it depends on.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Facts, Rendered, render};
use crate::fleet::{Diagnostic, Digest, Unit};
use crate::git::EntryId;

type Outcome = Result<Arc<[Rendered]>, Arc<[Diagnostic]>>;
type Key = (Arc<str>, EntryId, Digest);

/// Renderings of the last two commits.
#[derive(Debug, Default)]
pub struct RenderCache {
    current: HashMap<Key, Outcome>,
    last: HashMap<Key, Outcome>,
}

impl RenderCache {
    /// Renders a unit for a cluster, or finds it rendered.
    ///
    /// # Errors
    /// As [`render`].
    pub fn render(&mut self, unit: &Unit, facts: &Facts) -> Outcome {
        let key = (Arc::clone(&unit.path), unit.id, facts.digest);
        if let Some(known) = self.current.get(&key) {
            return known.clone();
        }
        let outcome = match self.last.remove(&key) {
            Some(known) => known,
            None => render(unit, facts).map(Arc::from).map_err(Arc::from),
        };
        self.current.insert(key, outcome.clone());
        outcome
    }

    /// Forgets what was not used since the last call.
    pub fn finish_round(&mut self) {
        self.last = std::mem::take(&mut self.current);
    }
}
