//! Text into tokens, by the rules of `text/template/parse`.

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

/// A piece of the source.
#[derive(Debug, Clone)]
pub struct Token<'a> {
    pub kind: Kind,
    pub position: usize,
    pub text: std::borrow::Cow<'a, str>,
    pub line: usize,
}

impl std::fmt::Display for Token<'_> {
    /// As messages speak of it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |text: &str| crate::go::quote::quote(text.as_bytes(), '"', false);
        match self.kind {
            Kind::Eof => f.write_str("EOF"),
            Kind::Error => f.write_str(&self.text),
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
            | Kind::With => write!(f, "<{}>", self.text),
            _ if self.text.len() > 10 => {
                let cut: String = self.text.chars().take(10).collect();
                write!(f, "{}...", quoted(&cut))
            }
            _ => f.write_str(&quoted(&self.text)),
        }
    }
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Reads tokens one after the other; after an error there is only the end.
pub struct Lexer<'a> {
    input: &'a str,
    position: usize,
    start: usize,
    line: usize,
    start_line: usize,
    parens: usize,
    inside_action: bool,
}

impl<'a> Lexer<'a> {
    /// A reader at the beginning of a template.
    pub fn new(input: &'a str) -> Lexer<'a> {
        Lexer { input, position: 0, start: 0, line: 1, start_line: 1, parens: 0, inside_action: false }
    }

    fn rest(&self) -> &'a str {
        &self.input[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next_char(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.position += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    /// Passes a text by.
    fn pass(&mut self, count: usize) {
        self.line += newlines(&self.rest()[..count]);
        self.position += count;
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

    fn emit(&mut self, kind: Kind) -> Token<'a> {
        let token = Token {
            kind,
            position: self.start,
            text: self.input[self.start..self.position].into(),
            line: self.start_line,
        };
        self.start = self.position;
        self.start_line = self.line;
        token
    }

    /// Moves on without a token.
    fn skip(&mut self, count: usize) {
        self.pass(count);
        self.start = self.position;
        self.start_line = self.line;
    }

    fn error(&mut self, message: String) -> Token<'a> {
        let token =
            Token { kind: Kind::Error, position: self.start, text: message.into(), line: self.start_line };
        self.input = "";
        self.position = 0;
        self.start = 0;
        token
    }

    /// The next token.
    pub fn next_token(&mut self) -> Token<'a> {
        if self.inside_action { self.action() } else { self.text() }
    }

    fn text(&mut self) -> Token<'a> {
        loop {
            let Some(at) = memchr::memmem::find(self.rest().as_bytes(), b"{{") else {
                if self.rest().is_empty() {
                    self.start = self.position;
                    return self.emit(Kind::Eof);
                }
                self.pass(self.rest().len());
                return self.emit(Kind::Text);
            };
            if at > 0 {
                let text = &self.rest()[..at];
                let trims = has_left_trim_marker(&self.rest()[at + 2..]);
                let kept = if trims { text.trim_end_matches(SPACES).len() } else { at };
                self.pass(kept);
                let token = self.emit(Kind::Text);
                self.skip(at - kept);
                if !token.text.is_empty() {
                    return token;
                }
            }
            match self.left_delim() {
                Some(token) => return token,
                None => continue,
            }
        }
    }

