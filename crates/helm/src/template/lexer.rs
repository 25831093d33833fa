//! Text into tokens, by the rules of `text/template/parse`.

use memchr::memmem;

use super::ast::{Position, Span};
use super::token::{Kind, Token};

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Reads tokens one after the other; after an error there is only the end. They go right to
/// where they stay: to hand each on from function to function takes as long as to find it.
struct Lexer<'a, 't> {
    input: &'a str,
    tokens: &'t mut Vec<Token>,
    position: usize,
    start: usize,
    parens: usize,
    inside_action: bool,
    delimiter: memmem::Finder<'static>,
    error: Option<String>,
}

/// Reads all tokens of a template; the last is its end. Gives what a token of
/// [`Kind::Error`] is about, if there is one.
pub fn read(input: &str, tokens: &mut Vec<Token>) -> Option<String> {
    let mut lexer = Lexer {
        input,
        tokens,
        position: 0,
        start: 0,
        parens: 0,
        inside_action: false,
        delimiter: memmem::Finder::new("{{"),
        error: None,
    };
    while lexer.tokens.last().is_none_or(|last| last.kind != Kind::Eof) {
        lexer.next();
    }
    lexer.error
}

impl<'a> Lexer<'a, '_> {
    fn rest(&self) -> &'a str {
        &self.input[self.position..]
    }

    fn byte(&self) -> Option<u8> {
        self.input.as_bytes().get(self.position).copied()
    }

    fn peek(&self) -> Option<char> {
        match self.byte()? {
            byte if byte.is_ascii() => Some(char::from(byte)),
            _ => self.rest().chars().next(),
        }
    }

    fn next_char(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.position += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, valid: &str) -> bool {
        if self.peek().is_some_and(|c| valid.contains(c)) {
            self.next_char();
            return true;
        }
        false
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    fn push(&mut self, kind: Kind, end: usize) {
        // The text is at most as long as a position can say, as `parse` sees to.
        self.tokens.push(Token { kind, span: Span { start: self.start as Position, end: end as Position } });
    }

    fn emit(&mut self, kind: Kind) {
        self.push(kind, self.position);
        self.start = self.position;
    }

    /// Moves on without a token.
    fn skip(&mut self, count: usize) {
        self.position += count;
        self.start = self.position;
    }

    fn skip_spaces(&mut self) {
        self.skip(spaces(self.rest().as_bytes()));
    }

    #[cold]
    fn error(&mut self, message: String) {
        self.error = Some(message);
        self.position = self.input.len();
        self.push(Kind::Error, self.start);
    }

    /// Reads the next token.
    fn next(&mut self) {
        if self.error.is_some() {
            return self.push(Kind::Eof, self.start);
        }
        if self.inside_action { self.action() } else { self.text() }
    }

    fn text(&mut self) {
        loop {
            let Some(at) = self.delimiter.find(self.rest().as_bytes()) else {
                self.position = self.input.len();
                let kind = if self.start == self.position { Kind::Eof } else { Kind::Text };
                return self.emit(kind);
            };
            if at > 0 {
                let text = &self.rest()[..at];
                let trims = has_left_trim_marker(&self.rest()[at + 2..]);
                let kept = if trims { text.trim_end_matches(SPACES).len() } else { at };
                self.position += kept;
                if kept > 0 {
                    self.emit(Kind::Text);
                }
                self.skip(at - kept);
            }
            if self.left_delim() {
                return;
            }
        }
    }

    /// The delimiter; false after a comment.
    fn left_delim(&mut self) -> bool {
        let trims = has_left_trim_marker(&self.rest()[2..]);
        let marker = if trims { 2 } else { 0 };
        if self.rest()[2 + marker..].starts_with("/*") {
            self.skip(2 + marker);
            return !self.comment();
        }
        self.position += 2;
        self.emit(Kind::LeftDelim);
        self.inside_action = true;
        self.parens = 0;
        self.skip(marker);
        true
    }

    /// Moves on behind a comment; false when it does not end.
    fn comment(&mut self) -> bool {
        let Some(end) = memmem::find(&self.rest().as_bytes()[2..], b"*/") else {
            self.error("unclosed comment".to_owned());
            return false;
        };
        self.skip(2 + end + 2);
        let Some(trims) = ends_action(self.rest().as_bytes()) else {
            self.error("comment ends before closing delimiter".to_owned());
            return false;
        };
        self.skip(if trims { 4 } else { 2 });
        if trims {
            self.skip_spaces();
        }
        true
    }

    /// The delimiter that stands here, with its trim marker or without.
    fn right_delim(&mut self, trims: bool) {
        if self.parens > 0 {
            return self.error("unclosed left paren".to_owned());
        }
        if trims {
            self.skip(2);
        }
        self.position += 2;
        self.emit(Kind::RightDelim);
        if trims {
            self.skip_spaces();
        }
        self.inside_action = false;
    }

    fn action(&mut self) {
        let rest = self.rest().as_bytes();
        if let Some(trims) = ends_action(rest) {
            return self.right_delim(trims);
        }
        match rest {
            [b' ' | b'\t' | b'\r' | b'\n', ..] => return self.space(),
            [b'+' | b'-' | b'0'..=b'9', ..] => return self.number(),
            [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => return self.identifier(),
            _ => {}
        }
        let Some(c) = self.peek() else {
            return self.error("unclosed action".to_owned());
        };
        if is_alphanumeric(c) {
            return self.identifier();
        }
        self.next_char();
        match c {
            '=' => self.emit(Kind::Assign),
            ':' => {
                if self.next_char() == Some('=') {
                    self.emit(Kind::Declare)
                } else {
                    self.error("expected :=".to_owned())
                }
            }
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => match self.rest().find('`') {
                None => self.error("unterminated raw quoted string".to_owned()),
                Some(end) => {
                    self.position += end + 1;
                    self.emit(Kind::RawString)
                }
            },
            '$' => self.field_or_variable(Kind::Variable),
            '.' => {
                if self.peek().is_some_and(|c| c.is_ascii_digit()) {
                    self.position -= 1;
                    return self.number();
                }
                self.field_or_variable(Kind::Field)
            }
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            ')' => {
                if self.parens == 0 {
                    return self.error("unexpected right paren".to_owned());
                }
                self.parens -= 1;
                self.emit(Kind::RightParen)
            }
            c if c.is_ascii() && !c.is_ascii_control() => self.emit(Kind::Char),
            c => self.error(format!("unrecognized character in action: {}", shown(c))),
        }
    }

    fn space(&mut self) {
        let rest = self.rest().as_bytes();
        let count = spaces(rest);
        // The last space may belong to a trim marker.
        let is_trim_marker = ends_action(&rest[count - 1..]).is_some();
        self.position += if is_trim_marker { count - 1 } else { count };
        self.emit(Kind::Space);
    }

    fn at_terminator(&self) -> bool {
        match self.byte() {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'.' | b',' | b'|' | b':' | b')' | b'(') => true,
            Some(_) => self.rest().starts_with("}}"),
        }
    }

    /// Moves on behind a word; false when something else follows than may.
    fn word(&mut self) -> bool {
        let rest = self.rest();
        let ascii = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        self.position += ascii;
        while self.peek().is_some_and(is_alphanumeric) {
            self.next_char();
        }
        if self.at_terminator() {
            return true;
        }
        let c = self.peek().unwrap_or('\0');
        self.error(format!("bad character {}", shown(c)));
        false
    }

    fn identifier(&mut self) {
        if !self.word() {
            return;
        }
        let kind = match &self.input[self.start..self.position] {
            "block" => Kind::Block,
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "define" => Kind::Define,
            "else" => Kind::Else,
            "end" => Kind::End,
            "if" => Kind::If,
            "range" => Kind::Range,
            "nil" => Kind::Nil,
            "template" => Kind::Template,
            "with" => Kind::With,
            "true" | "false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.emit(kind);
    }

    fn field_or_variable(&mut self, kind: Kind) {
        if self.at_terminator() {
            return self.emit(if kind == Kind::Variable { kind } else { Kind::Dot });
        }
        if self.word() {
            self.emit(kind);
        }
    }

    fn quoted(&mut self, delimiter: char, kind: Kind, unterminated: &str) {
        loop {
            match self.next_char() {
                Some('\\') if self.peek().is_some_and(|c| c != '\n') => {
                    self.next_char();
                }
                Some('\\' | '\n') | None => return self.error(unterminated.to_owned()),
                Some(c) if c == delimiter => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) {
        let bad = |lexer: &mut Lexer<'_, '_>| {
            let text = &lexer.input[lexer.start..lexer.position];
            let quoted = crate::go::quote::quote(text.as_bytes(), '"', false);
            lexer.error(format!("bad number syntax: {quoted}"));
        };
        if !self.scan_number() {
            return bad(self);
        }
        if self.peek().is_some_and(|c| matches!(c, '+' | '-')) {
            if !self.scan_number() || !self.input[..self.position].ends_with('i') {
                return bad(self);
            }
            return self.emit(Kind::Complex);
        }
        self.emit(Kind::Number);
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if digits.len() == 11 && self.accept("eE") || digits.len() == 23 && self.accept("pP") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next_char();
            return false;
        }
        true
    }
}

fn shown(c: char) -> String {
    let code = u32::from(c);
    if crate::go::quote::is_print(c) { format!("U+{code:04X} '{c}'") } else { format!("U+{code:04X}") }
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii() && (c.is_alphabetic() || c.is_numeric())
}

/// How many spaces a text begins with.
fn spaces(text: &[u8]) -> usize {
    text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

fn has_left_trim_marker(text: &str) -> bool {
    matches!(text.as_bytes(), [b'-', b' ' | b'\t' | b'\r' | b'\n', ..])
}

/// Whether a text begins with the delimiter that ends an action; and if so, whether with the
/// marker that trims what follows.
fn ends_action(text: &[u8]) -> Option<bool> {
    match text {
        [b' ' | b'\t' | b'\r' | b'\n', b'-', b'}', b'}', ..] => Some(true),
        [b'}', b'}', ..] => Some(false),
        _ => None,
    }
}
