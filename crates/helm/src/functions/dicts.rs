//! Maps. `set`, `unset` and the merges change the map that they are given, as in Go.

use super::defaults::is_empty;
use super::strings::strval;
use super::{Rest, Table, not_nil};
use crate::go::value::MAX_DEPTH;
use crate::go::{Map, MapType, Str, Value};

pub(super) fn add(table: &mut Table) {
    table.add("dict", |values: Rest<Value>| {
        let map = Map::new();
        for pair in values.0.chunks(2) {
            map.insert(strval(&pair[0]), pair.get(1).cloned().unwrap_or_else(|| Value::text("")));
        }
        map
    });
    table.add("get", |map: Map, key: Str| map.get(key.as_bytes()).unwrap_or_else(|| Value::text("")));
    table.add("set", |map: Map, key: Str, value: Value| {
        map.insert(key, value);
        plain(&map)
    });
    table.add("unset", |map: Map, key: Str| {
        map.remove(key.as_bytes());
        plain(&map)
    });
    table.add("hasKey", |map: Map, key: Str| map.contains(key.as_bytes()));
    table.add("pluck", |key: Str, maps: Rest<Map>| {
        Value::list(maps.0.iter().filter_map(|map| map.get(key.as_bytes())).collect())
    });
    table.add("keys", |maps: Rest<Map>| Value::strings(maps.0.iter().flat_map(Map::keys)));
    table.add("values", |map: Map| Value::list(map.entries().into_iter().map(|(_, value)| value).collect()));
    table.add("pick", |map: Map, keys: Rest<Str>| {
        let picked = keys.0.into_iter().filter_map(|key| Some((key.clone(), map.get(key.as_bytes())?)));
        Map::from_entries(MapType::Any, picked.collect())
    });
    table.add("omit", |map: Map, keys: Rest<Str>| {
        let kept = map.entries().into_iter().filter(|(key, _)| !keys.0.contains(key));
        Map::from_entries(MapType::Any, kept.collect())
    });
    for (name, overwrite) in
        [("merge", false), ("mustMerge", false), ("mergeOverwrite", true), ("mustMergeOverwrite", true)]
    {
        table.add(name, move |target: Map, sources: Rest<Map>| {
            for source in &sources.0 {
                merge(&target, source, overwrite);
            }
            plain(&target)
        });
    }
    for name in ["deepCopy", "mustDeepCopy"] {
        table.add(name, |value: Value| not_nil(value).map(|value| value.deep_copy()));
    }
    table.add("dig", |values: Rest<Value>| dig(&values.0));
}

/// The same map under the type that the functions return.
fn plain(map: &Map) -> Map {
    map.converted(MapType::Any)
}

/// `mergo.Merge` of maps: what the target has wins, unless it is empty or `overwrite`.
pub(crate) fn merge(target: &Map, source: &Map, overwrite: bool) {
    merge_within(target, source, overwrite, 0);
}

fn merge_within(target: &Map, source: &Map, overwrite: bool, depth: usize) {
    // What holds itself has no end to merge.
    if target.is(source) || depth > MAX_DEPTH {
        return;
    }
    let target_was_empty = target.is_empty();
    for (key, value) in source.entries() {
        if value.is_nil() {
            if overwrite {
                target.insert(key, Value::Nil);
            }
            continue;
        }
        let present = target.get(key.as_bytes());
        match (&present, &value) {
            (Some(Value::Map(inner)), Value::Map(from)) => {
                merge_within(inner, from, overwrite, depth + 1);
                if !inner.is_empty() {
                    continue;
                }
            }
            (_, Value::List(_) | Value::Bytes(_)) => {
                if overwrite || target_was_empty {
                    target.insert(key.clone(), value.clone());
                }
                if present.as_ref().is_some_and(|present| !is_empty(present)) {
                    continue;
                }
            }
            _ => {}
        }
        if overwrite || present.as_ref().is_none_or(is_empty) {
            target.insert(key, value);
        }
    }
}

fn dig(values: &[Value]) -> Result<Value, String> {
    let [keys @ .., default, map] = values else {
        return Err("dig needs at least three arguments".to_owned());
    };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".to_owned());
    }
    let conversion = |value: &Value, wanted: &str| {
        let given = if value.is_nil() { "nil" } else { value.type_name() };
        format!("interface conversion: interface {{}} is {given}, not {wanted}")
    };
    let mut current = map.clone();
    for key in keys {
        let Value::String(name) = key else { return Err(conversion(key, "string")) };
        let next = match &current {
            Value::Map(map) if map.kind == MapType::Any => map.get(name.as_bytes()),
            other => return Err(conversion(other, "map[string]interface {}")),
        };
        match next {
            Some(next) => current = next,
            None => return Ok(default.clone()),
        }
    }
    Ok(current)
}
