//! Nobody grants what they do not hold: who writes a role must hold every rule of it,
//! who writes a binding every rule of the role it refers to; unless they may
//! `escalate`, or `bind`, that very role.

use serde_json::Value;

use super::rbac::{GROUP, Rule, holds, rules_of};
use super::{Attributes, Rbac, User, What};
use crate::store::Store;

/// Why a grant is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The binding refers to a role that is not there: its resource and its name.
    NoSuchRole(&'static str, String),
    /// It grants what who grants it does not hold.
    NotHeld(String),
}

impl Rbac {
    /// Whether a user may write a role or a binding as it is, or why not. Anything
    /// else is nobody's business here.
    ///
    /// # Errors
    /// What they do not hold themselves, or that there is no such role.
    pub fn check_grant(
        &self,
        store: &Store,
        user: &User,
        kind: &str,
        object: &Value,
        before: Option<&Value>,
    ) -> Result<(), Refusal> {
        if user.is_master() {
            return Ok(());
        }
        let is_as_before =
            |fields: &[&str]| before.is_some_and(|before| fields.iter().all(|it| before[it] == object[it]));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let namespace = text(&object["metadata"]["namespace"]);
        let (granted, of_kind, name, verb) = match kind {
            "Role" | "ClusterRole" => {
                if is_as_before(&["rules", "aggregationRule"]) {
                    return Ok(());
                }
                let mut granted = rules_of(object, &[]).to_vec();
                if !object["aggregationRule"].is_null() {
                    // Whatever is gathered later on.
                    granted.extend(Rule::everything());
                }
                (granted, kind, text(&object["metadata"]["name"]), "escalate")
            }
            "RoleBinding" | "ClusterRoleBinding" => {
                if is_as_before(&["roleRef", "subjects"]) {
                    return Ok(());
                }
                let (of_kind, name) = (&object["roleRef"]["kind"], text(&object["roleRef"]["name"]));
                let of_kind = if of_kind == "Role" { "Role" } else { "ClusterRole" };
                let place = if of_kind == "Role" { namespace.as_str() } else { "" };
                let Some(granted) = self.rules_of_role(store, place, &name) else {
                    return Err(Refusal::NoSuchRole(resource_of(of_kind), name));
                };
                (granted, of_kind, name, "bind")
            }
            _ => return Ok(()),
        };
        let what = What::Resource {
            group: GROUP,
            resource: resource_of(of_kind),
            subresource: "",
            namespace: if of_kind == "Role" { &namespace } else { "" },
            name: &name,
        };
        if self.allows(store, user, &Attributes { verb, what }) {
            return Ok(());
        }
        let held = self.held(store, user, &namespace);
        match granted.iter().find(|rule| !rule.is_covered_by(&held)) {
            None => Ok(()),
            Some(rule) => Err(Refusal::NotHeld(format!(
                "user {:?} (groups={:?}) is attempting to grant RBAC permissions not currently held: {}",
                user.name,
                user.groups,
                rule.shown()
            ))),
        }
    }
}

fn resource_of(kind: &str) -> &'static str {
    if kind == "Role" { "roles" } else { "clusterroles" }
}

impl Rule {
    /// The rules that allow everything.
    fn everything() -> [Rule; 2] {
        let all = || vec!["*".to_owned()];
        [
            Rule { verbs: all(), groups: all(), resources: all(), ..Rule::default() },
            Rule { verbs: all(), paths: all(), ..Rule::default() },
        ]
    }

    /// Whether all that this rule allows is allowed by others, taken together.
    fn is_covered_by(&self, held: &[Rule]) -> bool {
        let any = [String::new()];
        let names = if self.names.is_empty() { &any[..] } else { &self.names };
        self.verbs.iter().all(|verb| {
            let of_paths = self.paths.iter().all(|path| {
                held.iter().any(|rule| {
                    holds(&rule.verbs, verb) && rule.paths.iter().any(|pattern| reaches(pattern, path))
                })
            });
            let of_objects = self.groups.iter().all(|group| {
                self.resources.iter().all(|resource| {
                    names.iter().all(|name| held.iter().any(|rule| rule.gives(verb, group, resource, name)))
                })
            });
            of_paths && of_objects
        })
    }

    /// Whether it allows one verb on one resource, each as rules spell them.
    fn gives(&self, verb: &str, group: &str, resource: &str, name: &str) -> bool {
        let has_resource = self.resources.iter().any(|held| {
            held == "*"
                || held == resource
                || held.strip_prefix("*/").is_some_and(|part| {
                    resource.split_once('/').is_some_and(|(_, subresource)| subresource == part)
                })
        });
        holds(&self.verbs, verb)
            && holds(&self.groups, group)
            && has_resource
            && (self.names.is_empty() || (!name.is_empty() && self.names.iter().any(|held| held == name)))
    }
}

/// Whether a pattern of paths reaches all that another one does.
fn reaches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.trim_end_matches('*').starts_with(prefix),
        None => pattern == path,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_is_covered_by_what_others_allow_together() {
        let rules = |value: Value| rules_of(&json!({"rules": value}), &[]).to_vec();
        let held = rules(json!([
            {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "*/scale"]},
            {"verbs": ["*"], "apiGroups": ["apps"], "resources": ["*"]},
            {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]},
            {"verbs": ["get"], "nonResourceURLs": ["/api/*"]},
        ]));
        for (rule, is_covered) in [
            (json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}), true),
            (json!({"verbs": ["get"], "apiGroups": ["", "apps"], "resources": ["pods"]}), true),
            (
                json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["b"]}),
                true,
            ),
            (json!({"verbs": ["delete"], "apiGroups": [""], "resources": ["pods"]}), false),
            (json!({"verbs": ["*"], "apiGroups": [""], "resources": ["pods"]}), false),
            (json!({"verbs": ["*"], "apiGroups": ["apps"], "resources": ["*"]}), true),
            (json!({"verbs": ["get"], "apiGroups": ["*"], "resources": ["pods"]}), false),
            (
                json!({"verbs": ["get"], "apiGroups": [""], "resources": ["replicationcontrollers/scale"]}),
                true,
            ),
            (json!({"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}), false),
            (
                json!({"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]}),
                true,
            ),
            (
                json!({"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a", "b"]}),
                false,
            ),
            (json!({"verbs": ["get"], "nonResourceURLs": ["/api/v1", "/api/*"]}), true),
            (json!({"verbs": ["get"], "nonResourceURLs": ["/*"]}), false),
        ] {
            let rule = rules(json!([rule])).remove(0);
            assert_eq!(rule.is_covered_by(&held), is_covered, "{rule:?}");
        }
    }
}
