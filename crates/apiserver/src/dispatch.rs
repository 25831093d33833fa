//! From a request to its reply: who asks, what for, whether they may, who answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::json;

use crate::access::{Attributes, User, What};
use crate::api::Api;
use crate::discovery;
use crate::error::ApiError;
use crate::openapi;
use crate::request::{Format, Query, ResourcePath, Route, route};
use crate::response::{Reply, Representation};
use crate::verbs::{self, Call, Payload};

/// The largest body.
const LIMIT: usize = 3 << 20;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the rest of a body that is too large is read.
const LINGER: Duration = Duration::from_secs(1);

/// Answers a request. `peer` is who the client's certificate is for.
pub(crate) async fn answer(api: &Arc<Api>, peer: Option<User>, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let outcome = match authenticate(api, peer, &parts.headers) {
        Ok(user) => routed(api, &user, &parts, body).await,
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|error| Reply::error(&error))
}

/// A token counts for more than a certificate; a token that is not known is an
/// error, whatever else there is.
fn authenticate(api: &Arc<Api>, peer: Option<User>, headers: &HeaderMap) -> Result<User, ApiError> {
    let user = match headers.get(header::AUTHORIZATION) {
        Some(value) => {
            let token = value.to_str().ok().and_then(|value| {
                let (scheme, token) = value.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
            });
            let known = token.and_then(|token| api.users().by_token(token));
            known.cloned().ok_or_else(ApiError::unauthorized)?
        }
        None => peer.unwrap_or_else(User::anonymous),
    };
    impersonated(api, user, headers)
}

/// Somebody who acts for somebody else.
fn impersonated(api: &Arc<Api>, user: User, headers: &HeaderMap) -> Result<User, ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let groups: Vec<String> = headers
        .get_all("impersonate-group")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect();
    let Some(name) = text("impersonate-user") else {
        return if groups.is_empty() {
            Ok(user)
        } else {
            Err(ApiError::bad_request("requested impersonation of groups without impersonating a user"))
        };
    };
    let may = |resource: &str, name: &str| {
        let what = What::Resource { group: "", resource, subresource: "", namespace: "", name };
        let attributes = Attributes { verb: "impersonate", what };
        if api.rbac().allows(&api.store, &user, &attributes) {
            return Ok(());
        }
        Err(ApiError::forbidden(resource, name, &format!("User {:?} {attributes}", user.name)))
    };
    may("users", &name)?;
    for group in &groups {
        may("groups", group)?;
    }
    Ok(User::known(name, groups))
}

async fn routed(api: &Arc<Api>, user: &User, parts: &Parts, body: Incoming) -> Result<Reply, ApiError> {
    let path = parts.uri.path();
    let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let route = match route(path) {
        Route::Resource(resource) => return objects(api, user, parts, &resource, accept, body).await,
        route => route,
    };
    let verb =
        if parts.method == Method::HEAD { "get".to_owned() } else { parts.method.as_str().to_lowercase() };
    let attributes = Attributes { verb: &verb, what: What::Path(path) };
    if !api.rbac().allows(&api.store, user, &attributes) {
        return Err(ApiError::forbidden("", "", &format!("User {:?} {attributes}", user.name))
            .about_path(path, user, &verb));
    }
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return Err(ApiError::method_not_allowed());
    }
    let registry = api.registry();
    match route {
        Route::Root => Ok(Reply::value(
            StatusCode::OK,
            &json!({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]}),
        )),
        Route::Health => Ok(Reply::text(StatusCode::OK, "ok")),
        Route::Version => Ok(discovery::version()),
        Route::Metrics => Ok(Reply::text(StatusCode::OK, api.metrics())),
        Route::OpenApiV2 => Ok(openapi::everything(api, accept)),
        Route::OpenApiV3Index => Ok(openapi::index(&registry)),
        Route::OpenApiV3(name) => openapi::document(api, name),
        Route::CoreVersions => Ok(discovery::core_versions(&registry, accept)),
        Route::Groups => Ok(discovery::all_groups(&registry, accept)),
        Route::Group(group) => discovery::one_group(&registry, group),
        Route::GroupVersion(group, version) => discovery::group_version(&registry, group, version),
        Route::Resource(_) | Route::Unknown => Ok(not_found()),
    }
}

