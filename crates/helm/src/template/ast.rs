//! What a template is once it is parsed: nodes with their place in the source, names of
//! variables made into slots.

use std::ops::Range;
use std::sync::Arc;

use super::tree::{Id, List, Tree};
use crate::functions::Function;
use crate::go::Str;

/// The text that templates were parsed from, for the places in messages.
#[derive(Debug)]
pub struct Source {
    /// The name that messages give: the path of the file.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Str,
    /// What it was parsed into.
    pub tree: Tree,
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
    /// What it does.
    pub body: List<Node>,
    /// How many variables are alive at once at most; `$` is the first.
    pub slots: usize,
}

impl Template {
    /// Whether it prints nothing: such a definition does not replace another.
    pub fn is_empty(&self) -> bool {
        is_empty(&self.source, self.body)
    }
}

/// A place in the source, as a byte offset.
pub type Position = u32;

/// A piece of the source, by byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
}

impl Span {
    /// As an index into the source.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A node of a template's body.
#[derive(Debug)]
pub enum Node {
    /// Text as it is: the piece of the source.
    Text(Span),
    /// A pipeline whose value is printed, unless it declares variables.
    Action(Id<Pipe>),
    /// `if`, and `else`.
    If(Id<Branch>),
    /// `with`, and `else`.
    With(Id<Branch>),
    /// `range`, and `else`.
    Range(Id<Branch>),
    /// `template "name" pipeline`.
    Template(Position, Id<Str>, Option<Id<Pipe>>),
    /// `break`
    Break,
    /// `continue`
    Continue,
}

/// What is done or not, or again and again.
#[derive(Debug)]
pub struct Branch {
    /// What decides.
    pub pipe: Pipe,
    /// What is done then.
    pub body: List<Node>,
    /// What is done else.
    pub otherwise: List<Node>,
}

/// Commands, the value of each the last argument of the next.
#[derive(Debug)]
pub struct Pipe {
    /// Where it begins.
    pub position: Position,
    /// The variables that it sets, for `range` the index before the element.
    pub declares: Declared,
    /// `=`, not `:=`.
    pub assigns: bool,
    /// At least one.
    pub commands: List<Command>,
}

/// The variables that a pipeline sets: their slots, with their names for messages.
#[derive(Debug, Clone, Copy)]
pub enum Declared {
    /// None.
    Nothing,
    /// One.
    One(Variable),
    /// The index and the element of a range.
    Two(Variable, Variable),
}

/// A variable that is set.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its slot.
    pub slot: u32,
    /// Its name.
    pub name: Id<Str>,
}

/// A function, method, field or constant, with arguments.
#[derive(Debug)]
pub struct Command {
    /// What is called or read.
    pub head: Operand,
    /// What it is called with.
    pub arguments: List<Operand>,
}

/// A word of a command.
#[derive(Debug)]
pub struct Operand {
    /// Where it begins.
    pub position: Position,
    /// What it is.
    pub kind: Term,
}

/// What a word of a command can be.
#[derive(Debug)]
pub enum Term {
    /// `.`
    Dot,
    /// `nil`
    Nil,
    /// `true` or `false`
    Bool(bool),
    /// A number, as far as it can be each of the types.
    Number(Id<Number>),
    /// A string: the piece of the source with its quotes, and its content.
    Text(Span, Id<Str>),
    /// `.a.b`
    Field(List<Id<Str>>),
    /// `$x.a.b`: the slot, all names with the variable's first.
    Variable(u32, List<Id<Str>>),
    /// `(pipeline).a.b`
    Chain(Id<Operand>, List<Id<Str>>),
    /// A function.
    Function(&'static Function),
    /// `(pipeline)`
    Pipe(Id<Pipe>),
}

/// A number of the source.
#[derive(Debug)]
pub struct Number {
    /// As it was written.
    pub text: Box<str>,
    /// Its value as an integer, if it is one.
    pub int: Option<i64>,
    /// Its value as an unsigned integer, if it is one.
    pub uint: Option<u64>,
    /// Its value as a float.
    pub float: Option<f64>,
}

impl Number {
    /// Whether Go takes it for a float where nothing says otherwise.
    pub fn is_ideal_float(&self) -> bool {
        let hex = self.text.len() > 2
            && self.text.as_bytes()[0] == b'0'
            && matches!(self.text.as_bytes()[1], b'x' | b'X')
            && !self.text.contains(['p', 'P']);
        self.float.is_some()
            && !hex
            && !self.text.starts_with('\'')
            && self.text.contains(['.', 'e', 'E', 'p', 'P'])
    }
}

fn fields(source: &Source, names: List<Id<Str>>, out: &mut String) {
    for name in source.tree.list(names) {
        out.push('.');
        out.push_str(&source.tree.get(*name).to_text());
    }
}

impl Pipe {
    /// The pipeline as Go prints it in messages.
    pub fn print(&self, source: &Source, out: &mut String) {
        let tree = &source.tree;
        let variables = match &self.declares {
            Declared::Nothing => String::new(),
            Declared::One(only) => tree.get(only.name).to_string(),
            Declared::Two(first, second) => format!("{}, {}", tree.get(first.name), tree.get(second.name)),
        };
        out.push_str(&variables);
        if !variables.is_empty() {
            out.push_str(if self.assigns { " = " } else { " := " });
        }
        for (at, command) in tree.list(self.commands).iter().enumerate() {
            if at > 0 {
                out.push_str(" | ");
            }
            command.print(source, out);
        }
    }
}

impl Command {
    /// The command as Go prints it in messages.
    pub fn print(&self, source: &Source, out: &mut String) {
        for (at, operand) in std::iter::once(&self.head).chain(source.tree.list(self.arguments)).enumerate() {
            if at > 0 {
                out.push(' ');
            }
            operand.print_grouped(source, out);
        }
    }
}

impl Operand {
    /// The word among others: a pipeline in parentheses.
    fn print_grouped(&self, source: &Source, out: &mut String) {
        if let Term::Pipe(pipe) = &self.kind {
            out.push('(');
            source.tree.get(*pipe).print(source, out);
            out.push(')');
        } else {
            self.print(source, out);
        }
    }

    /// The word as Go prints it in messages.
    pub fn print(&self, source: &Source, out: &mut String) {
        match &self.kind {
            Term::Dot => out.push('.'),
            Term::Nil => out.push_str("nil"),
            Term::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Term::Number(number) => out.push_str(&source.tree.get(*number).text),
            Term::Text(quoted, _) => out.push_str(&String::from_utf8_lossy(source.piece(*quoted))),
            Term::Field(names) => fields(source, *names, out),
            Term::Variable(_, names) => {
                if let Some(name) = source.tree.list(*names).first() {
                    out.push_str(&source.tree.get(*name).to_text());
                }
                fields(source, names.rest(), out);
            }
            Term::Chain(inner, names) => {
                source.tree.get(*inner).print_grouped(source, out);
                fields(source, *names, out);
            }
            Term::Function(function) => out.push_str(function.name),
            Term::Pipe(pipe) => source.tree.get(*pipe).print(source, out),
        }
    }
}

/// Whether a body prints nothing: such a definition does not replace another.
pub fn is_empty(source: &Source, body: List<Node>) -> bool {
    source.tree.list(body).iter().all(|node| match node {
        Node::Text(span) => source.piece(*span).iter().all(u8::is_ascii_whitespace),
        _ => false,
    })
}
