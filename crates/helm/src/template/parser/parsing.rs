//! Texts parsed one after the other into one tree, with the room that is used again.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{ParseError, Parser, Tokens};
use crate::functions::Function;
use crate::go::Str;
use crate::template::ast::{Command, Node, Operand, Position};
use crate::template::handle::List;
use crate::template::source::{Source, Template};
use crate::template::token::Token;
use crate::template::tree::{Growing, Tree};

/// Texts that are parsed one after the other, into one tree.
pub struct Parsing {
    functions: Functions,
    growing: Growing,
    bytes: Position,
    /// Room for the tokens of a text.
    tokens: Vec<Token>,
    stacks: Stacks,
    /// What is in the texts so far.
    known: FxHashMap<Str, Contents>,
}

/// What is in a text, whatever its name: charts that lie in one chart bring the same
/// library each for itself.
#[derive(Clone)]
struct Contents {
    definitions: Vec<Draft>,
    body: List<Node>,
    slots: usize,
}

/// What belongs to lists that are not at their end yet, that of the innermost last: a list
/// lies in the tree in one piece, and what is in it comes before it.
#[derive(Default)]
pub(super) struct Stacks {
    pub(super) nodes: Vec<Node>,
    pub(super) commands: Vec<Command>,
    pub(super) operands: Vec<Operand>,
}

impl Stacks {
    /// An error leaves what it broke off.
    fn clear(&mut self) {
        self.nodes.clear();
        self.commands.clear();
        self.operands.clear();
    }
}

/// How functions are found by their names.
pub(super) type Functions = &'static dyn Fn(&str) -> Option<&'static Function>;

/// The templates of a text, once the tree is there in which their nodes are.
pub struct Parsed {
    source: Arc<Source>,
    templates: Vec<Draft>,
}

impl Parsing {
    /// Nothing is parsed yet; there may be texts of `room` bytes.
    pub fn new(functions: Functions, room: usize) -> Parsing {
        let growing = Growing::with_room(room);
        let (tokens, stacks, known) = (Vec::new(), Stacks::default(), FxHashMap::default());
        Parsing { functions, growing, bytes: 0, tokens, stacks, known }
    }

    /// Parses a text into the template of its own name and those it defines, in the order
    /// in which they come to be: the text itself is the last.
    ///
    /// # Errors
    /// The first thing that is no template.
    pub fn parse(&mut self, name: &Arc<str>, text: &Str) -> Result<Parsed, ParseError> {
        // The tree has fewer elements than there are bytes, and counts them so.
        match Position::try_from(text.len()).ok().and_then(|bytes| self.bytes.checked_add(bytes)) {
            Some(bytes) => self.bytes = bytes,
            None => {
                let (source_name, message) = (Arc::clone(name), "there are more than 4 GiB of it".to_owned());
                return Err(ParseError { source_name, line: 1, message });
            }
        }
        // Places are those of the text as it is read.
        let readable = text.to_text();
        let text = if let Cow::Owned(readable) = &readable { readable.as_str().into() } else { text.clone() };
        let source = Source { name: Arc::clone(name), text };
        if let Some(contents) = self.known.get(&source.text)
            && contents.definitions.iter().all(|definition| definition.name != *name)
        {
            let Contents { definitions: mut templates, body, slots } = contents.clone();
            templates.push(Draft { name: Arc::clone(name), body, slots });
            return Ok(Parsed { source: Arc::new(source), templates });
        }
        self.stacks.clear();
        let mut parser = Parser {
            tokens: Tokens::of(&readable, &mut self.tokens),
            at: 0,
            source,
            growing: &mut self.growing,
            functions: self.functions,
            templates: Vec::new(),
            stacks: &mut self.stacks,
            variables: vec!["$"],
            slots: 1,
            ranges: 0,
            depth: 0,
            action: None,
        };
        let body = parser.file()?;
        let slots = parser.slots;
        let contents = Contents { definitions: parser.templates.clone(), body, slots };
        parser.add(name, body, slots)?;
        let Parser { source, templates, .. } = parser;
        self.known.insert(source.text.clone(), contents);
        Ok(Parsed { source: Arc::new(source), templates })
    }

    /// The tree of all that was parsed.
    pub fn tree(self) -> Arc<Tree> {
        self.growing.grown()
    }
}

impl Parsed {
    /// The templates, with their nodes in the tree of their parsing.
    pub fn templates(self, tree: &Arc<Tree>) -> impl Iterator<Item = Template> + use<> {
        let tree = Arc::clone(tree);
        let Parsed { source, templates } = self;
        templates.into_iter().map(move |Draft { name, body, slots }| {
            let (key, source, tree) = (Str::from(&*name), Arc::clone(&source), Arc::clone(&tree));
            Template { name, key, source, tree, body, slots }
        })
    }
}

/// A template that becomes one when all of the source is parsed.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) name: Arc<str>,
    pub(super) body: List<Node>,
    pub(super) slots: usize,
}
