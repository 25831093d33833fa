//! Summing up what is known of a target into its status.

use syncline_manifest::ObjectKey;

use super::index::{Failure, Index, MemberState};
use super::releases::Releases;
use super::status::{ConnectionState, ObjectState, ObjectStatus, TargetStatus};

/// Sums up what an index knows.
pub(super) fn summary(index: &Index, releases: &Releases) -> TargetStatus {
    let mut status = TargetStatus::unknown(index.desired.target.clone(), index.desired.commit);
    status.connection = ConnectionState::Connected;
    status.is_observed = index.is_complete();
    status.objects = index.wanted.len();
    status.leftovers = index.leftovers();
    status.prune_hold = index.prune_hold();
    status.unsettled = releases.unsettled();
    status.releases = releases.report(&index.desired);
    for (key, wanted) in &index.wanted {
        let application = status.applications.entry(wanted.object.application.to_string()).or_default();
        application.objects += 1;
        application.stale = application.stale.or(wanted.object.stale);
        let is_in_sync = index.is_in_sync(key);
        let is_done = index.is_done(key);
        application.in_sync += usize::from(is_in_sync);
        application.healthy += usize::from(is_done);
        status.in_sync += usize::from(is_in_sync);
        status.healthy += usize::from(is_done);
        if let Some(state) = trouble(index, key, wanted.object.resource.options.wave) {
            let origin = Some(wanted.object.resource.origin.to_string());
            status.troubles.push(ObjectStatus { key: key.clone(), origin, state });
        }
    }
    for (key, member) in &index.members {
        if let (MemberState::Unwanted | MemberState::Terminating, Some(failure)) =
            (member.state, index.failures.get(key))
            && !index.wanted.contains_key(key)
        {
            status.troubles.push(ObjectStatus { key: key.clone(), origin: None, state: failed(failure) });
        }
    }
    for (key, conflict) in &index.desired.conflicts {
        let origins: Vec<String> = conflict.origins.iter().map(ToString::to_string).collect();
        status.troubles.push(ObjectStatus {
            key: key.clone(),
            origin: origins.first().cloned(),
            state: ObjectState::Conflict { origins },
        });
    }
    status
}

fn trouble(index: &Index, key: &ObjectKey, wave: i32) -> Option<ObjectState> {
    if let Some(failure) = index.failures.get(key) {
        return Some(failed(failure));
    }
    if index.is_waiting_for_kind(key) {
        return Some(ObjectState::WaitingForKind);
    }
    if index.is_left_drifted(key) {
        return Some(ObjectState::Drifted);
    }
    if index.is_gated(key) {
        return Some(ObjectState::WaitingForWave { wave });
    }
    if let Some(log) = index.drifts.get(key).filter(|log| log.is_contested()) {
        return Some(ObjectState::Contested { manager: log.manager.clone(), fields: log.fields.clone() });
    }
    let member = index.members.get(key)?;
    (!member.health.is_healthy()).then(|| ObjectState::Unhealthy { health: member.health.clone() })
}

fn failed(failure: &Failure) -> ObjectState {
    ObjectState::Failed {
        message: failure.error.to_string(),
        hint: failure.error.hint(),
        attempts: failure.attempts,
        permanent: failure.error.is_permanent(),
    }
}
