//! The style in which nearly all manifests are written, read in one pass: collections by
//! indentation, plain and block scalars, quoted ones and flow collections that end in their
//! line.
//!
//! What is rare (anchors, tags, quotes over several lines ...) and all that is wrong is left to [`super::reader`], which says why. So nothing is an
//! error here: a text is read as the reader reads it, or not at all.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::scalar;
use super::{Document, Duplicates, Position};

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
            Some(quote @ (b'"' | b'\'')) => {
                let mut ahead = Block { text: self.text, ..*self };
                let quoted = if quote == b'"' { ahead.double_quoted() } else { ahead.single_quoted() };
                quoted.is_some() && ahead.byte() == Some(b':') && ahead.is_blank(ahead.at + 1)
            }
            _ => self.plain_key().is_some(),
        }
    }

    /// A key with its colon.
    fn key(&mut self) -> Option<String> {
        let start = self.at;
        let key = match self.byte()? {
            b'"' => self.double_quoted()?,
            b'\'' => self.single_quoted()?,
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
        let line = &self.text[self.at..self.line_end()];
        let bytes = line.as_bytes();
        for at in memchr::memchr3_iter(b':', b'#', b'\t', bytes) {
            match bytes[at] {
                b':' if matches!(bytes.get(at + 1), None | Some(b' ')) => {
                    let key = &line[..at];
                    return (!key.ends_with(' ') && key != "<<").then_some(key);
                }
                b'#' if bytes[at - 1] == b' ' => return None,
                b'\t' => return None,
                _ => {}
            }
        }
        None
    }

    /// Whether a plain scalar begins here, and nothing that looks like another thing.
    fn begins_plain(&self) -> bool {
        match self.byte() {
            Some(b'-' | b':' | b'?') => !self.is_blank(self.at + 1),
            Some(byte) => {
                byte.is_ascii_alphanumeric() || b"_/.$+~^()<=;\\".contains(&byte) || !byte.is_ascii()
            }
            None => false,
        }
    }

    /// What is no block collection, to the end of its line or block.
    fn scalar(&mut self, parent: usize) -> Option<Value> {
        let value = match self.byte()? {
            b'|' => return self.literal(parent),
            b'>' => return self.folded(parent),
            b'"' => Value::String(self.double_quoted()?),
            b'\'' => Value::String(self.single_quoted()?),
            b'[' | b'{' => self.flow()?,
            _ => return self.plain(parent),
        };
        self.end_of_line()?;
        Some(value)
    }

    fn plain(&mut self, parent: usize) -> Option<Value> {
        if !self.begins_plain() {
            return None;
        }
        let (first, mut ends) = self.plain_line()?;
        let mut text = Cow::from(first);
        // It goes on in lines that are indented further, until a comment.
        while !ends {
            let rest = self.rest();
            let blank = rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\n')).count();
            let breaks = rest[..blank].matches('\n').count();
            let start = rest[..blank].rfind('\n').map_or(0, |at| at + 1);
            if breaks == 0
                || blank - start <= parent
                || matches!(rest.as_bytes().get(blank), None | Some(b'#'))
            {
                break;
            }
            self.at += blank;
            let next;
            (next, ends) = self.plain_line()?;
            let text = text.to_mut();
            if breaks == 1 {
                text.push(' ');
            }
            text.extend(std::iter::repeat_n('\n', breaks - 1));
            text.push_str(next);
        }
        self.end_of_line()?;
        scalar::plain(&text).ok()
    }

    /// What a line has of a plain scalar, and whether a comment ends it.
    fn plain_line(&mut self) -> Option<(&'t str, bool)> {
        let line = &self.text[self.at..self.line_end()];
        let bytes = line.as_bytes();
        let mut length = None;
        for at in memchr::memchr3_iter(b':', b'#', b'\t', bytes) {
            match bytes[at] {
                b':' if matches!(bytes.get(at + 1), None | Some(b' ')) => return None,
                b'#' if at > 0 && bytes[at - 1] == b' ' => {
                    length = Some(at - 1);
                    break;
                }
                b'\t' => return None,
                _ => {}
            }
        }
        let kept = line[..length.unwrap_or(line.len())].trim_end_matches(' ');
        self.at += kept.len();
        Some((kept, length.is_some()))
    }

    fn single_quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let length = memchr::memchr3(b'\'', b'\n', b'\t', rest.as_bytes())?;
            if rest.as_bytes()[length] != b'\'' {
                return None;
            }
            text.push_str(&rest[..length]);
            self.at += length + 1;
            if self.byte() != Some(b'\'') {
                return Some(text);
            }
            text.push('\'');
            self.at += 1;
        }
    }

    fn double_quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            let length = memchr::memchr3(b'"', b'\\', b'\n', rest.as_bytes())?;
            if memchr::memchr(b'\t', &rest.as_bytes()[..length]).is_some() {
                return None;
            }
            text.push_str(&rest[..length]);
            self.at += length + 1;
            match rest.as_bytes()[length] {
                b'"' => return Some(text),
                b'\\' => text.push(match self.byte()? {
                    byte @ (b'"' | b'\\' | b'/') => char::from(byte),
                    b'n' => '\n',
                    b't' => '\t',
                    b'r' => '\r',
                    _ => return None,
                }),
                _ => return None,
            }
            self.at += 1;
        }
    }

    /// A flow collection that ends in its line.
    fn flow(&mut self) -> Option<Value> {
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
            b'"' => self.double_quoted().map(Value::String),
            b'\'' => self.single_quoted().map(Value::String),
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

    /// The head of a block scalar; then at its first line. Gives how it ends, and how far it
    /// is indented.
    fn block_head(&mut self, parent: usize) -> Option<(Chomping, usize)> {
        self.at += 1;
        let chomping = match self.byte() {
            Some(b'-') => Chomping::Strip,
            Some(b'+') => Chomping::Keep,
            _ => Chomping::Clip,
        };
        self.at += usize::from(chomping != Chomping::Clip);
        let count = self.skip_spaces();
        let is_comment = self.byte() == Some(b'#') && count > 0;
        if self.byte() != Some(b'\n') && !is_comment {
            return None;
        }
        self.at = self.line_end();
        self.byte()?;
        self.at += 1;
        // It is indented as its first line that is not blank; none of those before is longer.
        let mut longest = 0;
        let mut start = self.at;
        loop {
            let indent = spaces(&self.text[start..]);
            match self.byte_at(start + indent)? {
                b'\n' => longest = longest.max(indent),
                b'\t' => return None,
                _ => return (indent > parent && longest <= indent).then_some((chomping, indent)),
            }
            start += indent + 1;
        }
    }

    fn literal(&mut self, parent: usize) -> Option<Value> {
        let (chomping, indent) = self.block_head(parent)?;
        let mut text = String::new();
        let mut breaks = 0;
        while let Some(line) = self.block_line(indent)? {
            if line.is_empty() {
                breaks += 1;
            } else {
                text.extend(std::iter::repeat_n('\n', breaks));
                text.push_str(line);
                breaks = 1;
            }
        }
        chomping.end(&mut text, breaks);
        self.next_line()?;
        Some(Value::String(text))
    }

    fn folded(&mut self, parent: usize) -> Option<Value> {
        let (chomping, indent) = self.block_head(parent)?;
        let mut text = String::new();
        let mut breaks = 0;
        while let Some(line) = self.block_line(indent)? {
            match line.as_bytes() {
                [] => breaks += 1,
                // Lines that are indented further are not folded.
                [b' ' | b'\t', ..] => return None,
                _ => {
                    if breaks == 1 && !text.is_empty() {
                        text.push(' ');
                    } else {
                        let folded = usize::from(!text.is_empty());
                        text.extend(std::iter::repeat_n('\n', breaks - folded));
                    }
                    text.push_str(line);
                    breaks = 1;
                }
            }
        }
        chomping.end(&mut text, breaks);
        self.next_line()?;
        Some(Value::String(text))
    }

    /// The next line of a block scalar, without its indentation; None behind the last.
    fn block_line(&mut self, indent: usize) -> Option<Option<&'t str>> {
        let rest = self.rest();
        let count = spaces(rest).min(indent);
        match rest.as_bytes().get(count) {
            None if count == 0 => return Some(None),
            // Text that ends within a line of a block scalar has a rule of its own.
            None => return None,
            Some(b'\n') => {
                self.at += count + 1;
                return Some(Some(""));
            }
            Some(_) if count < indent => return Some(None),
            Some(_) => {}
        }
        let length = memchr::memchr(b'\n', &rest.as_bytes()[count..])?;
        self.at += count + length + 1;
        Some(Some(&rest[count..count + length]))
    }
}

