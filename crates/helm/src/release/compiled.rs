//! The templates of a chart and of those within it, compiled once for each choice of
//! charts within, and shared by all renderings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::RenderError;
use crate::chart::{ChartType, Content};
use crate::go::{Str, path};
use crate::parallel::in_shares;
use crate::template::{TemplateSet, parsing};
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
    /// The templates of a chart, compiled if they are not yet.
    ///
    /// # Errors
    /// A file is no template, or cannot be read.
    pub(crate) fn of(&self, nodes: &[(String, &Node<'_>)]) -> Result<Arc<Compiled>, RenderError> {
        let mut choice = String::new();
        for (path, node) in nodes {
            choice.push_str(path);
            choice.push('@');
            choice.push_str(&node.chart.metadata.version);
            choice.push('\n');
        }
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&choice) {
            return Ok(Arc::clone(known));
        }
        let compiled = Arc::new(compile(nodes)?);
        let mut cache = lock();
        if cache.len() >= CHOICES {
            cache.clear();
        }
        cache.insert(choice, Arc::clone(&compiled));
        Ok(compiled)
    }
}

fn compile(nodes: &[(String, &Node<'_>)]) -> Result<Compiled, RenderError> {
    let mut all = Vec::new();
    for (at, (full_path, node)) in nodes.iter().enumerate() {
        let base_path = Str::from(format!("{full_path}/templates"));
        for file in &node.chart.templates {
            // Of a library only what defines templates counts.
            if node.chart.metadata.kind == ChartType::Library && !is_partial(&file.name) {
                continue;
            }
            let path: Arc<str> = format!("{full_path}/{}", file.name).into();
            all.push((CompiledFile { path, base_path: base_path.clone(), node: at }, &file.data));
        }
    }
    // Deeper files come first, so that an outer chart's definitions win.
    all.sort_by(|(a, _), (b, _)| {
        let depth = |file: &CompiledFile| file.path.matches('/').count();
        depth(b).cmp(&depth(a)).then_with(|| b.path.cmp(&a.path))
    });
    let parse = |files: &mut dyn Iterator<Item = &(CompiledFile, &Content)>| {
        let mut parsing = parsing();
        let parsed: Vec<_> = files
            .map(|(file, content)| parsing.parse(&file.path, content.read()?).map_err(RenderError::Parse))
            .collect();
        let tree = parsing.tree();
        parsed.into_iter().map(|parsed| Ok(parsed?.templates(&tree))).collect()
    };
    let parsed: Vec<Result<_, RenderError>> = in_shares(&all, |(_, content)| content.size(), parse);
    let mut set = TemplateSet::default();
    let mut files = Vec::with_capacity(all.len());
    for ((file, _), parsed) in all.into_iter().zip(parsed) {
        for template in parsed? {
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
