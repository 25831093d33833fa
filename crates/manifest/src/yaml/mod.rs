//! YAML as kubectl reads it, and as people like to read it.
//!
//! The grammar is the work of a library; here stands what Kubernetes adds to it:
//! the meaning of scalars ([`scalar`]), duplicate keys as errors, merge keys, a
//! bound on what aliases may unfold to, and the position of everything. The style in which
//! nearly all manifests are written is read by [`block`], several times faster.
//!
//! ```
//! let documents = syncline_manifest::yaml::read("mode: 0644\nrunning: yes\n").unwrap();
//! assert_eq!(documents[0].value, serde_json::json!({"mode": 420, "running": true}));
//! ```

mod block;
mod locate;
mod reader;
mod scalar;
mod writer;

use std::fmt;

use serde_json::Value;

pub use locate::locate;
pub use writer::write;

/// One document of a YAML stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its place in the stream, from 0; documents without content count.
    pub index: usize,
    /// Where its content starts.
    pub position: Position,
    /// Its content; never null.
    pub value: Value,
}

/// Reads all documents of a YAML or JSON text; those without content are left out.
///
/// # Errors
/// The first thing in the text that kubectl would refuse, with its position.
pub fn read(text: &str) -> Result<Vec<Document>, YamlError> {
    read_as(text, Duplicates::Refuse)
}

/// As [`read`], but where a mapping holds a key twice, the last counts: what `helm`
/// and others that are lenient make of a text.
///
/// # Errors
/// As [`read`].
pub fn read_lenient(text: &str) -> Result<Vec<Document>, YamlError> {
    read_as(text, Duplicates::LastWins)
}

/// What a key that a mapping holds twice means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duplicates {
    Refuse,
    LastWins,
}

fn read_as(text: &str, duplicates: Duplicates) -> Result<Vec<Document>, YamlError> {
    block::read(text, duplicates).map_or_else(|| reader::read(text, duplicates), Ok)
}

/// Whether a plain scalar of this text is a string, and neither null, a boolean nor a
/// number, to the readers of Kubernetes.
pub fn is_plain_text(text: &str) -> bool {
    matches!(scalar::plain(text), Ok(Value::String(_)))
}

/// A place in a text file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Position {
    /// The first character of a file.
    pub const START: Position = Position { line: 1, column: 1 };

    fn of(marker: &granit_parser::Marker) -> Position {
        Position {
            line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
            column: u32::try_from(marker.col() + 1).unwrap_or(u32::MAX),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a text is not YAML that Kubernetes accepts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {message}")]
pub struct YamlError {
    /// Where the reader stood.
    pub position: Position,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that can be said.
    pub hint: Option<String>,
}

impl YamlError {
    fn new(position: Position, message: impl Into<String>) -> YamlError {
        YamlError { position, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> YamlError {
        self.hint = Some(hint.into());
        self
    }
}
