//! The rules of the index: calls and asserts, no server.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use syncline_manifest::{GroupKind, Manifest, ObjectKey, Origin};

use super::{Index, Notice, Outcome, Step, StepAction};
use crate::api::{ClusterName, PruneSettings};
use crate::fleet::{ApplyMode, Digest, Resource};
use crate::place::{Desired, DesiredObject, Role, Why};
use crate::sync::Inventory;
use crate::target::{Discovery, Live, TargetError, WatchEvent, Watched};

/// A target of which everything is known, with a clock that tests move.
struct Bench {
    index: Index,
    now: Instant,
    version: u64,
}

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "n"}, "data": {"k": value}})
}

fn with_wave(mut object: Value, wave: &str) -> Value {
    object["metadata"]["annotations"] = json!({"syncline.dev/wave": wave});
    object
}

fn desired(objects: &[Value]) -> Arc<Desired> {
    let objects: BTreeMap<ObjectKey, DesiredObject> = objects
        .iter()
        .map(|object| {
            let manifest = Manifest::new(object.clone(), Origin::file("a.yaml")).unwrap();
            let resource = Arc::new(Resource::from_manifest(manifest));
            let object = DesiredObject {
                resource: Arc::clone(&resource),
                application: "app".into(),
                overlays: [].into(),
                why: Why::ClusterPath,
                share: None,
                stale: None,
                role: Role::Plain,
                acting_as: None,
            };
            (resource.key.clone(), object)
        })
        .collect();
    Arc::new(Desired {
        releases: Vec::new(),
        kept: BTreeMap::new(),
        withdrawn: BTreeSet::new(),
        values_from: BTreeMap::new(),
        lookups: HashMap::new(),
        target: ClusterName::new("one"),
        fleet: "fleet".into(),
        commit: None,
        objects,
        conflicts: BTreeMap::new(),
        broken: Vec::new(),
        prune: PruneSettings::default(),
        health_checks: Arc::default(),
        prune_confirmed: false,
        digest: Digest::of(b""),
    })
}

fn discovery(kinds: &[(&str, &str, &str, &str)]) -> Arc<Discovery> {
    let groups: Vec<Value> = kinds
        .iter()
        .map(|(group, kind, plural, scope)| {
            json!({"metadata": {"name": group}, "versions": [{"version": "v1", "resources": [
                {"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": ["list", "watch"]},
            ]}]})
        })
        .collect();
    let mut discovery = Discovery::default();
    discovery.add_document(&json!({"items": groups}));
    Arc::new(discovery)
}

const BUILT_IN: &[(&str, &str, &str, &str)] = &[
    ("", "ConfigMap", "configmaps", "Namespaced"),
    ("", "Namespace", "namespaces", "Cluster"),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims", "Namespaced"),
    ("apps", "Deployment", "deployments", "Namespaced"),
];

impl Bench {
    fn new(objects: &[Value]) -> Bench {
        let inventory = Inventory::new("fleet", &ClusterName::new("one"));
        let index = Index::new(inventory, discovery(BUILT_IN), desired(objects), false);
        let mut bench = Bench { index, now: Instant::now(), version: 100 };
        bench.list_all(&[]);
        bench
    }

    /// All kinds are listed; `existing` is what there is.
    fn list_all(&mut self, existing: &[Live]) {
        for (kind, _) in self.index.kinds_to_watch() {
            self.see(&kind, Watched::ListBegins);
            for live in existing.iter().filter(|live| live.key.group_kind == kind) {
                self.see(&kind, Watched::Exists(Box::new(live.clone())));
            }
            self.see(&kind, Watched::ListEnds);
        }
    }

    fn see(&mut self, kind: &GroupKind, watched: Watched) -> Option<Notice> {
        self.index.observe(WatchEvent { kind: kind.clone(), watched }, self.now)
    }

    fn next(&mut self) -> Option<Step> {
        self.index.next(self.now)
    }

    fn steps(&mut self) -> Vec<Step> {
        std::iter::from_fn(|| self.next()).collect()
    }

    fn names(steps: &[Step]) -> Vec<String> {
        steps
            .iter()
            .map(|step| {
                let verb = match step.action {
                    StepAction::Apply { .. } => "apply",
                    StepAction::Delete { .. } => "delete",
                    StepAction::Release => "release",
                };
                format!("{verb} {}", step.key.name)
            })
            .collect()
    }

