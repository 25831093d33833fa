//! Files into a chart, by the rules of Helm's loader.

use std::collections::BTreeMap;

use super::{Chart, Content, Defaults, Metadata, load_archive};
use crate::go::Str;
use crate::values::Schema;

/// A file of a chart; the name is relative to its Chart.yaml, with slashes.
#[derive(Debug, Clone)]
pub struct ChartFile {
    /// Its path.
    pub name: String,
    /// Its content.
    pub data: Content,
}

/// Why there is no chart.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// A file is missing or cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Chart.yaml says what a chart may not be.
    #[error("{chart}{file}: {message}")]
    Invalid {
        /// The chart within others, empty for the outermost, else with a colon behind.
        chart: String,
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// The archive holds what a chart may not.
    #[error("chart archive: {0}")]
    Archive(String),
}

impl ChartError {
    pub(super) fn invalid(file: &str, message: impl Into<String>) -> ChartError {
        ChartError::Invalid { chart: String::new(), file: file.to_owned(), message: message.into() }
    }

    /// As it is told of the chart which that one contains.
    pub(crate) fn within(self, name: &str) -> ChartError {
        match self {
            ChartError::Invalid { chart, file, message } => {
                ChartError::Invalid { chart: format!("charts/{name}: {chart}"), file, message }
            }
            ChartError::Archive(message) => ChartError::Archive(format!("charts/{name}: {message}")),
            other => other,
        }
    }
}

/// Charts within charts: deeper is no chart that anyone wrote.
const MAX_DEPTH: usize = 32;

/// Makes a chart of its files.
///
/// # Errors
/// The first file that Helm would refuse.
pub fn load_files(files: Vec<ChartFile>) -> Result<Chart, ChartError> {
    nested(files, MAX_DEPTH)
}

pub(super) fn yaml_of(name: &str, text: &Str) -> Result<serde_json::Value, ChartError> {
    let text = text.as_utf8().ok_or_else(|| ChartError::invalid(name, "is no UTF-8 text"))?;
    let documents = syncline_manifest::yaml::read_lenient(text)
        .map_err(|error| ChartError::invalid(&format!("{name}:{}", error.position), error.message))?;
    Ok(documents
        .into_iter()
        .find(|document| document.index == 0)
        .map_or(serde_json::Value::Null, |d| d.value))
}

pub(super) fn nested(files: Vec<ChartFile>, depth: usize) -> Result<Chart, ChartError> {
    if depth == 0 {
        return Err(ChartError::Archive(format!("more than {MAX_DEPTH} charts within each other")));
    }
    let Some(definition) = files.iter().find(|file| file.name == "Chart.yaml") else {
        return Err(ChartError::invalid("Chart.yaml", "is missing"));
    };
    let mut document = yaml_of("Chart.yaml", definition.data.read()?)?;
    // Charts of the first version name their dependencies in a file of their own.
    if let Some(requirements) = files.iter().find(|file| file.name == "requirements.yaml")
        && let (Some(into), serde_json::Value::Object(from)) =
            (document.as_object_mut(), yaml_of("requirements.yaml", requirements.data.read()?)?)
    {
        into.extend(from);
    }
    let metadata = Metadata::read(&document).map_err(|message| ChartError::invalid("Chart.yaml", message))?;
    let is_first_version = metadata.api_version == "v1";
    let mut chart = Chart {
        metadata,
        values: Defaults::default(),
        schema: None,
        templates: Vec::new(),
        files: Vec::new(),
        dependencies: Vec::new(),
        compiled: Default::default(),
        reads_history: Default::default(),
    };
    let mut inner: BTreeMap<String, Vec<ChartFile>> = BTreeMap::new();
    for file in files {
        match file.name.as_str() {
            "Chart.yaml" | "Chart.lock" => {}
            "values.yaml" => chart.values = Defaults::of(file.data),
            "values.schema.json" => chart.schema = Some(Schema::new(file.data.read()?.clone())),
            "requirements.yaml" | "requirements.lock" => {
                if is_first_version {
                    chart.files.push(file);
                }
            }
            name if name.starts_with("templates/") => chart.templates.push(file),
            name if name.starts_with("charts/") && !name.ends_with(".prov") => {
                let path = name["charts/".len()..].to_owned();
                let name = path.split('/').next().unwrap_or_default().to_owned();
                inner.entry(name).or_default().push(ChartFile { name: path, data: file.data });
            }
            _ => chart.files.push(file),
        }
    }
    for (name, files) in inner {
        if name.starts_with(['_', '.']) {
            continue;
        }
        let loaded = if name.ends_with(".tgz") {
            match files.into_iter().next() {
                Some(file) if file.name == name => match file.data.read() {
                    Ok(bytes) => load_archive(bytes.as_bytes(), &Default::default(), depth - 1),
                    Err(error) => Err(error),
                },
                _ => Err(ChartError::Archive(format!("{name} is a folder"))),
            }
        } else {
            let files = files.into_iter().filter_map(|file| {
                let (_, rest) = file.name.split_once('/')?;
                Some(ChartFile { name: rest.to_owned(), data: file.data })
            });
            let files: Vec<ChartFile> = files.collect();
            // A file that lies in charts/ beside the charts is no chart.
            if files.is_empty() {
                continue;
            }
            nested(files, depth - 1)
        };
        chart.dependencies.push(loaded.map_err(|error| error.within(&name))?);
    }
    Ok(chart)
}
