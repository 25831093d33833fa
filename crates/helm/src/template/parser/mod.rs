//! Tokens into templates, by the grammar of `text/template/parse`.

mod pipeline;

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::ast::{Branch, Node, Pipe, Source, Template, is_empty};
use super::lexer::{Kind, Lexer, Token};
use crate::functions::Function;
use crate::go::{Str, quote};

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

/// Parses a text into the template of its own name and those it defines, in the order
/// in which they come to be: the text itself is the last.
///
/// # Errors
/// The first thing that is no template.
pub fn parse(
    name: &Arc<str>,
    text: &Str,
    functions: &'static dyn Fn(&str) -> Option<&'static Function>,
) -> Result<Vec<Template>, ParseError> {
    let source = Arc::new(Source { name: Arc::clone(name), text: text.clone() });
    let readable = text.to_text();
    let mut parser = Parser {
        lexer: Lexer::new(&readable),
        tokens: Vec::new(),
        line: 1,
        source: Arc::clone(&source),
        functions,
        templates: Vec::new(),
        variables: vec!["$".into()],
        slots: 1,
        ranges: 0,
        depth: 0,
        action_line: 0,
        names: FxHashSet::default(),
    };
    let body = parser.file()?;
    let slots = parser.slots;
    parser.add(name, body, slots)?;
    Ok(parser.templates)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// Tokens that were read ahead, the next one last.
    tokens: Vec<Token<'a>>,
    line: usize,
    source: Arc<Source>,
    functions: &'static dyn Fn(&str) -> Option<&'static Function>,
    templates: Vec<Template>,
    variables: Vec<Cow<'a, str>>,
    slots: usize,
    ranges: usize,
    depth: usize,
    action_line: usize,
    names: FxHashSet<Str>,
}

