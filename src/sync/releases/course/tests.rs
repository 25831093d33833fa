//! The stages of a release: what is seen and what ended, and what is ordered then.

use serde_json::json;
use syncline_helm::chart::{ChartFile, load_files};
use syncline_helm::record::Record;
use syncline_manifest::{GroupVersionKind, Origin};

use super::*;
use crate::api::HelmRelease;
use crate::fleet::{Digest, LoadedChart};
use crate::render::release::{InForce, Occasion, ReleaseId, RenderedRelease};

fn hook(event: HookEvent) -> Hook {
    Hook {
        name: "h".to_owned(),
        kind: "Job".to_owned(),
        path: String::new(),
        manifest: String::new(),
        events: vec![event],
        weight: 0,
        delete_policies: Vec::new(),
    }
}

fn release(spec: &serde_json::Value, hooks: &[HookEvent], occasion: Occasion) -> DesiredRelease {
    let mut value = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": "n"},
        "spec": {"timeout": "10s", "chartRef": {"kind": "HelmChart", "name": "web"}},
    });
    for (name, field) in spec.as_object().into_iter().flatten() {
        value["spec"][name] = field.clone();
    }
    let kind = GroupVersionKind::parse("helm.toolkit.fluxcd.io/v2", "HelmRelease");
    let parsed = HelmRelease::parse(&kind, &value).unwrap();
    let about = b"apiVersion: v2\nname: web\nversion: 1.0.0\n".to_vec();
    let chart = load_files(vec![ChartFile { name: "Chart.yaml".to_owned(), data: about.into() }]).unwrap();
    DesiredRelease {
        application: "HelmRelease n/web".into(),
        needs: Vec::new(),
        id: ReleaseId::of(&parsed),
        release: Arc::new(parsed),
        chart: LoadedChart {
            chart: Arc::new(chart),
            digest: Digest::of(b"chart"),
            path: "web".into(),
            archive: None,
        },
        rendered: Arc::new(RenderedRelease {
            foundations: Vec::new(),
            objects: Vec::new(),
            warnings: Vec::new(),
            values: serde_json::Map::new(),
            notes: String::new(),
            hooks: hooks.iter().map(|event| hook(*event)).collect(),
        }),
        origin: Origin::file("release.yaml"),
        digest: Digest::of(b"second"),
        occasion,
        course: place::Course::Meant,
    }
}

const UPGRADE: Occasion = Occasion { operation: Operation::Upgrade, revision: 2 };

/// A course with a clock that tests move, and what it ordered so far.
struct Bench {
    course: Course,
    seen: Seen,
    now: Instant,
}

impl Bench {
    fn new(spec: serde_json::Value, hooks: &[HookEvent]) -> Bench {
        let release = release(&spec, hooks, UPGRADE);
        let course = Course::new(release, &History::default(), Instant::now());
        let seen = Seen { has_what_it_needs: true, is_founded: true, ..Seen::default() };
        Bench { course, seen, now: Instant::now() }
    }

    /// What is ordered next, in a word.
    fn next(&mut self) -> String {
        match self.course.advance(&self.seen, self.now) {
            (Some(Order::Hooks { event, .. }), _) => event.name().to_owned(),
            (Some(Order::Write(Writ::Deployed { is_untested })), _) => {
                if is_untested { "write untested" } else { "write deployed" }.to_owned()
            }
            (Some(Order::Write(Writ::Failed(failed))), _) => format!("write failed {}", failed.failures),
            (Some(Order::Write(Writ::Retreat(_))), _) => "write retreat".to_owned(),
            (Some(Order::Read), _) => "read".to_owned(),
            (None, Some(Word::Refuse(refused))) => {
                format!("refuse for {:?}", refused.in_force.as_ref().map(|it| it.revision))
            }
            (None, Some(Word::Allow)) => "allow".to_owned(),
            (None, None) => String::new(),
        }
    }

    fn expect(&mut self, order: &str, gate: Gate) {
        assert_eq!(self.next(), order, "{:?}", self.course.stage);
        assert_eq!(self.course.gate(), gate, "{:?}", self.course.stage);
    }

    fn done(&mut self) {
        self.course.ended(Ended::Done, self.now);
    }

    fn fails(&mut self, reason: &str) {
        self.course.ended(Ended::Failed(reason.to_owned()), self.now);
    }

    fn is_read(&mut self) {
        let record = Record { number: 1, release: json!({}) };
        let recorded = Recorded {
            in_force: Arc::new(InForce { revision: 1, objects: Vec::new() }),
            hooks: vec![hook(HookEvent::PostRollback)],
            record: Arc::new(record),
            digest: None,
        };
        self.course.ended(Ended::Read(Some(Box::new(recorded))), self.now);
    }

