//! The tokens of a template, as its parser goes through them.

use super::ast::Span;
use super::lexer::Lexer;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// What stands where in the source: small enough to be handed on in registers.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    pub kind: Kind,
    pub span: Span,
}

impl Token {
    /// Its text, as messages speak of it.
    pub fn show(self, text: &str) -> String {
        let quoted = |text: &str| crate::go::quote::quote(text.as_bytes(), '"', false);
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Block
            | Kind::Break
            | Kind::Continue
            | Kind::Dot
            | Kind::Define
            | Kind::Else
            | Kind::End
            | Kind::If
            | Kind::Nil
            | Kind::Range
            | Kind::Template
            | Kind::With => format!("<{text}>"),
            _ if text.len() > 10 => {
                let cut: String = text.chars().take(10).collect();
                format!("{}...", quoted(&cut))
            }
            _ => quoted(text),
        }
    }
}

/// The tokens of a text, which are read at once: what looks ahead goes back to where it was.
pub struct Tokens<'a> {
    input: &'a str,
    /// The last is the end.
    all: Vec<Token>,
    next: usize,
    error: Option<String>,
}

/// A place between tokens.
#[derive(Debug, Clone, Copy)]
pub struct Place(usize);

impl<'a> Tokens<'a> {
    /// Those of a template.
    pub fn of(input: &'a str) -> Tokens<'a> {
        let mut lexer = Lexer::new(input);
        let mut all = Vec::new();
        loop {
            let token = lexer.next_token();
            all.push(token);
            if token.kind == Kind::Eof {
                return Tokens { input, all, next: 0, error: lexer.into_message() };
            }
        }
    }

    /// The token that comes next, and again: the last is the end.
    pub fn peek(&self) -> Token {
        self.all[self.next]
    }

    /// The token that comes next; the end comes again and again.
    pub fn next(&mut self) -> Token {
        let token = self.peek();
        if token.kind != Kind::Eof {
            self.next += 1;
        }
        token
    }

    /// Where the next token is.
    pub fn place(&self) -> Place {
        Place(self.next)
    }

    /// Goes back.
    pub fn return_to(&mut self, place: Place) {
        self.next = place.0;
    }

    /// The text of a token.
    pub fn text_of(&self, token: Token) -> &'a str {
        &self.input[token.span.range()]
    }

    /// What a token of [`Kind::Error`] is about.
    pub fn message(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }
}
