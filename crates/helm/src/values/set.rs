//! `--set a.b[0].c=x,d={1,2}` and its kin, by the grammar of Helm's package `strvals`.

use serde_json::{Map, Value as Json};

/// Why an assignment means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{assignment:?}: {message}")]
pub struct SetError {
    /// What was given.
    pub assignment: String,
    /// What is wrong.
    pub message: String,
}

/// What texts become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetKind {
    /// `true`, `null` and integers are what they look like: `--set`.
    Typed,
    /// All is text: `--set-string`.
    Text,
}

/// Helm's bounds on what an assignment may build.
const MAX_INDEX: usize = 65_536;
const MAX_NESTING: usize = 30;

/// Applies `--set` or `--set-string`.
///
/// # Errors
/// The text is no list of assignments.
pub fn set(values: &mut Map<String, Json>, text: &str, kind: SetKind) -> Result<(), SetError> {
    run(values, text, &mut |raw| Ok(if kind == SetKind::Text { raw.into() } else { typed(raw) }), false)
}

/// Applies `--set-json`.
///
/// # Errors
/// The text is no list of assignments of JSON.
pub fn set_json(values: &mut Map<String, Json>, text: &str) -> Result<(), SetError> {
    run(values, text, &mut |raw| Ok(raw.into()), true)
}

/// Applies `--set-file`: what follows `=` is the name of a file that `read` gives.
///
/// # Errors
/// The text is no list of assignments, or a file cannot be read.
pub fn set_file(
    values: &mut Map<String, Json>,
    text: &str,
    read: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<(), SetError> {
    run(values, text, &mut |name| read(name).map(Json::from), false)
}

/// Applies `--set-literal`: all that follows `=` is the value, as it is.
///
/// # Errors
/// The text is no assignment.
pub fn set_literal(values: &mut Map<String, Json>, text: &str) -> Result<(), SetError> {
    let failed = |message: String| SetError { assignment: text.to_owned(), message };
    let Some((path, value)) = text.split_once('=') else {
        return Err(failed("has no value".to_owned()));
    };
    let mut value = Some(Json::from(value));
    let escaped = format!("{path}=x");
    let mut parser = Parser { rest: escaped.chars().collect(), at: 0, json: false };
    parser.key(values, 0, &mut |_| Ok(value.take().unwrap_or(Json::Null))).map_err(failed)?;
    Ok(())
}

type Convert<'f> = &'f mut dyn FnMut(&str) -> Result<Json, String>;

fn run(values: &mut Map<String, Json>, text: &str, convert: Convert<'_>, json: bool) -> Result<(), SetError> {
    let mut parser = Parser { rest: text.chars().collect(), at: 0, json };
    while parser.at < parser.rest.len() {
        parser
            .key(values, 0, convert)
            .map_err(|message| SetError { assignment: text.to_owned(), message })?;
    }
    Ok(())
}

fn typed(text: &str) -> Json {
    match text {
        text if text.eq_ignore_ascii_case("true") => true.into(),
        text if text.eq_ignore_ascii_case("false") => false.into(),
        text if text.eq_ignore_ascii_case("null") => Json::Null,
        "0" => 0.into(),
        text if !text.starts_with('0') => {
            crate::go::number::parse_int(text, 10).map_or_else(|| text.into(), Json::from)
        }
        text => text.into(),
    }
}

struct Parser {
    rest: Vec<char>,
    at: usize,
    json: bool,
}

impl Parser {
    /// The text up to one of these characters, and which it was; a backslash takes the
    /// character behind it as it is.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(&c) = self.rest.get(self.at) {
            self.at += 1;
            if stops.contains(&c) {
                return (text, Some(c));
            }
            if c == '\\' {
                if let Some(&escaped) = self.rest.get(self.at) {
                    self.at += 1;
                    text.push(escaped);
                }
                continue;
            }
            text.push(c);
        }
        (text, None)
    }

    fn key(
        &mut self,
        values: &mut Map<String, Json>,
        nesting: usize,
        convert: Convert<'_>,
    ) -> Result<(), String> {
        let (key, stop) = self.until(&['=', '[', ',', '.']);
        match stop {
            None if key.is_empty() => Ok(()),
            None => Err(format!("key {key:?} has no value")),
            Some(',') => Err(format!("key {key:?} has no value (cannot end with ,)")),
            Some('=') => {
                let value = self.value(convert)?;
                put(values, key, value);
                Ok(())
            }
            Some('[') => {
                let index = self.index()?;
                let mut list = match values.remove(&key) {
                    None | Some(Json::Null) => Vec::new(),
                    Some(Json::Array(list)) => list,
                    Some(other) => {
                        values.insert(key.clone(), other);
                        return Err(format!("{key:?} is no list"));
                    }
                };
                let result = self.item(&mut list, index, nesting, convert);
                put(values, key, Json::Array(list));
                result
            }
            Some(_) => {
                if nesting >= MAX_NESTING {
                    return Err(format!("names are nested more than {MAX_NESTING} deep"));
                }
                let mut inner = match values.remove(&key) {
                    None | Some(Json::Null) => Map::new(),
                    Some(Json::Object(inner)) => inner,
                    Some(other) => {
                        values.insert(key.clone(), other);
                        return Err(format!("{key:?} is no mapping"));
                    }
                };
                let result = self.key(&mut inner, nesting + 1, convert);
                if inner.is_empty() {
                    result?;
                    return Err(format!("key map {key:?} has no value"));
                }
                put(values, key, Json::Object(inner));
                result
            }
        }
    }

    fn index(&mut self) -> Result<usize, String> {
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            return Err("an index has no end".to_owned());
        }
        match text.parse::<i64>() {
            Ok(index) if index < 0 => Err(format!("negative {index} index not allowed")),
            Ok(index) => match usize::try_from(index) {
                Ok(index) if index <= MAX_INDEX => Ok(index),
                _ => Err(format!("index of {index} is greater than maximum supported index of {MAX_INDEX}")),
            },
            Err(_) => Err(format!("error parsing index {text:?}")),
        }
    }

    fn item(
        &mut self,
        list: &mut Vec<Json>,
        index: usize,
        nesting: usize,
        convert: Convert<'_>,
    ) -> Result<(), String> {
        let (key, stop) = self.until(&['[', '.', '=']);
        if !key.is_empty() {
            return Err(format!("unexpected data at end of array index: {key:?}"));
        }
        if stop.is_none() {
            return Err("an index has no value".to_owned());
        }
        if list.len() <= index {
            list.resize(index + 1, Json::Null);
        }
        match stop {
            Some('=') => list[index] = self.value(convert)?,
            Some('[') => {
                let inner_index = self.index()?;
                let mut inner = match list[index].take() {
                    Json::Array(inner) => inner,
                    Json::Null => Vec::new(),
                    other => {
                        list[index] = other;
                        return Err(format!("index {index} is no list"));
                    }
                };
                let result = self.item(&mut inner, inner_index, nesting, convert);
                list[index] = Json::Array(inner);
                result?;
            }
            _ => {
                let mut inner = match list[index].take() {
                    Json::Object(inner) => inner,
                    _ => Map::new(),
                };
                let result = self.key(&mut inner, nesting, convert);
                list[index] = Json::Object(inner);
                result?;
            }
        }
        Ok(())
    }

    fn value(&mut self, convert: Convert<'_>) -> Result<Json, String> {
        if self.json {
            return self.json_value();
        }
        if self.rest.get(self.at) == Some(&'{') {
            self.at += 1;
            return self.list(convert);
        }
        let (text, _) = self.until(&[',']);
        convert(&text)
    }

    fn list(&mut self, convert: Convert<'_>) -> Result<Json, String> {
        let mut items = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            match stop {
                None => return Err("list must terminate with '}'".to_owned()),
                Some(',') => items.push(convert(&text)?),
                Some(_) => {
                    // An empty list is written as one empty text.
                    items.push(convert(&text)?);
                    if self.rest.get(self.at) == Some(&',') {
                        self.at += 1;
                    }
                    return Ok(Json::Array(items));
                }
            }
        }
    }

    fn json_value(&mut self) -> Result<Json, String> {
        while self.rest.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        if matches!(self.rest.get(self.at), None | Some(',')) {
            self.at += 1;
            return Ok(Json::Null);
        }
        let text: String = self.rest[self.at..].iter().collect();
        let mut stream = serde_json::Deserializer::from_str(&text).into_iter::<Json>();
        let mut value = match stream.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => return Err(error.to_string()),
            None => Json::Null,
        };
        self.at += text[..stream.byte_offset()].chars().count();
        while self.rest.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        if self.rest.get(self.at) == Some(&',') {
            self.at += 1;
        }
        super::make_floats(&mut value);
        Ok(value)
    }
}