/// What a request does to objects, as rules and counters name it.
fn verb_of(method: &Method, path: &ResourcePath<'_>, query: &Query) -> Option<(&'static str, &'static str)> {
    let has_name = path.name.is_some();
    Some(match (method.as_str(), has_name) {
        ("GET" | "HEAD", _) if query.watch => ("watch", "WATCH"),
        ("GET" | "HEAD", true) => ("get", "GET"),
        ("GET" | "HEAD", false) => ("list", "LIST"),
        ("POST", _) => ("create", "POST"),
        ("PUT", true) => ("update", "PUT"),
        ("PATCH", true) => ("patch", "PATCH"),
        ("DELETE", true) => ("delete", "DELETE"),
        ("DELETE", false) => ("deletecollection", "DELETECOLLECTION"),
        _ => return None,
    })
}

async fn objects(
    api: &Arc<Api>,
    user: &User,
    parts: &Parts,
    path: &ResourcePath<'_>,
    accept: &str,
    body: Incoming,
) -> Result<Reply, ApiError> {
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let Some((verb, counted)) = verb_of(&parts.method, path, &query) else {
        return Err(ApiError::method_not_allowed());
    };
    let media_type = media_type(&parts.headers);
    let counted = if media_type == "application/apply-patch+yaml" { "APPLY" } else { counted };
    let outcome = authorized(api, user, parts, path, query, verb, accept, media_type, body).await;
    let code = match &outcome {
        Ok(reply) => reply.0.status(),
        Err(error) => error.code,
    };
    api.count(counted, path.group, path.plural, code.as_u16());
    outcome
}

