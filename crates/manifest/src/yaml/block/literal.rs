//! Scalars that are blocks of lines, as they are or folded.

use serde_json::Value;

use super::{Block, spaces};

impl<'t> Block<'t> {
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

    /// A block scalar: the lines that are indented further than what it belongs to.
    pub(super) fn block_scalar(&mut self, parent: usize) -> Option<Value> {
        let is_folded = self.byte()? == b'>';
        let (chomping, indent) = self.block_head(parent)?;
        let mut text = String::new();
        let mut breaks = 0;
        while let Some(line) = self.block_line(indent)? {
            if line.is_empty() {
                breaks += 1;
                continue;
            }
            if is_folded && line.starts_with([' ', '\t']) {
                // Lines that are indented further are not folded.
                return None;
            }
            if !is_folded || text.is_empty() {
                text.extend(std::iter::repeat_n('\n', breaks));
            } else {
                fold(&mut text, breaks);
            }
            text.push_str(line);
            breaks = 1;
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

/// Adds to a text the line breaks before its next line: one joins the two, and of more one
/// is lost.
pub(super) fn fold(text: &mut String, breaks: usize) {
    if breaks == 1 {
        text.push(' ');
    } else {
        text.extend(std::iter::repeat_n('\n', breaks - 1));
    }
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
