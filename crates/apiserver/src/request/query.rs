//! The options that stand in the query of a request.

use std::str::FromStr;

use super::{FieldSelector, LabelSelector};
use crate::error::{ApiError, Problem};
use crate::kinds::FieldValidation;

/// How a resource version of a read is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// As the verb has it.
    Unset,
    /// That revision or a newer one.
    NotOlderThan,
    /// Exactly that revision.
    Exact,
}

/// What becomes of what an object owns when that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// It is deleted afterwards.
    Background,
    /// It is deleted before.
    Foreground,
    /// It stays.
    Orphan,
}

impl FromStr for Propagation {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Propagation, ApiError> {
        match text {
            "Background" => Ok(Propagation::Background),
            "Foreground" => Ok(Propagation::Foreground),
            "Orphan" => Ok(Propagation::Orphan),
            other => Err(ApiError::bad_options(
                "DeleteOptions",
                "propagationPolicy",
                other,
                "supported values: \"Background\", \"Foreground\", \"Orphan\"",
            )),
        }
    }
}

/// The options of a request.
#[derive(Debug, Default, Clone)]
pub struct Query {
    /// Watch instead of list.
    pub watch: bool,
    /// Which labels.
    pub labels: LabelSelector,
    /// Which fields.
    pub fields: FieldSelector,
    /// From which revision; empty where none is named.
    pub resource_version: String,
    /// How that is meant.
    pub version_match: MatchOption,
    /// At most so many.
    pub limit: usize,
    /// Where a list goes on.
    pub continue_token: String,
    /// How long at most, in seconds.
    pub timeout_seconds: Option<u64>,
    /// Whether a watch gets bookmarks.
    pub bookmarks: bool,
    /// Whether a watch begins with what is there.
    pub initial_events: Option<bool>,
    /// Nothing is stored.
    pub dry_run: bool,
    /// Who writes.
    pub field_manager: Option<String>,
    /// What becomes of unknown fields.
    pub field_validation: Option<FieldValidation>,
    /// Apply in spite of conflicts.
    pub force: Option<bool>,
    /// What becomes of what is owned.
    pub propagation: Option<Propagation>,
    /// The grace period of a deletion, in seconds.
    pub grace_period: Option<i64>,
    /// Whether the output is for eyes.
    pub pretty: bool,
}

/// [`Match`], unset by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchOption(pub Match);

impl Default for MatchOption {
    fn default() -> MatchOption {
        MatchOption(Match::Unset)
    }
}

impl Query {
    /// Reads a query string.
    ///
    /// # Errors
    /// The option that makes no sense.
    pub fn parse(text: &str) -> Result<Query, ApiError> {
        let mut query = Query::default();
        if text.is_empty() {
            return Ok(query);
        }
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "watch" => query.watch = flag(&value),
                "labelSelector" => query.labels = value.parse()?,
                "fieldSelector" => query.fields = value.parse()?,
                "resourceVersion" => query.resource_version = value.into_owned(),
                "resourceVersionMatch" => {
                    query.version_match = MatchOption(match &*value {
                        "" => Match::Unset,
                        "NotOlderThan" => Match::NotOlderThan,
                        "Exact" => Match::Exact,
                        other => {
                            return Err(ApiError::bad_options(
                                "ListOptions",
                                "resourceVersionMatch",
                                other,
                                "supported values: \"Exact\", \"NotOlderThan\", \"\"",
                            ));
                        }
                    });
                }
                "limit" => query.limit = number(&name, &value)?,
                "continue" => query.continue_token = value.into_owned(),
                "timeoutSeconds" => query.timeout_seconds = Some(number(&name, &value)?),
                "allowWatchBookmarks" => query.bookmarks = flag(&value),
                "sendInitialEvents" => query.initial_events = Some(flag(&value)),
                "dryRun" => {
                    query.dry_run = match &*value {
                        "All" => true,
                        "" => false,
                        other => {
                            return Err(ApiError::bad_options(
                                "CreateOptions",
                                "dryRun",
                                other,
                                "supported values: \"All\"",
                            ));
                        }
                    }
                }
                "fieldManager" => query.field_manager = Some(manager(value.into_owned())?),
                "fieldValidation" => {
                    query.field_validation = match &*value {
                        "" => None,
                        "Strict" => Some(FieldValidation::Strict),
                        "Warn" => Some(FieldValidation::Warn),
                        "Ignore" => Some(FieldValidation::Ignore),
                        other => {
                            return Err(ApiError::bad_options(
                                "CreateOptions",
                                "fieldValidation",
                                other,
                                "supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
                            ));
                        }
                    };
                }
                "force" => query.force = Some(flag(&value)),
                "propagationPolicy" => query.propagation = Some(value.parse()?),
                "orphanDependents" => {
                    query.propagation =
                        Some(if flag(&value) { Propagation::Orphan } else { Propagation::Background });
                }
                "gracePeriodSeconds" => query.grace_period = Some(number(&name, &value)?),
                "pretty" => query.pretty = flag(&value),
                _ => {}
            }
        }
        Ok(query)
    }
}

impl Query {
    /// Whether the options of a list or a watch go together.
    ///
    /// # Errors
    /// The first one that does not.
    pub fn check_listing(&self) -> Result<(), ApiError> {
        let forbidden = |field: &str, why: &str| {
            Err(ApiError::invalid("meta.k8s.io", "ListOptions", "", &[Problem::forbidden(field, why)]))
        };
        let matched = self.version_match.0;
        if self.watch {
            return match (self.initial_events, matched) {
                (Some(true), Match::NotOlderThan) if !self.bookmarks => {
                    forbidden("allowWatchBookmarks", "sendInitialEvents requires allowWatchBookmarks")
                }
                (Some(_), Match::NotOlderThan) | (None, Match::Unset) => Ok(()),
                (Some(_), _) => forbidden(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                ),
                (None, _) => forbidden(
                    "resourceVersionMatch",
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                ),
            };
        }
        if self.initial_events.is_some() {
            return forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
        }
        if !self.continue_token.is_empty() {
            if matched != Match::Unset {
                let why = "resourceVersionMatch is forbidden when continue is provided";
                return forbidden("resourceVersionMatch", why);
            }
            if !matches!(self.resource_version.as_str(), "" | "0") {
                let why = "specifying resource version is not allowed when using continue";
                return Err(ApiError::bad_request(why));
            }
        }
        match (matched, self.resource_version.as_str()) {
            (Match::Exact | Match::NotOlderThan, "") => forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            ),
            (Match::Exact, "0") => forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            ),
            _ => Ok(()),
        }
    }
}

fn flag(value: &str) -> bool {
    // A flag that is there without a value is set.
    !matches!(value, "false" | "0")
}

fn number<N: FromStr>(name: &str, value: &str) -> Result<N, ApiError> {
    value.parse().map_err(|_| {
        ApiError::bad_request(format!("strconv.ParseInt: parsing {value:?}: invalid syntax (option {name})"))
    })
}

/// Field managers are short printable texts.
fn manager(name: String) -> Result<String, ApiError> {
    if name.len() > 128 {
        return Err(ApiError::bad_options(
            "PatchOptions",
            "fieldManager",
            &name,
            "may not be more than 128 bytes",
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(ApiError::bad_options(
            "PatchOptions",
            "fieldManager",
            &name,
            "should only contain printable characters",
        ));
    }
    Ok(name)
}