    /// The delimiter, or None after a comment.
    fn left_delim(&mut self) -> Option<Token<'a>> {
        let trims = has_left_trim_marker(&self.rest()[2..]);
        let marker = if trims { 2 } else { 0 };
        if self.rest()[2 + marker..].starts_with("/*") {
            self.skip(2 + marker);
            return self.comment();
        }
        self.position += 2;
        let token = self.emit(Kind::LeftDelim);
        self.inside_action = true;
        self.parens = 0;
        self.skip(marker);
        Some(token)
    }

    fn comment(&mut self) -> Option<Token<'a>> {
        let Some(end) = self.rest()[2..].find("*/") else {
            return Some(self.error("unclosed comment".to_owned()));
        };
        self.skip(2 + end + 2);
        let (is_delim, trims) = self.at_right_delim();
        if !is_delim {
            return Some(self.error("comment ends before closing delimiter".to_owned()));
        }
        self.skip(if trims { 4 } else { 2 });
        if trims {
            self.skip(self.rest().len() - self.rest().trim_start_matches(SPACES).len());
        }
        None
    }

    fn at_right_delim(&self) -> (bool, bool) {
        let rest = self.rest();
        if has_right_trim_marker(rest) && rest[2..].starts_with("}}") {
            return (true, true);
        }
        (rest.starts_with("}}"), false)
    }

    fn right_delim(&mut self) -> Token<'a> {
        let (_, trims) = self.at_right_delim();
        if trims {
            self.skip(2);
        }
        self.position += 2;
        let token = self.emit(Kind::RightDelim);
        if trims {
            self.skip(self.rest().len() - self.rest().trim_start_matches(SPACES).len());
        }
        self.inside_action = false;
        token
    }

    fn action(&mut self) -> Token<'a> {
        if self.at_right_delim().0 {
            if self.parens == 0 {
                return self.right_delim();
            }
            return self.error("unclosed left paren".to_owned());
        }
        let Some(c) = self.peek() else {
            return self.error("unclosed action".to_owned());
        };
        if SPACES.contains(&c) {
            return self.space();
        }
        if matches!(c, '+' | '-' | '0'..='9') {
            return self.number();
        }
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
                    self.pass(end + 1);
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

    fn space(&mut self) -> Token<'a> {
        let rest = self.rest();
        let count = rest.len() - rest.trim_start_matches(SPACES).len();
        // The last space may belong to a trim marker.
        if has_right_trim_marker(&rest[count - 1..]) && rest[count + 1..].starts_with("}}") {
            if count == 1 {
                return self.right_delim();
            }
            self.pass(count - 1);
            return self.emit(Kind::Space);
        }
        self.pass(count);
        self.emit(Kind::Space)
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None => true,
            Some(c) if SPACES.contains(&c) || ".,|:)(".contains(c) => true,
            Some(_) => self.rest().starts_with("}}"),
        }
    }

    fn word(&mut self) -> Result<(), Token<'a>> {
        let rest = self.rest();
        let ascii = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        self.position += ascii;
        while self.peek().is_some_and(is_alphanumeric) {
            self.next_char();
        }
        if self.at_terminator() {
            return Ok(());
        }
        let c = self.peek().unwrap_or('\0');
        Err(self.error(format!("bad character {}", shown(c))))
    }

    fn identifier(&mut self) -> Token<'a> {
        if let Err(error) = self.word() {
            return error;
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
        self.emit(kind)
    }

    fn field_or_variable(&mut self, kind: Kind) -> Token<'a> {
        if self.at_terminator() {
            return self.emit(if kind == Kind::Variable { kind } else { Kind::Dot });
        }
        match self.word() {
            Ok(()) => self.emit(kind),
            Err(error) => error,
        }
    }

    fn quoted(&mut self, delimiter: char, kind: Kind, unterminated: &str) -> Token<'a> {
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

    fn number(&mut self) -> Token<'a> {
        let bad = |lexer: &mut Lexer<'a>| {
            let text = &lexer.input[lexer.start..lexer.position];
            let quoted = crate::go::quote::quote(text.as_bytes(), '"', false);
            lexer.error(format!("bad number syntax: {quoted}"))
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
        self.emit(Kind::Number)
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

fn newlines(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count()
}

fn has_left_trim_marker(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 2 && bytes[0] == b'-' && SPACES.contains(&char::from(bytes[1]))
}

fn has_right_trim_marker(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 2 && SPACES.contains(&char::from(bytes[0])) && bytes[1] == b'-'
}
