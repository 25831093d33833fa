//! What was loaded before, by the id of its content: a new commit costs as much
//! work as it changed.

use std::sync::Arc;

use super::charts::load::{LoadedChart, NoChart, load as load_chart};
use super::diagnostic::Diagnostic;
use super::generations::Generations;
use super::location::Location;
use super::unit::{self, Unit};
use crate::git::{Entry, EntryId, GitError, Snapshot};

type LoadedUnit = Result<Arc<Unit>, Arc<[Diagnostic]>>;

/// Folders and units read for the last commits. What a round does not use is
/// forgotten at its end.
#[derive(Debug, Default)]
pub struct LoadCache {
    folders: Generations<EntryId, Arc<[Entry]>>,
    units: Generations<(Arc<str>, EntryId), LoadedUnit>,
    charts: Generations<(Arc<str>, EntryId), Result<LoadedChart, NoChart>>,
}

impl LoadCache {
    /// What lies in a folder.
    pub(super) fn list(&mut self, snapshot: &Snapshot, folder: EntryId) -> Result<Arc<[Entry]>, GitError> {
        if let Some(entries) = self.folders.get(&folder) {
            return Ok(entries);
        }
        let entries = snapshot.list(folder)?;
        self.folders.insert(folder, Arc::clone(&entries));
        Ok(entries)
    }

    /// The unit at a location, or why it does not load.
    pub(super) fn unit(&mut self, snapshot: &Snapshot, location: &Location) -> Result<LoadedUnit, GitError> {
        let key = (Arc::clone(&location.path), location.id);
        if let Some(known) = self.units.get(&key) {
            return Ok(known);
        }
        let loaded = unit::load(snapshot, location)?.map(Arc::new).map_err(Arc::from);
        self.units.insert(key, loaded.clone());
        Ok(loaded)
    }

    /// The chart at an entry, or why there is none.
    pub(super) fn chart(
        &mut self,
        snapshot: &Snapshot,
        path: &str,
        entry: &Entry,
    ) -> Result<Result<LoadedChart, NoChart>, GitError> {
        // What is wrong with a chart is told with its path, so that counts too.
        let key = (Arc::from(path), entry.id);
        if let Some(known) = self.charts.get(&key) {
            return Ok(known);
        }
        let loaded = load_chart(snapshot, path, entry)?;
        self.charts.insert(key, loaded.clone());
        Ok(loaded)
    }

    /// An earlier version of a unit, if that version loads.
    pub(crate) fn earlier_unit(
        &mut self,
        snapshot: &Snapshot,
        unit: &Unit,
        id: EntryId,
    ) -> Result<Option<Arc<Unit>>, GitError> {
        Ok(self.unit(snapshot, &unit.location(id))?.ok())
    }

    /// Forgets what was not used since the last call.
    pub(super) fn finish_round(&mut self) {
        self.folders.finish_round();
        self.units.finish_round();
        self.charts.finish_round();
    }
}
