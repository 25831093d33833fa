//! How long the steps of a release may take, and what follows when one fails: what a
//! HelmRelease says, read to what it means.

use std::time::Duration;

use super::FieldError;
use super::helm::{Action, HelmRelease};
use super::remediation::{ActionStrategy, Remedy, StrategyName};

/// How long a step may take where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(300);
/// How long is waited before a retry where `RetryOnFailure` says nothing.
const RETRY_INTERVAL: Duration = Duration::from_secs(300);

/// How often the cluster is looked at where `interval` says nothing.
const INTERVAL: Duration = Duration::from_secs(300);
/// However short it is said to be, this is often enough.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// A step of a release that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseStep {
    /// It comes to be.
    Install,
    /// It becomes another.
    Upgrade,
    /// It becomes what it was.
    Rollback,
    /// It is removed.
    Uninstall,
    /// It is tested.
    Test,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AfterFailure {
    /// What is done at once.
    pub remedy: Option<Remedy>,
    /// When it is tried again.
    pub retry: Retry,
}

/// When a step that failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// With another version of the release.
    NotThisVersion,
    /// Soon, and later the more often it has failed.
    BackingOff,
    /// After a time.
    After(Duration),
}

impl HelmRelease {
    fn action(&self, step: ReleaseStep) -> Option<&Action> {
        Some(match step {
            ReleaseStep::Install => &self.spec.install,
            ReleaseStep::Upgrade => &self.spec.upgrade,
            ReleaseStep::Rollback => &self.spec.rollback,
            ReleaseStep::Uninstall => &self.spec.uninstall,
            ReleaseStep::Test => return None,
        })
    }

    /// How long a step may take.
    pub fn timeout(&self, step: ReleaseStep) -> Duration {
        let own = match self.action(step) {
            Some(action) => &action.timeout,
            None => &self.spec.test.timeout,
        };
        // Both were read when the release was.
        let read = |text: &Option<String>| text.as_deref().and_then(|text| duration(text).ok());
        read(own).or_else(|| read(&self.spec.timeout)).unwrap_or(TIMEOUT)
    }

    /// Whether the hooks of a step are run.
    pub fn runs_hooks(&self, step: ReleaseStep) -> bool {
        self.action(step).is_none_or(|action| !action.disable_hooks)
    }

    /// Whether a step is done only when its objects are ready.
    pub fn waits(&self, step: ReleaseStep) -> bool {
        self.action(step).is_none_or(|action| !action.disable_wait)
    }

    /// Whether it is done only when its jobs are.
    pub fn waits_for_jobs(&self, step: ReleaseStep) -> bool {
        self.action(step).is_none_or(|action| !action.disable_wait_for_jobs)
    }

    /// Whether tests that fail are no failure of a step.
    pub fn ignores_test_failures(&self, step: ReleaseStep) -> bool {
        let remediation = self.action(step).and_then(|action| action.remediation.as_ref());
        let said = remediation.and_then(|remediation| remediation.ignore_test_failures);
        said.unwrap_or(self.spec.test.ignore_failures)
    }

    /// What follows when a step has failed a number of times in a row.
    pub fn after_failure(&self, step: ReleaseStep, failures: u32) -> AfterFailure {
        let nothing = AfterFailure { remedy: None, retry: Retry::NotThisVersion };
        let Some(action) = self.action(step) else { return nothing };
        if let Some(ActionStrategy { name: StrategyName::RetryOnFailure, retry_interval }) = &action.strategy
        {
            let interval = retry_interval.as_deref().and_then(|text| duration(text).ok());
            return AfterFailure { remedy: None, retry: Retry::After(interval.unwrap_or(RETRY_INTERVAL)) };
        }
        let Some(remediation) = &action.remediation else { return nothing };
        let is_again = u32::try_from(remediation.retries).map_or(true, |retries| failures <= retries);
        let is_remediated_by_default = step != ReleaseStep::Install && remediation.retries > 0;
        let is_remediated =
            is_again || remediation.remediate_last_failure.unwrap_or(is_remediated_by_default);
        let remedy = match step {
            ReleaseStep::Install => Remedy::Uninstall,
            _ => remediation.strategy.unwrap_or(Remedy::Rollback),
        };
        AfterFailure {
            remedy: is_remediated.then_some(remedy),
            retry: if is_again { Retry::BackingOff } else { Retry::NotThisVersion },
        }
    }

    /// How often what the release depends on is looked at, outside of Git.
    pub fn interval(&self) -> Duration {
        let said = self.spec.interval.as_deref().and_then(|text| duration(text).ok());
        said.unwrap_or(INTERVAL).max(SHORTEST_INTERVAL)
    }

