//! What goes wrong while a template runs, and where.

use std::fmt;
use std::sync::Arc;

use super::parser::ParseError;
use crate::go::quote::quote;

/// An error of a running template, as `text/template` words it.
#[derive(Debug, Clone)]
pub struct ExecError {
    /// The file that the template was parsed from.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 0 as Go counts.
    pub column: usize,
    /// The template that ran.
    pub template: Arc<str>,
    /// The piece of source that failed.
    pub context: String,
    /// What is wrong, in Go's words.
    pub message: String,
    /// What it means for the user, where that can be said.
    pub hint: Option<String>,
    /// The error within, for a call of `include` or `tpl` that failed.
    pub cause: Option<Box<CallError>>,
}

impl ExecError {
    /// The error where it all began, below all calls of `include` and `tpl`.
    pub fn root(&self) -> &ExecError {
        match self.cause.as_deref() {
            Some(CallError::Exec(inner) | CallError::Tpl(_, inner)) => inner.root(),
            _ => self,
        }
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "template: {}:{}:{}: executing {} at <{}>: {}",
            self.file,
            self.line,
            self.column,
            quote(self.template.as_bytes(), '"', false),
            self.context,
            self.message
        )?;
        match &self.cause {
            Some(cause) => write!(f, "{cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ExecError {}

/// Why a function failed.
#[derive(Debug, Clone)]
pub enum CallError {
    /// In the function's own words.
    Message(String),
    /// `required` and `fail`: what the chart wants to say.
    Chart(String),
    /// `include` of a template that failed.
    Exec(Box<ExecError>),
    /// `tpl` of this text, that is no template.
    Parse(String, ParseError),
    /// `tpl` of this text, that failed.
    Tpl(String, Box<ExecError>),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| quote(text.as_bytes(), '"', false);
        match self {
            CallError::Message(message) | CallError::Chart(message) => f.write_str(message),
            CallError::Exec(error) => write!(f, "{error}"),
            CallError::Parse(text, error) => write!(f, "cannot parse template {}: {error}", quoted(text)),
            CallError::Tpl(text, error) => {
                write!(f, "error during tpl function execution for {}: {error}", quoted(text))
            }
        }
    }
}

impl From<String> for CallError {
    fn from(message: String) -> CallError {
        CallError::Message(message)
    }
}
