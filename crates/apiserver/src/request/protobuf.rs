//! Objects of built-in kinds in protobuf, as Go clients send them. The table
//! `protobuf.txt` is printed by `tests/oracles/fieldtable`, which describes its
//! format. Replies are never protobuf: those clients take JSON too.

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::error::ApiError;

const TABLE: &str = include_str!("protobuf.txt");
/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";
/// How deep messages may be.
const DEPTH: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Field {
    /// The name in JSON; `.` for fields of the type itself.
    name: &'static str,
    many: Many,
    kind: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Many {
    One,
    List,
    Map,
}

type Message = HashMap<u32, Field>;

fn table() -> &'static HashMap<&'static str, Message> {
    static PARSED: OnceLock<HashMap<&'static str, Message>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let field = |word: &'static str| {
            let (name, rest) = word.split_once('=')?;
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (number, kind) = rest.split_at(end);
            let (many, kind) = match (kind.strip_prefix('*'), kind.strip_prefix("{}")) {
                (Some(kind), _) => (Many::List, kind),
                (None, Some(kind)) => (Many::Map, kind),
                (None, None) => (Many::One, kind),
            };
            Some((number.parse().ok()?, Field { name, many, kind }))
        };
        TABLE
            .lines()
            .map(|line| {
                let mut words = line.split(' ');
                (words.next().unwrap_or_default(), words.filter_map(field).collect())
            })
            .collect()
    })
}

