//! Reads the ConfigMaps and Secrets of a target from which releases take values, and reads
//! them again from time to time: when they change, so do the releases.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use crate::render::release::{ValuesData, ValuesSource};
use crate::target::{Cluster, Discovery, TargetError};

/// At most this long until what was missing is looked for again: a release waits for it.
const MISSING: Duration = Duration::from_secs(15);

/// When each object is read.
#[derive(Debug, Default)]
pub(super) struct Readings(HashMap<ValuesSource, Reading>);

#[derive(Debug, Default)]
struct Reading {
    failures: u32,
    /// None while it is under way.
    again_at: Option<Instant>,
}

impl Readings {
    /// What has to be read now.
    pub fn take_due(
        &mut self,
        values_from: &BTreeMap<ValuesSource, Duration>,
        now: Instant,
    ) -> Vec<ValuesSource> {
        self.0.retain(|source, reading| reading.again_at.is_none() || values_from.contains_key(source));
        let mut due = Vec::new();
        for source in values_from.keys() {
            let is_due = match self.0.get_mut(source) {
                Some(reading) => reading.again_at.take_if(|at| *at <= now).is_some(),
                None => {
                    self.0.insert(source.clone(), Reading::default());
                    true
                }
            };
            due.extend(is_due.then(|| source.clone()));
        }
        due
    }

    /// How a reading ended; `every` is how often it is wanted, if it still is.
    pub fn done(
        &mut self,
        source: &ValuesSource,
        every: Option<Duration>,
        data: Result<&ValuesData, &TargetError>,
        now: Instant,
    ) {
        let (Some(every), Some(reading)) = (every, self.0.get_mut(source)) else {
            self.0.remove(source);
            return;
        };
        let delay = match data {
            Ok(data) => {
                reading.failures = 0;
                if data.is_missing() { every.min(MISSING) } else { every }
            }
            Err(_) => {
                reading.failures += 1;
                Backoff::OBJECT.after(reading.failures)
            }
        };
        reading.again_at = Some(now + delay);
    }

    /// When something is due again.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.0.values().filter_map(|reading| reading.again_at).min()
    }
}

/// Reads one object.
///
/// # Errors
/// The target did not answer, or does not allow it.
pub(super) async fn read_values(
    source: ValuesSource,
    cluster: Cluster,
    discovery: Arc<Discovery>,
) -> Result<ValuesData, TargetError> {
    let kind = &source.key.group_kind;
    let on_server = discovery.kind(kind).ok_or_else(|| TargetError::NoSuchKind(kind.to_string()))?;
    match cluster.acting_as(source.acting_as).get(&source.key, on_server).await {
        Ok(live) => Ok(ValuesData::of(&live.value)),
        Err(TargetError::NotFound(_)) => Ok(ValuesData::MISSING),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use syncline_manifest::{GroupKind, ObjectKey};

    use super::*;

    #[test]
    fn objects_are_read_at_once_then_as_often_as_asked_and_missing_ones_sooner() {
        let source = ValuesSource {
            key: ObjectKey::new(GroupKind::new("", "ConfigMap"), Some("n"), "values"),
            acting_as: None,
        };
        let every = Duration::from_secs(300);
        let values_from = BTreeMap::from([(source.clone(), every)]);
        let (mut readings, mut now) = (Readings::default(), Instant::now());
        assert_eq!(readings.take_due(&values_from, now), std::slice::from_ref(&source));
        assert!(readings.take_due(&values_from, now).is_empty(), "it is under way");
        let rows = [
            (Ok(&ValuesData::MISSING), 15.0, 15.0),
            (Ok(&ValuesData::of(&json!({"data": {"a": "1"}}))), 300.0, 300.0),
            (Err(&TargetError::Forbidden("no".into())), 0.8, 1.2),
            (Err(&TargetError::Forbidden("no".into())), 1.6, 2.4),
        ];
        for (data, soonest, latest) in rows {
            readings.done(&source, Some(every), data, now);
            let after = readings.wakes_at().unwrap().duration_since(now).as_secs_f64();
            assert!((soonest..=latest).contains(&after), "{after}");
            now = readings.wakes_at().unwrap();
            assert_eq!(readings.take_due(&values_from, now), std::slice::from_ref(&source));
        }
        readings.done(&source, None, Ok(&ValuesData::MISSING), now);
        assert_eq!(readings.wakes_at(), None, "nothing asks for it any more");
    }
}
