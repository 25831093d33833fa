//! What is counted, in the OpenMetrics format.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::status::{ConnectionState, TargetStatus};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Target {
    target: String,
}

/// Counters and gauges of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    writes: Family<Write, Counter>,
    failures: Counter,
    drifts: Counter,
    fetches: Counter,
    fetch_failures: Counter,
    objects: Family<Target, Gauge>,
    in_sync: Family<Target, Gauge>,
    healthy: Family<Target, Gauge>,
    connected: Family<Target, Gauge<i64, AtomicI64>>,
    load_seconds: Gauge<f64, AtomicU64>,
    is_ready: AtomicBool,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("syncline"),
            writes: Family::default(),
            failures: Counter::default(),
            drifts: Counter::default(),
            fetches: Counter::default(),
            fetch_failures: Counter::default(),
            objects: Family::default(),
            in_sync: Family::default(),
            healthy: Family::default(),
            connected: Family::default(),
            load_seconds: Gauge::default(),
            is_ready: AtomicBool::new(false),
        };
        let registry = &mut metrics.registry;
        registry.register("writes", "Requests that change a target, by kind", metrics.writes.clone());
        registry.register("failures", "Steps that a target refused", metrics.failures.clone());
        registry.register("drifts", "Objects found changed by somebody else", metrics.drifts.clone());
        registry.register("fetches", "Fetches from the source", metrics.fetches.clone());
        registry.register("fetch_failures", "Fetches that failed", metrics.fetch_failures.clone());
        registry.register("objects", "Objects wanted on a target", metrics.objects.clone());
        registry.register("objects_in_sync", "Objects that are as wanted", metrics.in_sync.clone());
        registry.register(
            "objects_healthy",
            "Objects that are as wanted and healthy",
            metrics.healthy.clone(),
        );
        registry.register("target_connected", "1 while a target answers", metrics.connected.clone());
        registry.register(
            "load_seconds",
            "Time from a new commit to what every target should hold, for the newest commit",
            metrics.load_seconds.clone(),
        );
        metrics
    }
}

impl Metrics {
    /// Counts a request that changes a target.
    pub fn count_write(&self, kind: &str) {
        self.writes.get_or_create(&Write { kind: kind.to_owned() }).inc();
    }

    /// Counts a refused step.
    pub fn count_failure(&self) {
        self.failures.inc();
    }

    /// Counts an object found changed.
    pub fn count_drift(&self) {
        self.drifts.inc();
    }

    /// Counts a fetch.
    pub fn count_fetch(&self, succeeded: bool) {
        self.fetches.inc();
        if !succeeded {
            self.fetch_failures.inc();
        }
    }

    /// Notes that a commit was loaded, and how long that took.
    pub fn note_load(&self, duration: std::time::Duration) {
        self.load_seconds.set(duration.as_secs_f64());
        self.is_ready.store(true, Ordering::Release);
    }

    /// Notes the state of a target.
    pub fn note_target(&self, status: &TargetStatus) {
        let label = Target { target: status.target.to_string() };
        let count = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.objects.get_or_create(&label).set(count(status.objects));
        self.in_sync.get_or_create(&label).set(count(status.in_sync));
        self.healthy.get_or_create(&label).set(count(status.healthy));
        self.connected.get_or_create(&label).set(i64::from(status.connection == ConnectionState::Connected));
    }

    /// Forgets a target that left the fleet.
    pub fn forget_target(&self, name: &str) {
        let label = Target { target: name.to_owned() };
        self.objects.remove(&label);
        self.in_sync.remove(&label);
        self.healthy.remove(&label);
        self.connected.remove(&label);
    }

    /// Whether a commit was ever loaded.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Everything as text.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}
