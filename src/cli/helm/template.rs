//! `syncline helm template`

use std::borrow::Cow;
use std::fs;
use std::io::{BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use syncline_helm::chart::{Chart, load_archive, load_directory};
use syncline_helm::release::{
    Capabilities, HookEvent, KubeVersion, Operation, Release, RenderOptions, Rendered, render, split,
};
use syncline_helm::values::{self, SetKind};

use super::super::{Failure, Verdict};
use super::validate::validate;

/// Render a chart as `helm template` does, many times faster
///
/// Flags and output are Helm's. Nothing is asked of a cluster or a network.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  syncline helm template web ./charts/web -f production.yaml
  syncline helm template ./web-1.2.3.tgz --set replicas=3 -s templates/svc.yaml
  syncline helm template web ./web --kube-version 1.30 -a gateway.networking.k8s.io/v1")]
pub(super) struct Template {
    /// The release's name, if two words are given, then the chart
    #[arg(value_name = "[NAME] CHART", num_args = 1..=2, required = true)]
    words: Vec<String>,
    /// The release's namespace
    #[arg(long, short, value_name = "NAME", default_value = "default")]
    namespace: String,
    #[command(flatten)]
    values: ValueFlags,
    /// An API version that the target has, besides those Helm assumes
    #[arg(long, short, value_name = "VERSION", value_delimiter = ',')]
    api_versions: Vec<String>,
    /// The version of Kubernetes that the target has
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// Print the files of crds/ as well
    #[arg(long)]
    include_crds: bool,
    /// Print only what this template gives, such as templates/service.yaml
    #[arg(long, short, value_name = "FILE")]
    show_only: Vec<String>,
    /// Leave out hooks
    #[arg(long)]
    no_hooks: bool,
    /// Leave out the hooks that test a release
    #[arg(long)]
    skip_tests: bool,
    /// Set .Release.IsUpgrade instead of .Release.IsInstall
    #[arg(long)]
    is_upgrade: bool,
    /// Do not check the values against the charts' schemas
    #[arg(long)]
    skip_schema_validation: bool,
    /// Fail where a template reads a value that is not there
    #[arg(long)]
    strict: bool,
    /// Apply what is printed to an embedded API server, and tell what it refuses
    #[arg(long)]
    validate: bool,
    /// Print the chart's notes after the manifests
    #[arg(long)]
    notes: bool,
    /// Print the notes of contained charts as well
    #[arg(long)]
    render_subchart_notes: bool,
    /// Write a file for each template below this folder instead of printing
    #[arg(long, value_name = "FOLDER")]
    output_dir: Option<PathBuf>,
}

/// Where values come from; the later stand over the earlier.
#[derive(Debug, Args)]
struct ValueFlags {
    /// A file of values; - is standard input
    #[arg(long = "values", short = 'f', value_name = "FILE", value_delimiter = ',')]
    files: Vec<PathBuf>,
    /// Values as JSON: key=json,...
    #[arg(long, value_name = "ASSIGNMENTS")]
    set_json: Vec<String>,
    /// Values: a.b=1,c[0]=x,d={1,2}
    #[arg(long, value_name = "ASSIGNMENTS")]
    set: Vec<String>,
    /// Values that are text, whatever they look like
    #[arg(long, value_name = "ASSIGNMENTS")]
    set_string: Vec<String>,
    /// Values from files: key=path,...
    #[arg(long, value_name = "ASSIGNMENTS")]
    set_file: Vec<String>,
    /// A value that is text to its end: key=text
    #[arg(long, value_name = "ASSIGNMENT")]
    set_literal: Vec<String>,
}

impl ValueFlags {
    fn read(&self) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
        let mut all = serde_json::Map::new();
        for file in &self.files {
            let text = if file.as_os_str() == "-" {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text)?;
                text
            } else {
                fs::read_to_string(file).with_context(|| format!("values file {}", file.display()))?
            };
            values::merge(&mut all, values::read(&file.display().to_string(), &text)?);
        }
        for text in &self.set_json {
            values::set_json(&mut all, text).context("--set-json")?;
        }
        for text in &self.set {
            values::set(&mut all, text, SetKind::Typed).context("--set")?;
        }
        for text in &self.set_string {
            values::set(&mut all, text, SetKind::Text).context("--set-string")?;
        }
        for text in &self.set_file {
            let mut read = |name: &str| {
                let bytes = fs::read(name).map_err(|error| format!("{name}: {error}"))?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            };
            values::set_file(&mut all, text, &mut read).context("--set-file")?;
        }
        for text in &self.set_literal {
            values::set_literal(&mut all, text).context("--set-literal")?;
        }
        Ok(all)
    }
}

/// The allocator of glibc takes memory from the system in steps as large as the largest piece
/// that was given back. This process ends before it would give back any: with small steps a
/// tenth of its time goes into them.
fn take_memory_in_large_steps() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(24 << 20)));
}

fn load(path: &Path) -> Result<Chart, Failure> {
    if !path.exists() {
        return Err(Failure::new(
            format!("there is no chart at {}", path.display()),
            "give a folder with a Chart.yaml, or a .tgz that `helm package` made",
        ));
    }
    let chart = if path.is_dir() {
        load_directory(path)
    } else {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        load_archive(&bytes, &Default::default(), 0)
    };
    Ok(chart.with_context(|| path.display().to_string())?)
}

