//! The tokens of a template, as its parser goes through them.

use crate::template::lexer;
use crate::template::token::{Kind, Token};

/// The tokens of a text, which are read at once: what looks ahead goes back to where it was.
pub(super) struct Tokens<'a> {
    input: &'a str,
    /// The last is the end.
    all: &'a [Token],
    next: usize,
    error: Option<String>,
}

/// A place between tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

impl<'a> Tokens<'a> {
    /// Those of a template, kept in what is lent for them.
    pub(super) fn of(input: &'a str, room: &'a mut Vec<Token>) -> Tokens<'a> {
        room.clear();
        let error = lexer::read(input, room);
        Tokens { input, all: room, next: 0, error }
    }

    /// The token that comes next, and again: the last is the end.
    pub(super) fn peek(&self) -> Token {
        self.all[self.next]
    }

    /// The token that comes next; the end comes again and again.
    pub(super) fn next(&mut self) -> Token {
        let token = self.peek();
        if token.kind != Kind::Eof {
            self.next += 1;
        }
        token
    }

    /// Where the next token is.
    pub(super) fn place(&self) -> Place {
        Place(self.next)
    }

    /// Goes back.
    pub(super) fn return_to(&mut self, place: Place) {
        self.next = place.0;
    }

    /// The text of a token.
    pub(super) fn text_of(&self, token: Token) -> &'a str {
        &self.input[token.span.range()]
    }

    /// What a token of [`Kind::Error`] is about.
    pub(super) fn message(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }
}
