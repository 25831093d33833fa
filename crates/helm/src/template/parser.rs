//! Tokens into templates, by the grammar of `text/template/parse`.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::ast::{Command, Node, Number, Operand, Pipe, Source, Template, Term, is_empty};
use super::lexer::{Kind, Lexer, Token};
use crate::functions::Function;
use crate::go::{Str, number, quote};

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
                Err(ended) => return Ok((nodes, ended)),
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
        Ok(match kind {
            Kind::If => Node::If(pipe, body, otherwise),
            Kind::Range => Node::Range(pipe, body, otherwise),
            _ => Node::With(pipe, body, otherwise),
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
        for name in names {
            pipe.names.push(name.as_ref().into());
            if pipe.assigns {
                let Some(slot) = self.slot(&name) else {
                    return self
                        .error(format!("undefined variable {}", quote::quote(name.as_bytes(), '"', false)));
                };
                pipe.declares.push(slot);
            } else {
                pipe.declares.push(self.variables.len());
                self.variables.push(name);
                self.slots = self.slots.max(self.variables.len());
            }
        }
        Ok(())
    }

    fn slot(&self, name: &str) -> Option<usize> {
        self.variables.iter().rposition(|variable| variable == name)
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe, ParseError> {
        let first = self.next_non_space();
        let position = first.position;
        self.back(first);
        let mut pipe =
            Pipe { position, declares: Vec::new(), names: Vec::new(), assigns: false, commands: Vec::new() };
        let names = self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.back(token);
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        if pipe.commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (at, command) in pipe.commands.iter().enumerate().skip(1) {
            if matches!(
                command.head.kind,
                Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::Text(..)
            ) {
                return self.error(format!("non executable command in pipeline stage {}", at + 1));
            }
        }
        self.declare(&mut pipe, names)?;
        Ok(pipe)
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<Vec<Cow<'a, str>>, ParseError> {
        let mut waiting: Vec<Cow<'a, str>> = Vec::new();
        while self.peek_non_space() == Kind::Variable {
            let variable = self.next_non_space();
            let after = self.next();
            let next = if after.kind == Kind::Space { self.next_non_space() } else { after.clone() };
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.assigns = next.kind == Kind::Assign;
                    waiting.push(variable.text);
                    return Ok(waiting);
                }
                Kind::Char if next.text == "," => {
                    waiting.push(variable.text);
                    if context == "range" && waiting.len() < 2 {
                        match self.peek_non_space() {
                            Kind::Variable | Kind::RightDelim | Kind::RightParen => continue,
                            _ => return self.error("range can only initialize variables"),
                        }
                    }
                    return self.error(format!("too many declarations in {context}"));
                }
                _ => {
                    if after.kind == Kind::Space {
                        self.back(next);
                    }
                    self.back(after);
                    self.back(variable);
                    return Ok(Vec::new());
                }
            }
        }
        Ok(Vec::new())
    }

    fn command(&mut self) -> Result<Command, ParseError> {
        let mut words = Vec::new();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                words.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.back(token),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        let mut words = words.into_iter();
        match words.next() {
            Some(head) => Ok(Command { head, arguments: words.collect() }),
            None => self.error("empty command"),
        }
    }

    fn operand(&mut self) -> Result<Option<Operand>, ParseError> {
        let Some(mut operand) = self.term()? else { return Ok(None) };
        if self.peek() != Kind::Field {
            return Ok(Some(operand));
        }
        let mut names = Vec::new();
        let mut position = None;
        while self.peek() == Kind::Field {
            let token = self.next();
            position.get_or_insert(token.position);
            let name = self.name(&token.text[1..]);
            names.push(name);
        }
        let position = position.unwrap_or(operand.position);
        match &mut operand.kind {
            Term::Field(fields) | Term::Variable(_, fields) => {
                fields.append(&mut names);
                operand.position = position;
            }
            Term::Bool(_) | Term::Text(..) | Term::Number(_) | Term::Nil | Term::Dot => {
                let mut shown = String::new();
                operand.print(&mut shown);
                return self.error(format!(
                    "unexpected . after term {}",
                    quote::quote(shown.as_bytes(), '"', false)
                ));
            }
            _ => operand = Operand { position, kind: Term::Chain(Box::new(operand), names) },
        }
        Ok(Some(operand))
    }

    fn term(&mut self) -> Result<Option<Operand>, ParseError> {
        let token = self.next_non_space();
        let kind = match token.kind {
            Kind::Identifier => match (self.functions)(&token.text) {
                Some(function) => Term::Function(function),
                None => {
                    return self.error(format!(
                        "function {} not defined",
                        quote::quote(token.text.as_bytes(), '"', false)
                    ));
                }
            },
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Variable => match self.slot(&token.text) {
                Some(slot) => Term::Variable(slot, vec![self.name(&token.text)]),
                None => {
                    return self.error(format!(
                        "undefined variable {}",
                        quote::quote(token.text.as_bytes(), '"', false)
                    ));
                }
            },
            Kind::Field => Term::Field(vec![self.name(&token.text[1..])]),
            Kind::Bool => Term::Bool(token.text == "true"),
            Kind::CharConstant | Kind::Number => match self.number(&token) {
                Some(number) => Term::Number(number),
                None if token.kind == Kind::CharConstant => {
                    return self.error(format!("malformed character constant: {}", token.text));
                }
                None => {
                    return self.error(format!(
                        "illegal number syntax: {}",
                        quote::quote(token.text.as_bytes(), '"', false)
                    ));
                }
            },
            Kind::Complex => return self.error("complex numbers are not supported"),
            Kind::LeftParen => {
                Term::Pipe(self.deeper(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?)
            }
            Kind::String | Kind::RawString => match quote::unquote(&token.text) {
                Some(text) => Term::Text(token.text.as_ref().into(), text.into()),
                None => return self.error("invalid syntax"),
            },
            _ => {
                self.back(token);
                return Ok(None);
            }
        };
        Ok(Some(Operand { position: token.position, kind }))
    }

    fn number(&self, token: &Token<'_>) -> Option<Number> {
        let text = token.text.as_ref();
        if token.kind == Kind::CharConstant {
            let bytes = quote::unquote(text)?;
            let code = match std::str::from_utf8(&bytes) {
                Ok(text) => u32::from(text.chars().next()?),
                Err(_) => u32::from(*bytes.first()?),
            };
            return Some(Number {
                text: text.into(),
                int: Some(code.into()),
                uint: Some(code.into()),
                float: Some(code.into()),
            });
        }
        let uint = number::parse_uint(text, 0);
        let int = number::parse_int(text, 0).or_else(|| uint.and_then(|value| i64::try_from(value).ok()));
        let mut result = Number { text: text.into(), int, uint, float: None };
        if let Some(int) = int {
            result.float = Some(int as f64);
            if result.uint.is_none() && int >= 0 {
                result.uint = u64::try_from(int).ok();
            }
        } else if let Some(uint) = uint {
            result.float = Some(uint as f64);
        } else {
            // What looks like an integer and is none is too large, or an octal number
            // with digits that it cannot have.
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return None;
            }
            let plain: String = text.chars().filter(|c| *c != '_').collect();
            let float = number::parse_float(&plain)?;
            result.float = Some(float);
            if float.fract() == 0.0 && float.abs() < 9.2e18 {
                result.int = Some(float as i64);
                result.uint = u64::try_from(float as i64).ok();
            }
        }
        Some(result)
    }
}
