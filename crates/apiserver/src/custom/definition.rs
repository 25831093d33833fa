//! CustomResourceDefinitions, read into what the server serves.

use std::sync::Arc;

use serde_json::{Value, json};
use syncline_manifest::schema::Scope;

use super::defaults::check_defaults;
use super::schema::Schema;
use crate::error::Problem;
use crate::kinds::{Column, Model, Resource, Scale, Version};
use crate::names::{is_dns_label, is_dns_subdomain};

/// Where definitions are stored.
pub const DEFINITIONS: &str = "apiextensions.k8s.io/customresourcedefinitions";
/// The finalizer of definitions whose objects are still there.
pub const DEFINITION_FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// What a definition says.
#[derive(Debug)]
pub struct Definition {
    /// The kind to serve.
    pub resource: Resource,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// Reads a definition.
pub fn read(definition: &Value) -> Definition {
    let mut problems = Vec::new();
    let spec = &definition["spec"];
    let names = &spec["names"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural, kind) = (text(&spec["group"]), text(&names["plural"]), text(&names["kind"]));
    check_names(definition, &group, &plural, &kind, &mut problems);
    let scope = match spec["scope"].as_str() {
        Some("Cluster") => Scope::Cluster,
        Some("Namespaced") => Scope::Namespaced,
        _ => {
            problems.push(Problem::unsupported("spec.scope", &spec["scope"], &["Cluster", "Namespaced"]));
            Scope::Namespaced
        }
    };
    let list = |value: &Value| -> Vec<Box<str>> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(Box::from).collect()
    };
    let mut versions = Vec::new();
    let mut storage = None;
    let described = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if described.is_empty() {
        problems.push(Problem::required("spec.versions", ""));
    }
    for (index, version) in described.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        let read = read_version(version, &path, &mut problems);
        if versions.iter().any(|other: &Version| other.name == read.name) {
            problems.push(Problem::duplicate(format!("{path}.name"), &(&*read.name).into()));
        }
        if version["storage"] == true && storage.replace(read.name.clone()).is_some() {
            problems.push(Problem::invalid(
                "spec.versions",
                &json!(null),
                "must have exactly one version marked as storage version",
            ));
        }
        if version["served"] != false {
            versions.push(read);
        }
    }
    let Some(storage) = storage.or_else(|| versions.first().map(|version| version.name.clone())) else {
        return Definition { resource: nothing(&group, &plural, &kind, scope), problems };
    };
    if !described.is_empty() && !described.iter().any(|version| version["storage"] == true) {
        problems.push(Problem::invalid(
            "spec.versions",
            &json!(null),
            "must have exactly one version marked as storage version",
        ));
    }
    versions.sort_by_key(|version| std::cmp::Reverse(rank(&version.name)));
    let newest =
        versions.iter().find(|version| version.deprecation.is_none()).map(|version| version.name.clone());
    for version in versions.iter_mut() {
        if let Some(warning) = version.deprecation.as_mut().filter(|warning| warning.is_empty()) {
            let instead = newest.as_ref().map(|name| format!("; use {group}/{name} {kind}"));
            *warning =
                format!("{group}/{} {kind} is deprecated{}", version.name, instead.unwrap_or_default())
                    .into();
        }
    }
    let mut resource = nothing(&group, &plural, &kind, scope);
    let given = |value: &Value, default: String| {
        value.as_str().filter(|text| !text.is_empty()).map_or(default, str::to_owned)
    };
    resource.singular = given(&names["singular"], kind.to_lowercase()).into();
    resource.list_kind = given(&names["listKind"], format!("{kind}List")).into();
    resource.short_names = list(&names["shortNames"]);
    resource.categories = list(&names["categories"]);
    resource.versions = versions;
    resource.storage_version = storage;
    Definition { resource, problems }
}

fn nothing(group: &str, plural: &str, kind: &str, scope: Scope) -> Resource {
    Resource {
        group: group.into(),
        plural: plural.into(),
        singular: kind.to_lowercase().into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        kind: kind.into(),
        list_kind: format!("{kind}List").into(),
        scope,
        versions: Vec::new(),
        storage_version: "".into(),
        is_custom: true,
        table: Arc::from(format!("{group}/{plural}")),
        serial: 0,
    }
}

fn check_names(definition: &Value, group: &str, plural: &str, kind: &str, problems: &mut Vec<Problem>) {
    let name = definition["metadata"]["name"].as_str().unwrap_or_default();
    if group.is_empty() {
        problems.push(Problem::required("spec.group", ""));
    } else if !is_dns_subdomain(group) || !group.contains('.') {
        problems.push(Problem::invalid(
            "spec.group",
            &group.into(),
            "should be a domain with at least one dot",
        ));
    }
    if plural.is_empty() {
        problems.push(Problem::required("spec.names.plural", ""));
    } else if !is_dns_label(plural) {
        problems.push(Problem::invalid(
            "spec.names.plural",
            &plural.into(),
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'",
        ));
    }
    if kind.is_empty() {
        problems.push(Problem::required("spec.names.kind", ""));
    }
    if name != format!("{plural}.{group}") {
        problems.push(Problem::invalid(
            "metadata.name",
            &name.into(),
            "must be spec.names.plural+\".\"+spec.group",
        ));
    }
    if definition["spec"]["conversion"]["strategy"] == "Webhook" {
        problems.push(Problem::unsupported("spec.conversion.strategy", &"Webhook".into(), &["None"]));
    }
}

