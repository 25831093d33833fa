//! What was parsed: a source, and the templates that are in it.

use std::sync::Arc;

use super::ast::{Node, Position, Span};
use super::handle::List;
use super::tree::Tree;
use crate::go::Str;

/// The text that templates were parsed from, for the places in messages.
#[derive(Debug)]
pub struct Source {
    /// The name that messages give: the path of the file.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Str,
}

impl Source {
    /// A piece of it.
    pub fn piece(&self, span: Span) -> &[u8] {
        self.text.as_bytes().get(span.range()).unwrap_or_default()
    }

    /// `name:line:column` of a byte offset, as Go counts: columns from 0, in bytes.
    pub fn location(&self, position: Position) -> (usize, usize) {
        let position = position as usize;
        let bytes = self.text.as_bytes();
        let before = &bytes[..position.min(bytes.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let column = before.iter().rposition(|b| *b == b'\n').map_or(position, |at| position - at - 1);
        (line, column)
    }
}

/// One template of a set.
#[derive(Debug)]
pub struct Template {
    /// The name by which others call it.
    pub name: Arc<str>,
    /// The same, as sets hold it.
    pub key: Str,
    /// Where it was parsed from.
    pub source: Arc<Source>,
    /// Where its nodes are, and those of others.
    pub tree: Arc<Tree>,
    /// What it does.
    pub body: List<Node>,
    /// How many variables are alive at once at most; `$` is the first.
    pub slots: usize,
}

impl Template {
    /// Whether it prints nothing: such a definition does not replace another.
    pub fn is_empty(&self) -> bool {
        self.written().is_empty(self.body)
    }

    /// Its nodes as they are written.
    pub fn written(&self) -> Written<'_> {
        Written { source: &self.source, tree: &self.tree }
    }
}

/// Nodes with the text that they were parsed from.
#[derive(Clone, Copy)]
pub struct Written<'t> {
    /// The text.
    pub source: &'t Source,
    /// The nodes.
    pub tree: &'t Tree,
}

impl Written<'_> {
    /// Whether a body prints nothing: such a definition does not replace another.
    pub fn is_empty(self, body: List<Node>) -> bool {
        self.tree.list(body).iter().all(|node| match node {
            Node::Text(span) => self.source.piece(*span).iter().all(u8::is_ascii_whitespace),
            _ => false,
        })
    }
}
