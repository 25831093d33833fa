//! `dependsOn`: releases that begin when others are in sync and healthy.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use syncline_manifest::ObjectKey;

use super::Wanted;
use crate::place::DesiredRelease;

/// Which releases wait for which, and what those consist of.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    needs: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// The objects of releases that others wait for.
    objects: HashMap<Arc<str>, Vec<ObjectKey>>,
}

impl Dependencies {
    pub fn of(releases: &[DesiredRelease], wanted: &BTreeMap<ObjectKey, Wanted>) -> Dependencies {
        let needs: HashMap<Arc<str>, Vec<Arc<str>>> = releases
            .iter()
            .filter(|release| !release.needs.is_empty())
            .map(|release| (Arc::clone(&release.application), release.needs.clone()))
            .collect();
        if needs.is_empty() {
            return Dependencies::default();
        }
        let needed: HashSet<&Arc<str>> = needs.values().flatten().collect();
        let present = releases.iter().filter(|release| needed.contains(&release.application));
        let mut objects: HashMap<Arc<str>, Vec<ObjectKey>> =
            present.map(|release| (Arc::clone(&release.application), Vec::new())).collect();
        for (key, wanted) in wanted {
            if let Some(keys) = objects.get_mut(&wanted.object.application) {
                keys.push(key.clone());
            }
        }
        Dependencies { needs, objects }
    }

    /// Whether others wait for an application.
    pub fn is_needed(&self, application: &Arc<str>) -> bool {
        self.objects.contains_key(application)
    }

    /// Whether all that an application waits for is done. What is not on this target, or
    /// not known to be, never is.
    pub fn are_met(
        &self,
        application: &Arc<str>,
        is_done: impl Fn(&ObjectKey) -> bool,
        is_settled: impl Fn(&Arc<str>) -> bool,
    ) -> bool {
        let needs = self.needs.get(application).into_iter().flatten();
        needs.into_iter().all(|need| {
            is_settled(need) && self.objects.get(need).is_some_and(|keys| keys.iter().all(&is_done))
        })
    }
}
