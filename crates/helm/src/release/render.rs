//! From a chart and values to what is installed.

use std::sync::Arc;

use super::capabilities::Capabilities;
use super::compiled::{Compiled, Prepared, compile_while};
use super::error::RenderError;
use super::hooks::Hook;
use super::manifests::{Definition, Piece, RenderedManifest, collect, order};
use crate::chart::{Chart, ChartObject, ChartType, Files};
use crate::go::{Map, MapType, Str, Value};
use crate::parallel::Queue;
use crate::template::{Environment, Execution, Missing, without_no_value};
use crate::values::{Node, coalesce_values, process, validate};

/// What is done with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// It is new.
    Install,
    /// It is there.
    Upgrade,
}

/// `.Release`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// How often it was installed or upgraded, with this time.
    pub revision: i64,
    /// What is done.
    pub operation: Operation,
}

/// How a chart is rendered.
#[derive(Clone, Copy, Default)]
pub struct RenderOptions<'o> {
    /// A key that a map has not is an error: `helm lint --strict`.
    pub strict: bool,
    /// The schemas of the charts are not asked.
    pub skip_schema: bool,
    /// The notes of contained charts are shown as well.
    pub all_notes: bool,
    /// What templates can look up.
    pub environment: Option<&'o dyn Environment>,
}

/// What a chart renders to.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// What is installed, in order.
    pub manifests: Vec<RenderedManifest>,
    /// What runs at moments of the release's life, in the order of kinds.
    pub hooks: Vec<Hook>,
    /// The files of crds/.
    pub definitions: Vec<Definition>,
    /// What is said to who installed it.
    pub notes: String,
}

/// Renders a chart.
///
/// # Errors
/// The first thing that Helm would fail on, with its place.
pub fn render(
    chart: &Chart,
    values: &serde_json::Map<String, serde_json::Value>,
    release: &Release,
    capabilities: &Capabilities,
    options: RenderOptions<'_>,
) -> Result<Rendered, RenderError> {
    let mut notes = Vec::new();
    let read = |printed: &mut dyn Iterator<Item = Printed>, _: usize| -> Vec<_> {
        printed.map(|(path, text)| (Arc::clone(&path), collect(&path, &text.to_text()))).collect()
    };
    // They are read while those after them are printed.
    let queue = Queue::new(read);
    let root = print_chart(chart, values, release, capabilities, options, &mut |(path, text)| {
        let bytes = text.len();
        if path.ends_with("NOTES.txt") { notes.push((path, text)) } else { queue.give((path, text), bytes) }
    })?;
    let mut collected = queue.finish();
    let mut rendered = Rendered::default();
    definitions(&root, root.name.to_text().as_ref(), &mut rendered.definitions);
    let own_notes = format!("{}/templates/NOTES.txt", root.name);
    notes.sort();
    for (path, text) in notes {
        if options.all_notes || *path == *own_notes {
            if !rendered.notes.is_empty() {
                rendered.notes.push('\n');
            }
            rendered.notes.push_str(&text.to_text());
        }
    }
    collected.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (_, pieces) in collected {
        for piece in pieces? {
            match piece {
                Piece::Manifest(manifest) => rendered.manifests.push(manifest),
                Piece::Hook(hook) => rendered.hooks.push(hook),
            }
        }
    }
    order(&mut rendered.manifests, &mut rendered.hooks);
    Ok(rendered)
}

/// The path of a template file, and what it prints.
pub type Printed = (Arc<str>, Str);

/// What each template file of a chart prints, in the order of their paths: the first half of
/// [`render`], before it is taken apart into manifests.
///
/// # Errors
/// As [`render`].
pub fn print(
    chart: &Chart,
    values: &serde_json::Map<String, serde_json::Value>,
    release: &Release,
    capabilities: &Capabilities,
    options: RenderOptions<'_>,
) -> Result<Vec<Printed>, RenderError> {
    let mut all = Vec::new();
    print_chart(chart, values, release, capabilities, options, &mut |printed| all.push(printed))?;
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(all)
}

/// Hands on what each template file prints, and gives the chart as it took part.
fn print_chart<'c>(
    chart: &'c Chart,
    values: &serde_json::Map<String, serde_json::Value>,
    release: &Release,
    capabilities: &Capabilities,
    options: RenderOptions<'_>,
    give: &mut dyn FnMut(Printed),
) -> Result<Node<'c>, RenderError> {
    installable(chart, capabilities)?;
    let values = Map::from_json(values);
    let prepare = || prepare(chart, &values, options);
    let (Prepared { root, values }, compiled) = compile_while(chart, prepare)?;
    print_templates(&root, values, &compiled, release, capabilities, options, give)?;
    chart.failed_read().map_or(Ok(root), |error| Err(error.into()))
}