/// Reads a body.
///
/// # Errors
/// When it is malformed, or of a kind that is not sent in protobuf.
pub(super) fn decode(body: &[u8]) -> Result<Value, ApiError> {
    let malformed = || ApiError::bad_request("the body is no protobuf of Kubernetes");
    let envelope = body.strip_prefix(MAGIC).ok_or_else(malformed)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for entry in Entries(envelope) {
        match entry.ok_or_else(malformed)? {
            (1, Wire::Bytes(bytes)) => {
                for entry in Entries(bytes) {
                    match entry.ok_or_else(malformed)? {
                        (1, Wire::Bytes(text)) => api_version = String::from_utf8_lossy(text).into_owned(),
                        (2, Wire::Bytes(text)) => kind = String::from_utf8_lossy(text).into_owned(),
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("core", &api_version));
    let package = group.split('.').next().unwrap_or_default();
    let known = table()
        .get(format!("{package}.{version}.{kind}").as_str())
        .or_else(|| table().get(format!("meta.v1.{kind}").as_str()))
        .ok_or_else(|| {
            ApiError::bad_request(format!("no kind {kind:?} of {api_version:?} is sent in protobuf"))
        })?;
    let mut fields = message(known, raw, 0).ok_or_else(malformed)?;
    fields.insert("apiVersion".into(), api_version.into());
    fields.insert("kind".into(), kind.into());
    Ok(Value::Object(fields))
}

enum Wire<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// The fields of a message, as they are on the wire; None for what is malformed.
struct Entries<'b>(&'b [u8]);

impl<'b> Iterator for Entries<'b> {
    type Item = Option<(u32, Wire<'b>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_none() {
            self.0 = &[];
        }
        Some(entry)
    }
}

impl<'b> Entries<'b> {
    fn entry(&mut self) -> Option<(u32, Wire<'b>)> {
        let key = self.number()?;
        let number = u32::try_from(key >> 3).ok()?;
        let wire = match key & 7 {
            0 => Wire::Number(self.number()?),
            1 => Wire::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Number(u64::from(u32::from_le_bytes(self.take(4)?.try_into().ok()?))),
            _ => return None,
        };
        Some((number, wire))
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

fn message(known: &Message, bytes: &[u8], depth: usize) -> Option<Map<String, Value>> {
    if depth > DEPTH {
        return None;
    }
    let mut out = Map::new();
    for entry in Entries(bytes) {
        let (number, wire) = entry?;
        let Some(field) = known.get(&number) else { continue };
        if field.name == "." {
            if let Wire::Bytes(bytes) = wire
                && let Some(inner) = table().get(field.kind)
            {
                out.append(&mut message(inner, bytes, depth + 1)?);
            }
            continue;
        }
        match field.many {
            Many::One => {
                out.insert(field.name.into(), value(field.kind, &wire, depth)?);
            }
            Many::List => {
                let item = value(field.kind, &wire, depth)?;
                if let Value::Array(items) = out.entry(field.name).or_insert_with(|| json!([])) {
                    items.push(item);
                }
            }
            Many::Map => {
                let Wire::Bytes(bytes) = wire else { return None };
                let (mut key, mut item) = (String::new(), empty(field.kind));
                for entry in Entries(bytes) {
                    match entry? {
                        (1, Wire::Bytes(text)) => key = text_of(text)?,
                        (2, wire) => item = value(field.kind, &wire, depth)?,
                        _ => {}
                    }
                }
                if let Value::Object(entries) = out.entry(field.name).or_insert_with(|| json!({})) {
                    entries.insert(key, item);
                }
            }
        }
    }
    Some(out)
}

/// What an entry of a map is whose value is left out.
fn empty(kind: &str) -> Value {
    match kind {
        "s" | "y" => "".into(),
        "q" => "0".into(),
        _ => Value::Null,
    }
}

fn text_of(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn value(kind: &str, wire: &Wire<'_>, depth: usize) -> Option<Value> {
    Some(match (kind, wire) {
        ("i", Wire::Number(number)) => number.cast_signed().into(),
        ("f", Wire::Number(number)) => f64::from_bits(*number).into(),
        ("b", Wire::Number(number)) => (*number != 0).into(),
        ("s", Wire::Bytes(bytes)) => text_of(bytes)?.into(),
        ("y", Wire::Bytes(bytes)) => base64::engine::general_purpose::STANDARD.encode(bytes).into(),
        ("t" | "u", Wire::Bytes(bytes)) => time(kind, bytes)?,
        ("q", Wire::Bytes(bytes)) => inner_text(bytes, 1)?.unwrap_or_else(|| "0".into()).into(),
        ("r", Wire::Bytes(bytes)) => match inner_text(bytes, 1)? {
            Some(text) => serde_json::from_str(&text).ok()?,
            None => Value::Null,
        },
        ("d", Wire::Bytes(bytes)) => {
            let nanos = inner_number(bytes, 1)?;
            format!("{}s", nanos.cast_signed() as f64 / 1e9).into()
        }
        ("x", Wire::Bytes(bytes)) => {
            if inner_number(bytes, 1)? == 0 {
                inner_number(bytes, 2)?.cast_signed().into()
            } else {
                inner_text(bytes, 3)?.unwrap_or_default().into()
            }
        }
        ("l", Wire::Bytes(bytes)) => {
            let mut items = Vec::new();
            for entry in Entries(bytes) {
                if let (1, Wire::Bytes(text)) = entry? {
                    items.push(Value::from(text_of(text)?));
                }
            }
            items.into()
        }
        (name, Wire::Bytes(bytes)) => Value::Object(message(table().get(name)?, bytes, depth + 1)?),
        _ => return None,
    })
}

/// A text field of a message.
fn inner_text(bytes: &[u8], wanted: u32) -> Option<Option<String>> {
    let mut found = None;
    for entry in Entries(bytes) {
        if let (number, Wire::Bytes(text)) = entry?
            && number == wanted
        {
            found = Some(text_of(text)?);
        }
    }
    Some(found)
}

/// A number field of a message, or zero.
fn inner_number(bytes: &[u8], wanted: u32) -> Option<u64> {
    let mut found = 0;
    for entry in Entries(bytes) {
        if let (number, Wire::Number(value)) = entry?
            && number == wanted
        {
            found = value;
        }
    }
    Some(found)
}

/// The zero time is an empty message, and null.
fn time(kind: &str, bytes: &[u8]) -> Option<Value> {
    if bytes.is_empty() {
        return Some(Value::Null);
    }
    let nanos = i32::try_from(inner_number(bytes, 2)?.cast_signed()).ok()?;
    let time = Timestamp::new(inner_number(bytes, 1)?.cast_signed(), nanos).ok()?;
    let format = if kind == "u" { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Some(time.strftime(format).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend_from_slice(bytes);
        out
    }

    #[test]
    fn an_object_is_read_and_every_cut_of_it_is_refused_or_read_without_a_panic() {
        let kind = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
        let entry = [field(1, b"key"), field(2, b"value")].concat();
        let metadata =
            [field(1, b"name"), field(8, &[]), field(11, &[field(1, b"a"), field(2, b"b")].concat())]
                .concat();
        let object = [field(1, &metadata), field(2, &entry)].concat();
        let body = [MAGIC.to_vec(), field(1, &kind), field(2, &object)].concat();
        assert_eq!(
            decode(&body).unwrap(),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "value"},
                "metadata": {"name": "name", "creationTimestamp": null, "labels": {"a": "b"}}})
        );
        for end in 0..body.len() {
            let _ = decode(&body[..end]);
        }
        assert!(decode(b"{}").is_err());
    }

    #[test]
    fn every_type_that_a_field_names_is_in_the_table() {
        for (owner, fields) in table() {
            for field in fields.values() {
                let is_known = field.kind.len() == 1 || table().contains_key(field.kind);
                assert!(is_known, "{owner}.{}: {}", field.name, field.kind);
            }
        }
    }
}
