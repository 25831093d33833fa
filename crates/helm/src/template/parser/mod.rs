//! Tokens into templates, by the grammar of `text/template/parse`.

mod parsing;
mod pipeline;
mod tokens;

pub use parsing::Parsing;

use std::sync::Arc;

use super::ast::{Branch, Command, Declared, Node, Operand, Pipe, Position, Span, Term, Variable};
use super::handle::{Id, List};
use super::source::{Source, Written};
use super::token::{Kind, Token};
use super::tree::{Growing, InTree};
use crate::go::{Str, quote};
use parsing::{Draft, Functions, Stacks};
use tokens::Tokens;

/// Why a text is no template, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template: {source_name}:{line}: {message}")]
pub struct ParseError {
    /// The file.
    pub source_name: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// As Go words it.
    pub message: String,
}

/// Parentheses that may stand in each other, and controls: more is no template.
const MAX_DEPTH: usize = 1_000;

struct Parser<'a> {
    tokens: Tokens<'a>,
    /// Where the token is that was looked at last.
    at: Position,
    source: Source,
    growing: &'a mut Growing,
    functions: Functions,
    templates: Vec<Draft>,
    stacks: &'a mut Stacks,
    variables: Vec<&'a str>,
    slots: usize,
    ranges: usize,
    depth: usize,
    /// Where the action began that is read.
    action: Option<Position>,
}