fn installable(chart: &Chart, capabilities: &Capabilities) -> Result<(), RenderError> {
    if chart.metadata.kind == ChartType::Library {
        return Err(RenderError::Library);
    }
    let is_there = |name: &str| chart.dependencies.iter().any(|inner| inner.metadata.name == name);
    let missing: Vec<String> = (chart.metadata.dependencies.iter().flatten())
        .filter(|dependency| !is_there(&dependency.name))
        .map(|dependency| dependency.name.clone())
        .collect();
    if !missing.is_empty() {
        return Err(RenderError::MissingDependencies(missing));
    }
    let wanted = &chart.metadata.kube_version;
    let version = &capabilities.kube_version.version;
    if !wanted.is_empty() && !crate::version::is_compatible(wanted, version) {
        return Err(RenderError::KubeVersion { wanted: wanted.clone(), version: version.clone() });
    }
    Ok(())
}

/// Which charts take part, and with which values.
fn prepare<'c>(
    chart: &'c Chart,
    values: &Map,
    options: RenderOptions<'_>,
) -> Result<Prepared<'c>, RenderError> {
    let mut root = Node::new(chart)?;
    process(&mut root, values).map_err(RenderError::Values)?;
    let values = coalesce_values(&root, values, crate::values::Nulls::Delete).map_err(RenderError::Values)?;
    if !options.skip_schema {
        let mut violations = Vec::new();
        validate(&root, &values, &mut violations);
        if !violations.is_empty() {
            return Err(RenderError::Schema(violations));
        }
    }
    Ok(Prepared { root, values })
}

fn print_templates(
    root: &Node<'_>,
    values: Map,
    compiled: &Compiled,
    release: &Release,
    capabilities: &Capabilities,
    options: RenderOptions<'_>,
    give: &mut dyn FnMut(Printed),
) -> Result<(), RenderError> {
    let shared = Shared { release: release.value(), capabilities: capabilities.value() };
    let mut scopes = Vec::new();
    scope(root, values, true, &shared, &mut scopes);
    let missing = if options.strict { Missing::Error } else { Missing::Zero };
    let mut execution = match options.environment {
        Some(environment) => Execution::within(&compiled.set, missing, environment),
        None => Execution::new(&compiled.set, missing),
    };
    for file in &compiled.files {
        let template = Map::new().converted(MapType::Values);
        template.insert("Name", Value::text(&*file.path));
        template.insert("BasePath", Value::String(file.base_path.clone()));
        let scope = &scopes[file.node];
        scope.insert("Template", Value::Map(template));
        let text = execution
            .run(&file.path, Value::Map(scope.converted(MapType::Values)))
            .map_err(RenderError::Execution)?;
        give((Arc::clone(&file.path), without_no_value(&text)));
    }
    Ok(())
}

struct Shared {
    release: Value,
    capabilities: Value,
}

impl Release {
    fn value(&self) -> Value {
        let map = Map::new();
        map.insert("Name", Value::text(self.name.as_str()));
        map.insert("Namespace", Value::text(self.namespace.as_str()));
        map.insert("IsUpgrade", Value::Bool(self.operation == Operation::Upgrade));
        map.insert("IsInstall", Value::Bool(self.operation == Operation::Install));
        map.insert("Revision", Value::Int(self.revision));
        map.insert("Service", Value::text("Helm"));
        Value::Map(map)
    }
}

/// What the templates of a chart and of those within see, in the order of [`Node::all`];
/// gives that of the chart itself.
fn scope(node: &Node<'_>, values: Map, is_root: bool, shared: &Shared, scopes: &mut Vec<Map>) -> Map {
    let inner_scopes = Map::new();
    let scope = Map::new();
    scopes.push(scope.clone());
    let wanted = node.wanted.as_deref().unwrap_or_default();
    let chart = ChartObject::new(&node.chart.metadata, &node.name.to_text(), wanted, is_root);
    scope.insert("Chart", Value::Object(std::rc::Rc::new(chart)));
    scope.insert("Files", Value::Object(std::rc::Rc::new(Files::new(&node.chart.files))));
    scope.insert("Release", shared.release.clone());
    scope.insert("Capabilities", shared.capabilities.clone());
    scope.insert("Values", Value::Map(values.converted(MapType::Values)));
    scope.insert("Subcharts", Value::Map(inner_scopes.clone()));
    for inner in &node.dependencies {
        let inner_values = match values.get(inner.name.as_bytes()) {
            Some(Value::Map(map)) => map,
            _ => Map::new(),
        };
        let inner_scope = self::scope(inner, inner_values, false, shared, scopes);
        inner_scopes.insert(inner.name.clone(), Value::Map(inner_scope));
    }
    scope
}

/// The files of crds/ of a chart and of those within.
fn definitions(node: &Node<'_>, full_path: &str, out: &mut Vec<Definition>) {
    for file in &node.chart.files {
        let is_manifest = [".yaml", ".yml", ".json"].iter().any(|ending| file.name.ends_with(ending));
        if file.name.starts_with("crds/") && is_manifest {
            out.push(Definition { path: format!("{full_path}/{}", file.name), text: file.data.clone() });
        }
    }
    for inner in &node.dependencies {
        definitions(inner, &format!("{full_path}/charts/{}", inner.name), out);
    }
}
