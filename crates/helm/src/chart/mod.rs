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

use crate::go::Str;
use crate::release::CompiledCache;
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
    /// What the templates were compiled to, for each choice of charts within.
    pub(crate) compiled: CompiledCache,
}
