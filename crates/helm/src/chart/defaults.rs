//! The values that a chart gives itself, read when they are first asked for: templates can be
//! parsed at the same time.

use std::sync::OnceLock;

use super::load::yaml_of;
use super::{Chart, ChartError, Content};
use crate::values::{Frozen, Node};

/// values.yaml of a chart; one that has none has no values.
#[derive(Debug, Default)]
pub struct Defaults {
    content: Option<Content>,
    values: OnceLock<Frozen>,
}

impl Defaults {
    /// Those of a file.
    pub(super) fn of(content: Content) -> Defaults {
        Defaults { content: Some(content), values: OnceLock::new() }
    }

    /// The values.
    ///
    /// # Errors
    /// The file cannot be read, or is no mapping.
    pub fn read(&self) -> Result<&Frozen, ChartError> {
        if let Some(known) = self.values.get() {
            return Ok(known);
        }
        let values = match &self.content {
            Some(content) => values_of(content)?,
            None => Frozen::empty(),
        };
        Ok(self.values.get_or_init(|| values))
    }
}

fn values_of(content: &Content) -> Result<Frozen, ChartError> {
    match yaml_of("values.yaml", content.read()?)? {
        serde_json::Value::Null => Ok(Frozen::empty()),
        value @ serde_json::Value::Object(_) => Ok(Frozen::of(&value)),
        _ => Err(ChartError::invalid("values.yaml", "the values are no mapping")),
    }
}

impl Chart {
    /// The chart with its values read, and those of the charts within, for who wants to know
    /// at once whether they can be.
    ///
    /// # Errors
    /// The first values.yaml that cannot be read, or is no mapping.
    pub fn with_values(self) -> Result<Chart, ChartError> {
        Node::new(&self)?;
        Ok(self)
    }
}
