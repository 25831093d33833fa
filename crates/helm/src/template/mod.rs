//! Go's `text/template`: parsed once into [`Template`]s, executed many times.
//!
//! ```
//! use syncline_helm::go::{Map, Value};
//! use syncline_helm::template::{Execution, Missing, TemplateSet};
//!
//! let mut set = TemplateSet::default();
//! set.parse("hello", &"Hello {{ .name | default \"world\" | upper }}!".into()).unwrap();
//! let text = Execution::new(&set, Missing::Zero).run("hello", Value::Map(Map::new())).unwrap();
//! assert_eq!(text.to_text(), "Hello WORLD!");
//! ```

mod ast;
mod error;
mod eval;
mod exec;
mod field;
mod handle;
mod lexer;
mod parser;
mod print;
mod source;
mod token;
mod tree;

pub use error::{CallError, ExecError};
pub(crate) use exec::without_no_value;
pub use exec::{Environment, Execution, Missing, NO_VALUE};
pub use parser::ParseError;
pub(crate) use parser::Parsing;
pub use source::Template;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::functions;
use crate::go::Str;

/// Templates that can call each other by name.
#[derive(Debug, Default, Clone)]
pub struct TemplateSet {
    templates: FxHashMap<Str, Arc<Template>>,
}

impl TemplateSet {
    /// Adds the template of a text and those it defines. One that is defined again
    /// replaces the one before, unless it is empty.
    ///
    /// # Errors
    /// The text is no template.
    pub fn parse(&mut self, name: &str, text: &Str) -> Result<(), ParseError> {
        for template in parse_templates(&name.into(), text)? {
            self.add(Arc::new(template));
        }
        Ok(())
    }

    /// Adds a template that was parsed before.
    pub fn add(&mut self, template: Arc<Template>) {
        let key = template.key.clone();
        if template.is_empty() && self.templates.contains_key(&key) {
            return;
        }
        self.templates.insert(key, template);
    }

    /// The template of a name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Template>> {
        self.templates.get(name)
    }
}

/// What parses templates that call the functions of charts, of so many bytes altogether.
pub(crate) fn parsing(bytes: usize) -> Parsing {
    Parsing::new(&functions::find, bytes)
}

/// Parses a text into the templates it defines, its own last.
///
/// # Errors
/// The text is no template.
pub(crate) fn parse_templates(name: &Arc<str>, text: &Str) -> Result<Vec<Template>, ParseError> {
    let mut parsing = parsing(text.len());
    let parsed = parsing.parse(name, text)?;
    Ok(parsed.templates(&parsing.tree()).collect())
}
