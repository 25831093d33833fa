//! Lists. All of them give new lists; none changes one in place.

use super::defaults::is_empty;
use super::numbers::to_int;
use super::strings::{is_string_list, strings_of, strval};
use super::{Int, Rest, Table};
use crate::go::{List, ListType, Str, UintKind, Value};

pub(super) fn add(table: &mut Table) {
    for name in ["list", "tuple"] {
        table.add(name, |values: Rest<Value>| Value::list(values.0));
    }
    for name in ["append", "push", "mustAppend", "mustPush"] {
        table.add(name, |list: Value, value: Value| -> Result<Value, String> {
            let mut items = items(&list, "push on")?;
            items.push(value);
            Ok(Value::list(items))
        });
    }
    for name in ["prepend", "mustPrepend"] {
        table.add(name, |list: Value, value: Value| -> Result<Value, String> {
            let mut all = vec![value];
            all.extend(items(&list, "prepend on")?);
            Ok(Value::list(all))
        });
    }
    for name in ["first", "mustFirst"] {
        table.add(name, |list: Value| {
            items(&list, "find first on").map(|items| items.into_iter().next().unwrap_or(Value::Nil))
        });
    }
    for name in ["last", "mustLast"] {
        table.add(name, |list: Value| {
            items(&list, "find last on").map(|mut items| items.pop().unwrap_or(Value::Nil))
        });
    }
    for name in ["rest", "mustRest"] {
        table.add(name, |list: Value| {
            items(&list, "find rest on").map(|items| match items.len() {
                0 => Value::appended(ListType::Any, items),
                _ => Value::list(items.into_iter().skip(1).collect()),
            })
        });
    }
    for name in ["initial", "mustInitial"] {
        table.add(name, |list: Value| {
            items(&list, "find initial on").map(|mut items| match items.pop() {
                None => Value::appended(ListType::Any, items),
                Some(_) => Value::list(items),
            })
        });
    }
    for name in ["reverse", "mustReverse"] {
        table.add(name, |list: Value| {
            items(&list, "find reverse on").map(|mut items| {
                items.reverse();
                Value::list(items)
            })
        });
    }
    for name in ["uniq", "mustUniq"] {
        table.add(name, |list: Value| {
            items(&list, "find uniq on").map(|items| {
                let mut kept: Vec<Value> = Vec::new();
                for item in items {
                    if !kept.iter().any(|other| other.deep_equal(&item)) {
                        kept.push(item);
                    }
                }
                Value::list(kept)
            })
        });
    }
    for name in ["compact", "mustCompact"] {
        table.add(name, |list: Value| {
            items(&list, "compact on")
                .map(|items| Value::list(items.into_iter().filter(|item| !is_empty(item)).collect()))
        });
    }
    for name in ["without", "mustWithout"] {
        table.add(name, |list: Value, omitted: Rest<Value>| {
            items(&list, "find without on").map(|items| {
                let kept =
                    items.into_iter().filter(|item| !omitted.0.iter().any(|other| other.deep_equal(item)));
                Value::list(kept.collect())
            })
        });
    }
    for name in ["has", "mustHas"] {
        table.add(name, |needle: Value, list: Value| -> Result<bool, String> {
            if list.is_nil() {
                return Ok(false);
            }
            Ok(items(&list, "find has on")?.iter().any(|item| item.deep_equal(&needle)))
        });
    }
    for name in ["slice", "mustSlice"] {
        table.add(name, |list: Value, bounds: Rest<Value>| slice(&list, &bounds.0));
    }
    for name in ["chunk", "mustChunk"] {
        table.add(name, |size: Int, list: Value| chunk(size.0, &list));
    }
    table.add("concat", |lists: Rest<Value>| -> Result<Value, String> {
        let mut all = Vec::new();
        for list in &lists.0 {
            all.extend(
                items(list, "concat").map_err(|_| format!("Cannot concat type {} as list", kind(list)))?,
            );
        }
        Ok(Value::appended(ListType::Any, all))
    });
    table.add("sortAlpha", |list: Value| {
        if !matches!(list, Value::List(_) | Value::Bytes(_)) {
            return Value::strings([strval(&list)]);
        }
        let mut sorted: Vec<Str> = strings_of(&list);
        sorted.sort_unstable();
        Value::strings(sorted)
    });
}

fn kind(value: &Value) -> &'static str {
    value.kind().name()
}

/// The elements of a list; `verb` is what the function wanted to do with it.
pub(super) fn items(value: &Value, verb: &str) -> Result<Vec<Value>, String> {
    match value {
        Value::List(list) => Ok(list.to_vec()),
        Value::Bytes(bytes) => {
            Ok(bytes.iter().map(|byte| Value::Uint(UintKind::U8, u64::from(*byte))).collect())
        }
        Value::Invalid | Value::Nil => {
            Err("runtime error: invalid memory address or nil pointer dereference".to_owned())
        }
        other => Err(format!("Cannot {verb} type {}", kind(other))),
    }
}

fn slice(list: &Value, bounds: &[Value]) -> Result<Value, String> {
    let all = match list {
        Value::List(_) | Value::Bytes(_) => items(list, "slice")?,
        Value::Invalid | Value::Nil => return items(list, "slice").map(Value::list),
        other => return Err(format!("list should be type of slice or array but {}", kind(other))),
    };
    if all.is_empty() {
        return Ok(Value::Nil);
    }
    let start = bounds.first().map_or(0, to_int);
    let end = bounds.get(1).map_or(i64::try_from(all.len()).unwrap_or(i64::MAX), to_int);
    let part =
        usize::try_from(start).ok().zip(usize::try_from(end).ok()).and_then(|(from, to)| all.get(from..to));
    let Some(part) = part else {
        return Err("reflect.Value.Slice: slice index out of bounds".to_owned());
    };
    let kind = match list {
        Value::List(list) => list.kind,
        _ => ListType::Any,
    };
    debug_assert!(kind == ListType::Strings || !is_string_list(list));
    Ok(Value::List(List::new(kind, part.to_vec())))
}

fn chunk(size: i64, list: &Value) -> Result<Value, String> {
    let all = items(list, "chunk")?;
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let Some(size) = size else {
        return Err("runtime error: makeslice: len out of range".to_owned());
    };
    let chunks = all.chunks(size).map(|part| Value::list(part.to_vec())).collect();
    Ok(Value::List(List::new(ListType::Lists, chunks)))
}