impl Template {
    pub fn run(self) -> Result<Verdict, Failure> {
        take_memory_in_large_steps();
        let (name, chart) = match self.words.as_slice() {
            [name, chart] => (name.as_str(), chart),
            [chart] => ("release-name", chart),
            _ => return Err(Failure::new("no chart is given", "syncline helm template [NAME] CHART")),
        };
        let chart = load(Path::new(chart))?;
        let mut capabilities = Capabilities::default();
        if let Some(version) = &self.kube_version {
            capabilities.kube_version = KubeVersion::parse(version).map_err(anyhow::Error::msg)?;
        }
        capabilities.api_versions.extend(self.api_versions.iter().cloned());
        let release = Release {
            name: name.to_owned(),
            namespace: self.namespace.clone(),
            revision: 1,
            operation: if self.is_upgrade { Operation::Upgrade } else { Operation::Install },
        };
        let options = RenderOptions {
            strict: self.strict,
            skip_schema: self.skip_schema_validation,
            all_notes: self.render_subchart_notes,
            environment: None,
        };
        let rendered = render(&chart, &self.values.read()?, &release, &capabilities, options)?;
        if self.validate {
            let findings = validate(&rendered, &self.namespace)?;
            for unknown in &findings.unknown {
                eprintln!("warning: {unknown}: not validated, for nothing here defines the kind");
            }
            if !findings.errors.is_empty() {
                let count = findings.errors.len();
                let errors = findings.errors.join("\n  ");
                return Err(Failure::new(
                    format!("{count} objects are refused:\n  {errors}"),
                    "each is named by its template; without --validate it is printed",
                ));
            }
        }
        let pieces = self.pieces(&rendered)?;
        if let Some(folder) = &self.output_dir {
            write_files(folder, &pieces)?;
        } else if self.show_only.is_empty() {
            let mut out = BufWriter::with_capacity(64 << 10, std::io::stdout().lock());
            // Helm ends the manifest with a line break before the hooks, also an empty one.
            let has_definitions = self.include_crds && !rendered.definitions.is_empty();
            if rendered.manifests.is_empty() && !has_definitions {
                writeln!(out)?;
            }
            for (path, manifest) in &pieces {
                write_document(&mut out, path, manifest)?;
            }
            out.flush()?;
        } else {
            std::io::stdout().lock().write_all(self.shown(&pieces)?.as_bytes())?;
        }
        drop(pieces);
        if self.notes && !rendered.notes.is_empty() {
            print!("\nNOTES:\n{}\n", rendered.notes);
        }
        // The process ends here, and what it holds goes with it: a large chart takes
        // longer to take apart than to print.
        std::mem::forget((chart, rendered));
        Ok(Verdict::Good)
    }

    /// What is printed, each with the template it comes from.
    fn pieces<'r>(&self, rendered: &'r Rendered) -> anyhow::Result<Vec<(&'r str, Cow<'r, str>)>> {
        let mut pieces = Vec::new();
        for definition in rendered.definitions.iter().filter(|_| self.include_crds) {
            pieces.push((definition.path.as_str(), definition.text.read()?.to_text()));
        }
        pieces.extend(rendered.manifests.iter().map(|m| (m.path.as_str(), Cow::from(&m.text))));
        if !self.no_hooks {
            let shown = rendered
                .hooks
                .iter()
                .filter(|hook| !(self.skip_tests && hook.events.contains(&HookEvent::Test)));
            pieces.extend(shown.map(|hook| (hook.path.as_str(), Cow::from(&hook.manifest))));
        }
        Ok(pieces)
    }

    /// Those documents whose templates are asked for.
    fn shown(&self, pieces: &[(&str, Cow<'_, str>)]) -> Result<String, Failure> {
        let mut text = Vec::new();
        for (path, manifest) in pieces {
            write_document(&mut text, path, manifest)?;
        }
        let text = String::from_utf8_lossy(&text);
        let mut shown = String::new();
        for wanted in &self.show_only {
            let before = shown.len();
            for document in split(&text) {
                let source = document.lines().find_map(|line| line.strip_prefix("# Source: "));
                let file = source.and_then(|source| source.split_once('/')).map(|(_, file)| file);
                if file.is_some_and(|file| syncline_helm::chart::matches_path(wanted, file)) {
                    shown.push_str(&format!("---\n{document}\n"));
                }
            }
            if shown.len() == before {
                return Err(Failure::new(
                    format!("could not find template {wanted} in chart"),
                    "name it as the # Source: lines do, without the chart's name before it",
                ));
            }
        }
        Ok(shown)
    }
}

/// A manifest with the line that says where it comes from.
fn write_document(out: &mut impl Write, path: &str, manifest: &str) -> std::io::Result<()> {
    writeln!(out, "---\n# Source: {path}\n{manifest}")
}

fn write_files(folder: &Path, pieces: &[(&str, Cow<'_, str>)]) -> Result<(), Failure> {
    let mut written = std::collections::BTreeMap::<PathBuf, Vec<u8>>::new();
    for (path, manifest) in pieces {
        write_document(written.entry(folder.join(path)).or_default(), path, manifest)?;
    }
    for (path, text) in written {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
