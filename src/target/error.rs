//! Why a request to a target failed.

use serde::Deserialize;

/// A failed request, by what has to be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The server does not answer.
    #[error("the server does not answer: {0}")]
    Unreachable(String),
    /// The server took too long.
    #[error("the server did not answer within {0} s")]
    TimedOut(u64),
    /// 401: the credentials are wrong or have expired.
    #[error("the server refuses the credentials")]
    Unauthorized,
    /// 403: the credentials are good, but not for this.
    #[error("{0}")]
    Forbidden(String),
    /// 404: the kind, the namespace or the object does not exist.
    #[error("{0}")]
    NotFound(String),
    /// 409: somebody else was faster.
    #[error("{0}")]
    Conflict(String),
    /// 410: the version asked for is no longer kept.
    #[error("the version is no longer kept by the server")]
    Gone,
    /// 400 and 422: the object is wrong; sending it again changes nothing.
    #[error("{message}")]
    Invalid {
        /// What the server says.
        message: String,
    },
    /// 429: too many requests.
    #[error("the server has too much to do")]
    TooManyRequests,
    /// Anything else the server says.
    #[error("the server answers {code}: {message}")]
    Server {
        /// The HTTP status.
        code: u16,
        /// What the server says.
        message: String,
    },
    /// The kind is not served.
    #[error("the server has no kind {0}")]
    NoSuchKind(String),
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
}

impl TargetError {
    /// From a reply that is no success.
    pub(super) fn from_reply(code: u16, body: &[u8]) -> TargetError {
        let message = match serde_json::from_slice::<Status>(body) {
            Ok(status) if !status.message.is_empty() => status.message,
            _ => String::from_utf8_lossy(&body[..body.len().min(300)]).trim().to_owned(),
        };
        match code {
            401 => TargetError::Unauthorized,
            403 => TargetError::Forbidden(message),
            404 => TargetError::NotFound(message),
            409 => TargetError::Conflict(message),
            410 => TargetError::Gone,
            400 | 413 | 415 | 422 => TargetError::Invalid { message },
            429 => TargetError::TooManyRequests,
            // The server reports objects that do not fit their schema as its own fault.
            500 if message.contains("failed to create typed")
                || message.contains("field not declared in schema") =>
            {
                TargetError::Invalid { message }
            }
            code => TargetError::Server { code, message },
        }
    }

    /// Whether the whole target is out of reach, not just this object.
    pub fn is_about_target(&self) -> bool {
        matches!(self, TargetError::Unreachable(_) | TargetError::TimedOut(_) | TargetError::Unauthorized)
    }

    /// Whether sending the same again can only fail the same way, until the
    /// commit, the target's kinds or its permissions change.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self,
            TargetError::Invalid { .. }
                | TargetError::Forbidden(_)
                | TargetError::NoSuchKind(_)
                | TargetError::NotFound(_)
        )
    }

    /// Whether the server says that a field cannot be changed.
    pub fn is_immutable_field(&self) -> bool {
        let TargetError::Invalid { message } = self else { return false };
        [
            "field is immutable",
            "may not change once set",
            "is immutable",
            "updates to statefulset spec for fields other than",
        ]
        .iter()
        .any(|mark| message.contains(mark))
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            TargetError::Unauthorized => Some("renew the token or certificate in the cluster's kubeconfig".into()),
            TargetError::Forbidden(_) => {
                Some("grant the permission to the kubeconfig's user; it is tried again on its own".into())
            }
            TargetError::NoSuchKind(_) => {
                Some("install its CustomResourceDefinition; the object is applied the moment it arrives".into())
            }
            TargetError::Invalid { .. } if self.is_immutable_field() => Some(
                "annotate the object with `syncline.dev/recreate: allowed` to have it deleted and created anew".into(),
            ),
            _ => None,
        }
    }
}

impl From<::kube::Error> for TargetError {
    fn from(error: ::kube::Error) -> TargetError {
        match error {
            ::kube::Error::Api(status) => TargetError::from_reply(
                status.code,
                serde_json::to_string(&serde_json::json!({"message": status.message}))
                    .unwrap_or_default()
                    .as_bytes(),
            ),
            ::kube::Error::Auth(error) => TargetError::Unreachable(format!("cannot authenticate: {error}")),
            other => {
                let mut text = other.to_string();
                let mut cause = std::error::Error::source(&other);
                while let Some(inner) = cause {
                    let message = inner.to_string();
                    if !text.contains(&message) {
                        text = format!("{text}: {message}");
                    }
                    cause = inner.source();
                }
                TargetError::Unreachable(text)
            }
        }
    }
}