    /// What the server stores after an apply: the body, with its bookkeeping.
    fn stored(&mut self, step: &Step) -> (Live, Digest) {
        let StepAction::Apply { body, digest, .. } = &step.action else { panic!("{step:?} is no apply") };
        let mut value: Value = serde_json::from_slice(body).unwrap();
        self.version += 1;
        let fields = json!({
            "f:data": {"f:k": {}},
            "f:metadata": {"f:labels": {"f:applyset.kubernetes.io/part-of": {}},
                           "f:annotations": {"f:syncline.dev/wave": {}, "f:syncline.dev/prune": {}}},
        });
        let metadata = &mut value["metadata"];
        metadata["uid"] = json!(format!("uid-{}", step.key.name));
        metadata["resourceVersion"] = json!(self.version.to_string());
        let mut fields = fields;
        if metadata.get("annotations").is_none() {
            fields["f:metadata"].as_object_mut().unwrap().remove("f:annotations");
        } else {
            let annotations = metadata["annotations"].clone();
            fields["f:metadata"]["f:annotations"]
                .as_object_mut()
                .unwrap()
                .retain(|key, _| annotations.get(&key[2..]).is_some());
        }
        metadata["managedFields"] = json!([{"manager": "syncline", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields}]);
        (Live::new(&step.key.group_kind, value), *digest)
    }

    fn succeed(&mut self, step: &Step) -> Live {
        match step.action {
            StepAction::Apply { .. } => {
                let (live, digest) = self.stored(step);
                let outcome = Outcome::Applied { live: Box::new(live.clone()), digest };
                self.index.finish(&step.key, outcome, self.now);
                live
            }
            _ => {
                self.index.finish(&step.key, Outcome::Removed, self.now);
                let live = Live::new(
                    &step.key.group_kind,
                    json!({"metadata": {
                    "name": *step.key.name, "namespace": step.key.namespace.as_deref(),
                    "uid": format!("uid-{}", step.key.name), "resourceVersion": "999999"}}),
                );
                self.see(&step.key.group_kind, Watched::Gone(Box::new(live.clone())));
                live
            }
        }
    }

    fn fail(&mut self, step: &Step, error: TargetError) {
        let digest = match &step.action {
            StepAction::Apply { digest, .. } => Some(*digest),
            _ => None,
        };
        self.index.finish(&step.key, Outcome::Failed { error, digest }, self.now);
    }

    /// Takes all steps, in rounds, until there are none; gives their names.
    fn settle(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        loop {
            let steps = self.steps();
            if steps.is_empty() {
                return done;
            }
            done.extend(Self::names(&steps));
            for step in &steps {
                self.succeed(step);
            }
        }
    }
}

#[test]
fn nothing_is_done_before_everything_is_known() {
    let inventory = Inventory::new("fleet", &ClusterName::new("one"));
    let mut index = Index::new(inventory, discovery(BUILT_IN), desired(&[config_map("a", "1")]), false);
    assert_eq!(index.next(Instant::now()), None);
    let mut bench = Bench::new(&[config_map("a", "1")]);
    assert_eq!(bench.settle(), ["apply a"]);
}

#[test]
fn what_is_already_as_wanted_is_left_alone_also_after_a_restart() {
    let objects = [config_map("a", "1"), config_map("b", "1")];
    let mut first = Bench::new(&objects);
    let steps = first.steps();
    let live: Vec<Live> = steps.iter().map(|step| first.succeed(step)).collect();
    assert_eq!(first.settle(), Vec::<String>::new());

    let inventory = Inventory::new("fleet", &ClusterName::new("one"));
    let index = Index::new(inventory, discovery(BUILT_IN), desired(&objects), false);
    let mut second = Bench { index, now: Instant::now(), version: 500 };
    second.list_all(&live);
    assert_eq!(second.settle(), Vec::<String>::new());
    second.index.set_desired(desired(&[config_map("a", "2"), config_map("b", "1")]));
    assert_eq!(second.settle(), ["apply a"], "only what changed is applied");
}

/// A ConfigMap that is only created where it is missing.
fn if_missing(name: &str, value: &str) -> Value {
    let mut object = config_map(name, value);
    object["metadata"]["annotations"] = json!({"syncline.dev/apply": "if-missing"});
    object
}

#[test]
fn what_is_only_created_where_it_is_missing_is_not_changed_afterwards() {
    let mut bench = Bench::new(&[if_missing("a", "1")]);
    let step = bench.next().unwrap();
    assert!(matches!(step.action, StepAction::Apply { mode: ApplyMode::IfMissing, .. }));
    let mut live = bench.succeed(&step);
    live.value["data"]["k"] = json!("by hand");
    live.value["metadata"]["resourceVersion"] = json!("150");
    bench.see(&live.key.group_kind.clone(), Watched::Exists(Box::new(live.clone())));
    bench.index.set_desired(desired(&[if_missing("a", "2")]));
    assert_eq!(bench.settle(), Vec::<String>::new(), "neither drift nor a commit changes it");
    assert!(bench.index.is_in_sync(&live.key));
    bench.index.set_desired(desired(&[config_map("a", "2")]));
    assert_eq!(bench.settle(), ["apply a"], "a commit that wants it as it is written does");
}

