//! The templates of a chart and of those within it, compiled once for each choice of
//! charts within, and shared by all renderings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::RenderError;
use crate::chart::{Chart, ChartType, Content};
use crate::go::{Map, Str, path};
use crate::parallel::while_made;
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
    let make = |give: &mut dyn FnMut(_)| {
        // Those of the outermost take part whatever the values say.
        let is_first = chart.compiled.choices().is_empty();
        if is_first {
            files(chart, &chart.metadata.name, 0).for_each(&mut *give);
        }
        let prepared = prepare()?;
        let nodes = prepared.root.all();
        let choice: String =
            nodes.iter().map(|(path, node)| format!("{path}@{}\n", node.chart.metadata.version)).collect();
        let known = chart.compiled.choices().get(&choice).cloned();
        if known.is_none() {
            for (at, (path, node)) in nodes.iter().enumerate().skip(usize::from(is_first)) {
                files(node.chart, path, at).for_each(&mut *give);
            }
        }
        Ok::<_, RenderError>((prepared, choice, known))
    };
    let bytes = chart.template_bytes();
    let (made, parsed) = while_made(bytes, make, |files| parse(files, bytes));
    let (prepared, choice, known) = made?;
    if let Some(known) = known {
        return Ok((prepared, known));
    }
    let compiled = Arc::new(link(parsed)?);
    chart.compiled.keep(choice, Arc::clone(&compiled));
    Ok((prepared, compiled))
}

/// The files of a chart that are templates, by their paths from the outermost chart on.
fn files<'c>(
    chart: &'c Chart,
    full_path: &str,
    node: usize,
) -> impl Iterator<Item = (CompiledFile, &'c Content)> {
    let base_path = Str::from(format!("{full_path}/templates"));
    // Of a library only what defines templates counts.
    let counts = |name: &str| chart.metadata.kind != ChartType::Library || is_partial(name);
    chart.templates.iter().filter(move |file| counts(&file.name)).map(move |file| {
        let path = format!("{full_path}/{}", file.name).into();
        (CompiledFile { path, base_path: base_path.clone(), node }, &file.data)
    })
}

/// A file with the templates that are in it.
type Parsed = (CompiledFile, Result<Vec<Template>, RenderError>);

/// Parses files, which have so many bytes at most, into one tree.
fn parse(files: &mut dyn Iterator<Item = (CompiledFile, &Content)>, bytes: usize) -> Vec<Parsed> {
    let mut parsing = parsing(bytes);
    let parsed: Vec<_> = files
        .map(|(file, content)| {
            let text = content.read().map_err(RenderError::Chart);
            let parsed = text.and_then(|text| parsing.parse(&file.path, text).map_err(RenderError::Parse));
            (file, parsed)
        })
        .collect();
    let tree = parsing.tree();
    parsed
        .into_iter()
        .map(|(file, parsed)| (file, parsed.map(|parsed| parsed.templates(&tree).collect())))
        .collect()
}

/// All templates in the order in which they replace each other.
fn link(mut parsed: Vec<Parsed>) -> Result<Compiled, RenderError> {
    // Deeper files come first, so that an outer chart's definitions win.
    let depth = |file: &CompiledFile| file.path.matches('/').count();
    parsed.sort_by(|(a, _), (b, _)| depth(b).cmp(&depth(a)).then_with(|| b.path.cmp(&a.path)));
    let mut set = TemplateSet::default();
    let mut files = Vec::with_capacity(parsed.len());
    for (file, templates) in parsed {
        for template in templates? {
            set.add(Arc::new(template));
        }
        if !is_partial(&file.path) {
            files.push(file);
        }
    }
    Ok(Compiled { set, files })
}

/// Files whose names begin with an underscore print nothing.
fn is_partial(name: &str) -> bool {
    path::base(name).starts_with('_')
}
