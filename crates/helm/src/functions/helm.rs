//! What Helm adds: `include`, `tpl`, `required`, `fail`, `lookup`, YAML and TOML.

use super::{Body, Function, Table, Type, not_nil};
use crate::go::json::{self, Html};
use crate::go::yaml::{self, Layout};
use crate::go::{ListType, Map, Str, Value, toml};
use crate::template::{CallError, Execution};

pub(super) fn add(table: &mut Table) {
    table.add_running("include", &[Type::String, Type::Any], |run, arguments| {
        run.include(&text(&arguments[0]), dot(&arguments[1]))
    });
    table.add_running("tpl", &[Type::String, Type::Any], |run, arguments| {
        run.tpl(&text(&arguments[0]), dot(&arguments[1]))
    });
    table.add_running("required", &[Type::String, Type::Any], |_, arguments| {
        let missing = match &arguments[1] {
            Value::String(text) => text.is_empty(),
            other => other.is_nil(),
        };
        if missing {
            return Err(CallError::Chart(text(&arguments[0]).to_text().into_owned()));
        }
        Ok(arguments[1].clone())
    });
    table.add_running("fail", &[Type::String], |_, arguments| {
        Err(CallError::Chart(text(&arguments[0]).to_text().into_owned()))
    });
    let parameters = vec![Type::String; 4];
    table.insert(Function { name: "lookup", parameters, variadic: None, body: Body::Running(lookup) });
    // Names are resolved by no template: what it gives would depend on where it runs.
    table.add("getHostByName", |_: Str| "");

    table.add("toYaml", |value: Value| {
        // Nothing is given for what has no YAML.
        let mut text = yaml::marshal(&value, Layout::Compact).unwrap_or_default();
        if text.ends_with('\n') {
            text.pop();
        }
        text
    });
    table.add("mustToYaml", |value: Value| {
        yaml::marshal(&value, Layout::Compact).map(|text| text.strip_suffix('\n').unwrap_or(&text).to_owned())
    });
    table.add("toYamlPretty", |value: Value| {
        let text = yaml::marshal(&value, Layout::Indented).unwrap_or_default();
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    });
    table.add("fromYaml", |text: Str| or_error(yaml::unmarshal_map(&text.to_text())));
    table.add("fromYamlArray", |text: Str| {
        let within = |error| format!("error unmarshaling JSON: while decoding JSON: {error}");
        or_error_list(yaml::unmarshal(&text.to_text()).and_then(|value| match value {
            Value::Nil => Ok(Value::list(Vec::new())),
            value => list_of(value).map_err(within),
        }))
    });
    table.add("toJson", |value: Value| json::marshal(&value, Html::Escaped, false).unwrap_or_default());
    table.add("fromJson", |text: Str| {
        or_error(json::unmarshal(text.as_bytes()).and_then(|value| match value {
            Value::Map(map) => Ok(map),
            Value::Nil => Ok(Map::new()),
            other => Err(format!(
                "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
                yaml::json_name(&other)
            )),
        }))
    });
    table.add("fromJsonArray", |text: Str| or_error_list(json::unmarshal(text.as_bytes()).and_then(list_of)));
    table.add("toToml", |value: Value| {
        not_nil(value).map(|value| toml::marshal(&value).unwrap_or_else(|error| error))
    });
    table.add("mustToToml", |value: Value| toml::marshal(&value));
    table.add("fromToml", |text: Str| or_error(toml::unmarshal(&text.to_text())));
}

fn text(value: &Value) -> Str {
    match value {
        Value::String(text) => text.clone(),
        _ => Str::from(""),
    }
}

/// What is passed on as the dot of a template: an interface, in Go.
fn dot(value: &Value) -> Value {
    if value.is_nil() { Value::Invalid } else { value.clone() }
}

fn lookup(run: &mut Execution<'_>, arguments: &[Value]) -> Result<Value, CallError> {
    let part = |at: usize| text(&arguments[at]).to_text().into_owned();
    run.environment().lookup(&part(0), &part(1), &part(2), &part(3)).map_err(CallError::Message)
}

/// A map, or one that says under "Error" why there is none.
fn or_error(result: Result<Map, String>) -> Map {
    result.unwrap_or_else(|error| {
        let map = Map::new();
        map.insert("Error", Value::text(error));
        map
    })
}

fn or_error_list(result: Result<Value, String>) -> Value {
    result.unwrap_or_else(|error| Value::list(vec![Value::text(error)]))
}

/// The value as a `[]interface {}`.
fn list_of(value: Value) -> Result<Value, String> {
    match value {
        Value::List(list) if list.kind == ListType::Any => Ok(Value::List(list)),
        Value::Nil => Ok(Value::appended(ListType::Any, Vec::new())),
        other => Err(format!(
            "json: cannot unmarshal {} into Go value of type []interface {{}}",
            yaml::json_name(&other)
        )),
    }
}
