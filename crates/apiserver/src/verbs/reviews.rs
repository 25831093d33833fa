//! Kinds that are only asked, never stored: who am I, may I.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::Payload;
use crate::access::{Attributes, User, What};
use crate::api::Api;
use crate::error::ApiError;
use crate::response::Reply;

/// Group, version, kind, plural, and whether it is asked in a namespace.
pub(crate) const REVIEWS: &[(&str, &str, &str, &str, bool)] = &[
    ("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", false),
    ("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", false),
    ("authorization.k8s.io", "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", true),
    ("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", false),
    ("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", false),
    ("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", false),
];

/// Answers a review.
pub(crate) fn review(api: &Arc<Api>, user: &User, kind: &str, payload: &Payload) -> Result<Reply, ApiError> {
    let mut review = payload.decode()?.value;
    if !review.is_object() {
        return Err(ApiError::bad_request("the body is no object"));
    }
    if review.get("kind").is_some_and(|found| found != kind) {
        return Err(ApiError::bad_request(format!("{} cannot be handled as a {kind}", review["kind"])));
    }
    if !review["metadata"].is_object() {
        review["metadata"] = json!({});
    }
    let spec = review["spec"].clone();
    review["status"] = match kind {
        "SelfSubjectReview" => json!({"userInfo": {"username": user.name, "groups": user.groups}}),
        "TokenReview" => match api.users().by_token(spec["token"].as_str().unwrap_or_default()) {
            Some(user) => json!({
                "authenticated": true,
                "user": {"username": user.name, "groups": user.groups},
                "audiences": spec["audiences"],
            }),
            None => json!({"user": {}, "error": "the token is not known"}),
        },
        "SelfSubjectRulesReview" => {
            let namespace = spec["namespace"].as_str().unwrap_or_default();
            let rules = api.rbac().rules(&api.store, user, namespace);
            let (objects, paths): (Vec<Value>, Vec<Value>) =
                rules.into_iter().partition(|rule| rule.get("nonResourceURLs").is_none());
            json!({"resourceRules": objects, "nonResourceRules": paths, "incomplete": false})
        }
        "SelfSubjectAccessReview" => access(api, user, &spec)?,
        _ => {
            let groups = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let name = spec["user"].as_str().unwrap_or_default();
            let asked = User { name: name.to_owned(), groups: groups.map(str::to_owned).collect() };
            access(api, &asked, &spec)?
        }
    };
    Ok(Reply::value(StatusCode::CREATED, &review))
}

fn access(api: &Arc<Api>, user: &User, spec: &Value) -> Result<Value, ApiError> {
    let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
    let is_allowed = match (&spec["resourceAttributes"], &spec["nonResourceAttributes"]) {
        (Value::Object(attributes), Value::Null) => {
            let of = |field: &str| attributes.get(field).map(text).unwrap_or_default();
            let (verb, group, resource, subresource, namespace, name) =
                (of("verb"), of("group"), of("resource"), of("subresource"), of("namespace"), of("name"));
            let what = What::Resource {
                group: &group,
                resource: &resource,
                subresource: &subresource,
                namespace: &namespace,
                name: &name,
            };
            api.rbac().allows(&api.store, user, &Attributes { verb: &verb, what })
        }
        (Value::Null, Value::Object(attributes)) => {
            let of = |field: &str| attributes.get(field).map(text).unwrap_or_default();
            let (verb, path) = (of("verb"), of("path"));
            api.rbac().allows(&api.store, user, &Attributes { verb: &verb, what: What::Path(&path) })
        }
        _ => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            return Err(ApiError::bad_options("SelfSubjectAccessReview", "spec.resourceAttributes", "", why));
        }
    };
    Ok(json!({"allowed": is_allowed}))
}
