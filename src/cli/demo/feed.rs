//! What happens in a demo, as lines.

use std::collections::BTreeMap;

use crate::api::ClusterName;
use crate::sync::{ConnectionState, FleetStatus, TargetStatus};

/// Prints how each cluster is whenever that is news.
#[derive(Default)]
pub struct Feed {
    last: BTreeMap<ClusterName, String>,
}

impl Feed {
    pub fn show(&mut self, fleet: &FleetStatus) {
        for (name, target) in &fleet.targets {
            let Some(line) = line(target) else { continue };
            if self.last.get(name) != Some(&line) {
                println!("{name:<14}{line}");
                self.last.insert(name.clone(), line);
            }
        }
    }
}

fn line(target: &TargetStatus) -> Option<String> {
    let commit = target.commit?.short();
    Some(match &target.connection {
        ConnectionState::Pending => return None,
        ConnectionState::Unreachable { reason, .. } => format!("{commit}  out of reach: {reason}"),
        ConnectionState::Connected if !target.is_observed => return None,
        ConnectionState::Connected if target.is_done() => format!("{commit}  in sync and healthy"),
        ConnectionState::Connected => {
            let mut line = format!("{commit}  {} of {} in sync", target.in_sync, target.objects);
            for (count, what) in [
                (target.in_sync - target.healthy.min(target.in_sync), "not healthy yet"),
                (target.leftovers, "to be deleted"),
            ] {
                if count > 0 {
                    line.push_str(&format!(", {count} {what}"));
                }
            }
            line
        }
    })
}
