//! Which kinds there are, in the three forms that clients ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use crate::custom_rank;
use crate::error::ApiError;
use crate::kinds::{Registry, Resource, Version};
use crate::response::{MediaType, Reply};
use crate::verbs::REVIEWS;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The version of Kubernetes whose API this is.
pub const VERSION: (&str, &str, &str) = ("1", "36", "v1.36.3");

/// `/version`.
pub(crate) fn version() -> Reply {
    let (major, minor, full) = VERSION;
    Reply::value(
        StatusCode::OK,
        &json!({
            "major": major, "minor": minor, "gitVersion": format!("{full}+syncline"), "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "rustc",
            "platform": format!("{}/{}", std::env::consts::OS, match std::env::consts::ARCH { "x86_64" => "amd64", "aarch64" => "arm64", other => other }),
        }),
    )
}

/// Groups with their versions, the preferred one first.
fn groups(registry: &Registry) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let reviews = REVIEWS.iter().map(|(group, version, ..)| ((*group).to_owned(), (*version).to_owned()));
    let kinds = registry.sorted().into_iter().flat_map(|resource| {
        resource.versions.iter().map(|version| (resource.group.to_string(), version.name.to_string()))
    });
    for (group, version) in kinds.chain(reviews) {
        let versions = groups.entry(group).or_default();
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    for versions in groups.values_mut() {
        versions.sort_by_key(|version| std::cmp::Reverse(custom_rank(version)));
    }
    groups
}

/// `/api`.
pub(crate) fn core_versions(registry: &Registry, accept: &str) -> Reply {
    if wants_aggregated(accept) {
        return aggregated(registry, |group| group.is_empty());
    }
    Reply::value(
        StatusCode::OK,
        &json!({
            "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [],
        }),
    )
}

/// `/apis`.
pub(crate) fn all_groups(registry: &Registry, accept: &str) -> Reply {
    if wants_aggregated(accept) {
        return aggregated(registry, |group| !group.is_empty());
    }
    let groups: Vec<Value> = groups(registry)
        .into_iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, versions)| described(&group, &versions))
        .collect();
    Reply::value(StatusCode::OK, &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
}

/// `/apis/<group>`.
pub(crate) fn one_group(registry: &Registry, group: &str) -> Result<Reply, ApiError> {
    let groups = groups(registry);
    let versions = groups.get(group).filter(|_| !group.is_empty()).ok_or_else(ApiError::no_such_path)?;
    let mut described = described(group, versions);
    described["kind"] = "APIGroup".into();
    described["apiVersion"] = "v1".into();
    Ok(Reply::value(StatusCode::OK, &described))
}

fn described(group: &str, versions: &[String]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions[0]})
}

/// `/api/v1` and `/apis/<group>/<version>`.
pub(crate) fn group_version(registry: &Registry, group: &str, version: &str) -> Result<Reply, ApiError> {
    let mut resources = Vec::new();
    for resource in registry.sorted().into_iter().filter(|resource| *resource.group == *group) {
        let Some(served) = resource.version(version) else { continue };
        let mut entry = json!({
            "name": resource.plural, "singularName": resource.singular, "namespaced": resource.is_namespaced(),
            "kind": resource.kind, "verbs": VERBS,
        });
        for (field, names) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
            if !names.is_empty() {
                entry[field] = json!(names);
            }
        }
        resources.push(entry);
        for (name, (group, version, kind), verbs) in subresources(resource, served) {
            let mut entry = json!({
                "name": format!("{}/{name}", resource.plural), "singularName": "",
                "namespaced": resource.is_namespaced(), "kind": kind, "verbs": verbs,
            });
            if group != *resource.group {
                entry["group"] = group.into();
                entry["version"] = version.into();
            }
            resources.push(entry);
        }
    }
    for (_, _, kind, plural, is_namespaced) in
        REVIEWS.iter().filter(|(g, v, ..)| *g == group && *v == version)
    {
        resources.push(json!({
            "name": plural, "singularName": kind.to_lowercase(), "namespaced": is_namespaced, "kind": kind, "verbs": ["create"],
        }));
    }
    if resources.is_empty() {
        return Err(ApiError::no_such_path());
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Ok(Reply::value(
        StatusCode::OK,
        &json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
        }),
    ))
}

type Kind = (String, String, String);

/// The name, kind and verbs of what an object has below it.
fn subresources(
    resource: &Arc<Resource>,
    version: &Version,
) -> Vec<(&'static str, Kind, &'static [&'static str])> {
    let own = || (resource.group.to_string(), version.name.to_string(), resource.kind.to_string());
    let mut all: Vec<(&'static str, Kind, &'static [&'static str])> = Vec::new();
    if version.has_status {
        all.push(("status", own(), &["get", "patch", "update"]));
    }
    if version.scale.is_some() {
        all.push(("scale", ("autoscaling".into(), "v1".into(), "Scale".into()), &["get", "patch", "update"]));
    }
    match (&*resource.group, &*resource.plural) {
        ("", "namespaces") => all.push(("finalize", own(), &["update"])),
        ("", "pods") => {
            all.push(("binding", ("".into(), "v1".into(), "Binding".into()), &["create"]));
            all.push(("eviction", ("policy".into(), "v1".into(), "Eviction".into()), &["create"]));
        }
        _ => {}
    }
    all
}

fn wants_aggregated(accept: &str) -> bool {
    MediaType::all(accept).any(|wanted| {
        wanted.form == "APIGroupDiscoveryList"
            && wanted.group == "apidiscovery.k8s.io"
            && wanted.version == "v2"
    })
}

/// Everything at once (KEP-3352).
fn aggregated(registry: &Registry, is_wanted: impl Fn(&str) -> bool) -> Reply {
    let kind = |(group, version, kind): Kind| json!({"group": group, "version": version, "kind": kind});
    let scope = |is_namespaced: bool| if is_namespaced { "Namespaced" } else { "Cluster" };
    let all = registry.sorted();
    let items: Vec<Value> = groups(registry)
        .into_iter()
        .filter(|(group, _)| is_wanted(group))
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let mut resources: Vec<Value> = Vec::new();
                    for resource in all.iter().filter(|resource| *resource.group == *group) {
                        let Some(served) = resource.version(version) else { continue };
                        let below: Vec<Value> = subresources(resource, served)
                            .into_iter()
                            .map(|(name, of, verbs)| json!({"subresource": name, "responseKind": kind(of), "verbs": verbs}))
                            .collect();
                        let mut entry = json!({
                            "resource": resource.plural, "singularResource": resource.singular,
                            "responseKind": kind((group.clone(), version.clone(), resource.kind.to_string())),
                            "scope": scope(resource.is_namespaced()), "verbs": VERBS,
                        });
                        for (field, names) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
                            if !names.is_empty() {
                                entry[field] = json!(names);
                            }
                        }
                        if !below.is_empty() {
                            entry["subresources"] = below.into();
                        }
                        resources.push(entry);
                    }
                    for (g, v, of, plural, is_namespaced) in REVIEWS {
                        if *g == group && v == version {
                            resources.push(json!({
                                "resource": plural, "singularResource": of.to_lowercase(), "scope": scope(*is_namespaced),
                                "responseKind": kind(((*g).into(), (*v).into(), (*of).into())), "verbs": ["create"],
                            }));
                        }
                    }
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let mut item = json!({"metadata": {"creationTimestamp": null}, "versions": versions});
            if !group.is_empty() {
                item["metadata"]["name"] = group.into();
            }
            item
        })
        .collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    });
    Reply::bytes(StatusCode::OK, AGGREGATED, list.to_string().into())
}
