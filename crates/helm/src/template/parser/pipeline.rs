//! What stands in an action: pipelines of commands, and the words of them.

use std::borrow::Cow;

use super::{ParseError, Parser};
use crate::go::{number, quote};
use crate::template::ast::{Command, Number, Operand, Pipe, Term};
use crate::template::lexer::{Kind, Token};

impl<'a> Parser<'a> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe, ParseError> {
        let first = self.next_non_space();
        let position = first.position;
        self.back(first);
        // Most have one command, and thousands are kept: none with room to grow.
        let mut pipe =
            Pipe { position, declares: Vec::new(), assigns: false, commands: Vec::with_capacity(1) };
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
        pipe.commands.shrink_to_fit();
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
        let (mut head, mut arguments) = (None, Vec::new());
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
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        arguments.shrink_to_fit();
        match head {
            Some(head) => Ok(Command { head, arguments }),
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
                Some(number) => Term::Number(Box::new(number)),
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
                let inner =
                    self.deeper(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?;
                Term::Pipe(Box::new(inner))
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
