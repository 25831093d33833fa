//! What stands in lines: plain and quoted scalars, and flow collections.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::literal::fold;
use super::{Block, MAX_DEPTH};
use crate::yaml::scalar;

/// What ends a plain scalar in its line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Colon,
    Comment,
    Line,
}

impl<'t> Block<'t> {
    /// Whether a plain scalar begins here, and nothing that looks like another thing.
    pub(super) fn begins_plain(&self) -> bool {
        match self.byte() {
            Some(b'-' | b':' | b'?') => !self.is_blank(self.at + 1),
            Some(byte) => {
                byte.is_ascii_alphanumeric() || b"_/.$+~^()<=;\\".contains(&byte) || !byte.is_ascii()
            }
            None => false,
        }
    }

    pub(super) fn plain(&mut self, parent: usize) -> Option<Value> {
        if !self.begins_plain() {
            return None;
        }
        let (first, mut ends) = self.plain_line()?;
        let mut text = Cow::from(first);
        // It goes on in lines that are indented further, until a comment.
        while !ends {
            let before = self.at;
            let Some(breaks) = self.continued(parent) else { break };
            if matches!(self.byte(), None | Some(b'#')) {
                self.at = before;
                break;
            }
            let next;
            (next, ends) = self.plain_line()?;
            let text = text.to_mut();
            fold(text, breaks);
            text.push_str(next);
        }
        self.end_of_line()?;
        scalar::plain(&text).ok()
    }

    /// What a line has of a plain scalar, and whether a comment ends it.
    fn plain_line(&mut self) -> Option<(&'t str, bool)> {
        let (text, stop) = self.plain_piece()?;
        if stop == Stop::Colon {
            return None;
        }
        let text = text.trim_end_matches(' ');
        self.at += text.len();
        Some((text, stop == Stop::Comment))
    }

    /// What stands from here to where a plain scalar ends in its line; tabs are not common.
    pub(super) fn plain_piece(&self) -> Option<(&'t str, Stop)> {
        let line = &self.text[self.at..self.line_end()];
        let bytes = line.as_bytes();
        for at in memchr::memchr3_iter(b':', b'#', b'\t', bytes) {
            match bytes[at] {
                b':' if matches!(bytes.get(at + 1), None | Some(b' ')) => {
                    return Some((&line[..at], Stop::Colon));
                }
                b'#' if at > 0 && bytes[at - 1] == b' ' => return Some((&line[..at], Stop::Comment)),
                b'\t' => return None,
                _ => {}
            }
        }
        Some((line, Stop::Line))
    }

    /// A quoted scalar; in a collection at a column it may go on in lines that are indented
    /// further, elsewhere it ends in its line.
    pub(super) fn quoted(&mut self, parent: Option<usize>) -> Option<String> {
        let quote = self.byte()?;
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let length = match quote {
                b'\'' => memchr::memchr2(b'\'', b'\n', rest.as_bytes()),
                _ => memchr::memchr3(b'"', b'\\', b'\n', rest.as_bytes()),
            }?;
            let piece = &rest[..length];
            if memchr::memchr(b'\t', piece.as_bytes()).is_some() {
                return None;
            }
            self.at += length;
            match self.byte()? {
                b'\n' => {
                    text.push_str(piece.trim_end_matches(' '));
                    let breaks = self.continued(parent?)?;
                    fold(&mut text, breaks);
                    continue;
                }
                b'\\' => {
                    text.push_str(piece);
                    self.at += 1;
                    self.escaped(&mut text, parent)?;
                    continue;
                }
                _ => text.push_str(piece),
            }
            self.at += 1;
            if quote == b'"' || self.byte() != Some(quote) {
                return Some(text);
            }
            text.push('\'');
            self.at += 1;
        }
    }

    /// What follows a backslash.
    fn escaped(&mut self, text: &mut String, parent: Option<usize>) -> Option<()> {
        match self.byte()? {
            // The line goes on without a space.
            b'\n' => return (self.continued(parent?)? == 1).then_some(()),
            byte @ (b'"' | b'\\' | b'/' | b' ') => text.push(char::from(byte)),
            b'n' => text.push('\n'),
            b't' => text.push('\t'),
            b'r' => text.push('\r'),
            _ => return None,
        }
        self.at += 1;
        Some(())
    }

    /// From the end of a line to where a scalar goes on in another, and how many lines end
    /// between.
    fn continued(&mut self, parent: usize) -> Option<usize> {
        let rest = self.rest();
        let blank = rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\n')).count();
        let start = rest[..blank].rfind('\n').map_or(0, |at| at + 1);
        let breaks = rest[..blank].matches('\n').count();
        if breaks == 0 || blank - start <= parent {
            return None;
        }
        self.at += blank;
        Some(breaks)
    }

    /// A flow collection that ends in its line.
    pub(super) fn flow(&mut self) -> Option<Value> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let opening = self.byte()?;
        let closing = if opening == b'[' { b']' } else { b'}' };
        self.at += 1;
        self.skip_spaces();
        let mut items = Vec::new();
        let mut entries = Map::new();
        let mut is_closed = self.byte()? == closing;
        if is_closed {
            self.at += 1;
        }
        while !is_closed {
            if opening == b'[' {
                items.push(self.flow_value()?);
            } else {
                let key = match self.flow_value()? {
                    Value::Array(_) | Value::Object(_) => return None,
                    key => scalar::key_text(key)?,
                };
                if self.byte()? != b':' || self.byte_at(self.at + 1)? != b' ' {
                    return None;
                }
                self.at += 1;
                self.skip_spaces();
                let value = self.flow_value()?;
                self.insert(&mut entries, key, value)?;
            }
            self.skip_spaces();
            is_closed = self.closes(closing)?;
        }
        self.depth -= 1;
        Some(if opening == b'[' { Value::Array(items) } else { Value::Object(entries) })
    }

    /// After an entry of a flow collection: whether that was the last.
    fn closes(&mut self, closing: u8) -> Option<bool> {
        let byte = self.byte()?;
        if byte != closing && byte != b',' {
            return None;
        }
        self.at += 1;
        if byte == closing {
            return Some(true);
        }
        self.skip_spaces();
        (self.byte()? != closing).then_some(false)
    }

    fn flow_value(&mut self) -> Option<Value> {
        match self.byte()? {
            b'[' | b'{' => self.flow(),
            b'"' | b'\'' => self.quoted(None).map(Value::String),
            _ => {
                // Words of few signs: what more there may be is not common here.
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_/.-+=*@".contains(byte);
                let word = self.rest().bytes().take_while(|byte| is_word(byte)).count();
                let text = &self.rest()[..word];
                if matches!(text, "" | "-") || !self.begins_plain() {
                    return None;
                }
                self.at += word;
                scalar::plain(text).ok()
            }
        }
    }
}
