//! The templates of a chart and of those within it, compiled once for each choice of
//! charts within, and shared by all renderings.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::RenderError;
use crate::chart::{Chart, ChartFile, ChartType, Content};
use crate::go::{Map, Str, path};
use crate::parallel::Queue;
use crate::template::{Template, TemplateSet, parsing};
use crate::values::Node;

/// All templates of one choice of charts.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The templates by name.
    pub(crate) set: TemplateSet,
    /// The files, in the order in which they render.
    pub(crate) files: Vec<CompiledFile>,
}

/// A file that is rendered.
#[derive(Debug)]
pub(crate) struct CompiledFile {
    /// The name of its template: its path from the outermost chart on.
    pub(crate) path: Arc<str>,
    /// The folder of templates that it lies in.
    pub(crate) base_path: Str,
    /// Its chart, by its place in [`Node::all`].
    pub(crate) node: usize,
}

/// How many choices are kept; a chart has few, and one that has more starts anew.
const CHOICES: usize = 64;

/// What was compiled, by the charts that take part.
#[derive(Debug, Default)]
pub struct CompiledCache(Mutex<HashMap<String, Arc<Compiled>>>);

impl CompiledCache {
    fn choices(&self) -> MutexGuard<'_, HashMap<String, Arc<Compiled>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, choice: String, compiled: Arc<Compiled>) {
        let mut choices = self.choices();
        if choices.len() >= CHOICES {
            choices.clear();
        }
        choices.insert(choice, compiled);
    }
}

/// A file of templates: the place of its chart in [`Node::all`], and its own in the chart.
type Place = (usize, usize);

/// The templates that are in a file.
type Parsed = Result<Vec<Template>, RenderError>;

/// Templates that are parsed on other threads while this one does something else.
struct Ahead(Queue<(Place, Arc<str>, Content), (Place, Parsed)>);

impl Ahead {
    /// None yet.
    fn new() -> Ahead {
        Ahead(Queue::new(parse))
    }

    /// Parses the templates of a chart.
    fn parse(&self, node: usize, full_path: &str, chart: &Chart) {
        for (at, path, file) in templates(full_path, chart) {
            self.0.give(((node, at), path, file.data.clone()), file.data.size());
        }
    }

    fn parsed(self) -> HashMap<Place, Parsed> {
        self.0.finish().into_iter().collect()
    }
}

/// Parses files, which may have so many bytes, into one tree.
fn parse(files: &mut dyn Iterator<Item = (Place, Arc<str>, Content)>, bytes: usize) -> Vec<(Place, Parsed)> {
    let mut parsing = parsing(bytes);
    let parsed: Vec<_> = files
        .map(|(place, path, content)| {
            let text = content.read().map_err(RenderError::Chart);
            (place, text.and_then(|text| parsing.parse(&path, text).map_err(RenderError::Parse)))
        })
        .collect();
    let tree = parsing.tree();
    parsed
        .into_iter()
        .map(|(place, parsed)| (place, parsed.map(|parsed| parsed.templates(&tree).collect())))
        .collect()
}

/// The charts that take part in a rendering, and the values that they see.
pub(super) struct Prepared<'c> {
    /// The outermost chart.
    pub(super) root: Node<'c>,
    /// Its values, with those of the charts within.
    pub(super) values: Map,
}

/// What `prepare` makes of a chart, and the templates of what takes part then. They are
/// compiled if they are not yet; those of the chart itself meanwhile.
///
/// # Errors
/// What `prepare` says; a file is no template, or cannot be read.
pub(super) fn compile_while<'c>(
    chart: &'c Chart,
    prepare: impl FnOnce() -> Result<Prepared<'c>, RenderError>,
) -> Result<(Prepared<'c>, Arc<Compiled>), RenderError> {
    let ahead = Ahead::new();
    // Those of the outermost take part whatever the values say.
    let is_first = chart.compiled.choices().is_empty();
    if is_first {
        ahead.parse(0, &chart.metadata.name, chart);
    }
    let prepared = prepare()?;
    let nodes = prepared.root.all();
    let choice: String =
        nodes.iter().map(|(path, node)| format!("{path}@{}\n", node.chart.metadata.version)).collect();
    let known = chart.compiled.choices().get(&choice).cloned();
    if let Some(known) = known {
        return Ok((prepared, known));
    }
    for (at, (path, node)) in nodes.iter().enumerate().skip(usize::from(is_first)) {
        ahead.parse(at, path, node.chart);
    }
    let compiled = Arc::new(link(&nodes, ahead.parsed())?);
    chart.compiled.keep(choice, Arc::clone(&compiled));
    Ok((prepared, compiled))
}

/// All templates in the order in which they replace each other.
fn link(nodes: &[(String, &Node<'_>)], mut parsed: HashMap<Place, Parsed>) -> Result<Compiled, RenderError> {
    let mut all = Vec::with_capacity(parsed.len());
    for (node, (full_path, chart)) in nodes.iter().map(|(path, node)| (path, node.chart)).enumerate() {
        let base_path = Str::from(format!("{full_path}/templates"));
        for (at, path, _) in templates(full_path, chart) {
            let templates = parsed.remove(&(node, at)).unwrap_or_else(|| Ok(Vec::new()));
            all.push((CompiledFile { path, base_path: base_path.clone(), node }, templates));
        }
    }
    // Deeper files come first, so that an outer chart's definitions win.
    all.sort_by_cached_key(|(file, _)| {
        (Reverse(file.path.matches('/').count()), Reverse(Arc::clone(&file.path)))
    });
    let mut set = TemplateSet::default();
    let mut files = Vec::with_capacity(all.len());
    for (file, templates) in all {
        templates?.into_iter().for_each(|template| set.add(Arc::new(template)));
        if !is_partial(&file.path) {
            files.push(file);
        }
    }
    Ok(Compiled { set, files })
}

/// The files of a chart that hold templates: their places in it, and their paths from the
/// outermost chart on. Of a library only what defines templates counts.
fn templates<'c>(
    full_path: &str,
    chart: &'c Chart,
) -> impl Iterator<Item = (usize, Arc<str>, &'c ChartFile)> {
    let counts = |name: &str| chart.metadata.kind != ChartType::Library || is_partial(name);
    let files = chart.templates.iter().enumerate().filter(move |(_, file)| counts(&file.name));
    files.map(move |(at, file)| (at, format!("{full_path}/{}", file.name).into(), file))
}

/// Files whose names begin with an underscore print nothing.
fn is_partial(name: &str) -> bool {
    path::base(name).starts_with('_')
}
