//! Which charts of a chart are enabled, under which names, with which values: what
//! `chartutil.ProcessDependenciesWithMerge` makes of a chart before it is rendered.

use serde_json::Value as Json;

use super::Node;
use super::coalesce::{Nulls, coalesce_values, tables};
use crate::chart::Dependency;
use crate::go::{Map, Str, Value};
use crate::version::is_compatible;

/// Leaves of a chart what `values` enable.
///
/// # Errors
/// The values of a contained chart are no mapping.
pub(crate) fn process(root: &mut Node<'_>, values: &Map) -> Result<(), String> {
    enable(root, values, "")?;
    import(root)
}

fn enable(node: &mut Node<'_>, values: &Map, path: &str) -> Result<(), String> {
    let Some(wanted) = &node.wanted else { return Ok(()) };
    // First those that nobody names, then those that are named, once for each alias.
    let fits = |inner: &Node<'_>, dependency: &Dependency| {
        inner.name == *dependency.name.as_str()
            && is_compatible(&dependency.version, &inner.chart.metadata.version)
    };
    let mut chosen = Vec::new();
    for inner in &node.dependencies {
        if !wanted.iter().any(|dependency| fits(inner, dependency)) {
            chosen.push(inner.clone());
        }
    }
    for dependency in wanted {
        if let Some(inner) = node.dependencies.iter().find(|inner| fits(inner, dependency)) {
            let mut copy = inner.clone();
            copy.name = Str::from(dependency.known_as());
            chosen.push(copy);
        }
    }
    node.dependencies = chosen;
    let all = coalesce_values(node, values, Nulls::Delete)?;
    let enabled = |dependency: &Dependency| {
        let by_tags = by_tags(dependency, &all);
        by_condition(dependency, &all, path).unwrap_or(by_tags)
    };
    let Some(wanted) = node.wanted.take() else { return Ok(()) };
    let (kept, disabled): (Vec<Dependency>, Vec<Dependency>) = wanted.into_iter().partition(enabled);
    node.dependencies.retain(|inner| !disabled.iter().any(|dependency| inner.name == *dependency.known_as()));
    for inner in &mut node.dependencies {
        let path = format!("{path}{}.", inner.name);
        enable(inner, &all, &path)?;
    }
    // Nothing left is as if nothing had been wanted.
    node.wanted = if kept.is_empty() { None } else { Some(kept) };
    Ok(())
}

fn by_tags(dependency: &Dependency, values: &Map) -> bool {
    let Some(Value::Map(tags)) = values.get(b"tags") else { return true };
    let (mut any_true, mut any_false) = (false, false);
    for tag in &dependency.tags {
        match tags.get(tag.as_bytes()) {
            Some(Value::Bool(true)) => any_true = true,
            Some(Value::Bool(false)) => any_false = true,
            _ => {}
        }
    }
    any_true || !any_false
}

fn by_condition(dependency: &Dependency, values: &Map, path: &str) -> Option<bool> {
    dependency.condition.trim().split(',').filter(|condition| !condition.is_empty()).find_map(|condition| {
        match lookup(values, &format!("{path}{condition}")) {
            Some(Value::Bool(flag)) => Some(flag),
            _ => None,
        }
    })
}

fn lookup(values: &Map, path: &str) -> Option<Value> {
    let mut current = Value::Map(values.clone());
    for part in path.split('.') {
        let Value::Map(map) = current else { return None };
        current = map.get(part.as_bytes())?;
    }
    Some(current)
}

fn table(values: &Map, path: &str) -> Option<Map> {
    match lookup(values, path) {
        Some(Value::Map(table)) => Some(table),
        _ => None,
    }
}

/// A mapping that holds `inner` under a path; `.` is the mapping itself.
fn under(path: &str, inner: Map) -> Map {
    if path == "." {
        return inner;
    }
    path.split('.').rev().fold(inner, |inner, part| {
        let outer = Map::new();
        outer.insert(part, Value::Map(inner));
        outer
    })
}

/// Takes in what the charts within give by `import-values`.
fn import(node: &mut Node<'_>) -> Result<(), String> {
    for inner in &mut node.dependencies {
        import(inner)?;
    }
    let Some(wanted) = &node.wanted else { return Ok(()) };
    let all = coalesce_values(node, &Map::new(), Nulls::Keep)?;
    let imported = Map::new();
    for dependency in wanted {
        for entry in &dependency.import_values {
            let (child, parent) = match entry {
                Json::String(name) => (format!("exports.{name}"), ".".to_owned()),
                Json::Object(entry) => {
                    let text = |key: &str| {
                        entry.get(key).map_or_else(
                            || "<nil>".to_owned(),
                            |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned),
                        )
                    };
                    (text("child"), text("parent"))
                }
                _ => continue,
            };
            if let Some(found) = table(&all, &format!("{}.{child}", dependency.known_as())) {
                // The first that gives a key wins.
                tables(&imported, &under(&parent, found), Nulls::Keep);
            }
        }
    }
    // What is imported stays part of where it comes from, so that is copied.
    let merged = if imported.is_empty() { all } else { all.deep_copy() };
    tables(&merged, &imported, Nulls::Keep);
    node.values = Some(merged);
    Ok(())
}