#[test]
fn what_others_made_is_neither_pruned_nor_let_go_when_it_leaves_git() {
    let mut bench = Bench::new(&[if_missing("a", "1"), config_map("b", "1")]);
    let steps = bench.steps();
    let (theirs, digest) = bench.stored(&steps[0]);
    let mut theirs = theirs;
    theirs.value["metadata"]["labels"] = json!({});
    let outcome = Outcome::Applied { live: Box::new(theirs.clone()), digest };
    bench.index.finish(&steps[0].key, outcome, bench.now);
    bench.succeed(&steps[1]);
    assert!(bench.index.is_done(&theirs.key), "what waits for it goes on");
    bench.index.set_desired(desired(&[config_map("b", "1")]));
    assert_eq!(bench.settle(), Vec::<String>::new());
    assert_eq!(bench.index.leftovers(), 0);
}

#[test]
fn namespaces_come_before_what_is_in_them_and_one_failure_holds_up_nobody() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}});
    let mut bench = Bench::new(&[config_map("a", "1"), config_map("b", "1"), namespace]);
    let first = bench.steps();
    assert_eq!(Bench::names(&first), ["apply n"], "one phase at a time");
    bench.fail(&first[0], TargetError::Forbidden("no".into()));
    let second = bench.steps();
    assert_eq!(Bench::names(&second), ["apply a", "apply b"], "a failure ends its phase");
    bench.fail(&second[0], TargetError::Invalid { message: "bad".into() });
    bench.succeed(&second[1]);
    assert_eq!(bench.steps(), [], "failures wait");
    bench.now += Duration::from_secs(2);
    assert_eq!(Bench::names(&bench.steps()), ["apply n"], "and are tried again");
}

#[test]
fn a_new_commit_is_tried_at_once_whatever_the_last_one_met_with() {
    let mut bench = Bench::new(&[config_map("a", "1")]);
    let step = bench.next().unwrap();
    // The commit arrives while the apply of the last one is under way, which fails.
    bench.index.set_desired(desired(&[config_map("a", "2")]));
    assert_eq!(bench.next(), None, "one step for an object at a time");
    bench.fail(&step, TargetError::Invalid { message: "bad".into() });
    let step = bench.next().unwrap();
    bench.fail(&step, TargetError::Invalid { message: "still bad".into() });
    assert_eq!(bench.next(), None);
    bench.index.set_desired(desired(&[config_map("a", "3")]));
    assert_eq!(bench.settle(), ["apply a"]);
}

#[test]
fn drift_is_told_and_corrected_and_the_corrections_own_echo_is_not_drift() {
    let mut bench = Bench::new(&[config_map("a", "1")]);
    let step = bench.next().unwrap();
    let mut live = bench.succeed(&step);
    let kind = live.key.group_kind.clone();
    assert_eq!(bench.see(&kind, Watched::Exists(Box::new(live.clone()))), None, "the echo of the apply");
    live.value["data"]["k"] = json!("theirs");
    live.value["metadata"]["resourceVersion"] = json!("200");
    live.value["metadata"]["managedFields"].as_array_mut().unwrap().push(json!({
        "manager": "rival", "operation": "Update", "fieldsV1": {"f:data": {"f:k": {}}}, "time": "2026-01-01T00:00:00Z"}));
    let notice = bench.see(&kind, Watched::Exists(Box::new(live)));
    assert_eq!(
        notice,
        Some(Notice::Drifted {
            key: step.key.clone(),
            manager: Some("rival".into()),
            fields: vec!["/data/k".into()],
        })
    );
    assert_eq!(bench.settle(), ["apply a"]);
}

#[test]
fn an_object_that_keeps_being_taken_away_is_contested_and_given_a_pause() {
    let mut bench = Bench::new(&[config_map("a", "1")]);
    for round in 0..3 {
        let step = bench.next().expect("it is applied again");
        let live = bench.succeed(&step);
        let notice = bench.see(&live.key.group_kind.clone(), Watched::Gone(Box::new(live)));
        assert!(matches!(notice, Some(Notice::Drifted { .. })), "round {round}");
    }
    assert_eq!(bench.next(), None, "not at once: another fleet may claim it too");
}

