//! The style in which nearly all manifests are written, read in one pass: collections by
//! indentation, plain, quoted and block scalars, and flow collections that end in their line.
//!
//! What is rare (anchors, tags ...) and all that is wrong is left to [`super::reader`], which
//! says why. So nothing is an error here: a text is read as the reader reads it, or not at all.

mod inline;
mod literal;

use serde_json::{Map, Value};

use super::scalar;
use super::{Document, Duplicates, Position};
use inline::Stop;

/// Collections within each other.
const MAX_DEPTH: usize = 100;
/// Keys are shorter than what the reader bounds them by.
const MAX_KEY: usize = 1000;

/// The documents of a text, if it is written in the common style.
pub(super) fn read(text: &str, duplicates: Duplicates) -> Option<Vec<Document>> {
    // Pieces without a way out of them are looked at many bytes at a time.
    let are_common = |piece: &[u8]| piece.iter().fold(true, |all, byte| all & is_common(*byte));
    if !text.as_bytes().chunks(256).all(are_common) && !text.chars().all(is_common_character) {
        return None;
    }
    let mut block = Block { text, at: 0, column: None, depth: 0, duplicates };
    let mut documents = Vec::new();
    let (mut index, mut is_open) = (0, false);
    let (mut line, mut counted) = (1, 0);
    block.next_line()?;
    loop {
        if let Some(column) = block.column {
            is_open = true;
            line += memchr::memchr_iter(b'\n', &text.as_bytes()[counted..block.at]).count();
            counted = block.at;
            let position =
                Position { line: u32::try_from(line).ok()?, column: u32::try_from(column + 1).ok()? };
            let value = block.collection(column)?;
            if block.column.is_some() {
                return None;
            }
            documents.push(Document { index, position, value });
        }
        if block.at == text.len() {
            return Some(documents);
        }
        if !block.rest().starts_with("---") {
            return None;
        }
        index += usize::from(is_open);
        is_open = true;
        block.at += 3;
        block.end_of_line()?;
    }
}

/// What is not ASCII is looked at as characters.
fn is_common(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\t' | 0x20..=0x7e)
}

