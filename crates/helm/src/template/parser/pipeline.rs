//! What stands in an action: pipelines of commands, and the words of them.

use smallvec::SmallVec;

use super::{ParseError, Parser};
use crate::go::{Str, number, quote};
use crate::template::ast::{Command, Number, Operand, Pipe, Term};
use crate::template::handle::{Id, List};
use crate::template::token::{Kind, Token};

impl<'a> Parser<'a> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe, ParseError> {
        self.peek_non_space();
        let position = self.at;
        let (names, assigns) = self.declarations(context)?;
        let before = self.stacks.commands.len();
        loop {
            match self.peek_non_space() {
                kind if kind == end => {
                    self.next();
                    break;
                }
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
                    let command = self.command()?;
                    self.stacks.commands.push(command);
                }
                _ => {
                    let token = self.next();
                    return self.unexpected(token, context);
                }
            }
        }
        let commands = &self.stacks.commands[before..];
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
        let commands = self.listed(|stacks| &mut stacks.commands, before);
        Ok(Pipe { position, declares, assigns, commands })
    }

    /// The names that a pipeline begins with, and whether they are there before it.
    fn declarations(&mut self, context: &str) -> Result<(SmallVec<[&'a str; 2]>, bool), ParseError> {
        let mut waiting = SmallVec::new();
        while self.peek_non_space() == Kind::Variable {
            let before = self.tokens.place();
            let variable = self.next();
            let next = self.next_non_space();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    waiting.push(self.tokens.text_of(variable));
                    return Ok((waiting, next.kind == Kind::Assign));
                }
                Kind::Char if self.tokens.text_of(next) == "," => {
                    waiting.push(self.tokens.text_of(variable));
                    if context == "range" && waiting.len() < 2 {
                        match self.peek_non_space() {
                            Kind::Variable | Kind::RightDelim | Kind::RightParen => continue,
                            _ => return self.error("range can only initialize variables"),
                        }
                    }
                    return self.error(format!("too many declarations in {context}"));
                }
                _ => {
                    self.tokens.return_to(before);
                    break;
                }
            }
        }
        Ok((SmallVec::new(), false))
    }

    fn command(&mut self) -> Result<Command, ParseError> {
        let mut head = None;
        let before = self.stacks.operands.len();
        loop {
            self.peek_non_space();
            match self.operand()? {
                Some(operand) if head.is_none() => head = Some(operand),
                operand => self.stacks.operands.extend(operand),
            }
            match self.peek() {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => break,
                Kind::Pipe => {
                    self.next();
                    break;
                }
                _ => {
                    let token = self.next();
                    return self.unexpected(token, "operand");
                }
            }
        }
        match head {
            Some(head) => {
                let arguments = self.listed(|stacks| &mut stacks.operands, before);
                Ok(Command { head, arguments })
            }
            None => self.error("empty command"),
        }
    }

    fn operand(&mut self) -> Result<Option<Operand>, ParseError> {
        self.skip_spaces();
        let before = self.tokens.place();
        let token = self.next();
        let text = self.tokens.text_of(token);
        let mut names = self.growing.len::<Id<Str>>();
        let kind = match token.kind {
            Kind::Field => {
                self.name(&text.as_bytes()[1..]);
                Term::Field(List::default())
            }
            Kind::Variable => {
                let Some(slot) = self.slot(text) else {
                    let quoted = quote::quote(text.as_bytes(), '"', false);
                    return self.error(format!("undefined variable {quoted}"));
                };
                self.name(text.as_bytes());
                Term::Variable(slot, List::default())
            }
            _ => match self.term(token)? {
                Some(term) => {
                    // Those before are of what is in the parentheses.
                    names = self.growing.len::<Id<Str>>();
                    term
                }
                None => {
                    self.tokens.return_to(before);
                    return Ok(None);
                }
            },
        };
        let mut operand = Operand { position: token.span.start, kind };
        let own = self.growing.len::<Id<Str>>();
        while self.peek() == Kind::Field {
            let field = self.next();
            // A chain is where its second link is.
            if self.growing.len::<Id<Str>>() == own {
                operand.position = field.span.start;
            }
            self.name(&self.tokens.text_of(field).as_bytes()[1..]);
        }
        let is_chain = self.growing.len::<Id<Str>>() > own;
        let names = self.growing.list_from(names);
        match &mut operand.kind {
            Term::Field(all) | Term::Variable(_, all) => *all = names,
            _ if !is_chain => {}
            Term::Bool(_) | Term::Text(..) | Term::Number(_) | Term::Nil | Term::Dot => {
                let mut shown = String::new();
                operand.print(self.written(), &mut shown);
                return self.error(format!(
                    "unexpected . after term {}",
                    quote::quote(shown.as_bytes(), '"', false)
                ));
            }
            _ => {
                let position = operand.position;
                let inner = Operand { position: token.span.start, kind: operand.kind };
                let inner = self.growing.add(inner);
                let kind = Term::Chain(inner, names);
                operand = Operand { position, kind };
            }
        }
        Ok(Some(operand))
    }

    fn name(&mut self, name: &[u8]) {
        let name = self.growing.keep(name);
        self.growing.add(name);
    }

    /// A word that is neither a field nor a variable.
    fn term(&mut self, token: Token) -> Result<Option<Term>, ParseError> {
        let text = self.tokens.text_of(token);
        let quoted = || quote::quote(text.as_bytes(), '"', false);
        Ok(Some(match token.kind {
            Kind::Identifier => match (self.functions)(text) {
                Some(function) => Term::Function(function),
                None => return self.error(format!("function {} not defined", quoted())),
            },
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Bool => Term::Bool(text == "true"),
            Kind::CharConstant | Kind::Number => {
                match self.growing.keep_number(text, || number(token.kind, text)) {
                    Some(number) => Term::Number(number),
                    None if token.kind == Kind::CharConstant => {
                        return self.error(format!("malformed character constant: {text}"));
                    }
                    None => return self.error(format!("illegal number syntax: {}", quoted())),
                }
            }
            Kind::Complex => return self.error("complex numbers are not supported"),
            Kind::LeftParen => {
                let inner =
                    self.deeper(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?;
                Term::Pipe(self.growing.add(inner))
            }
            Kind::String | Kind::RawString => match quote::unquote(text) {
                Some(content) => Term::Text(token.span, self.growing.keep(&content)),
                None => return self.error("invalid syntax"),
            },
            _ => return Ok(None),
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
