//! The paths of the API.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'p> {
    /// `/`: the list of paths.
    Root,
    /// `/healthz`, `/livez`, `/readyz` and what is below them.
    Health,
    /// `/version`.
    Version,
    /// `/metrics`.
    Metrics,
    /// `/openapi/v2`.
    OpenApiV2,
    /// `/openapi/v3`: which documents there are.
    OpenApiV3Index,
    /// `/openapi/v3/<group version>`: `api/v1` or `apis/<group>/<version>`.
    OpenApiV3(&'p str),
    /// `/api`: the versions of the core group.
    CoreVersions,
    /// `/apis`: all other groups.
    Groups,
    /// `/apis/<group>`.
    Group(&'p str),
    /// `/api/v1` or `/apis/<group>/<version>`: the kinds of a version. The group of
    /// the core is empty.
    GroupVersion(&'p str, &'p str),
    /// Objects.
    Resource(ResourcePath<'p>),
    /// Nothing of the API.
    Unknown,
}

/// A path to objects of a kind.
#[derive(Debug, PartialEq, Eq)]
pub struct ResourcePath<'p> {
    /// The group; empty for the core.
    pub group: &'p str,
    /// The version.
    pub version: &'p str,
    /// The namespace, if the path has one.
    pub namespace: Option<Cow<'p, str>>,
    /// The kind in the plural.
    pub plural: &'p str,
    /// The name of one object.
    pub name: Option<Cow<'p, str>>,
    /// What of the object; empty for the object itself.
    pub subresource: &'p str,
}

/// Reads a path.
pub fn route(path: &str) -> Route<'_> {
    let trimmed = path.trim_matches('/');
    let parts: Vec<&str> = if trimmed.is_empty() { Vec::new() } else { trimmed.split('/').collect() };
    match parts.as_slice() {
        [] => Route::Root,
        ["healthz" | "livez" | "readyz", ..] => Route::Health,
        ["version"] => Route::Version,
        ["metrics"] => Route::Metrics,
        ["openapi", "v2"] => Route::OpenApiV2,
        ["openapi", "v3"] => Route::OpenApiV3Index,
        ["openapi", "v3", ..] => Route::OpenApiV3(trimmed.get("openapi/v3/".len()..).unwrap_or_default()),
        ["api"] => Route::CoreVersions,
        ["api", version] => Route::GroupVersion("", version),
        ["api", version, rest @ ..] => resource("", version, rest),
        ["apis"] => Route::Groups,
        ["apis", group] => Route::Group(group),
        ["apis", group, version] => Route::GroupVersion(group, version),
        ["apis", group, version, rest @ ..] => resource(group, version, rest),
        _ => Route::Unknown,
    }
}

fn resource<'p>(group: &'p str, version: &'p str, parts: &[&'p str]) -> Route<'p> {
    let (namespace, parts) = match parts {
        // What is below a namespace, unless it is the namespace itself.
        ["namespaces", namespace, rest @ ..]
            if !(rest.is_empty() || (group.is_empty() && matches!(rest, ["status" | "finalize"]))) =>
        {
            (Some(decoded(namespace)), rest)
        }
        parts => (None, parts),
    };
    let (plural, name, subresource) = match parts {
        [plural] => (*plural, None, ""),
        [plural, name] => (*plural, Some(decoded(name)), ""),
        [plural, name, subresource] => (*plural, Some(decoded(name)), *subresource),
        _ => return Route::Unknown,
    };
    Route::Resource(ResourcePath { group, version, namespace, plural, name, subresource })
}

fn decoded(part: &str) -> Cow<'_, str> {
    percent_decode_str(part).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(path: &str) -> String {
        match route(path) {
            Route::Resource(found) => format!(
                "{}/{} {:?} {} {:?} {}",
                found.group, found.version, found.namespace, found.plural, found.name, found.subresource
            ),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn paths_lead_where_the_api_has_them() {
        for (path, expected) in [
            ("/", "Root"),
            ("/readyz/ping", "Health"),
            ("/api", "CoreVersions"),
            ("/api/v1", "GroupVersion(\"\", \"v1\")"),
            ("/apis/apps/v1/", "GroupVersion(\"apps\", \"v1\")"),
            ("/openapi/v3/apis/apps/v1", "OpenApiV3(\"apis/apps/v1\")"),
            ("/api/v1/namespaces", "/v1 None namespaces None "),
            ("/api/v1/namespaces/a", "/v1 None namespaces Some(\"a\") "),
            ("/api/v1/namespaces/a/status", "/v1 None namespaces Some(\"a\") status"),
            ("/api/v1/namespaces/a/pods", "/v1 Some(\"a\") pods None "),
            (
                "/apis/apps/v1/namespaces/a/deployments/b/scale",
                "apps/v1 Some(\"a\") deployments Some(\"b\") scale",
            ),
            ("/apis/x/v1/clusterroles/system%3Ay", "x/v1 None clusterroles Some(\"system:y\") "),
            ("/apis/x/v1/a/b/c/d", "Unknown"),
            ("/elsewhere", "Unknown"),
        ] {
            assert_eq!(spelled(path), expected, "{path}");
        }
    }
}
