//! Errors as the API tells them: `Status` objects with the reason and code of the
//! real server.

use http::StatusCode;
use serde_json::{Value, json};

/// A request that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// The HTTP status.
    pub code: StatusCode,
    /// The reason, for machines.
    pub reason: &'static str,
    /// The message, for people.
    pub message: String,
    /// What it is about.
    pub details: Option<Value>,
    /// With which token a list can go on.
    pub goes_on: Option<String>,
}

impl ApiError {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { code, reason, message: message.into(), details: None, goes_on: None }
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// Nobody knows who asks.
    pub fn unauthorized() -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// Who asks may not do this.
    pub fn forbidden(resource: &str, name: &str, why: &str) -> ApiError {
        let name_part = if name.is_empty() { String::new() } else { format!(" {name:?}") };
        ApiError {
            details: Some(details(resource, name)),
            ..ApiError::new(
                StatusCode::FORBIDDEN,
                "Forbidden",
                format!("{resource}{name_part} is forbidden: {why}"),
            )
        }
    }

    /// There is no such object.
    pub fn not_found(resource: &str, name: &str) -> ApiError {
        ApiError {
            details: Some(details(resource, name)),
            ..ApiError::new(StatusCode::NOT_FOUND, "NotFound", format!("{resource} {name:?} not found"))
        }
    }

    /// There is no such path.
    pub fn no_such_path() -> ApiError {
        ApiError {
            details: Some(json!({})),
            ..ApiError::new(
                StatusCode::NOT_FOUND,
                "NotFound",
                "the server could not find the requested resource",
            )
        }
    }

    /// The verb is not for this path.
    pub fn method_not_allowed() -> ApiError {
        ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    /// An object of the name exists.
    pub fn already_exists(resource: &str, name: &str) -> ApiError {
        ApiError {
            details: Some(details(resource, name)),
            ..ApiError::new(
                StatusCode::CONFLICT,
                "AlreadyExists",
                format!("{resource} {name:?} already exists"),
            )
        }
    }

    /// Somebody else was faster.
    pub fn conflict(resource: &str, name: &str, why: &str) -> ApiError {
        ApiError {
            details: Some(details(resource, name)),
            ..ApiError::new(
                StatusCode::CONFLICT,
                "Conflict",
                format!("Operation cannot be fulfilled on {resource} {name:?}: {why}"),
            )
        }
    }

    /// An apply would change what others own.
    pub fn apply_conflict(conflicts: &syncline_manifest::structured::managed::Conflicts) -> ApiError {
        let causes: Vec<Value> = conflicts
            .0
            .iter()
            .map(|conflict| {
                json!({
                    "reason": "FieldManagerConflict",
                    "message": format!("conflict with {}", conflict.manager),
                    "field": syncline_manifest::structured::spelled(&conflict.path),
                })
            })
            .collect();
        ApiError {
            details: Some(json!({"causes": causes})),
            ..ApiError::new(StatusCode::CONFLICT, "Conflict", conflicts.to_string())
        }
    }

    /// The object breaks the rules of its kind.
    pub fn invalid(group: &str, kind: &str, name: &str, problems: &[Problem]) -> ApiError {
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let causes: Vec<Value> = problems
            .iter()
            .map(|problem| json!({"reason": problem.reason, "message": problem.message, "field": problem.field}))
            .collect();
        let spelled: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect();
        let text = match spelled.as_slice() {
            [only] => only.clone(),
            all => format!("[{}]", all.join(", ")),
        };
        let mut about = json!({"name": name, "group": group, "kind": kind, "causes": causes});
        if let Some(about) = about.as_object_mut() {
            about.retain(|_, value| *value != "");
        }
        ApiError {
            details: Some(about),
            ..ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Invalid",
                format!("{qualified} {name:?} is invalid: {text}"),
            )
        }
    }

    /// The options of a request are invalid.
    pub fn bad_options(kind: &str, field: &str, value: &str, why: &str) -> ApiError {
        let problem = if value.is_empty() {
            Problem::required(field, why)
        } else {
            Problem::invalid(field, &Value::from(value), why)
        };
        ApiError::invalid("meta.k8s.io", kind, "", &[problem])
    }

    /// The server is asked for more than it has yet.
    pub fn too_large_version(asked: u64, now: u64) -> ApiError {
        ApiError {
            details: Some(json!({
                "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                "retryAfterSeconds": 1,
            })),
            ..ApiError::new(
                StatusCode::GATEWAY_TIMEOUT,
                "Timeout",
                format!("Too large resource version: {asked}, current: {now}"),
            )
        }
    }

    /// What was asked for cannot be had in the formats that are accepted.
    pub fn not_acceptable() -> ApiError {
        ApiError::new(
            StatusCode::NOT_ACCEPTABLE,
            "NotAcceptable",
            "only the following media types are accepted: application/json, application/yaml",
        )
    }