fn spaces(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b' ').count()
}

/// What becomes of the line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Clip,
    Strip,
    Keep,
}

impl Chomping {
    fn end(self, text: &mut String, breaks: usize) {
        let kept = match self {
            Chomping::Clip => breaks.min(1),
            Chomping::Strip => 0,
            Chomping::Keep => breaks,
        };
        text.extend(std::iter::repeat_n('\n', kept));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{Duplicates, reader, write};
    use super::read;

    /// Whether the text is common; that it is read as by the reader is checked.
    fn is_common(text: &str) -> bool {
        let mut is_common = false;
        for duplicates in [Duplicates::Refuse, Duplicates::LastWins] {
            if let Some(documents) = read(text, duplicates) {
                is_common = true;
                assert_eq!(reader::read(text, duplicates), Ok(documents), "{text:?}");
            }
        }
        is_common
    }

    #[test]
    fn what_manifests_are_written_with_is_common() {
        for text in [
            "",
            "# nothing\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a # the name\n  labels: {a: b, \"c\": 'd'}\n",
            "---\n# one\na: 1\n---\n\n---\nb: 2\n---\n",
            "  a: 1\n  b:\n    c: x\n",
            "- a\n- b: 1\n  c: 2\n-\n  d: 3\n- - e\n  - f\n-\n",
            "a:\n- 1\n- 2\nb:\n  - c: x\n    d: y\n  # between\n  - z\nc:\n",
            "a: |\n  one\n    two\n\n  three\n\nb: |-\n\n  x\nc: |+\n  y\n\nd: >\n  so\n  long\n\n  text\ne: >-\n  x\n",
            "a: |\n  x\n   \n  y\n     \nb: 1\n",
            "- |\n  x\n- key: |\n    y\n- a\n",
            "a: \"x\\n\\\"y\\\"\\\\\"\nb: 'it''s'\n\"c d\": 1\n'e': \"\"\n",
            "a: [1, \"two\", three, [4]]\nb: []\nc: {}\nd: [ a, b ]\n",
            "a: http://x:80/y#z\nb: a,b [c] {d}\nc: -1\nd: --flag=1\ne: yes\nf: 0644\ng: ~\nh: 1e3\n",
            "yes: 1\n1: 2\n1.5: 3\n/a/b.c: 4\n",
            "a: one\n  two\n\n\n  three # four\nb: x\n # y\nc:\n  - z\n   - z\n",
            "a:\n  {}\nb:\n- \n  x\n-\n  'y'\nc:\n  :z\n",
            "a: Grüße, 世界 🎉\n",
            "a: |\n  # no comment\n# a comment\nb: |\n    x\n  # one as well\nc: 1\n",
        ] {
            assert!(is_common(text), "{text}");
        }
    }

    #[test]
    fn what_is_rare_or_wrong_is_left_to_the_reader() {
        for text in [
            "a: &x 1\nb: *x\n",
            "a: !!str 1\n",
            "<<: {a: 1}\n",
            "? a\n: b\n",
            "a: \"one\n  two\"\n",
            "a: [1,\n  2]\n",
            "a: |2\n   x\n",
            "a: >\n  x\n    y\n",
            "\ta: 1\n",
            "a:\t1\n",
            "a: b: c\n",
            "a: 1\n  b: 2\n",
            "a:\n  b: 1\n c: 2\n",
            "a: 1\n- b\n",
            "- a\nb: 1\n",
            "a: 'x' y\n",
            "a: @x\nb: `y`\n",
            "a: 1\r\n",
            "a: \"\\u00e4\"\n",
            "--- a\n",
            "a: 1\n...\n",
            "%YAML 1.1\n---\na: 1\n",
            "\u{feff}a: 1\n",
            "a: |",
            "a: |\n  x",
            "{\"a\": 1}\n",
            "text\n",
        ] {
            assert!(!is_common(text), "{text}");
        }
        let twice = "a: 1\na: 2\n";
        assert_eq!(read(twice, Duplicates::Refuse), None);
        assert_eq!(
            read(twice, Duplicates::LastWins).map(|read| read[0].value.clone()),
            Some(json!({"a": 2}))
        );
        assert!(is_common(twice));
        let deep = format!("{}x\n", "- ".repeat(5_000));
        assert_eq!(read(&deep, Duplicates::Refuse), None);
    }

    fn texts_of_words() -> impl Strategy<Value = String> {
        let words = [
            "a",
            "b:",
            "c: ",
            "- ",
            "-",
            ":",
            "\n",
            "\n",
            "\n",
            " ",
            "  ",
            "\n  ",
            "\n    ",
            "#",
            " # d",
            "|",
            ">",
            "|-\n",
            "|+\n",
            ">-\n",
            "|\n  ",
            "\"",
            "'",
            "\\",
            "[",
            "]",
            "{",
            "}",
            ", ",
            ",",
            "&e",
            "*e",
            "!f",
            "---",
            "---\n",
            "...\n",
            "\t",
            "yes",
            "0x1f",
            "1_0",
            "~",
            "<<: ",
            "? ",
            "%",
            "@",
            "`",
            "=",
            "é",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\r",
            "\u{7f}",
            "http://g",
            "\\n",
            "''",
            "\"\"",
            "a: 1\n",
            "- h\n",
            "key: value\n",
        ];
        prop::collection::vec(prop::sample::select(words.to_vec()), 0..24).prop_map(|words| words.concat())
    }

    /// Lines that fit together more often than not.
    fn texts_of_lines() -> impl Strategy<Value = String> {
        let lines = [
            "a: 1",
            "b:",
            "c: |",
            "c: >-",
            "d: |+",
            "- x",
            "- e: y",
            "- - z",
            "-",
            "- |",
            "# f",
            "",
            "text",
            "---",
            "g: \"h i\"",
            "'j': k # l",
            "m: [n, 'o', {p: q}]",
            "  ",
            "r: {}",
            "- {s: t}",
            "u: v:w",
            "x: it's",
            "and more",
            "{}",
            ":y",
            "z # z",
        ];
        let line = (0usize..4, prop::sample::select(lines.to_vec()));
        prop::collection::vec(line, 0..12).prop_map(|lines| {
            lines.into_iter().map(|(depth, line)| format!("{}{line}\n", "  ".repeat(depth))).collect()
        })
    }

    fn values() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(|flag| json!(flag)),
            any::<i64>().prop_map(|number| json!(number)),
            "[ -~]{0,12}".prop_map(|text| json!(text)),
            "([a-z :#]{0,5}\n){1,3}".prop_map(|text| json!(text)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
                prop::collection::btree_map("[a-z./-]{1,6}", inner, 0..4).prop_map(|entries| json!(entries)),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn all_that_is_common_is_read_as_by_the_reader(text in prop_oneof![texts_of_words(), texts_of_lines()]) {
            is_common(&text);
        }

        #[test]
        fn what_is_written_here_is_read_as_by_the_reader(value in values()) {
            let mut text = String::new();
            write(&mut text, &value);
            is_common(&text);
        }
    }
}
