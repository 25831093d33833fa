//! The values of a release: those of its chart's files, of ConfigMaps and Secrets, and
//! its own, the later the stronger.

use syncline_helm::chart::Chart;
use syncline_helm::values::{self, SetKind};
use syncline_manifest::{GroupKind, ObjectKey};

use super::{Lookup, ValuesMap};
use crate::api::{HelmRelease, ValuesKind, ValuesReference};

type Failed = (String, Option<String>);

pub(super) fn compose(release: &HelmRelease, chart: &Chart, lookup: Lookup<'_>) -> Result<ValuesMap, Failed> {
    let mut all = ValuesMap::new();
    of_files(release, chart, &mut all)?;
    for reference in &release.spec.values_from {
        of_reference(release, reference, lookup, &mut all)?;
    }
    if let Some(own) = &release.spec.values {
        let mut own: ValuesMap = own.clone().into_iter().collect();
        own.values_mut().for_each(values::make_floats);
        values::merge(&mut all, own);
    }
    Ok(all)
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
                let read = values::read(name, &file.data.to_text())
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

fn of_reference(
    release: &HelmRelease,
    reference: &ValuesReference,
    lookup: Lookup<'_>,
    all: &mut ValuesMap,
) -> Result<(), Failed> {
    let is_secret = reference.kind == ValuesKind::Secret;
    let key = key_of(release, reference);
    let values_key = reference.values_key.as_deref().unwrap_or("values.yaml");
    let text = match lookup(&key).map(|resource| resource.data_text(values_key)) {
        Some(Some(text)) => text,
        _ if reference.optional => return Ok(()),
        Some(None) => {
            return Err((
                format!("{key} has no key {values_key}"),
                Some("set valuesKey, or optional".to_owned()),
            ));
        }
        None => {
            return Err((
                format!("values come from {key}, which the repository does not define"),
                Some("add it to the repository, or set optional where it may be missing".to_owned()),
            ));
        }
    };
    let Some(path) = &reference.target_path else {
        // What is read of a Secret stays out of messages.
        let read = values::read(&format!("{key} {values_key}"), &text).map_err(|error| match is_secret {
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
        let escaped = unquoted.unwrap_or(&text).replace('\\', "\\\\").replace(',', "\\,");
        values::set(all, &format!("{path}={escaped}"), kind)
    };
    set.map_err(|error| (format!("targetPath {path}: {}", error.message), None))
}