fn media_type(headers: &HeaderMap) -> String {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[expect(clippy::too_many_arguments, reason = "what a request is, taken apart once")]
async fn authorized(
    api: &Arc<Api>,
    user: &User,
    parts: &Parts,
    path: &ResourcePath<'_>,
    query: Query,
    verb: &str,
    accept: &str,
    media_type: String,
    body: Incoming,
) -> Result<Reply, ApiError> {
    let name = path.name.as_deref().or_else(|| query.fields.name()).unwrap_or_default();
    let in_namespace = path.namespace.as_deref().unwrap_or(match (path.group, path.plural) {
        ("", "namespaces") => path.name.as_deref().unwrap_or_default(),
        _ => "",
    });
    let what = What::Resource {
        group: path.group,
        resource: path.plural,
        subresource: path.subresource,
        namespace: in_namespace,
        name,
    };
    let attributes = Attributes { verb, what };
    if !api.rbac().allows(&api.store, user, &attributes) {
        let qualified = if path.group.is_empty() {
            path.plural.to_owned()
        } else {
            format!("{}.{}", path.plural, path.group)
        };
        let why = format!("User {:?} {attributes}", user.name);
        return Err(ApiError::forbidden(&qualified, name, &why));
    }
    let registry = api.registry();
    if let Some((.., kind, _, _)) = verbs::REVIEWS.iter().find(|(group, version, _, plural, _)| {
        *group == path.group && *version == path.version && *plural == path.plural
    }) {
        if verb != "create" {
            return Err(ApiError::method_not_allowed());
        }
        let payload = Payload { format: format_of(&media_type)?, body: received(body).await? };
        return verbs::review(api, user, kind, &payload);
    }
    let found = registry.find(path.group, path.plural);
    let Some((resource, version)) = found.and_then(|found| Some((found, found.version(path.version)?)))
    else {
        return if registry.serves(path.group, path.version) {
            Err(ApiError::no_such_path())
        } else {
            Ok(not_found())
        };
    };
    if path.namespace.is_some() && !resource.is_namespaced() {
        return Err(ApiError::no_such_path());
    }
    let call = Call {
        api,
        resource,
        version,
        namespace: path.namespace.as_deref().unwrap_or_default(),
        name: path.name.as_deref().unwrap_or_default(),
        subresource: path.subresource,
        representation: Representation::negotiate(accept, query.pretty)?,
        query,
        user,
        agent: parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default(),
        warnings: version.deprecation.iter().map(ToString::to_string).collect(),
    };
    carried_out(call, &parts.method, verb, &media_type, body).await
}

/// Where nothing is served at all, not even an error of the API.
fn not_found() -> Reply {
    Reply::text(StatusCode::NOT_FOUND, "404 page not found\n")
}

async fn carried_out(
    mut call: Call<'_>,
    method: &Method,
    verb: &str,
    media_type: &str,
    body: Incoming,
) -> Result<Reply, ApiError> {
    // A name in a namespace, or no namespace at all: lists are of all namespaces.
    if call.resource.is_namespaced() && call.namespace.is_empty() && !matches!(verb, "list" | "watch") {
        return Err(if verb == "create" { ApiError::method_not_allowed() } else { ApiError::no_such_path() });
    }
    match (call.subresource, verb) {
        ("scale", "get") => return verbs::get_scale(&call).await,
        ("scale", "update" | "patch") => {
            let body = received(body).await?;
            return verbs::modify_scale(&mut call, method, media_type, body).await;
        }
        ("", _) => {}
        ("status", "get" | "update" | "patch") if call.version.has_status => {}
        ("finalize", "update") if &*call.resource.table == "namespaces" => {}
        ("binding", "create") | ("eviction", "create") if &*call.resource.table == "pods" => {
            let body = received(body).await?;
            return verbs::pod_action(&mut call, &Payload { format: format_of(media_type)?, body }).await;
        }
        _ => return Err(ApiError::no_such_path()),
    }
    match verb {
        "watch" => verbs::watch(&call).await,
        "get" => verbs::get(&call).await,
        "list" => verbs::list(&call).await,
        "delete" => {
            let body = received(body).await?;
            verbs::delete(&mut call, &body).await
        }
        "deletecollection" => {
            let body = received(body).await?;
            verbs::delete_collection(&mut call, &body).await
        }
        "patch" => {
            let body = received(body).await?;
            verbs::patch(&mut call, media_type, body).await
        }
        "create" if call.name.is_empty() => {
            let payload = Payload { format: format_of(media_type)?, body: received(body).await? };
            verbs::create(&mut call, &payload).await
        }
        "update" => {
            let payload = Payload { format: format_of(media_type)?, body: received(body).await? };
            verbs::replace(&mut call, &payload).await
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}

fn format_of(media_type: &str) -> Result<Format, ApiError> {
    match media_type {
        "" | "application/json" => Ok(Format::Json),
        "application/yaml" => Ok(Format::Yaml),
        "application/vnd.kubernetes.protobuf" => Ok(Format::Protobuf),
        _ => Err(ApiError::unsupported_media_type(
            "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

async fn received(mut body: Incoming) -> Result<Bytes, ApiError> {
    let collected = tokio::time::timeout(PATIENCE, Limited::new(&mut body, LIMIT).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            drain(body).await;
            Err(ApiError::too_large(LIMIT))
        }
        Ok(Err(error)) => Err(ApiError::bad_request(format!("the body did not arrive: {error}"))),
        Err(_) => Err(ApiError::bad_request("the body did not arrive in time")),
    }
}

/// Reads some more of a body that is refused: a client that is still sending when the
/// connection closes would lose the answer with it.
async fn drain(mut body: Incoming) {
    let rest = async {
        let mut left = LIMIT;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            let Some(less) = left.checked_sub(size) else { break };
            left = less;
        }
    };
    let _ = tokio::time::timeout(LINGER, rest).await;
}
