//! From parser events to JSON values.

use std::collections::HashMap;

use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, ScanError, Tag as YamlTag};
use serde_json::{Map, Value};

use super::scalar::{self, ScalarError, Tag};
use super::{Document, Duplicates, Position, YamlError};

/// How many nodes the aliases of one stream may unfold to. Real manifests use
/// anchors for a few dozen lines; a "billion laughs" file ends here.
const MAX_ALIASED_NODES: usize = 100_000;

/// Reads all documents of a text.
///
/// # Errors
/// The first thing in it that kubectl would refuse.
pub(super) fn read(text: &str, duplicates: Duplicates) -> Result<Vec<Document>, YamlError> {
    let mut parser = events(text);
    let cut = cut_end(text);
    let mut reader =
        Reader { duplicates, stack: Vec::new(), anchors: HashMap::new(), aliased_nodes: 0, root: None };
    let mut documents = Vec::new();
    let mut index = 0;
    let mut start = None;
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| syntax_error(text, &error))?;
        match event {
            Event::DocumentStart(..) => {
                reader.anchors.clear();
                start = None;
            }
            Event::DocumentEnd => {
                if let Some(value) = reader.root.take().filter(|value| !value.is_null()) {
                    let position = start.unwrap_or(Position::START);
                    documents.push(Document { index, position, value });
                }
                index += 1;
            }
            Event::StreamStart | Event::StreamEnd => {}
            mut node => {
                start.get_or_insert(Position::of(&span.start));
                if let Event::Scalar(text, ScalarStyle::Literal | ScalarStyle::Folded, ..) = &mut node
                    && cut == Some(span.end.index())
                    && let Some(whole) = text.strip_suffix('\n')
                {
                    *text = whole.to_owned().into();
                }
                reader.node(node, &span.start)?;
            }
        }
    }
    Ok(documents)
}

/// Where a text ends, in characters, if that is in the middle of a line: a block scalar that
/// ends there has no line break at its end, as Go's readers have it.
fn cut_end(text: &str) -> Option<usize> {
    let last = text.rsplit('\n').next().unwrap_or_default();
    (!last.trim().is_empty()).then(|| text.chars().count())
}

pub(super) fn events(text: &str) -> Parser<'_, granit_parser::StrInput<'_>> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    Parser::new_from_str_with_options(text, options)
}

fn syntax_error(text: &str, error: &ScanError) -> YamlError {
    let position = Position::of(error.marker());
    let line = text.lines().nth(position.line.saturating_sub(1) as usize).unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    let failure = YamlError::new(position, error.info());
    if indent.contains('\t') {
        failure.hint("YAML is indented with spaces; this line starts with a tab")
    } else if line.contains("{{") {
        failure.hint("this looks like a template; syncline reads plain YAML here")
    } else {
        failure
    }
}

struct Reader {
    duplicates: Duplicates,
    stack: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    aliased_nodes: usize,
    root: Option<Value>,
}

struct Anchored {
    value: Value,
    nodes: usize,
}

/// A collection whose end has not been read.
struct Open {
    anchor: usize,
    position: Position,
    content: Content,
}

enum Content {
    Sequence(Vec<Value>),
    Mapping {
        entries: Map<String, Value>,
        /// Keys that a merge key brought in; writing them again is no duplicate.
        merged: Vec<String>,
        key: Option<Key>,
    },
}

enum Key {
    Named(String),
    Merge(Position),
}

