//! `syncline diff`

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use similar::TextDiff;
use syncline_manifest::{ObjectKey, yaml};

use super::source::{Placed, Repository, Secrets};
use super::{Failure, Verdict};
use crate::api::ClusterName;
use crate::fleet::Severity;
use crate::place::DesiredObject;

/// Show what the step from one commit to another changes on each cluster
///
/// Clusters on which the same changes are grouped. Values of Secrets are not shown. Needs no cluster, so it can run in a pull request:
///
///   syncline diff --from origin/main --to HEAD -o markdown
#[derive(Debug, Args)]
pub(super) struct Diff {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    secrets: Secrets,
    /// The commit, branch or tag before
    #[arg(long, value_name = "REV")]
    from: String,
    /// The commit, branch or tag after; the working directory where not given
    #[arg(long, value_name = "REV")]
    to: Option<String>,
    /// Exit with 1 when there are differences
    #[arg(long)]
    exit_code: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For terminals
    Text,
    /// For pull requests
    Markdown,
    /// For scripts
    Json,
}

/// What happens to one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    key: ObjectKey,
    verb: &'static str,
    text: String,
}

impl Diff {
    pub fn run(self) -> Result<Verdict, Failure> {
        let before = self.repository.placed(Some(&self.from), &self.secrets)?;
        let after = self.repository.placed(self.to.as_deref(), &self.secrets)?;
        let mut groups: BTreeMap<Vec<Change>, Vec<ClusterName>> = BTreeMap::new();
        let names: BTreeSet<&ClusterName> =
            before.placements.targets.keys().chain(after.placements.targets.keys()).collect();
        for name in names {
            let changes = changes(&before, &after, name);
            if !changes.is_empty() {
                groups.entry(changes).or_default().push(name.clone());
            }
        }
        let mut groups: Vec<_> = groups.into_iter().map(|(changes, clusters)| (clusters, changes)).collect();
        groups.sort();
        let mut out = std::io::stdout().lock();
        match self.output {
            Format::Json => {
                let report: Vec<Value> = groups
                    .iter()
                    .map(|(clusters, changes)| {
                        let changes: Vec<Value> = changes
                            .iter()
                            .map(|change| json!({"object": change.key, "change": change.verb, "diff": change.text}))
                            .collect();
                        json!({"clusters": clusters, "changes": changes})
                    })
                    .collect();
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
            }
            Format::Text => text(&mut out, &groups)?,
            Format::Markdown => markdown(&mut out, &groups)?,
        }
        let errors: Vec<_> = after.diagnostics().filter(|d| d.severity == Severity::Error).collect();
        for error in &errors {
            eprintln!("{error}\n");
        }
        let is_bad = !errors.is_empty() || (self.exit_code && !groups.is_empty());
        Ok(if is_bad { Verdict::Bad } else { Verdict::Good })
    }
}

fn changes(before: &Placed, after: &Placed, cluster: &ClusterName) -> Vec<Change> {
    let empty = BTreeMap::new();
    let objects = |placed: &'_ Placed| -> BTreeMap<ObjectKey, DesiredObject> {
        placed
            .placements
            .targets
            .get(cluster)
            .map_or_else(|| empty.clone(), |desired| desired.objects.clone())
    };
    let (old, new) = (objects(before), objects(after));
    let keys: BTreeSet<&ObjectKey> = old.keys().chain(new.keys()).collect();
    let conflicts = after.placements.targets.get(cluster).map(|desired| &desired.conflicts);
    keys.into_iter()
        .filter_map(|key| {
            let (old, new) = (old.get(key), new.get(key));
            let verb = match (old, new) {
                (Some(old), Some(new)) if old.resource.digest == new.resource.digest => return None,
                (Some(_), Some(_)) => "update",
                (None, Some(_)) => "create",
                (Some(_), None) if conflicts.is_some_and(|conflicts| conflicts.contains_key(key)) => {
                    "conflict"
                }
                (Some(_), None) if !after.placements.targets.contains_key(cluster) => "abandon",
                (Some(_), None) => "delete",
                (None, None) => return None,
            };
            let text = match verb {
                "update" => {
                    let (old, new) = (document(old, None), document(new, old));
                    TextDiff::from_lines(&old, &new).unified_diff().context_radius(3).to_string()
                }
                _ => String::new(),
            };
            Some(Change { key: key.clone(), verb, text })
        })
        .collect()
}

/// The object as text. Of a Secret it shows only which values are not those of the
/// object before; not even a digest, for short secrets can be guessed from one.
fn document(object: Option<&DesiredObject>, before: Option<&DesiredObject>) -> String {
    let Some(object) = object else { return String::new() };
    let mut value = object.resource.value();
    if object.resource.key.group_kind.is("", "Secret")
        && let Some(Value::Object(data)) = value.get_mut("data")
    {
        let before = before.map(|before| before.resource.value());
        for (name, value) in data {
            let is_changed = before.as_ref().is_some_and(|before| before["data"].get(name) != Some(value));
            *value = Value::from(if is_changed { "*** (changed)" } else { "***" });
        }
    }
    let mut text = String::new();
    yaml::write(&mut text, &value);
    text
}

fn counted(changes: &[Change]) -> String {
    let count = |verb: &str| changes.iter().filter(|change| change.verb == verb).count();
    ["create", "update", "delete", "conflict", "abandon"]
        .into_iter()
        .map(|verb| (verb, count(verb)))
        .filter(|(_, count)| *count > 0)
        .map(|(verb, count)| format!("{count} to {verb}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn joined(clusters: &[ClusterName]) -> String {
    clusters.iter().map(ClusterName::as_str).collect::<Vec<_>>().join(", ")
}

fn text(out: &mut impl std::io::Write, groups: &[(Vec<ClusterName>, Vec<Change>)]) -> Result<(), Failure> {
    if groups.is_empty() {
        writeln!(out, "Nothing changes on any cluster.")?;
    }
    for (clusters, changes) in groups {
        writeln!(out, "{}: {}", joined(clusters), counted(changes))?;
        for change in changes {
            writeln!(out, "\n  {} {}", change.verb, change.key)?;
            // The header of the patch names no files here.
            for line in
                change.text.lines().skip_while(|line| line.starts_with("---") || line.starts_with("+++"))
            {
                writeln!(out, "    {line}")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn markdown(
    out: &mut impl std::io::Write,
    groups: &[(Vec<ClusterName>, Vec<Change>)],
) -> Result<(), Failure> {
    if groups.is_empty() {
        writeln!(out, "**Nothing changes on any cluster.**")?;
    }
    for (clusters, changes) in groups {
        writeln!(out, "### {}\n\n{}\n", joined(clusters), counted(changes))?;
        for change in changes {
            if change.text.is_empty() {
                writeln!(out, "- **{}** `{}`\n", change.verb, change.key)?;
            } else {
                writeln!(out, "- **{}** `{}`\n\n  ```diff", change.verb, change.key)?;
                for line in
                    change.text.lines().skip_while(|line| line.starts_with("---") || line.starts_with("+++"))
                {
                    writeln!(out, "  {line}")?;
                }
                writeln!(out, "  ```\n")?;
            }
        }
    }
    Ok(())
}