#[test]
fn an_old_event_that_arrives_late_is_no_drift() {
    let mut bench = Bench::new(&[config_map("a", "1")]);
    let step = bench.next().unwrap();
    let mut old = bench.succeed(&step);
    bench.index.set_desired(desired(&[config_map("a", "2")]));
    assert_eq!(bench.settle(), ["apply a"]);
    old.value["metadata"]["resourceVersion"] = json!("101");
    assert_eq!(bench.see(&old.key.group_kind.clone(), Watched::Exists(Box::new(old))), None);
    assert_eq!(bench.settle(), Vec::<String>::new());
}

#[test]
fn what_the_server_spells_otherwise_after_an_apply_counts_as_clean() {
    let mut bench = Bench::new(&[config_map("a", "1")]);
    let step = bench.next().unwrap();
    let (mut live, digest) = bench.stored(&step);
    live.value["data"]["k"] = json!("one, as the server likes to say");
    bench.index.finish(&step.key, Outcome::Applied { live: Box::new(live.clone()), digest }, bench.now);
    live.value["metadata"]["resourceVersion"] = json!("300");
    live.value["status"] = json!({"seen": true});
    assert_eq!(bench.see(&live.key.group_kind.clone(), Watched::Exists(Box::new(live))), None);
    assert_eq!(bench.settle(), Vec::<String>::new());
}

#[test]
fn a_wave_waits_for_the_health_of_the_one_before_it() {
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "claim", "namespace": "n"}});
    let mut bench = Bench::new(&[
        claim,
        with_wave(config_map("second", "1"), "1"),
        with_wave(config_map("third", "1"), "2"),
    ]);
    let step = bench.next().unwrap();
    assert_eq!(&*step.key.name, "claim");
    let mut live = bench.succeed(&step);
    assert_eq!(bench.settle(), Vec::<String>::new(), "the claim is not bound");
    live.value["status"] = json!({"phase": "Bound"});
    live.value["metadata"]["resourceVersion"] = json!("400");
    bench.see(&live.key.group_kind.clone(), Watched::Exists(Box::new(live)));
    assert_eq!(bench.settle(), ["apply second", "apply third"]);
}

#[test]
fn a_custom_resource_waits_for_its_kind_and_goes_when_that_exists() {
    let widget = json!({"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": "w"}});
    let mut bench = Bench::new(&[widget, config_map("a", "1")]);
    assert_eq!(bench.settle(), ["apply a"]);
    assert!(bench.index.waits_for_kinds());
    let mut kinds = BUILT_IN.to_vec();
    kinds.push(("x.io", "Widget", "widgets", "Namespaced"));
    bench.index.set_discovery(discovery(&kinds));
    assert_eq!(bench.next(), None, "what there is of the kind is not known yet");
    let kind = GroupKind::new("x.io", "Widget");
    bench.see(&kind, Watched::ListBegins);
    bench.see(&kind, Watched::ListEnds);
    let step = bench.next().unwrap();
    assert_eq!(step.key.to_string(), "Widget default/w", "the server says that it is namespaced");
}

#[test]
fn pruning_comes_last_and_waits_for_broken_files_and_for_confirmation() {
    let many: Vec<Value> = (0..12).map(|n| config_map(&format!("a{n:02}"), "1")).collect();
    let mut bench = Bench::new(&many);
    bench.settle();

    // One leaves while another changes: the change first.
    let mut less = many[..11].to_vec();
    less[0] = config_map("a00", "2");
    bench.index.set_desired(desired(&less));
    assert_eq!(bench.settle(), ["apply a00", "delete a11"]);

    // While a file is broken nothing goes.
    let mut broken = desired(&less[..10]);
    Arc::get_mut(&mut broken).unwrap().broken.push("b.yaml".into());
    bench.index.set_desired(broken);
    assert_eq!(bench.settle(), Vec::<String>::new());
    assert!(bench.index.prune_hold().is_some());

    // Everything at once needs a confirmation.
    bench.index.set_desired(desired(&[]));
    assert_eq!(bench.settle(), Vec::<String>::new());
    let mut confirmed = desired(&[]);
    Arc::get_mut(&mut confirmed).unwrap().prune_confirmed = true;
    bench.index.set_desired(confirmed);
    assert_eq!(bench.settle().len(), 11);
}

#[test]
fn an_object_that_may_be_the_successor_holds_the_deletion_beside_it() {
    let mut bench = Bench::new(&[config_map("old", "1")]);
    bench.settle();
    bench.index.set_desired(desired(&[config_map("new", "1")]));
    let step = bench.next().unwrap();
    bench.fail(&step, TargetError::Invalid { message: "quota".into() });
    assert_eq!(bench.settle(), Vec::<String>::new(), "old stays while new fails");
    bench.now += Duration::from_secs(2);
    assert_eq!(bench.settle(), ["apply new", "delete old"]);
}