/// What ended a list of nodes.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    End,
    Else,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token<'a> {
        let token = self.tokens.pop().unwrap_or_else(|| self.lexer.next_token());
        self.line = token.line;
        token
    }

    fn back(&mut self, token: Token<'a>) {
        self.tokens.push(token);
    }

    fn peek(&mut self) -> Kind {
        if self.tokens.is_empty() {
            let token = self.lexer.next_token();
            self.tokens.push(token);
        }
        // There is one, as was just seen to.
        self.tokens.last().map_or(Kind::Eof, |token| {
            self.line = token.line;
            token.kind
        })
    }

    fn next_non_space(&mut self) -> Token<'a> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Kind {
        loop {
            match self.peek() {
                Kind::Space => drop(self.tokens.pop()),
                kind => return kind,
            }
        }
    }

    /// The name of a field or variable; each text is kept once.
    fn name(&mut self, text: &str) -> Str {
        if let Some(known) = self.names.get(text.as_bytes()) {
            return known.clone();
        }
        let name = Str::from(text);
        self.names.insert(name.clone());
        name
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError {
            source_name: Arc::clone(&self.source.name),
            line: self.line,
            message: message.into(),
        })
    }

    fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Result<T, ParseError> {
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {token} in {context}"));
        }
        let mut extra = String::new();
        if self.action_line != 0 && self.action_line != token.line {
            let within = if token.text.ends_with(" action") { "" } else { " in action" };
            extra = format!("{within} started at {}:{}", self.source.name, self.action_line);
        }
        self.error(format!("{token}{extra}"))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token<'a>, ParseError> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    /// Adds a template; an empty one does not replace one of the same name.
    fn add(&mut self, name: &str, body: Vec<Node>, slots: usize) -> Result<(), ParseError> {
        let template =
            Template { name: name.into(), key: name.into(), source: Arc::clone(&self.source), body, slots };
        match self.templates.iter().position(|other| *other.name == *name) {
            None => self.templates.push(template),
            Some(at) if is_empty(&self.templates[at].body) => self.templates[at] = template,
            Some(_) if is_empty(&template.body) => {}
            Some(_) => {
                let quoted = quote::quote(name.as_bytes(), '"', false);
                return self.error(format!("template: multiple definition of template {quoted}"));
            }
        }
        Ok(())
    }

    fn file(&mut self) -> Result<Vec<Node>, ParseError> {
        let mut nodes = Vec::new();
        while self.peek() != Kind::Eof {
            if self.peek() == Kind::LeftDelim {
                let delim = self.next();
                let token = self.next_non_space();
                if token.kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.back(token);
                self.back(delim);
            }
            match self.text_or_action()? {
                Ok(node) => nodes.extend(node),
                Err(Ended::End) => return self.error("unexpected {{end}}"),
                Err(Ended::Else) => return self.error("unexpected {{else}}"),
            }
        }
        Ok(nodes)
    }

    /// A template of its own within this text: nothing of what is around it counts.
    fn inner<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<(T, usize), ParseError> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".into()]);
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
            return self.unexpected(&token, context);
        }
        let name = self.template_name(&token, context)?;
        self.expect(Kind::RightDelim, context)?;
        let (body, slots) = self.inner(|parser| parser.body_to_end(context))?;
        self.add(&name.to_text(), body, slots)
    }

    fn body_to_end(&mut self, context: &str) -> Result<Vec<Node>, ParseError> {
        match self.list()? {
            (body, Ended::End) => Ok(body),
            (_, Ended::Else) => self.error(format!("unexpected {{{{else}}}} in {context}")),
        }
    }

    fn list(&mut self) -> Result<(Vec<Node>, Ended), ParseError> {
        let mut nodes = Vec::new();
        while self.peek_non_space() != Kind::Eof {
            match self.text_or_action()? {
                Ok(node) => nodes.extend(node),
                Err(ended) => {
                    // Thousands of small lists are kept: none with room to grow.
                    nodes.shrink_to_fit();
                    return Ok((nodes, ended));
                }
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Result<Option<Node>, Ended>, ParseError> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Ok(Some(Node::Text(token.text.as_ref().into())))),
            Kind::LeftDelim => {
                self.action_line = token.line;
                let node = self.action();
                if node.is_ok() {
                    self.action_line = 0;
                }
                node
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Result<Result<Option<Node>, Ended>, ParseError> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break | Kind::Continue => self.leave(token.kind)?,
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
            Kind::If | Kind::Range | Kind::With => self.control(token.kind)?,
            Kind::Template => self.template()?,
            _ => {
                self.back(token);
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Ok(Some(node)))
    }

    fn leave(&mut self, kind: Kind) -> Result<Node, ParseError> {
        let (name, node) =
            if kind == Kind::Break { ("{{break}}", Node::Break) } else { ("{{continue}}", Node::Continue) };
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, name);
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
        let mut otherwise = Vec::new();
        if ended == Ended::Else {
            let chained = match kind {
                Kind::If => self.peek() == Kind::If,
                Kind::With => self.peek() == Kind::With,
                _ => false,
            };
            if chained {
                self.next();
                otherwise.push(self.control(kind)?);
            } else {
                let (body, ended) = self.list()?;
                if ended != Ended::End {
                    return self.error("expected end; found {{else}}");
                }
                otherwise = body;
            }
        }
        let branch = Box::new(Branch { pipe, body, otherwise });
        Ok(match kind {
            Kind::If => Node::If(branch),
            Kind::Range => Node::Range(branch),
            _ => Node::With(branch),
        })
    }

    fn block(&mut self) -> Result<Node, ParseError> {
        let context = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let (body, slots) = self.inner(|parser| parser.body_to_end(context))?;
        self.add(&name.to_text(), body, slots)?;
        Ok(Node::Template(token.position, name, Some(pipe)))
    }

    fn template(&mut self) -> Result<Node, ParseError> {
        let context = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        let next = self.next_non_space();
        let pipe = if next.kind == Kind::RightDelim {
            None
        } else {
            self.back(next);
            Some(self.pipeline(context, Kind::RightDelim)?)
        };
        Ok(Node::Template(token.position, name, pipe))
    }

    fn template_name(&mut self, token: &Token<'_>, context: &str) -> Result<Str, ParseError> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        match quote::unquote(&token.text) {
            Some(name) => Ok(name.into()),
            None => self.error("invalid syntax"),
        }
    }

    /// Gives the names of a pipeline their slots: `=` finds them, `:=` makes them,
    /// after what stands right of it, where the name still means an older variable.
    fn declare(&mut self, pipe: &mut Pipe, names: Vec<Cow<'a, str>>) -> Result<(), ParseError> {
        pipe.declares.reserve_exact(names.len());
        for name in names {
            let shown = name.as_ref().into();
            if pipe.assigns {
                let Some(slot) = self.slot(&name) else {
                    return self
                        .error(format!("undefined variable {}", quote::quote(name.as_bytes(), '"', false)));
                };
                pipe.declares.push((slot, shown));
            } else {
                pipe.declares.push((self.variables.len(), shown));
                self.variables.push(name);
                self.slots = self.slots.max(self.variables.len());
            }
        }
        Ok(())
    }

    fn slot(&self, name: &str) -> Option<usize> {
        self.variables.iter().rposition(|variable| variable == name)
    }
}