fn put(values: &mut Map<String, Json>, key: String, value: Json) {
    if !key.is_empty() {
        values.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn assignments_build_values() {
        for (text, built) in [
            ("a=1,b=true,c=x,d=null,e=", json!({"a": 1, "b": true, "c": "x", "d": null, "e": ""})),
            ("a.b.c=1,a.d=2", json!({"a": {"b": {"c": 1}, "d": 2}})),
            ("l={1,two,true}", json!({"l": [1, "two", true]})),
            ("l[1]=b,l[0]=a", json!({"l": ["a", "b"]})),
            ("l[0].name=x,l[0].port=80", json!({"l": [{"name": "x", "port": 80}]})),
            ("m[0][1]=x", json!({"m": [[null, "x"]]})),
            (r"a\.b=c,d=e\,f", json!({"a.b": "c", "d": "e,f"})),
            ("zip=00009,big=1234567890", json!({"zip": "00009", "big": 1_234_567_890})),
            ("empty={}", json!({"empty": [""]})),
        ] {
            let mut values = Map::new();
            set(&mut values, text, SetKind::Typed).unwrap();
            assert_eq!(Json::Object(values), built, "{text}");
        }
        let mut values = Map::new();
        set(&mut values, "a=1,b=true", SetKind::Text).unwrap();
        set_json(&mut values, r#"j={"x":[1,"y"]},k="z""#).unwrap();
        set_literal(&mut values, "lit.x=a,b=c{").unwrap();
        set_file(&mut values, "f=name", &mut |name| Ok(format!("<{name}>"))).unwrap();
        assert_eq!(
            Json::Object(values),
            json!({"a": "1", "b": "true", "j": {"x": [1.0, "y"]}, "k": "z", "lit": {"x": "a,b=c{"}, "f": "<name>"})
        );
    }

    #[test]
    fn what_is_no_assignment_is_refused() {
        for text in ["a", "a,b=1", "a.=x", "l[-1]=x", "l[x]=1", "l[99999999]=x", "l={1,2", "l[0]x=1", "a.b"] {
            let mut values = Map::new();
            assert!(set(&mut values, text, SetKind::Typed).is_err() || text == "a.=x", "{text}");
        }
        let mut values = json!({"a": "text"}).as_object().unwrap().clone();
        assert!(set(&mut values, "a.b=1", SetKind::Typed).unwrap_err().to_string().contains("is no mapping"));
        assert_eq!(values["a"], "text");
        assert!(set_json(&mut values, "a={").is_err());
    }
}
