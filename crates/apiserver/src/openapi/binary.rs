//! The document of version 2 in protobuf, which older clients and the client-side
//! validation of kubectl ask for (`openapi.v2.Document` of gnostic).

use serde_json::{Map, Value};

/// The media type of what is made here.
pub(super) const MEDIA_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// A protobuf message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: &Message) {
        self.bytes(field, &message.0);
    }

    /// Nothing is written for what is no text.
    fn text(&mut self, field: u64, value: &Value) {
        if let Some(text) = value.as_str() {
            self.bytes(field, text.as_bytes());
        }
    }

    fn texts(&mut self, field: u64, values: &Value) {
        values.as_array().into_iter().flatten().for_each(|value| self.text(field, value));
    }

    fn whole(&mut self, field: u64, value: &Value) {
        if let Some(number) = value.as_u64() {
            self.varint(field << 3);
            self.varint(number);
        }
    }

    fn truth(&mut self, field: u64, value: &Value) {
        if value == true {
            self.varint(field << 3);
            self.varint(1);
        }
    }

    fn number(&mut self, field: u64, value: &Value) {
        if let Some(number) = value.as_f64() {
            self.varint(field << 3 | 1);
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// A value of any form, as YAML, of which JSON is a part.
    fn any(&mut self, field: u64, value: &Value) {
        let mut any = Message::default();
        any.bytes(2, value.to_string().as_bytes());
        self.message(field, &any);
    }

    fn named(&mut self, field: u64, name: &str, value: &Message) {
        let mut named = Message::default();
        named.bytes(1, name.as_bytes());
        named.message(2, value);
        self.message(field, &named);
    }

    fn extensions(&mut self, field: u64, object: &Value) {
        for (name, value) in fields(object).filter(|(name, _)| name.starts_with("x-")) {
            let mut named = Message::default();
            named.bytes(1, name.as_bytes());
            named.any(2, value);
            self.message(field, &named);
        }
    }
}

fn fields(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flat_map(Map::iter)
}

/// A document of version 2.
pub(super) fn encoded(document: &Value) -> Vec<u8> {
    let mut info = Message::default();
    info.text(1, &document["info"]["title"]);
    info.text(2, &document["info"]["version"]);
    let mut paths = Message::default();
    for (path, item) in fields(&document["paths"]) {
        paths.named(2, path, &path_item(item));
    }
    let mut definitions = Message::default();
    for (name, value) in fields(&document["definitions"]) {
        definitions.named(1, name, &schema(value));
    }
    let mut out = Message::default();
    out.text(1, &document["swagger"]);
    out.message(2, &info);
    out.message(8, &paths);
    out.message(9, &definitions);
    out.0
}

fn path_item(item: &Value) -> Message {
    let mut out = Message::default();
    for (field, verb) in [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")] {
        if let Some(found) = item.get(verb) {
            out.message(field, &operation(found));
        }
    }
    out
}

fn operation(operation: &Value) -> Message {
    let mut out = Message::default();
    out.texts(7, &operation["consumes"]);
    for found in operation["parameters"].as_array().into_iter().flatten() {
        let mut item = Message::default();
        item.message(1, &parameter(found));
        out.message(8, &item);
    }
    let mut responses = Message::default();
    for (code, found) in fields(&operation["responses"]) {
        let (mut response, mut item, mut value) =
            (Message::default(), Message::default(), Message::default());
        response.text(1, &found["description"]);
        item.message(1, &schema(&found["schema"]));
        response.message(2, &item);
        value.message(1, &response);
        responses.named(1, code, &value);
    }
    out.message(9, &responses);
    out.extensions(13, operation);
    out
}

fn parameter(parameter: &Value) -> Message {
    let mut out = Message::default();
    if parameter["in"] == "body" {
        let mut body = Message::default();
        body.text(2, &parameter["name"]);
        body.text(3, &parameter["in"]);
        body.truth(4, &parameter["required"]);
        body.message(5, &schema(&parameter["schema"]));
        out.message(1, &body);
    } else {
        let (mut query, mut other) = (Message::default(), Message::default());
        query.text(2, &parameter["in"]);
        query.text(4, &parameter["name"]);
        query.text(6, &parameter["type"]);
        query.truth(20, &parameter["uniqueItems"]);
        other.message(3, &query);
        out.message(2, &other);
    }
    out
}

fn schema(node: &Value) -> Message {
    let mut out = Message::default();
    for (field, word) in [(1, "$ref"), (2, "format"), (3, "title"), (4, "description"), (13, "pattern")] {
        out.text(field, &node[word]);
    }
    if let Some(default) = node.get("default") {
        out.any(5, default);
    }
    for (field, word) in [(6, "multipleOf"), (7, "maximum"), (9, "minimum")] {
        out.number(field, &node[word]);
    }
    for (field, word) in
        [(8, "exclusiveMaximum"), (10, "exclusiveMinimum"), (16, "uniqueItems"), (27, "readOnly")]
    {
        out.truth(field, &node[word]);
    }
    for (field, word) in [
        (11, "maxLength"),
        (12, "minLength"),
        (14, "maxItems"),
        (15, "minItems"),
        (17, "maxProperties"),
        (18, "minProperties"),
    ] {
        out.whole(field, &node[word]);
    }
    out.texts(19, &node["required"]);
    node["enum"].as_array().into_iter().flatten().for_each(|value| out.any(20, value));
    match &node["additionalProperties"] {
        Value::Bool(true) => {
            let mut item = Message::default();
            item.truth(2, &Value::Bool(true));
            out.message(21, &item);
        }
        value @ Value::Object(_) => {
            let mut item = Message::default();
            item.message(1, &schema(value));
            out.message(21, &item);
        }
        _ => {}
    }
    if node["type"].is_string() {
        let mut item = Message::default();
        item.text(1, &node["type"]);
        out.message(22, &item);
    }
    if node["items"].is_object() {
        let mut item = Message::default();
        item.message(1, &schema(&node["items"]));
        out.message(23, &item);
    }
    node["allOf"].as_array().into_iter().flatten().for_each(|value| out.message(24, &schema(value)));
    if node["properties"].is_object() {
        let mut properties = Message::default();
        for (name, value) in fields(&node["properties"]) {
            properties.named(1, name, &schema(value));
        }
        out.message(25, &properties);
    }
    out.extensions(31, node);
    out
}