/// Not so: carriage returns, marks of the byte order, what breaks lines in YAML 1.1, and what
/// no text may hold.
fn is_common_character(c: char) -> bool {
    u8::try_from(c).is_ok_and(is_common)
        || matches!(c, '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
            && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Where the reading stands. Between nodes that is the first character of a line that is
/// neither blank nor a comment.
struct Block<'t> {
    text: &'t str,
    at: usize,
    /// How far that line is indented; None at the end of a document.
    column: Option<usize>,
    depth: usize,
    duplicates: Duplicates,
}

impl<'t> Block<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn byte(&self) -> Option<u8> {
        self.byte_at(self.at)
    }

    fn byte_at(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Whether nothing of a word is at a place: a space, or the end of the line.
    fn is_blank(&self, at: usize) -> bool {
        matches!(self.byte_at(at), None | Some(b' ' | b'\n'))
    }

    /// Whether an entry of a sequence begins here.
    fn is_entry(&self) -> bool {
        self.byte() == Some(b'-') && self.is_blank(self.at + 1)
    }

    /// Where the line ends.
    fn line_end(&self) -> usize {
        memchr::memchr(b'\n', self.rest().as_bytes()).map_or(self.text.len(), |length| self.at + length)
    }

    fn skip_spaces(&mut self) -> usize {
        let count = spaces(self.rest());
        self.at += count;
        count
    }

    /// From the start of a line to the next that says something.
    fn next_line(&mut self) -> Option<()> {
        loop {
            let column = self.skip_spaces();
            match self.byte() {
                None => break,
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.at = (self.line_end() + 1).min(self.text.len()),
                Some(b'\t') => return None,
                Some(b'-' | b'.')
                    if column == 0
                        && (self.rest().starts_with("---") || self.rest().starts_with("..."))
                        && self.is_blank(self.at + 3) =>
                {
                    break;
                }
                Some(_) => {
                    self.column = Some(column);
                    return Some(());
                }
            }
        }
        self.column = None;
        Some(())
    }

    /// Whether nothing but a comment follows in the line; then at the next that says something.
    fn ends_line(&mut self) -> Option<bool> {
        let count = self.skip_spaces();
        let ends = match self.byte() {
            None | Some(b'\n') => true,
            Some(b'#') => count > 0,
            Some(_) => false,
        };
        if ends {
            self.at = (self.line_end() + 1).min(self.text.len());
            self.next_line()?;
        }
        Some(ends)
    }

    fn end_of_line(&mut self) -> Option<()> {
        self.ends_line()?.then_some(())
    }

    /// What stands at a column, in a collection at another.
    fn node(&mut self, column: usize, parent: usize) -> Option<Value> {
        if self.is_entry() || self.is_key() { self.collection(column) } else { self.scalar(parent) }
    }

    fn collection(&mut self, column: usize) -> Option<Value> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let value = if self.is_entry() { self.sequence(column)? } else { self.mapping(column)? };
        self.depth -= 1;
        Some(value)
    }

    fn sequence(&mut self, column: usize) -> Option<Value> {
        let mut items = Vec::new();
        loop {
            self.at += 1;
            let start = self.at;
            let item = if self.ends_line()? {
                match self.column {
                    Some(deeper) if deeper > column => self.node(deeper, column)?,
                    _ => Value::Null,
                }
            } else {
                self.node(column + 1 + self.at - start, column)?
            };
            items.push(item);
            match self.column {
                Some(next) if next == column && self.is_entry() => {}
                Some(next) if next > column => return None,
                _ => return Some(Value::Array(items)),
            }
        }
    }

    fn mapping(&mut self, column: usize) -> Option<Value> {
        let mut entries = Map::new();
        loop {
            let key = self.key()?;
            let value = if self.ends_line()? {
                match self.column {
                    Some(deeper) if deeper > column => self.node(deeper, column)?,
                    Some(same) if same == column && self.is_entry() => self.collection(column)?,
                    _ => Value::Null,
                }
            } else {
                self.scalar(column)?
            };
            self.insert(&mut entries, key, value)?;
            match self.column {
                Some(next) if next == column => {}
                Some(next) if next > column => return None,
                _ => return Some(Value::Object(entries)),
            }
        }
    }

    fn insert(&self, entries: &mut Map<String, Value>, key: String, value: Value) -> Option<()> {
        let before = entries.insert(key, value);
        (before.is_none() || self.duplicates == Duplicates::LastWins).then_some(())
    }

    /// Whether a mapping begins here.
    fn is_key(&self) -> bool {
        match self.byte() {
            Some(b'"' | b'\'') => {
                let mut ahead = Block { ..*self };
                ahead.quoted(None).is_some() && ahead.byte() == Some(b':') && ahead.is_blank(ahead.at + 1)
            }
            _ => self.plain_key().is_some(),
        }
    }

    /// A key with its colon.
    fn key(&mut self) -> Option<String> {
        let start = self.at;
        let key = match self.byte()? {
            b'"' | b'\'' => self.quoted(None)?,
            _ => {
                let text = self.plain_key()?;
                self.at += text.len();
                scalar::key_text(scalar::plain(text).ok()?)?
            }
        };
        let is_key = self.byte() == Some(b':') && self.is_blank(self.at + 1) && self.at - start <= MAX_KEY;
        if !is_key {
            return None;
        }
        self.at += 1;
        Some(key)
    }

    /// The text before the colon, if this is a plain key.
    fn plain_key(&self) -> Option<&'t str> {
        if !self.begins_plain() {
            return None;
        }
        match self.plain_piece()? {
            (key, Stop::Colon) if !key.ends_with(' ') && key != "<<" => Some(key),
            _ => None,
        }
    }

    /// What is no block collection, to the end of its line or block.
    fn scalar(&mut self, parent: usize) -> Option<Value> {
        let value = match self.byte()? {
            b'|' | b'>' => return self.block_scalar(parent),
            b'"' | b'\'' => Value::String(self.quoted(Some(parent))?),
            b'[' | b'{' => self.flow()?,
            _ => return self.plain(parent),
        };
        self.end_of_line()?;
        Some(value)
    }
}

fn spaces(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b' ').count()
}

#[cfg(test)]
mod tests;
