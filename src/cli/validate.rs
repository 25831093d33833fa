//! `syncline validate`

use std::io::Write as _;

use clap::Args;
use serde_json::json;

use super::source::{Repository, Secrets};
use super::{Failure, Output, Verdict};
use crate::fleet::Severity;

/// Check a fleet without touching any cluster
///
/// Reads the working directory as it lies on disk, or a commit with --rev. Every
/// problem is named with file, line, column and what to do about it. Exits with 1
/// when there are errors.
#[derive(Debug, Args)]
pub(super) struct Validate {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    secrets: Secrets,
    /// The commit, branch or tag to check instead of the working directory
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Count warnings as errors
    #[arg(long)]
    strict: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

impl Validate {
    pub fn run(self) -> Result<Verdict, Failure> {
        let placed = self.repository.placed(self.rev.as_deref(), &self.secrets)?;
        let count = |severity| placed.diagnostics().filter(|d| d.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let mut out = std::io::stdout().lock();
        match self.output {
            Output::Json => {
                let report = json!({
                    "commit": placed.fleet.commit,
                    "clusters": placed.fleet.clusters.keys().collect::<Vec<_>>(),
                    "diagnostics": placed.diagnostics().collect::<Vec<_>>(),
                    "unplaced": placed.placements.unplaced,
                });
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
            }
            Output::Text => {
                for diagnostic in placed.diagnostics() {
                    writeln!(out, "{diagnostic}\n")?;
                }
                if !placed.placements.unplaced.is_empty() {
                    writeln!(out, "These resources go nowhere, for no policy selects them:")?;
                    for unplaced in &placed.placements.unplaced {
                        writeln!(out, "  {}  ({})", unplaced.key, unplaced.origin)?;
                    }
                    writeln!(out)?;
                }
                let objects: usize =
                    placed.placements.targets.values().map(|desired| desired.objects.len()).sum();
                writeln!(
                    out,
                    "clusters: {}, policies: {}, placed objects: {objects}, errors: {errors}, warnings: {warnings}",
                    placed.fleet.clusters.len(),
                    placed.fleet.policies.len(),
                )?;
            }
        }
        Ok(if errors > 0 || (self.strict && warnings > 0) { Verdict::Bad } else { Verdict::Good })
    }
}