    /// The server cannot do this now.
    pub fn unavailable(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// The namespace takes nothing new.
    pub fn namespace_terminating(resource: &str, name: &str, namespace: &str) -> ApiError {
        let why =
            format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut error = ApiError::forbidden(resource, name, &why);
        if let Some(details) = &mut error.details {
            details["causes"] = json!([{
                "reason": "NamespaceTerminating",
                "message": format!("namespace {namespace} is being terminated"),
                "field": "metadata.namespace",
            }]);
        }
        error
    }

    /// The history asked for is not kept any more.
    pub fn expired(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::GONE, "Expired", message)
    }

    /// The body is in a format that is not understood.
    pub fn unsupported_media_type(supported: &str) -> ApiError {
        ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: {supported}"
            ),
        )
    }

    /// An operation of a JSON patch cannot be carried out.
    pub fn failed_operation(why: impl std::fmt::Display) -> ApiError {
        ApiError {
            details: Some(json!({})),
            ..ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Invalid",
                format!("the server rejected our request due to an error in our request: {why}"),
            )
        }
    }

    /// What a patch makes of an object is no object of the kind.
    pub fn invalid_patch(patch: &Value, why: &str) -> ApiError {
        ApiError::invalid("", "", "", &[Problem::invalid("patch", &patch.to_string().into(), why)])
    }

    /// The body is too large.
    pub fn too_large(limit: usize) -> ApiError {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            format!("Request entity too large: limit is {limit}"),
        )
    }

    /// Something is wrong here.
    pub fn internal(message: impl Into<String>) -> ApiError {
        let message: String = message.into();
        ApiError {
            details: Some(json!({"causes": [{"message": message}]})),
            ..ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                format!("Internal error occurred: {message}"),
            )
        }
    }

    /// The same about a path that is no object's.
    pub(crate) fn about_path(mut self, path: &str, user: &crate::access::User, verb: &str) -> ApiError {
        self.message = format!("forbidden: User {:?} cannot {verb} path {path:?}", user.name);
        self.details = Some(json!({}));
        self
    }

    /// The same with the token with which a list can go on.
    #[must_use]
    pub fn with_continue(mut self, token: String) -> ApiError {
        self.goes_on = Some(token);
        self
    }

    /// Something failed that has no reason of its own.
    pub fn failure(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
    }

    /// The Status object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code.as_u16(),
        });
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        if let Some(token) = &self.goes_on {
            status["metadata"]["continue"] = token.as_str().into();
        }
        if self.reason.is_empty()
            && let Some(status) = status.as_object_mut()
        {
            status.remove("reason");
        }
        status
    }
}

/// `deployments.apps` is the kind `deployments` of the group `apps`.
fn details(resource: &str, name: &str) -> Value {
    let (kind, group) = resource.split_once('.').unwrap_or((resource, ""));
    let mut details = json!({"name": name, "group": group, "kind": kind});
    if let Some(details) = details.as_object_mut() {
        details.retain(|_, value| *value != "");
    }
    details
}

/// One rule that an object breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field, as `spec.containers[0].name`.
    pub field: String,
    /// The reason, for machines.
    pub reason: &'static str,
    /// The message, for people.
    pub message: String,
}

impl Problem {
    /// A field must be given.
    pub fn required(field: impl Into<String>, why: &str) -> Problem {
        let message = if why.is_empty() { "Required value".into() } else { format!("Required value: {why}") };
        Problem { field: field.into(), reason: "FieldValueRequired", message }
    }

    /// A field is not to be given.
    pub fn forbidden(field: impl Into<String>, why: &str) -> Problem {
        Problem { field: field.into(), reason: "FieldValueForbidden", message: format!("Forbidden: {why}") }
    }

    /// A field has none of the values that it can have.
    pub fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Problem {
        let supported: Vec<String> = supported.iter().map(|value| format!("{value:?}")).collect();
        Problem {
            field: field.into(),
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {value}: supported values: {}", supported.join(", ")),
        }
    }

    /// A list holds an item twice.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Problem {
        Problem {
            field: field.into(),
            reason: "FieldValueDuplicate",
            message: format!("Duplicate value: {value}"),
        }
    }

    /// A field has a value of another type.
    pub fn wrong_type(field: impl Into<String>, value: &Value, why: &str) -> Problem {
        Problem {
            field: field.into(),
            reason: "FieldValueTypeInvalid",
            message: format!("Invalid value: {value}: {why}"),
        }
    }

    /// A field has a value that it cannot have.
    pub fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Problem {
        Problem {
            field: field.into(),
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {value}: {why}"),
        }
    }
}
