//! Why a chart does not render.

use crate::chart::ChartError;
use crate::template::{CallError, ExecError, ParseError};
use crate::values::SchemaViolation;

/// Why a chart does not render.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The chart itself is none.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The chart is not for this version of Kubernetes.
    #[error("chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {version}")]
    KubeVersion {
        /// The range that the chart names.
        wanted: String,
        /// The version of the target.
        version: String,
    },
    /// A library chart was to be rendered by itself.
    #[error("library charts are not installable")]
    Library,
    /// Charts that Chart.yaml names are not there.
    #[error("found in Chart.yaml, but missing in charts/ directory: {}", .0.join(", "))]
    MissingDependencies(Vec<String>),
    /// The values do not fit the charts.
    #[error("{0}")]
    Values(String),
    /// The values do not fit the charts' schemas.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):{}", lines(.0))]
    Schema(Vec<SchemaViolation>),
    /// A file is no template.
    #[error("parse error at ({}:{}): {}", .0.source_name, .0.line, .0.message)]
    Parse(ParseError),
    /// A template failed.
    #[error("{}", execution(.0))]
    Execution(Box<ExecError>),
    /// What a template printed is no manifest.
    #[error("YAML parse error on {path}:{line}: {message}{}", near(.text))]
    Yaml {
        /// The template.
        path: String,
        /// The line of what it printed, from 1, in the document that fails.
        line: u32,
        /// What is wrong.
        message: String,
        /// That line.
        text: String,
    },
}

fn lines(violations: &[SchemaViolation]) -> String {
    violations.iter().map(|violation| format!("\n- {violation}")).collect()
}

fn near(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("\n  the template printed: {}", text.trim_end()) }
}

/// Helm's words: what `required` and `fail` say stands alone, with its place.
fn execution(error: &ExecError) -> String {
    if let Some(message) = chart_message(error) {
        return format!("execution error at ({}:{}:{}): {message}", error.file, error.line, error.column);
    }
    error.to_string()
}

fn chart_message(error: &ExecError) -> Option<&str> {
    match error.cause.as_deref()? {
        CallError::Chart(message) => Some(message),
        CallError::Exec(inner) | CallError::Tpl(_, inner) => chart_message(inner),
        _ => None,
    }
}

impl RenderError {
    /// What the user can do, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            RenderError::Execution(error) => error.root().hint.clone(),
            RenderError::KubeVersion { .. } => {
                Some("the target, or --kube-version, must be in that range".to_owned())
            }
            RenderError::MissingDependencies(_) => {
                Some("fetch them with `helm dependency build`, and keep charts/ with the chart".to_owned())
            }
            RenderError::Library => Some("name it among the dependencies of another chart".to_owned()),
            _ => None,
        }
    }

    /// The file, line and column (both from 1) where it went wrong, if that is in a template.
    pub fn place(&self) -> Option<(String, usize, usize)> {
        match self {
            RenderError::Parse(error) => Some((error.source_name.to_string(), error.line, 1)),
            RenderError::Execution(error) => {
                let root = error.root();
                Some((root.file.to_string(), root.line, root.column + 1))
            }
            _ => None,
        }
    }
}
