//! `syncline render`

use std::io::Write as _;

use clap::Args;
use syncline_manifest::yaml;

use super::source::{Repository, Secrets};
use super::{Failure, Output, Verdict};
use crate::fleet::Severity;

/// Print what a cluster should hold, as a YAML stream
///
/// The same commit gives the same text, byte for byte, without asking a cluster.
#[derive(Debug, Args)]
pub(super) struct Render {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    secrets: Secrets,
    /// The cluster
    #[arg(long, short, value_name = "NAME")]
    cluster: String,
    /// The commit, branch or tag to render instead of the working directory
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// How to print: YAML documents, or a JSON list
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

impl Render {
    pub fn run(self) -> Result<Verdict, Failure> {
        let placed = self.repository.placed(self.rev.as_deref(), &self.secrets)?;
        let desired = placed.target(&self.cluster)?;
        let mut out = std::io::stdout().lock();
        match self.output {
            Output::Text => {
                for object in desired.objects.values() {
                    let mut text = String::from("---\n");
                    text.push_str(&format!("# {}\n", object.resource.origin));
                    yaml::write(&mut text, &object.resource.value());
                    out.write_all(text.as_bytes())?;
                }
            }
            Output::Json => {
                let items: Vec<_> = desired.objects.values().map(|object| object.resource.value()).collect();
                let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
                serde_json::to_writer_pretty(&mut out, &list)?;
                writeln!(out)?;
            }
        }
        let errors: Vec<_> = placed.diagnostics().filter(|d| d.severity == Severity::Error).collect();
        for error in &errors {
            eprintln!("{error}\n");
        }
        Ok(if errors.is_empty() { Verdict::Good } else { Verdict::Bad })
    }
}
