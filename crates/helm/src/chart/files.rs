//! `.Files`: the files of a chart that are no templates.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Content, glob};
use crate::go::yaml::{Layout, marshal};
use crate::go::{Called, Kind, Map, MapType, Object, Str, Value, path};

/// Files by their names: a named map of Go, with methods.
#[derive(Debug, Clone)]
pub struct Files(BTreeMap<Str, Content>);

/// What is in a file. Of one that cannot be read it is nothing, and the whole rendering
/// fails when it ends.
fn data(content: &Content) -> Str {
    content.read().cloned().unwrap_or_default()
}

impl Files {
    /// The files of a chart.
    pub fn new(files: &[super::ChartFile]) -> Files {
        Files(files.iter().map(|file| (Str::from(file.name.as_str()), file.data.clone())).collect())
    }

    fn by_base_name(&self, content: impl Fn(Str) -> Str) -> Called {
        let entries = self
            .0
            .iter()
            .map(|(name, file)| (Str::from(path::base(&name.to_text())), Value::String(content(data(file)))));
        let map = Map::from_entries(MapType::Strings, entries.collect());
        let text = marshal(&Value::Map(map), Layout::Compact)?;
        Ok(Value::text(text.strip_suffix('\n').unwrap_or(&text)))
    }
}

impl Object for Files {
    fn type_name(&self) -> &'static str {
        "engine.files"
    }

    fn kind(&self) -> Kind {
        Kind::Map
    }

    fn field(&self, name: &str) -> Option<Value> {
        // A key that is missing gives the zero value of the element: no bytes.
        Some(Value::Bytes(self.0.get(name.as_bytes()).map(data).unwrap_or_default().as_bytes().into()))
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Called> {
        let one = || match arguments {
            [Value::String(text)] => Ok(text.clone()),
            [other] => Err(format!(
                "wrong type for value; expected string; got {}",
                if other.is_nil() { "interface {}" } else { other.type_name() }
            )),
            other => Err(format!("wrong number of args for {name}: want 1 got {}", other.len())),
        };
        Some(match name {
            "Get" => {
                one().map(|name| Value::String(self.0.get(name.as_bytes()).map(data).unwrap_or_default()))
            }
            "GetBytes" => one().map(|name| {
                Value::Bytes(self.0.get(name.as_bytes()).map(data).unwrap_or_default().as_bytes().into())
            }),
            "Glob" => one().map(|pattern| {
                // What is no pattern matches all, as in Helm.
                let regex = glob::compile(&pattern.to_text());
                let matching = self
                    .0
                    .iter()
                    .filter(|(name, _)| regex.as_ref().is_none_or(|regex| regex.is_match(name.as_bytes())));
                let files = Files(matching.map(|(name, file)| (name.clone(), file.clone())).collect());
                Value::Object(Rc::new(files))
            }),
            "Lines" => one().map(|name| match self.0.get(name.as_bytes()) {
                None => Value::strings::<Str>([]),
                Some(file) => {
                    let data = data(file);
                    let bytes = data.as_bytes();
                    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
                    Value::strings(bytes.split(|byte| *byte == b'\n').map(Str::from))
                }
            }),
            "AsConfig" => self.by_base_name(|data| data),
            "AsSecrets" => {
                use base64::Engine as _;
                let encode =
                    |data: Str| base64::engine::general_purpose::STANDARD.encode(data.as_bytes()).into();
                self.by_base_name(encode)
            }
            _ => return None,
        })
    }

    fn entries(&self) -> Option<Vec<(Str, Value)>> {
        Some(
            self.0
                .iter()
                .map(|(name, file)| (name.clone(), Value::Bytes(data(file).as_bytes().into())))
                .collect(),
        )
    }

    fn print(&self) -> String {
        let entries: Vec<String> = self
            .0
            .iter()
            .map(|(name, file)| {
                let bytes: Vec<String> = data(file).as_bytes().iter().map(u8::to_string).collect();
                format!("{name}:[{}]", bytes.join(" "))
            })
            .collect();
        format!("map[{}]", entries.join(" "))
    }

    fn json(&self) -> serde_json::Value {
        use base64::Engine as _;
        let encode = |data: Str| base64::engine::general_purpose::STANDARD.encode(data.as_bytes());
        let entries =
            self.0.iter().map(|(name, file)| (name.to_text().into_owned(), encode(data(file)).into()));
        serde_json::Value::Object(entries.collect())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
