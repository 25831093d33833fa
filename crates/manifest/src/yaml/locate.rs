//! Where a field stands in its file. Positions are not kept with every value:
//! only an error needs them, and it reads the text once more.

use granit_parser::Event;

use super::Position;
use super::reader::events;

/// The position of the field that a JSON pointer names in one document, or of the
/// deepest part of the pointer that the text has (a missing field is found at its
/// parent). None when the document does not exist.
pub fn locate(text: &str, document: usize, pointer: &str) -> Option<Position> {
    let wanted: Vec<String> =
        pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    let mut parser = events(text);
    let mut index = None;
    let mut path: Vec<Frame> = Vec::new();
    let mut best: Option<(usize, Position)> = None;
    while let Some(Ok((event, span))) = parser.next_event() {
        match event {
            Event::DocumentStart(..) => {
                index = Some(index.map_or(0, |i| i + 1));
                continue;
            }
            Event::DocumentEnd if index == Some(document) => break,
            _ if index != Some(document) => continue,
            _ => {}
        }
        let position = Position::of(&span.start);
        match event {
            Event::MappingEnd | Event::SequenceEnd => {
                path.pop();
                if let Some(frame) = path.last_mut() {
                    frame.end_value();
                }
                continue;
            }
            Event::Scalar(ref text, ..) if path.last().is_some_and(Frame::expects_key) => {
                if let Some(frame) = path.last_mut() {
                    frame.key = Some((text.to_string(), position));
                }
                continue;
            }
            Event::Scalar(..) | Event::Alias(_) | Event::MappingStart(..) | Event::SequenceStart(..) => {}
            _ => continue,
        }
        let matched = matched_depth(&path, &wanted);
        if let Some(depth) = matched
            && best.is_none_or(|(deepest, _)| depth > deepest)
        {
            let at = path.last().and_then(Frame::key_position).unwrap_or(position);
            best = Some((depth, at));
        }
        match event {
            Event::MappingStart(..) => path.push(Frame { kind: Kind::Mapping, key: None, next: 0 }),
            Event::SequenceStart(..) => path.push(Frame { kind: Kind::Sequence, key: None, next: 0 }),
            _ => {
                if let Some(frame) = path.last_mut() {
                    frame.end_value();
                }
            }
        }
    }
    best.map(|(_, position)| position)
}

enum Kind {
    Mapping,
    Sequence,
}

struct Frame {
    kind: Kind,
    key: Option<(String, Position)>,
    next: usize,
}

impl Frame {
    fn expects_key(&self) -> bool {
        matches!(self.kind, Kind::Mapping) && self.key.is_none()
    }

    fn key_position(&self) -> Option<Position> {
        self.key.as_ref().map(|(_, position)| *position)
    }

    fn end_value(&mut self) {
        self.key = None;
        self.next += 1;
    }

    fn is_at(&self, token: &str) -> bool {
        match self.kind {
            Kind::Mapping => self.key.as_ref().is_some_and(|(key, _)| key == token),
            Kind::Sequence => token.parse() == Ok(self.next),
        }
    }
}

/// How many tokens of the pointer lead to the node being read; None when it is
/// beside the pointer's way or beyond its end.
fn matched_depth(path: &[Frame], wanted: &[String]) -> Option<usize> {
    if path.len() > wanted.len() {
        return None;
    }
    path.iter().zip(wanted).all(|(frame, token)| frame.is_at(token)).then_some(path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
kind: A
---
kind: B
spec:
  items:
    - name: x
      value: 1
    - name: y
  \"a/b\": 3
";

    #[test]
    fn a_field_is_found_at_its_key_and_an_item_at_its_first_character() {
        let at = |pointer| locate(TEXT, 1, pointer).map(|p| (p.line, p.column));
        assert_eq!(at("/kind"), Some((3, 1)));
        assert_eq!(at("/spec/items/0/value"), Some((7, 7)));
        assert_eq!(at("/spec/items/1"), Some((8, 7)));
        assert_eq!(at("/spec/a~1b"), Some((9, 3)));
    }

    #[test]
    fn a_missing_field_is_found_at_its_nearest_parent() {
        assert_eq!(locate(TEXT, 1, "/spec/items/1/value/deep"), Some(Position { line: 8, column: 7 }));
        assert_eq!(locate(TEXT, 0, "/spec"), Some(Position { line: 1, column: 1 }));
        assert_eq!(locate(TEXT, 2, "/spec"), None);
    }
}
