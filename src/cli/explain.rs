//! `syncline explain`

use std::io::Write as _;

use clap::Args;
use serde_json::{Value, json};
use syncline_manifest::ObjectKey;

use super::source::{Placed, Repository, Secrets};
use super::{Failure, Output, Verdict};
use crate::place::{DesiredObject, Why};

/// Tell where an object comes from, where it goes, and why
///
/// For example: syncline explain deployment/web
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The object, as KIND/NAME; the kind in any case
    #[arg(value_name = "KIND/NAME")]
    object: String,
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    secrets: Secrets,
    /// Its namespace, where several have one of that name
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    /// The commit, branch or tag to look at instead of the working directory
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

impl Explain {
    pub fn run(self) -> Result<Verdict, Failure> {
        let Some((kind, name)) = self.object.split_once('/') else {
            return Err(Failure::new(
                format!("{:?} is not KIND/NAME", self.object),
                "such as deployment/web",
            ));
        };
        let is_meant = |key: &ObjectKey| {
            key.group_kind.kind.eq_ignore_ascii_case(kind)
                && *key.name == *name
                && self
                    .namespace
                    .as_deref()
                    .is_none_or(|namespace| key.namespace.as_deref() == Some(namespace))
        };
        let placed = self.repository.placed(self.rev.as_deref(), &self.secrets)?;
        let mut found: Vec<ObjectKey> = placed
            .placements
            .targets
            .values()
            .flat_map(|desired| desired.objects.keys().chain(desired.conflicts.keys()))
            .chain(placed.fleet.units.iter().flat_map(|loaded| loaded.unit.resources.iter().map(|r| &r.key)))
            .filter(|key| is_meant(key))
            .cloned()
            .collect();
        found.sort();
        found.dedup();
        if found.is_empty() {
            return Err(not_found(&placed, kind, name));
        }
        let mut out = std::io::stdout().lock();
        if self.output == Output::Json {
            let report: Vec<Value> = found.iter().map(|key| as_json(&placed, key)).collect();
            serde_json::to_writer_pretty(&mut out, &report)?;
            writeln!(out)?;
            return Ok(Verdict::Good);
        }
        for key in &found {
            writeln!(out, "{key}")?;
            for resource in placed.fleet.resources() {
                if resource.key == *key {
                    writeln!(out, "  defined at {}", resource.origin)?;
                }
            }
            for (cluster, desired) in &placed.placements.targets {
                if let Some(conflict) = desired.conflicts.get(key) {
                    let places: Vec<String> = conflict.origins.iter().map(ToString::to_string).collect();
                    writeln!(out, "\n  {cluster}: in conflict, left alone")?;
                    writeln!(out, "    defined at {}", places.join(" and "))?;
                }
                match desired.objects.get(key) {
                    Some(object) => on_cluster(&mut out, cluster.as_str(), object)?,
                    None => writeln!(out, "\n  {cluster}: not placed")?,
                }
            }
            if placed.placements.unplaced.iter().any(|unplaced| unplaced.key == *key) {
                writeln!(out, "\n  It goes nowhere: no policy that reaches a cluster selects it.")?;
            }
            writeln!(out)?;
        }
        Ok(Verdict::Good)
    }
}

fn on_cluster(out: &mut impl std::io::Write, cluster: &str, object: &DesiredObject) -> Result<(), Failure> {
    writeln!(out, "\n  {cluster}: placed")?;
    match &object.why {
        Why::ClusterPath => writeln!(out, "    because it lies below the cluster's own path")?,
        Why::Policy { name, origin, priority, exactness } => {
            writeln!(out, "    by policy {name} ({origin})")?;
            let by = match exactness {
                crate::place::Exactness::Name => "its name",
                crate::place::Exactness::Label => "its labels",
                crate::place::Exactness::All => "its kind or everything",
            };
            writeln!(out, "    which selects it by {by}, with priority {priority}")?;
        }
    }
    if let Some(share) = object.share {
        writeln!(out, "    replicas: {} of {}, by weight", share.given, share.total)?;
    }
    for overlay in object.overlays.iter() {
        writeln!(out, "    overlay: {overlay}")?;
    }
    if let Some(stale) = object.stale {
        writeln!(out, "    as of commit {}, for the newest does not load", stale.short())?;
    }
    Ok(())
}

fn as_json(placed: &Placed, key: &ObjectKey) -> Value {
    let clusters: Vec<Value> = placed
        .placements
        .targets
        .iter()
        .map(|(cluster, desired)| match desired.objects.get(key) {
            None => {
                json!({"cluster": cluster, "placed": false, "conflict": desired.conflicts.contains_key(key)})
            }
            Some(object) => json!({
                "cluster": cluster,
                "placed": true,
                "why": object.why,
                "share": object.share,
                "origin": object.resource.origin,
                "overlays": object.overlays.iter().collect::<Vec<_>>(),
                "application": object.application,
                "stale": object.stale,
            }),
        })
        .collect();
    json!({"object": key, "clusters": clusters})
}

fn not_found(placed: &Placed, kind: &str, name: &str) -> Failure {
    let wanted = format!("{}/{name}", kind.to_lowercase());
    let known: Vec<String> = placed
        .fleet
        .resources()
        .map(|resource| format!("{}/{}", resource.key.group_kind.kind.to_lowercase(), resource.key.name))
        .collect();
    let hint = match crate::api::suggest(&wanted, known.iter().map(String::as_str)) {
        Some(close) => format!("did you mean {close}?"),
        None => "`syncline validate` lists what does not load".to_owned(),
    };
    Failure::new(format!("the fleet has no {wanted}"), hint)
}
