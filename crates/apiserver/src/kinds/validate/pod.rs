//! Pods and the templates of pods.

use std::collections::HashSet;

use serde_json::Value;

use crate::error::Problem;
use crate::names::is_dns_label;

/// Checks the spec of a pod. `allowed` are the restart policies that its owner
/// allows.
pub(super) fn check(spec: &Value, path: &str, allowed: &[&str], problems: &mut Vec<Problem>) {
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if containers.is_empty() {
        problems.push(Problem::required(format!("{path}.containers"), ""));
    }
    let restart = &spec["restartPolicy"];
    if !allowed.contains(&restart.as_str().unwrap_or_default()) {
        problems.push(Problem::unsupported(format!("{path}.restartPolicy"), restart, allowed));
    }
    let mut volumes = HashSet::new();
    for (index, volume) in spec["volumes"].as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.volumes[{index}]");
        check_name(&volume["name"], &format!("{path}.name"), &mut volumes, problems);
        let sources =
            volume.as_object().map_or(0, |fields| fields.keys().filter(|key| *key != "name").count());
        if sources > 1 {
            problems.push(Problem::forbidden(path, "may not specify more than 1 volume type"));
        }
    }
    let mut names = HashSet::new();
    for list in ["initContainers", "containers"] {
        for (index, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            check_container(container, &format!("{path}.{list}[{index}]"), &mut names, &volumes, problems);
        }
    }
}

fn check_name<'v>(name: &'v Value, path: &str, seen: &mut HashSet<&'v str>, problems: &mut Vec<Problem>) {
    match name.as_str().unwrap_or_default() {
        "" => problems.push(Problem::required(path, "")),
        text if !is_dns_label(text) => {
            let why = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
            problems.push(Problem::invalid(path, name, why));
        }
        text if !seen.insert(text) => problems.push(Problem::duplicate(path, name)),
        _ => {}
    }
}

fn check_container<'v>(
    container: &'v Value,
    path: &str,
    names: &mut HashSet<&'v str>,
    volumes: &HashSet<&str>,
    problems: &mut Vec<Problem>,
) {
    check_name(&container["name"], &format!("{path}.name"), names, problems);
    if container["image"].as_str().is_none_or(str::is_empty) {
        problems.push(Problem::required(format!("{path}.image"), ""));
    }
    for (index, port) in container["ports"].as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.ports[{index}]");
        match port["containerPort"].as_i64().unwrap_or(0) {
            0 => problems.push(Problem::required(format!("{path}.containerPort"), "")),
            1..=65535 => {}
            _ => problems.push(Problem::invalid(
                format!("{path}.containerPort"),
                &port["containerPort"],
                "must be between 1 and 65535, inclusive",
            )),
        }
        let protocols = ["SCTP", "TCP", "UDP"];
        if !protocols.contains(&port["protocol"].as_str().unwrap_or("TCP")) {
            problems.push(Problem::unsupported(format!("{path}.protocol"), &port["protocol"], &protocols));
        }
    }
    for (index, variable) in container["env"].as_array().into_iter().flatten().enumerate() {
        if variable["name"].as_str().is_none_or(str::is_empty) {
            problems.push(Problem::required(format!("{path}.env[{index}].name"), ""));
        }
    }
    for (index, mount) in container["volumeMounts"].as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.volumeMounts[{index}]");
        if mount["mountPath"].as_str().is_none_or(str::is_empty) {
            problems.push(Problem::required(format!("{path}.mountPath"), ""));
        }
        match mount["name"].as_str().unwrap_or_default() {
            "" => problems.push(Problem::required(format!("{path}.name"), "")),
            name if !volumes.contains(name) => problems.push(Problem {
                field: format!("{path}.name"),
                reason: "FieldValueNotFound",
                message: format!("Not found: {name:?}"),
            }),
            _ => {}
        }
    }
    let policies = ["Always", "IfNotPresent", "Never"];
    if !policies.contains(&container["imagePullPolicy"].as_str().unwrap_or("Always")) {
        problems.push(Problem::unsupported(
            format!("{path}.imagePullPolicy"),
            &container["imagePullPolicy"],
            &policies,
        ));
    }
    let resources = &container["resources"];
    for (name, request) in resources["requests"].as_object().into_iter().flatten() {
        let Some(limit) = resources["limits"].get(name) else { continue };
        let value = |quantity: &Value| quantity.as_str().and_then(syncline_manifest::quantity::nano_units);
        if let (Some(wanted), Some(most)) = (value(request), value(limit))
            && wanted > most
        {
            let why = format!(
                "must be less than or equal to {name} limit of {}",
                limit.as_str().unwrap_or_default()
            );
            problems.push(Problem::invalid(format!("{path}.resources.requests"), request, &why));
        }
    }
}