fn read_version(version: &Value, path: &str, problems: &mut Vec<Problem>) -> Version {
    let name = version["name"].as_str().unwrap_or_default();
    if !is_dns_label(name) {
        problems.push(Problem::invalid(format!("{path}.name"), &name.into(), "must be a DNS label"));
    }
    let schema = match &version["schema"]["openAPIV3Schema"] {
        Value::Null => {
            problems
                .push(Problem::required(format!("{path}.schema.openAPIV3Schema"), "schemas are required"));
            Schema::anything()
        }
        schema => {
            let path = format!("{path}.schema.openAPIV3Schema");
            let read = Schema::read(schema, &path, problems);
            check_defaults(&read, &path, problems);
            if read.kind != super::Type::Object {
                let why = "must be object at the root";
                problems.push(Problem::invalid(format!("{path}.type"), &schema["type"], why));
            }
            read
        }
    };
    let subresources = &version["subresources"];
    let scale = subresources.get("scale").filter(|scale| scale.is_object()).map(|scale| {
        let mut pointer = |field: &str| {
            let text = scale[field].as_str().unwrap_or_default();
            match pointer(text) {
                Some(pointer) => Some(pointer),
                None if text.is_empty() => None,
                None => {
                    let field = format!("{path}.subresources.scale.{field}");
                    problems.push(Problem::invalid(
                        field,
                        &text.into(),
                        "must be a json path under .spec or .status",
                    ));
                    None
                }
            }
        };
        Scale {
            spec_replicas: pointer("specReplicasPath").unwrap_or_default(),
            status_replicas: pointer("statusReplicasPath").unwrap_or_default(),
            selector: pointer("labelSelectorPath"),
        }
    });
    let mut columns = Vec::new();
    for (index, column) in version["additionalPrinterColumns"].as_array().into_iter().flatten().enumerate() {
        let kinds = ["boolean", "date", "integer", "number", "string"];
        if !column["type"].as_str().is_some_and(|kind| kinds.contains(&kind)) {
            let field = format!("{path}.additionalPrinterColumns[{index}].type");
            problems.push(Problem::unsupported(field, &column["type"], &kinds));
        }
        match Column::read(column) {
            Ok(column) => columns.push(column),
            Err(why) => problems.push(Problem::invalid(
                format!("{path}.additionalPrinterColumns[{index}].jsonPath"),
                &column["jsonPath"],
                &why,
            )),
        }
    }
    let selectable = version["selectableFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, field) in selectable.iter().enumerate() {
        let spelled = field["jsonPath"].as_str().unwrap_or_default();
        let mut names = spelled.strip_prefix('.').into_iter().flat_map(|rest| rest.split('.'));
        let found = names.try_fold(&schema, |schema, name| schema.properties.get(name));
        let is_simple = found.is_some_and(|found| {
            matches!(found.kind, super::Type::String | super::Type::Integer | super::Type::Boolean)
        });
        if !is_simple {
            let why = "must point to a field of type string, boolean or integer";
            let field = format!("{path}.selectableFields[{index}].jsonPath");
            problems.push(Problem::invalid(field, &spelled.into(), why));
        }
    }
    Version {
        name: name.into(),
        has_status: subresources.get("status").is_some_and(Value::is_object),
        scale,
        columns,
        selectable: selectable
            .iter()
            .filter_map(|field| field["jsonPath"].as_str())
            .map(|path| path.trim_start_matches('.').into())
            .collect(),
        deprecation: (version["deprecated"] == true)
            .then(|| version["deprecationWarning"].as_str().unwrap_or_default().into()),
        model: Model::Custom(Arc::new(schema)),
    }
}

/// `.spec.replicas` as a JSON pointer.
fn pointer(path: &str) -> Option<Box<str>> {
    let rest = path.strip_prefix('.')?;
    let is_simple =
        !rest.is_empty() && rest.split('.').all(|part| !part.is_empty() && !part.contains(['[', ']', '*']));
    is_simple.then(|| rest.split('.').map(|part| format!("/{part}")).collect::<String>().into())
}

/// Versions in the order of their worth: stable before beta before alpha, newer
/// before older; what is no such version comes last.
pub(crate) fn rank(version: &str) -> (u8, u32, u32) {
    let parsed = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..digits].parse().ok()?;
        let tail = &rest[digits..];
        if tail.is_empty() {
            return Some((3, major, 0));
        }
        if let Some(minor) = tail.strip_prefix("beta") {
            return Some((2, major, minor.parse().ok()?));
        }
        Some((1, major, tail.strip_prefix("alpha")?.parse().ok()?))
    };
    parsed().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ranked_as_kubernetes_does() {
        let mut versions = vec!["v1beta1", "foo", "v2", "v1", "v2alpha1", "v11alpha2", "v10beta3", "v3beta1"];
        versions.sort_by_key(|version| std::cmp::Reverse(rank(version)));
        assert_eq!(versions, ["v2", "v1", "v10beta3", "v3beta1", "v1beta1", "v11alpha2", "v2alpha1", "foo"]);
    }

    #[test]
    fn a_definition_is_read_and_what_is_wrong_is_told() {
        let mut source = json!({"metadata": {"name": "widgets.example.com"}, "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [
                {"name": "v1beta1", "served": true, "storage": false, "schema": {"openAPIV3Schema": {"type": "object"}}},
                {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}},
                 "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}},
                 "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]},
            ],
        }});
        let Definition { resource, problems } = read(&source);
        assert_eq!(problems, []);
        assert_eq!(&*resource.versions[0].name, "v1");
        assert_eq!(&*resource.versions[0].scale.as_ref().unwrap().spec_replicas, "/spec/size");
        assert!(resource.versions[0].has_status && !resource.versions[1].has_status);
        source["spec"]["names"]["plural"] = "gadgets".into();
        source["spec"]["versions"][1]["storage"] = false.into();
        let fields: Vec<String> = read(&source).problems.into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["metadata.name", "spec.versions"]);
    }
}
