//! A chart as it is loaded: immutable, shared by all that render it.

mod archive;
mod content;
mod defaults;
mod directory;
mod files;
mod glob;
mod ignore;
mod load;
mod metadata;

pub use archive::{ArchiveLimits, load_archive};
pub use content::Content;
pub use defaults::Defaults;
pub use directory::{load_directory, without_ignored};
pub use load::{ChartError, ChartFile, load_files};
pub use metadata::{ChartType, Dependency, Maintainer, Metadata};

pub(crate) use files::Files;
pub use glob::matches_path;
pub(crate) use metadata::ChartObject;

use std::sync::OnceLock;

use crate::release::CompiledCache;
use crate::values::Schema;

/// A chart with all charts that it contains.
#[derive(Debug)]
pub struct Chart {
    /// Chart.yaml.
    pub metadata: Metadata,
    /// values.yaml.
    pub values: Defaults,
    /// values.schema.json.
    pub schema: Option<Schema>,
    /// The files below templates/.
    pub templates: Vec<ChartFile>,
    /// All other files, for `.Files`; crds/ among them.
    pub files: Vec<ChartFile>,
    /// The charts below charts/.
    pub dependencies: Vec<Chart>,
    /// What the templates were compiled to, for each choice of charts within.
    pub(crate) compiled: CompiledCache,
    /// Whether it prints something else at an upgrade than at an install, once known.
    pub(crate) reads_history: OnceLock<bool>,
}

impl Chart {
    /// Why a file that was asked for could not be read: what was made without it is void.
    pub(crate) fn failed_read(&self) -> Option<ChartError> {
        let inner = || self.dependencies.iter().find_map(Chart::failed_read);
        self.files.iter().find_map(|file| file.data.failure()).or_else(inner)
    }

    /// Whether templates may read how often the release was installed or upgraded. Told by
    /// the text alone, so it may be said of a chart that does not; never the reverse, unless
    /// names are put together from pieces.
    pub fn reads_history(&self) -> bool {
        *self.reads_history.get_or_init(|| {
            self.templates
                .iter()
                .any(|file| file.data.read().is_ok_and(|text| mentions_history(&text.to_text())))
                || self.dependencies.iter().any(Chart::reads_history)
        })
    }
}

/// Whether a text, a template or values with templates in them, may read the history of a
/// release.
pub fn mentions_history(text: &str) -> bool {
    const FIELDS: [&str; 4] = ["IsUpgrade", "IsInstall", ".Revision", "\"Revision\""];
    let is_whole = |(at, name): (usize, &str)| {
        let next = text.as_bytes().get(at + name.len());
        next.is_none_or(|byte| *byte != b'.' && !byte.is_ascii_alphanumeric())
    };
    FIELDS.iter().any(|field| text.contains(field)) || text.match_indices(".Release").any(is_whole)
}

#[cfg(test)]
mod tests {
    use super::mentions_history;

    #[test]
    fn only_what_may_read_the_history_is_said_to() {
        for (text, expected) in [
            ("{{ .Release.Name }}-{{ $.Release.Namespace }} {{ .ReleaseName }}", false),
            ("revisionHistoryLimit: 3\ncontrollerRevision: x", false),
            ("name: migrate-{{ .Release.Revision }}", true),
            ("{{ if $root.Release.IsUpgrade }}", true),
            ("{{ toYaml .Release }}", true),
            ("{{ with .Release }}{{ .Name }}{{ end }}", true),
            ("{{ index .Release \"Revision\" }}", true),
        ] {
            assert_eq!(mentions_history(text), expected, "{text}");
        }
    }
}
