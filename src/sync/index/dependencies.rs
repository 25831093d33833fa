//! `dependsOn`: releases that begin when others are in sync and healthy.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use syncline_manifest::ObjectKey;

use serde_json::json;

use super::Wanted;
use crate::place::{DesiredRelease, Need};
use crate::sync::health_expressions::holds;

/// Which releases wait for which, and what those consist of.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    needs: HashMap<Arc<str>, Vec<Awaited>>,
    /// The objects of releases that others wait for.
    objects: HashMap<Arc<str>, Vec<ObjectKey>>,
}

/// A release that is waited for, and whether that is over when it is ready, and when not.
#[derive(Debug)]
struct Awaited {
    application: Arc<str>,
    when_ready: bool,
    when_not: bool,
}

impl Awaited {
    fn of(need: &Need, release: &DesiredRelease, others: &HashMap<&Arc<str>, &DesiredRelease>) -> Awaited {
        let application = Arc::clone(&need.application);
        let (Some(expression), Some(other)) = (&need.ready_expr, others.get(&need.application)) else {
            return Awaited { application, when_ready: true, when_not: false };
        };
        let own = as_object(release, false);
        let when = |ready| {
            let variables = [("self", &own), ("dep", &as_object(other, ready))];
            // A field that does not exist is an error in CEL: the release waits.
            holds(expression, &variables).unwrap_or(false)
        };
        Awaited { application, when_ready: when(true), when_not: when(false) }
    }
}

/// A release as Flux would have it on a cluster, as far as expressions ask for it.
fn as_object(release: &DesiredRelease, is_ready: bool) -> serde_json::Value {
    let mut object = serde_json::to_value(&*release.release).unwrap_or_default();
    object["metadata"]["generation"] = json!(1);
    object["status"] = json!({
        "observedGeneration": 1,
        "conditions": [{"type": "Ready", "status": if is_ready { "True" } else { "False" }}],
        "history": [{
            "name": &*release.id.name,
            "chartName": release.chart.chart.metadata.name,
            "chartVersion": release.chart.chart.metadata.version,
            "appVersion": release.chart.chart.metadata.app_version,
            "version": release.occasion.revision,
            "status": if is_ready { "deployed" } else { "unknown" },
        }],
    });
    object
}

impl Dependencies {
    pub fn of(releases: &[DesiredRelease], wanted: &BTreeMap<ObjectKey, Wanted>) -> Dependencies {
        if releases.iter().all(|release| release.needs.is_empty()) {
            return Dependencies::default();
        }
        let others: HashMap<&Arc<str>, &DesiredRelease> =
            releases.iter().map(|release| (&release.application, release)).collect();
        let needs: HashMap<Arc<str>, Vec<Awaited>> = releases
            .iter()
            .filter(|release| !release.needs.is_empty())
            .map(|release| {
                let needs = release.needs.iter().map(|need| Awaited::of(need, release, &others));
                (Arc::clone(&release.application), needs.collect())
            })
            .collect();
        let needed: HashSet<&Arc<str>> = needs.values().flatten().map(|need| &need.application).collect();
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
            let Some(keys) = self.objects.get(&need.application) else { return false };
            match is_settled(&need.application) && keys.iter().all(&is_done) {
                true => need.when_ready,
                false => need.when_not,
            }
        })
    }
}
