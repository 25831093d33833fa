//! The values of a release: those of its chart's files, of ConfigMaps and Secrets, and
//! its own, the later the stronger.

use syncline_helm::chart::Chart;
use syncline_helm::values::{self, SetKind};
use syncline_manifest::{GroupKind, ObjectKey};

use super::lookups::Found;
use super::{ClusterValues, Lookup, ValuesMap, values_source};
use crate::api::{HelmRelease, ValuesKind, ValuesReference};
use crate::fleet::data_text;

type Failed = (String, Option<String>);

/// Where ConfigMaps and Secrets are looked for, the repository first.
pub(super) struct Sources<'s> {
    pub repository: Lookup<'s>,
    pub cluster: ClusterValues<'s>,
}

/// The values that a user gave.
pub(super) struct Composed {
    pub values: ValuesMap,
    /// What only a cluster has, where none is asked.
    pub unknown: Vec<ObjectKey>,
}

pub(super) fn compose(
    release: &HelmRelease,
    chart: &Chart,
    sources: &Sources<'_>,
) -> Result<Composed, Failed> {
    let mut all = ValuesMap::new();
    let mut unknown = Vec::new();
    of_files(release, chart, &mut all)?;
    for reference in &release.spec.values_from {
        let key = key_of(release, reference);
        match find(release, &key, reference, sources) {
            Found::Text(text) => of_reference(reference, &key, &text, &mut all)?,
            Found::Unknown if !reference.optional => unknown.push(key),
            Found::Unknown => {}
            Found::Nothing(_) if reference.optional => {}
            Found::Nothing(failed) => return Err(failed),
        }
    }
    if let Some(own) = &release.spec.values {
        let mut own: ValuesMap = own.clone().into_iter().collect();
        own.values_mut().for_each(values::make_floats);
        values::merge(&mut all, own);
    }
    Ok(Composed { values: all, unknown })
}

/// The text that a reference means.
fn find(
    release: &HelmRelease,
    key: &ObjectKey,
    reference: &ValuesReference,
    sources: &Sources<'_>,
) -> Found<Failed> {
    let values_key = values_key(reference);
    let no_key = || {
        let hint = "set valuesKey, or optional".to_owned();
        Found::Nothing((format!("{key} has no key {values_key}"), Some(hint)))
    };
    if let Some(resource) = (sources.repository)(key) {
        return resource.data_text(values_key).map_or_else(no_key, Found::Text);
    }
    match sources.cluster.find(&values_source(release, key.clone())) {
        Found::Text(data) => {
            let text = data.object().and_then(|object| data_text(object, &key.group_kind, values_key));
            text.map_or_else(no_key, Found::Text)
        }
        Found::Unknown => Found::Unknown,
        Found::Nothing(()) => Found::Nothing((
            format!("values come from {key}, which neither the repository nor the cluster has"),
            Some("add it to one of them, or set optional where it may be missing".to_owned()),
        )),
    }
}

/// `spec.chart.spec.valuesFiles`: files of the chart instead of its values.yaml.
fn of_files(release: &HelmRelease, chart: &Chart, all: &mut ValuesMap) -> Result<(), Failed> {
    let Some(template) = &release.spec.chart else { return Ok(()) };
    let names = template.spec.values_files.iter().chain(&template.spec.values_file);
    for name in names {
        let inside = name.trim_start_matches("./");
        // The chart's own values are below all others in any case.
        if inside == "values.yaml" {
            continue;
        }
        // From a Git repository, files are named by their path in it.
        let file = chart
            .files
            .iter()
            .find(|file| file.name == inside || inside.ends_with(&format!("/{}", file.name)));
        match file {
            Some(file) => {
                let text = file.data.read().map_err(|error| (error.to_string(), None))?;
                let read = values::read(name, &text.to_text())
                    .map_err(|error| (format!("values file {error}"), None))?;
                values::merge(all, read);
            }
            None if template.spec.ignore_missing_values_files || inside.ends_with("/values.yaml") => {}
            None => {
                return Err((
                    format!("the chart has no values file {name}"),
                    Some("set ignoreMissingValuesFiles where that is meant".to_owned()),
                ));
            }
        }
    }
    Ok(())
}

/// The object that a reference means.
pub(super) fn key_of(release: &HelmRelease, reference: &ValuesReference) -> ObjectKey {
    let kind = match reference.kind {
        ValuesKind::ConfigMap => "ConfigMap",
        ValuesKind::Secret => "Secret",
    };
    ObjectKey::new(GroupKind::new("", kind), Some(release.namespace()), &reference.name)
}

fn values_key(reference: &ValuesReference) -> &str {
    reference.values_key.as_deref().unwrap_or("values.yaml")
}

fn of_reference(
    reference: &ValuesReference,
    key: &ObjectKey,
    text: &str,
    all: &mut ValuesMap,
) -> Result<(), Failed> {
    let is_secret = reference.kind == ValuesKind::Secret;
    let values_key = values_key(reference);
    let Some(path) = &reference.target_path else {
        // What is read of a Secret stays out of messages.
        let read = values::read(&format!("{key} {values_key}"), text).map_err(|error| match is_secret {
            true => (format!("{key} {values_key} holds no values"), None),
            false => (error.to_string(), None),
        })?;
        values::merge(all, read);
        return Ok(());
    };
    let set = if reference.literal {
        values::set_literal(all, &format!("{path}={text}"))
    } else {
        // A text in quotes is text, as Flux has it.
        let unquoted = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
        let kind = if unquoted.is_some() { SetKind::Text } else { SetKind::Typed };
        let escaped = unquoted.unwrap_or(text).replace('\\', "\\\\").replace(',', "\\,");
        values::set(all, &format!("{path}={escaped}"), kind)
    };
    set.map_err(|error| (format!("targetPath {path}: {}", error.message), None))
}
