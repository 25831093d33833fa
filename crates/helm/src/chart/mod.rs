//! A chart as it is loaded: immutable, shared by all that render it.

mod archive;
mod directory;
mod files;
mod glob;
mod ignore;
mod load;
mod metadata;

pub use archive::{ArchiveLimits, load_archive};
pub use directory::{load_directory, without_ignored};
pub use load::{ChartError, ChartFile, load_files};
pub use metadata::{ChartType, Dependency, Maintainer, Metadata};

pub(crate) use files::Files;
pub use glob::matches_path;
pub(crate) use metadata::ChartObject;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::go::Str;
use crate::template::{ParseError, Template, parse_templates};
use crate::values::Frozen;

/// A chart with all charts that it contains.
#[derive(Debug)]
pub struct Chart {
    /// Chart.yaml.
    pub metadata: Metadata,
    /// values.yaml.
    pub values: Frozen,
    /// The text of values.yaml, for what shows or keeps it.
    pub values_text: Option<Str>,
    /// values.schema.json.
    pub schema: Option<Str>,
    /// The files below templates/.
    pub templates: Vec<ChartFile>,
    /// All other files, for `.Files`; crds/ among them.
    pub files: Vec<ChartFile>,
    /// The charts below charts/.
    pub dependencies: Vec<Chart>,
    /// What the templates were parsed into, by the path under which they render.
    parsed: ParsedTemplates,
}

/// The templates of one file under the path that it renders as.
pub(crate) type Parsed = Result<Arc<[Arc<Template>]>, ParseError>;

#[derive(Debug, Default)]
struct ParsedTemplates(Mutex<HashMap<(Arc<str>, usize), Parsed>>);

impl Chart {
    /// The templates of one of this chart's files; parsed once for each path that an
    /// alias may give it.
    pub(crate) fn parsed(&self, path: &Arc<str>, at: usize) -> Parsed {
        let lock = || self.parsed.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::clone(path), at);
        if let Some(parsed) = lock().get(&key) {
            return parsed.clone();
        }
        let parsed: Parsed = parse_templates(path, &self.templates[at].data)
            .map(|templates| templates.into_iter().map(Arc::new).collect());
        lock().insert(key, parsed.clone());
        parsed
    }
}
