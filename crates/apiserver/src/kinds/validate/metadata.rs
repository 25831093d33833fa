//! Names, labels and annotations.

use serde_json::Value;

use crate::error::Problem;
use crate::kinds::Resource;
use crate::names::{is_dns_label, is_dns_subdomain, is_label_key, is_label_value};

/// The most that the annotations of an object may hold.
const ANNOTATIONS: usize = 256 << 10;

/// What breaks the rules that hold for the metadata of every object.
pub fn check_metadata(resource: &Resource, object: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        if metadata["generateName"].as_str().is_none_or(str::is_empty) {
            problems.push(Problem::required("metadata.name", "name or generateName is required"));
        }
    } else if let Some(why) = wrong_name(resource, name) {
        problems.push(Problem::invalid("metadata.name", &name.into(), why));
    }
    for (label, value) in metadata["labels"].as_object().into_iter().flatten() {
        check_key("metadata.labels", label, &mut problems);
        let value = value.as_str().unwrap_or_default();
        if !is_label_value(value) {
            let why = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', start and end with an alphanumeric one, and be no more than 63";
            problems.push(Problem::invalid("metadata.labels", &value.into(), why));
        }
    }
    let mut size = 0;
    for (annotation, value) in metadata["annotations"].as_object().into_iter().flatten() {
        check_key("metadata.annotations", &annotation.to_lowercase(), &mut problems);
        size += annotation.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATIONS {
        problems.push(Problem {
            field: "metadata.annotations".into(),
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {ANNOTATIONS} bytes"),
        });
    }
    for (index, finalizer) in metadata["finalizers"].as_array().into_iter().flatten().enumerate() {
        let text = finalizer.as_str().unwrap_or_default();
        let is_known = matches!(text, "orphan" | "foregroundDeletion" | "kubernetes");
        if !is_known && !text.contains('/') && !text.contains('.') {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            problems.push(Problem::invalid(format!("metadata.finalizers[{index}]"), finalizer, why));
        }
    }
    check_owners(metadata, &mut problems);
    problems
}

fn check_owners(metadata: &Value, problems: &mut Vec<Problem>) {
    let mut controllers = 0;
    for (index, owner) in metadata["ownerReferences"].as_array().into_iter().flatten().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().is_none_or(str::is_empty) {
                problems.push(Problem::required(
                    format!("metadata.ownerReferences[{index}].{field}"),
                    "must not be empty",
                ));
            }
        }
        if owner["controller"] == true {
            controllers += 1;
        }
    }
    if controllers > 1 {
        let why = "Only one reference can have Controller set to true";
        problems.push(Problem::invalid("metadata.ownerReferences", &metadata["ownerReferences"], why));
    }
}

fn wrong_name(resource: &Resource, name: &str) -> Option<&'static str> {
    let is_path_segment = !matches!(name, "." | "..") && !name.contains(['/', '%']);
    match (&*resource.group, &*resource.kind) {
        ("rbac.authorization.k8s.io", _) if is_path_segment => None,
        ("rbac.authorization.k8s.io", _) => Some("may not be '.' or '..' or contain '/' or '%'"),
        ("", "Namespace" | "Service") if is_dns_label(name) => None,
        ("", "Namespace" | "Service") => Some(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ),
        _ if is_dns_subdomain(name) => None,
        _ => Some(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ),
    }
}

fn check_key(field: &str, key: &str, problems: &mut Vec<Problem>) {
    if !is_label_key(key) {
        let why = "a qualified name consists of alphanumeric characters, '-', '_' or '.', starts and ends with an alphanumeric one, and may have a DNS subdomain and '/' before it";
        problems.push(Problem::invalid(field, &key.into(), why));
    }
}
