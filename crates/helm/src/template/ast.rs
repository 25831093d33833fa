//! What a template is once it is parsed: nodes with their place in the source, names of
//! variables made into slots.

use std::ops::Range;

use super::handle::{Id, List};
use crate::functions::Function;
use crate::go::Str;

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
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
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
#[repr(u32)]
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
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// What is called or read.
    pub head: Operand,
    /// What it is called with.
    pub arguments: List<Operand>,
}

/// A word of a command.
#[derive(Debug, Clone, Copy)]
pub struct Operand {
    /// Where it begins.
    pub position: Position,
    /// What it is.
    pub kind: Term,
}

/// What a word of a command can be.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
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