    /// Every duration that cannot be read.
    pub(super) fn check_durations(&self, errors: &mut Vec<FieldError>) {
        let spec = &self.spec;
        let mut check = |pointer: &str, text: &Option<String>| {
            if let Some(Err(error)) = text.as_deref().map(duration) {
                errors.push(FieldError::new(pointer, error).hint("write it as 90s, 5m or 1h30m"));
            }
        };
        check("/spec/interval", &spec.interval);
        check("/spec/timeout", &spec.timeout);
        check("/spec/test/timeout", &spec.test.timeout);
        for (name, action) in [
            ("install", &spec.install),
            ("upgrade", &spec.upgrade),
            ("rollback", &spec.rollback),
            ("uninstall", &spec.uninstall),
        ] {
            check(&format!("/spec/{name}/timeout"), &action.timeout);
            if let Some(strategy) = &action.strategy {
                check(&format!("/spec/{name}/strategy/retryInterval"), &strategy.retry_interval);
            }
        }
    }
}

/// A duration as Go writes them.
fn duration(text: &str) -> Result<Duration, String> {
    let nanoseconds =
        syncline_helm::go::time::parse_duration(text).map_err(|_| format!("{text:?} is no duration"))?;
    u64::try_from(nanoseconds).map(Duration::from_nanos).map_err(|_| format!("{text:?} is less than nothing"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use syncline_manifest::GroupVersionKind;

    use super::*;

    fn release(spec: &Value) -> Result<HelmRelease, Vec<FieldError>> {
        let mut value = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {"chartRef": {"kind": "HelmChart", "name": "web"}},
        });
        for (name, field) in spec.as_object().unwrap() {
            value["spec"][name] = field.clone();
        }
        HelmRelease::parse(&GroupVersionKind::parse("helm.toolkit.fluxcd.io/v2", "HelmRelease"), &value)
    }

    #[test]
    fn failures_are_followed_by_what_the_release_says() {
        use ReleaseStep::{Install, Upgrade};
        let remedy = |remedy| (Some(remedy), Retry::BackingOff);
        let last = |remedy| (remedy, Retry::NotThisVersion);
        let (rollback, uninstall) = (Remedy::Rollback, Remedy::Uninstall);
        for (spec, step, failures, expected) in [
            (json!({}), Upgrade, 1, last(None)),
            (json!({"upgrade": {"remediation": {}}}), Upgrade, 1, last(None)),
            (
                json!({"upgrade": {"remediation": {"remediateLastFailure": true}}}),
                Upgrade,
                1,
                last(Some(rollback)),
            ),
            (json!({"upgrade": {"remediation": {"retries": 2}}}), Upgrade, 2, remedy(rollback)),
            (json!({"upgrade": {"remediation": {"retries": 2}}}), Upgrade, 3, last(Some(rollback))),
            (
                json!({"upgrade": {"remediation": {"retries": 2, "remediateLastFailure": false}}}),
                Upgrade,
                3,
                last(None),
            ),
            (json!({"upgrade": {"remediation": {"retries": -1}}}), Upgrade, 99, remedy(rollback)),
            (
                json!({"upgrade": {"remediation": {"retries": 1, "strategy": "uninstall"}}}),
                Upgrade,
                1,
                remedy(uninstall),
            ),
            (json!({"install": {"remediation": {"retries": 1}}}), Install, 1, remedy(uninstall)),
            (json!({"install": {"remediation": {"retries": 1}}}), Install, 2, last(None)),
            (
                json!({"upgrade": {"strategy": {"name": "RetryOnFailure", "retryInterval": "30s"}}}),
                Upgrade,
                7,
                (None, Retry::After(Duration::from_secs(30))),
            ),
        ] {
            let after = release(&spec).unwrap().after_failure(step, failures);
            assert_eq!((after.remedy, after.retry), expected, "{spec} {failures}");
        }
    }

    #[test]
    fn timeouts_are_those_of_the_step_then_of_the_release_then_five_minutes() {
        let of = |spec: Value| release(&spec).unwrap().timeout(ReleaseStep::Upgrade).as_secs();
        assert_eq!(of(json!({})), 300);
        assert_eq!(of(json!({"timeout": "1m30s"})), 90);
        assert_eq!(of(json!({"timeout": "1m", "upgrade": {"timeout": "2h"}})), 7200);
        let errors = release(&json!({"timeout": "soon", "upgrade": {"timeout": "-1s"}})).unwrap_err();
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/spec/timeout", "/spec/upgrade/timeout"]);
    }
}