/// What ended a list of nodes.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    End,
    Else,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token {
        let token = self.tokens.next();
        self.at = token.span.start;
        token
    }

    fn peek(&mut self) -> Kind {
        let token = self.tokens.peek();
        self.at = token.span.start;
        token.kind
    }

    fn skip_spaces(&mut self) {
        while self.tokens.peek().kind == Kind::Space {
            self.tokens.next();
        }
    }

    fn next_non_space(&mut self) -> Token {
        self.skip_spaces();
        self.next()
    }

    fn peek_non_space(&mut self) -> Kind {
        self.skip_spaces();
        self.peek()
    }

    /// Makes a list of what is on a stack from a place on.
    fn listed<T: InTree + Copy>(
        &mut self,
        stack: impl Fn(&mut Stacks) -> &mut Vec<T>,
        from: usize,
    ) -> List<T> {
        let stack = stack(self.stacks);
        let list = self.growing.add_list(&stack[from..]);
        stack.truncate(from);
        list
    }

    fn written(&self) -> Written<'_> {
        Written { source: &self.source, tree: self.growing.tree() }
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError {
            source_name: Arc::clone(&self.source.name),
            line: self.source.location(self.at).0,
            message: message.into(),
        })
    }

    fn unexpected<T>(&self, token: Token, context: &str) -> Result<T, ParseError> {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", token.show(self.tokens.text_of(token))));
        }
        let message = self.tokens.message();
        let mut extra = String::new();
        if let Some(action) = self.action {
            let (began, line) = (self.source.location(action).0, self.source.location(token.span.start).0);
            if began != line {
                let within = if message.ends_with(" action") { "" } else { " in action" };
                extra = format!("{within} started at {}:{began}", self.source.name);
            }
        }
        self.error(format!("{message}{extra}"))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token, ParseError> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(token, context) }
    }

    /// Adds a template; an empty one does not replace one of the same name.
    fn add(&mut self, name: &str, body: List<Node>, slots: usize) -> Result<(), ParseError> {
        let template = Draft { name: name.into(), body, slots };
        match self.templates.iter().position(|other| *other.name == *name) {
            None => self.templates.push(template),
            Some(at) if self.written().is_empty(self.templates[at].body) => self.templates[at] = template,
            Some(_) if self.written().is_empty(body) => {}
            Some(_) => {
                let quoted = quote::quote(name.as_bytes(), '"', false);
                return self.error(format!("template: multiple definition of template {quoted}"));
            }
        }
        Ok(())
    }

    fn file(&mut self) -> Result<List<Node>, ParseError> {
        while self.peek() != Kind::Eof {
            if self.peek() == Kind::LeftDelim {
                let before = self.tokens.place();
                self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.tokens.return_to(before);
            }
            match self.text_or_action()? {
                Ok(node) => self.stacks.nodes.push(node),
                Err(Ended::End) => return self.error("unexpected {{end}}"),
                Err(Ended::Else) => return self.error("unexpected {{else}}"),
            }
        }
        Ok(self.listed(|stacks| &mut stacks.nodes, 0))
    }

    /// A template of its own within this text: nothing of what is around it counts.
    fn inner<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<(T, usize), ParseError> {
        let variables = std::mem::replace(&mut self.variables, vec!["$"]);
        let slots = std::mem::replace(&mut self.slots, 1);
        let ranges = std::mem::take(&mut self.ranges);
        let result = parse(self);
        self.variables = variables;
        self.ranges = ranges;
        let inner_slots = std::mem::replace(&mut self.slots, slots);
        result.map(|value| (value, inner_slots))
    }

    fn definition(&mut self) -> Result<(), ParseError> {
        let context = "define clause";
        let token = self.next_non_space();
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        let name = self.template_name(token, context)?;
        self.expect(Kind::RightDelim, context)?;
        let (body, slots) = self.inner(|parser| parser.body_to_end(context))?;
        let called = self.growing.tree().get(name).to_string();
        self.add(&called, body, slots)
    }

    fn body_to_end(&mut self, context: &str) -> Result<List<Node>, ParseError> {
        match self.list()? {
            (body, Ended::End) => Ok(body),
            (_, Ended::Else) => self.error(format!("unexpected {{{{else}}}} in {context}")),
        }
    }

    fn list(&mut self) -> Result<(List<Node>, Ended), ParseError> {
        let before = self.stacks.nodes.len();
        while self.peek_non_space() != Kind::Eof {
            match self.text_or_action()? {
                Ok(node) => self.stacks.nodes.push(node),
                Err(ended) => return Ok((self.listed(|stacks| &mut stacks.nodes, before), ended)),
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Result<Node, Ended>, ParseError> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Ok(Node::Text(token.span))),
            Kind::LeftDelim => {
                self.action = Some(token.span.start);
                let node = self.action();
                if node.is_ok() {
                    self.action = None;
                }
                node
            }
            _ => self.unexpected(token, "input"),
        }
    }

    fn action(&mut self) -> Result<Result<Node, Ended>, ParseError> {
        self.skip_spaces();
        let before = self.tokens.place();
        let kind = self.next().kind;
        let node = match kind {
            Kind::Block => self.block()?,
            Kind::Break | Kind::Continue => self.leave(kind)?,
            Kind::Else => {
                if !matches!(self.peek_non_space(), Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Err(Ended::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Err(Ended::End));
            }
            Kind::If | Kind::Range | Kind::With => self.control(kind)?,
            Kind::Template => self.template()?,
            _ => {
                self.tokens.return_to(before);
                let pipe = self.pipeline("command", Kind::RightDelim)?;
                match self.verbatim(&pipe) {
                    Some(piece) => Node::Text(piece),
                    None => Node::Action(self.growing.add(pipe)),
                }
            }
        };
        Ok(Ok(node))
    }

    /// The piece of the source that an action prints, if it does just that: braces are
    /// written as such strings. What is blank stays an action, for it is more than nothing.
    fn verbatim(&self, pipe: &Pipe) -> Option<Span> {
        let tree = self.growing.tree();
        let [Command { head: Operand { kind: Term::Text(quoted, text), .. }, arguments }] =
            tree.list(pipe.commands)
        else {
            return None;
        };
        let text = tree.get(*text);
        let inside = Span { start: quoted.start + 1, end: quoted.end - 1 };
        let is_blank = text.as_bytes().iter().all(u8::is_ascii_whitespace);
        let is_written_so = self.source.piece(inside) == text.as_bytes();
        (matches!(pipe.declares, Declared::Nothing) && arguments.is_empty() && is_written_so && !is_blank)
            .then_some(inside)
    }

    fn leave(&mut self, kind: Kind) -> Result<Node, ParseError> {
        let (name, node) =
            if kind == Kind::Break { ("{{break}}", Node::Break) } else { ("{{continue}}", Node::Continue) };
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return self.unexpected(token, name);
        }
        if self.ranges == 0 {
            return self.error(format!("{name} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth >= MAX_DEPTH {
            return self.error("max expression depth exceeded");
        }
        self.depth += 1;
        let result = stacker::maybe_grow(64 << 10, 1 << 20, || parse(self));
        self.depth -= 1;
        result
    }

    fn control(&mut self, kind: Kind) -> Result<Node, ParseError> {
        self.deeper(|parser| {
            let mark = parser.variables.len();
            let node = parser.control_body(kind);
            parser.variables.truncate(mark);
            node
        })
    }

    fn control_body(&mut self, kind: Kind) -> Result<Node, ParseError> {
        let context = match kind {
            Kind::If => "if",
            Kind::Range => "range",
            _ => "with",
        };
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        if kind == Kind::Range {
            self.ranges += 1;
        }
        let (body, ended) = self.list()?;
        if kind == Kind::Range {
            self.ranges -= 1;
        }
        let mut otherwise = List::default();
        if ended == Ended::Else {
            let chained = match kind {
                Kind::If => self.peek() == Kind::If,
                Kind::With => self.peek() == Kind::With,
                _ => false,
            };
            if chained {
                self.next();
                let node = self.control(kind)?;
                otherwise = self.growing.add_list(&[node]);
            } else {
                let (body, ended) = self.list()?;
                if ended != Ended::End {
                    return self.error("expected end; found {{else}}");
                }
                otherwise = body;
            }
        }
        let branch = self.growing.add(Branch { pipe, body, otherwise });
        Ok(match kind {
            Kind::If => Node::If(branch),
            Kind::Range => Node::Range(branch),
            _ => Node::With(branch),
        })
    }

    fn block(&mut self) -> Result<Node, ParseError> {
        let context = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(token, context)?;
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let (body, slots) = self.inner(|parser| parser.body_to_end(context))?;
        let called = self.growing.tree().get(name).to_string();
        self.add(&called, body, slots)?;
        Ok(Node::Template(token.span.start, name, Some(self.growing.add(pipe))))
    }

    fn template(&mut self) -> Result<Node, ParseError> {
        let context = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(token, context)?;
        let pipe = if self.peek_non_space() == Kind::RightDelim {
            self.next();
            None
        } else {
            let pipe = self.pipeline(context, Kind::RightDelim)?;
            Some(self.growing.add(pipe))
        };
        Ok(Node::Template(token.span.start, name, pipe))
    }

    fn template_name(&mut self, token: Token, context: &str) -> Result<Id<Str>, ParseError> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        match quote::unquote(self.tokens.text_of(token)) {
            Some(name) => Ok(self.growing.keep(&name)),
            None => self.error("invalid syntax"),
        }
    }

    /// Gives the names of a pipeline their slots: `=` finds them, `:=` makes them,
    /// after what stands right of it, where the name still means an older variable.
    fn declare(&mut self, names: &[&'a str], assigns: bool) -> Result<Declared, ParseError> {
        let mut variable = |name: &'a str| {
            let slot = match assigns {
                true => self.slot(name),
                false => {
                    self.variables.push(name);
                    self.slots = self.slots.max(self.variables.len());
                    u32::try_from(self.variables.len() - 1).ok()
                }
            };
            match slot {
                Some(slot) => Ok(Variable { slot, name: self.growing.keep(name.as_bytes()) }),
                None => {
                    let quoted = quote::quote(name.as_bytes(), '"', false);
                    self.error(format!("undefined variable {quoted}"))
                }
            }
        };
        Ok(match names {
            [] => Declared::Nothing,
            [only] => Declared::One(variable(only)?),
            [first, second, ..] => Declared::Two(variable(first)?, variable(second)?),
        })
    }

    fn slot(&self, name: &str) -> Option<u32> {
        let slot = self.variables.iter().rposition(|variable| *variable == name)?;
        u32::try_from(slot).ok()
    }
}