    fn follows(&mut self, course: place::Course) {
        let release = DesiredRelease { course, ..self.course.release.clone() };
        self.course.follow(release, &History::default(), self.now);
    }

    fn after(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

const SETTLED: Gate = Gate::Settled(crate::api::DriftMode::Enabled);

#[test]
fn a_release_goes_through_its_hooks_its_objects_and_its_tests() {
    let hooks = [HookEvent::PreUpgrade, HookEvent::PostUpgrade, HookEvent::Test];
    let mut bench = Bench::new(json!({"test": {"enable": true}}), &hooks);
    bench.seen.has_what_it_needs = false;
    bench.expect("", Gate::Held);
    bench.seen.has_what_it_needs = true;
    bench.expect("pre-upgrade", Gate::Held);
    bench.done();
    bench.expect("", Gate::Open);
    bench.seen.is_ready = true;
    bench.expect("post-upgrade", Gate::Open);
    bench.done();
    bench.expect("write untested", SETTLED);
    bench.done();
    bench.expect("test", Gate::Open);
    bench.done();
    bench.expect("write deployed", Gate::Open);
    bench.done();
    bench.expect("", SETTLED);
}

#[test]
fn an_upgrade_that_is_not_ready_in_time_is_rolled_back_and_tried_again() {
    let spec = json!({"upgrade": {"remediation": {"retries": 1}}});
    let mut bench = Bench::new(spec, &[]);
    bench.expect("", Gate::Open);
    bench.after(9);
    bench.expect("", Gate::Open);
    bench.after(1);
    bench.expect("write failed 1", Gate::Open);
    bench.done();
    bench.expect("read", Gate::Held);
    bench.is_read();
    bench.expect("refuse for Some(1)", Gate::Held);
    bench.expect("", Gate::Held);
    bench.follows(place::Course::Refused(Some(1)));
    bench.expect("", Gate::Open);
    bench.seen.is_ready = true;
    bench.expect("post-rollback", Gate::Open);
    bench.done();
    bench.expect("write retreat", Gate::Open);
    bench.done();
    bench.expect("", Gate::Open);
    bench.after(5);
    bench.expect("allow", Gate::Held);
    bench.follows(place::Course::Meant);
    bench.seen.is_ready = false;
    bench.seen.failure = Some("Job n/a: it has failed".to_owned());
    bench.expect("write failed 2", Gate::Open);
    assert_eq!(bench.course.reason.as_deref(), Some("Job n/a: it has failed"));
    bench.done();
    bench.expect("read", Gate::Held);
    bench.is_read();
    bench.expect("refuse for Some(1)", Gate::Held);
    bench.follows(place::Course::Refused(Some(1)));
    bench.seen = Seen { is_ready: true, ..Seen::default() };
    bench.expect("post-rollback", Gate::Open);
    bench.fails("the hook");
    bench.expect("write retreat", Gate::Open);
    bench.done();
    bench.after(3600);
    bench.expect("", Gate::Open);
    assert!(bench.course.wakes_at().is_none(), "it is tried as often as the release says");
}

#[test]
fn without_a_remedy_what_is_late_goes_on_and_a_hook_that_fails_changes_nothing() {
    let mut bench = Bench::new(json!({}), &[]);
    bench.expect("", Gate::Open);
    bench.after(10);
    bench.expect("write failed 1", Gate::Open);
    bench.done();
    bench.after(3600);
    bench.expect("", Gate::Open);
    bench.seen.is_ready = true;
    bench.expect("write deployed", SETTLED);

    let mut bench = Bench::new(json!({}), &[HookEvent::PreUpgrade]);
    bench.expect("pre-upgrade", Gate::Held);
    bench.fails("it did");
    bench.expect("write failed 1", Gate::Held);
    bench.done();
    bench.expect("read", Gate::Held);
    bench.is_read();
    bench.expect("refuse for Some(1)", Gate::Held);
    bench.follows(place::Course::Refused(Some(1)));
    bench.expect("", Gate::Open);
    bench.after(3600);
    bench.expect("", Gate::Open);
}

#[test]
fn a_release_that_is_removed_waits_until_its_objects_are_gone() {
    let spec = json!({"upgrade": {"remediation": {"remediateLastFailure": true, "strategy": "uninstall"}}});
    let mut bench = Bench::new(spec, &[HookEvent::PreDelete]);
    bench.expect("", Gate::Open);
    bench.after(10);
    bench.expect("write failed 1", Gate::Open);
    bench.done();
    bench.expect("pre-delete", Gate::Held);
    bench.done();
    bench.expect("refuse for None", Gate::Held);
    bench.follows(place::Course::Refused(None));
    bench.seen.has_objects = true;
    bench.expect("", Gate::Open);
    bench.seen.has_objects = false;
    bench.expect("write retreat", Gate::Open);
    bench.done();
    bench.expect("", Gate::Open);
}
