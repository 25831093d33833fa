//! Post-rendering: patches and images, in kustomize's terms.

use regex::Regex;
use serde_json::Value;
use syncline_manifest::GroupVersionKind;
use syncline_manifest::merge::{json6902, strategic};
use syncline_manifest::schema::Shape;
use syncline_manifest::yaml;

use crate::api::{Image, Kustomize, PostRenderer, Selector};

/// Applies post renderers to the objects of a release.
pub(super) fn apply(renderers: &[PostRenderer], objects: &mut [Value]) -> Result<(), String> {
    for kustomize in renderers.iter().filter_map(|renderer| renderer.kustomize.as_ref()) {
        one(kustomize, objects)?;
    }
    Ok(())
}

fn one(kustomize: &Kustomize, objects: &mut [Value]) -> Result<(), String> {
    for patch in &kustomize.patches_strategic_merge {
        merge(patch, None, objects)?;
    }
    for patch in &kustomize.patches_json6902 {
        operations(&Value::Array(patch.patch.clone()), &patch.target, objects)?;
    }
    for patch in &kustomize.patches {
        let documents = yaml::read(&patch.patch).map_err(|error| format!("a patch is no YAML: {error}"))?;
        for document in documents {
            match (&document.value, &patch.target) {
                (Value::Array(_), Some(target)) => operations(&document.value, target, objects)?,
                (Value::Array(_), None) => return Err("JSON 6902 operations need a target".to_owned()),
                (partial, target) => merge(partial, target.as_ref(), objects)?,
            }
        }
    }
    for image in &kustomize.images {
        objects.iter_mut().for_each(|object| images(object, image));
    }
    Ok(())
}

fn merge(partial: &Value, target: Option<&Selector>, objects: &mut [Value]) -> Result<(), String> {
    let meant_kind = GroupVersionKind::of(partial).group_kind();
    let same = |object: &Value| {
        let namespace =
            |value: &Value| value.pointer("/metadata/namespace").and_then(Value::as_str).map(str::to_owned);
        GroupVersionKind::of(object).group_kind() == meant_kind
            && object["metadata"]["name"] == partial["metadata"]["name"]
            && namespace(partial).is_none_or(|wanted| namespace(object).is_none_or(|found| found == wanted))
    };
    let mut matched = false;
    for object in objects.iter_mut() {
        let meant = target.map_or_else(|| same(object), |target| selects(target, object));
        if !meant {
            continue;
        }
        matched = true;
        let mut partial = partial.clone();
        // A target says which objects; the partial's own name is not theirs.
        if target.is_some()
            && let Some(metadata) = partial.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.remove("name");
            metadata.remove("namespace");
        }
        let gvk = GroupVersionKind::of(object);
        let merged =
            strategic(object.take(), &partial, Shape::of(&gvk)).map_err(|error| error.to_string())?;
        // `$patch: delete` leaves nothing.
        *object = merged.unwrap_or(Value::Null);
    }
    if matched || target.is_some() {
        return Ok(());
    }
    Err(format!(
        "a patch matches no object: {} {}",
        partial["kind"].as_str().unwrap_or("?"),
        partial["metadata"]["name"].as_str().unwrap_or("?")
    ))
}

fn operations(operations: &Value, target: &Selector, objects: &mut [Value]) -> Result<(), String> {
    for object in objects.iter_mut().filter(|object| selects(target, object)) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        json6902(object, operations).map_err(|error| format!("operations on {name}: {error}"))?;
    }
    Ok(())
}

/// Whether a selector of kustomize means an object: names are expressions that match as
/// a whole.
pub(super) fn selects(selector: &Selector, object: &Value) -> bool {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let gvk = GroupVersionKind::of(object);
    let fits = |wanted: &Option<String>, found: &str| match wanted {
        None => true,
        Some(wanted) if wanted.is_empty() => true,
        Some(wanted) => Regex::new(&format!("^(?:{wanted})$")).is_ok_and(|regex| regex.is_match(found)),
    };
    fits(&selector.group, &gvk.group)
        && fits(&selector.version, &gvk.version)
        && fits(&selector.kind, &gvk.kind)
        && fits(&selector.name, text("/metadata/name"))
        && fits(&selector.namespace, text("/metadata/namespace"))
        && selector.label_selector.as_ref().is_none_or(|wanted| has(wanted, &object["metadata"]["labels"]))
        && selector
            .annotation_selector
            .as_ref()
            .is_none_or(|wanted| has(wanted, &object["metadata"]["annotations"]))
}

/// `a=b,c!=d,e,!f`
fn has(selector: &str, labels: &Value) -> bool {
    selector.split(',').map(str::trim).filter(|term| !term.is_empty()).all(|term| {
        let value = |name: &str| labels.get(name.trim()).and_then(Value::as_str);
        if let Some((name, wanted)) = term.split_once("!=") {
            return value(name) != Some(wanted.trim());
        }
        if let Some((name, wanted)) = term.split_once("==").or_else(|| term.split_once('=')) {
            return value(name) == Some(wanted.trim());
        }
        match term.strip_prefix('!') {
            Some(name) => value(name).is_none(),
            None => value(term).is_some(),
        }
    })
}

/// Renames the image of every container that has it.
fn images(value: &mut Value, image: &Image) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if matches!(name.as_str(), "containers" | "initContainers")
                    && let Value::Array(containers) = value
                {
                    for container in containers {
                        if let Some(Value::String(text)) = container.get_mut("image")
                            && let Some(renamed) = renamed(text, image)
                        {
                            *text = renamed;
                        }
                    }
                } else {
                    images(value, image);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| images(item, image)),
        _ => {}
    }
}

fn renamed(text: &str, image: &Image) -> Option<String> {
    let rest = text.strip_prefix(image.name.as_str())?;
    if !(rest.is_empty() || rest.starts_with([':', '@'])) {
        return None;
    }
    let name = image.new_name.as_deref().unwrap_or(&image.name);
    Some(match (&image.digest, &image.new_tag) {
        (Some(digest), _) => format!("{name}@{digest}"),
        (None, Some(tag)) => format!("{name}:{tag}"),
        (None, None) => format!("{name}{rest}"),
    })
}
