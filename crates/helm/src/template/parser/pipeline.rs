//! What stands in an action: pipelines of commands, and the words of them.

use smallvec::SmallVec;

use super::{ParseError, Parser};
use crate::go::{Str, number, quote};
use crate::template::ast::{Command, Number, Operand, Pipe, Term};
use crate::template::handle::{Id, List};
use crate::template::lexer::{Kind, Token};

impl<'a> Parser<'a> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe, ParseError> {
        self.peek_non_space();
        let position = self.at;
        let (names, assigns) = self.declarations(context)?;
        let mut commands: SmallVec<[Command; 2]> = SmallVec::new();
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
                    commands.push(command);
                }
                _ => return self.unexpected(token, context),
            }
        }
        if commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (at, command) in commands.iter().enumerate().skip(1) {
            if matches!(
                command.head.kind,
                Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::Text(..)
            ) {
                return self.error(format!("non executable command in pipeline stage {}", at + 1));
            }
        }
        let declares = self.declare(&names, assigns)?;
        let commands = self.source.tree.add_list(commands);
        Ok(Pipe { position, declares, assigns, commands })
    }

    /// The names that a pipeline begins with, and whether they are there before it.
    fn declarations(&mut self, context: &str) -> Result<(SmallVec<[&'a str; 2]>, bool), ParseError> {
        let mut waiting = SmallVec::new();
        while self.peek_non_space() == Kind::Variable {
            let variable = self.next_non_space();
            let after = self.next();
            let next = if after.kind == Kind::Space { self.next_non_space() } else { after };
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    waiting.push(self.lexer.text_of(variable));
                    return Ok((waiting, next.kind == Kind::Assign));
                }
                Kind::Char if self.lexer.text_of(next) == "," => {
                    waiting.push(self.lexer.text_of(variable));
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
                    break;
                }
            }
        }
        Ok((SmallVec::new(), false))
    }

    fn command(&mut self) -> Result<Command, ParseError> {
        let mut head = None;
        let mut arguments: SmallVec<[Operand; 4]> = SmallVec::new();
        loop {
            self.peek_non_space();
            match self.operand()? {
                Some(operand) if head.is_none() => head = Some(operand),
                operand => arguments.extend(operand),
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.back(token),
                Kind::Pipe => {}
                _ => return self.unexpected(token, "operand"),
            }
            break;
        }
        match head {
            Some(head) => Ok(Command { head, arguments: self.source.tree.add_list(arguments) }),
            None => self.error("empty command"),
        }
    }

    fn operand(&mut self) -> Result<Option<Operand>, ParseError> {
        let token = self.next_non_space();
        let text = self.lexer.text_of(token);
        let mut names: SmallVec<[Id<Str>; 8]> = SmallVec::new();
        let kind = match token.kind {
            Kind::Field => {
                names.push(self.kept(&text.as_bytes()[1..]));
                Term::Field(List::default())
            }
            Kind::Variable => {
                let Some(slot) = self.slot(text) else {
                    let quoted = quote::quote(text.as_bytes(), '"', false);
                    return self.error(format!("undefined variable {quoted}"));
                };
                names.push(self.kept(text.as_bytes()));
                Term::Variable(slot, List::default())
            }
            _ => match self.term(token)? {
                Some(term) => term,
                None => return Ok(None),
            },
        };
        let mut operand = Operand { position: token.span.start, kind };
        let own = names.len();
        while self.peek() == Kind::Field {
            let field = self.next();
            // A chain is where its second link is.
            if names.len() == own {
                operand.position = field.span.start;
            }
            names.push(self.kept(&self.lexer.text_of(field).as_bytes()[1..]));
        }
        let is_chain = names.len() > own;
        match &mut operand.kind {
            Term::Field(all) | Term::Variable(_, all) => *all = self.source.tree.add_list(names),
            _ if !is_chain => {}
            Term::Bool(_) | Term::Text(..) | Term::Number(_) | Term::Nil | Term::Dot => {
                let mut shown = String::new();
                operand.print(&self.source, &mut shown);
                return self.error(format!(
                    "unexpected . after term {}",
                    quote::quote(shown.as_bytes(), '"', false)
                ));
            }
            _ => {
                let position = operand.position;
                let inner = Operand { position: token.span.start, kind: operand.kind };
                let inner = self.source.tree.add(inner);
                let kind = Term::Chain(inner, self.source.tree.add_list(names));
                operand = Operand { position, kind };
            }
        }
        Ok(Some(operand))
    }

    /// A word that is neither a field nor a variable.
    fn term(&mut self, token: Token) -> Result<Option<Term>, ParseError> {
        let text = self.lexer.text_of(token);
        let quoted = || quote::quote(text.as_bytes(), '"', false);
        Ok(Some(match token.kind {
            Kind::Identifier => match (self.functions)(text) {
                Some(function) => Term::Function(function),
                None => return self.error(format!("function {} not defined", quoted())),
            },
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Bool => Term::Bool(text == "true"),
            Kind::CharConstant | Kind::Number => match number(token.kind, text) {
                Some(number) => Term::Number(self.source.tree.add(number)),
                None if token.kind == Kind::CharConstant => {
                    return self.error(format!("malformed character constant: {text}"));
                }
                None => return self.error(format!("illegal number syntax: {}", quoted())),
            },
            Kind::Complex => return self.error("complex numbers are not supported"),
            Kind::LeftParen => {
                let inner =
                    self.deeper(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?;
                Term::Pipe(self.source.tree.add(inner))
            }
            Kind::String | Kind::RawString => match quote::unquote(text) {
                Some(content) => Term::Text(token.span, self.kept(&content)),
                None => return self.error("invalid syntax"),
            },
            _ => {
                self.back(token);
                return Ok(None);
            }
        }))
    }
}

/// What a number or a character is worth in each of Go's types.
fn number(kind: Kind, text: &str) -> Option<Number> {
    if kind == Kind::CharConstant {
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