impl Reader {
    fn node(&mut self, event: Event<'_>, at: &Marker) -> Result<(), YamlError> {
        let position = Position::of(at);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag_of(tag.as_deref());
                if self.expects_key() && text == "<<" && style == ScalarStyle::Plain && tag == Tag::Implicit {
                    self.set_key(Key::Merge(position));
                    return Ok(());
                }
                let value = scalar::resolve(&text, style, tag)
                    .map_err(|error| scalar_error(position, &text, error))?;
                self.complete(value, anchor, position)
            }
            Event::SequenceStart(_, anchor, _) => self.open(anchor, position, Content::Sequence(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.open(
                anchor,
                position,
                Content::Mapping { entries: Map::new(), merged: Vec::new(), key: None },
            ),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.stack.pop() else { return Ok(()) };
                let value = match open.content {
                    Content::Sequence(items) => Value::Array(items),
                    Content::Mapping { entries, .. } => Value::Object(entries),
                };
                self.complete(value, open.anchor, open.position)
            }
            Event::Alias(id) => {
                let Some(anchored) = self.anchors.get(&id) else {
                    return Err(YamlError::new(position, "an alias inside the node it refers to"));
                };
                self.aliased_nodes += anchored.nodes;
                if self.aliased_nodes > MAX_ALIASED_NODES {
                    return Err(YamlError::new(
                        position,
                        format!("the aliases of this file unfold to more than {MAX_ALIASED_NODES} nodes"),
                    )
                    .hint("write the content out, or split the file"));
                }
                let value = anchored.value.clone();
                self.complete(value, 0, position)
            }
            _ => Ok(()),
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.stack.last(), Some(Open { content: Content::Mapping { key: None, .. }, .. }))
    }

    fn set_key(&mut self, new: Key) {
        if let Some(Open { content: Content::Mapping { key, .. }, .. }) = self.stack.last_mut() {
            *key = Some(new);
        }
    }

    fn open(&mut self, anchor: usize, position: Position, content: Content) -> Result<(), YamlError> {
        if self.expects_key() {
            return Err(YamlError::new(position, "a mapping key must be a scalar"));
        }
        self.stack.push(Open { anchor, position, content });
        Ok(())
    }

    fn complete(&mut self, value: Value, anchor: usize, position: Position) -> Result<(), YamlError> {
        if anchor != 0 {
            let nodes = count_nodes(&value);
            self.anchors.insert(anchor, Anchored { value: value.clone(), nodes });
        }
        let Some(parent) = self.stack.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        match &mut parent.content {
            Content::Sequence(items) => items.push(value),
            Content::Mapping { entries, merged, key } => match key.take() {
                None => {
                    let name = scalar::key_text(value).ok_or_else(|| {
                        YamlError::new(position, "a mapping key must be a string, a number or a boolean")
                    })?;
                    let refuses = self.duplicates == Duplicates::Refuse;
                    if refuses && entries.contains_key(&name) && !merged.contains(&name) {
                        return Err(YamlError::new(position, format!("duplicate key {name:?}"))
                            .hint("a mapping holds each key once; remove one of the two"));
                    }
                    *key = Some(Key::Named(name));
                }
                Some(Key::Named(name)) => {
                    merged.retain(|other| *other != name);
                    entries.insert(name, value);
                }
                Some(Key::Merge(at)) => merge(entries, merged, value, at)?,
            },
        }
        Ok(())
    }
}

/// A merge key takes effect where it stands: it overrides what precedes it, and
/// what follows overrides it. Of a list of mappings the first is the strongest.
fn merge(
    entries: &mut Map<String, Value>,
    merged: &mut Vec<String>,
    value: Value,
    at: Position,
) -> Result<(), YamlError> {
    let refuse = || YamlError::new(at, "a merge key takes a mapping or a list of mappings");
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                merged.push(name.clone());
                entries.insert(name, value);
            }
            Ok(())
        }
        Value::Array(items) => {
            for item in items.into_iter().rev() {
                let Value::Object(_) = item else { return Err(refuse()) };
                merge(entries, merged, item, at)?;
            }
            Ok(())
        }
        _ => Err(refuse()),
    }
}

fn scalar_error(position: Position, text: &str, error: ScalarError) -> YamlError {
    let failure = YamlError::new(position, format!("{text:?}: {error}"));
    match error {
        ScalarError::NotFinite => failure.hint("put the value in quotes if it is meant as text"),
        ScalarError::WrongTag | ScalarError::NotBase64 => failure,
    }
}

fn tag_of(tag: Option<&YamlTag>) -> Tag {
    let Some(tag) = tag else { return Tag::Implicit };
    match tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() {
        Some("str") => Tag::Str,
        Some("int") => Tag::Int,
        Some("float") => Tag::Float,
        Some("bool") => Tag::Bool,
        Some("null") => Tag::Null,
        Some("binary") => Tag::Binary,
        Some("timestamp") => Tag::Timestamp,
        _ => Tag::Other,
    }
}

fn count_nodes(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count_nodes).sum::<usize>(),
        Value::Object(entries) => 1 + entries.values().map(count_nodes).sum::<usize>(),
        _ => 1,
    }
}
