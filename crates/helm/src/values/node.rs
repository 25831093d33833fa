//! A chart with the charts within it, as they take part in one rendering.

use super::Frozen;
use crate::chart::{Chart, ChartError, Dependency};
use crate::go::{Map, Str};

/// A chart as it takes part in one rendering.
#[derive(Clone)]
pub(crate) struct Node<'c> {
    /// The chart as it was loaded.
    pub(crate) chart: &'c Chart,
    /// Its name, or the alias by which the outer chart wants it.
    pub(crate) name: Str,
    /// Its values.yaml.
    pub(super) defaults: &'c Frozen,
    /// Its values with those of the charts within and what they export to it; None while
    /// they are the chart's own.
    pub(crate) values: Option<Map>,
    /// What its Chart.yaml wants and has enabled; None when it says nothing.
    pub(crate) wanted: Option<Vec<Dependency>>,
    /// The charts within that are enabled.
    pub(crate) dependencies: Vec<Node<'c>>,
}

impl<'c> Node<'c> {
    /// A chart with all charts within.
    ///
    /// # Errors
    /// Values that cannot be read.
    pub(crate) fn new(chart: &'c Chart) -> Result<Node<'c>, ChartError> {
        let inner = |inner: &'c Chart| Node::new(inner).map_err(|error| error.within(&inner.metadata.name));
        Ok(Node {
            chart,
            defaults: chart.values.read()?,
            name: Str::from(chart.metadata.name.as_str()),
            values: None,
            wanted: chart.metadata.dependencies.clone(),
            dependencies: chart.dependencies.iter().map(inner).collect::<Result<_, _>>()?,
        })
    }

    /// This chart and those within, each with its path, the outer before the inner.
    pub(crate) fn all(&self) -> Vec<(String, &Node<'c>)> {
        let mut nodes = Vec::new();
        self.gather(self.name.to_text().into_owned(), &mut nodes);
        nodes
    }

    fn gather<'n>(&'n self, path: String, nodes: &mut Vec<(String, &'n Node<'c>)>) {
        nodes.push((path.clone(), self));
        for inner in &self.dependencies {
            inner.gather(format!("{path}/charts/{}", inner.name), nodes);
        }
    }
}
