//! Role-based access control: who may do what, by the roles and bindings that are
//! stored (`rbac.authorization.k8s.io`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::User;
use crate::store::{Key, Store};

pub(super) const GROUP: &str = "rbac.authorization.k8s.io";
const TABLES: [&str; 4] = [
    "rbac.authorization.k8s.io/clusterroles",
    "rbac.authorization.k8s.io/clusterrolebindings",
    "rbac.authorization.k8s.io/roles",
    "rbac.authorization.k8s.io/rolebindings",
];

/// What somebody wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    /// The verb, as rules name it.
    pub verb: &'a str,
    /// Objects of a kind, or a path of another kind.
    pub what: What<'a>,
}

/// What it is done to.
#[derive(Debug, Clone, Copy)]
pub enum What<'a> {
    /// Objects.
    Resource {
        /// Their group.
        group: &'a str,
        /// Their kind in the plural.
        resource: &'a str,
        /// The subresource, if any.
        subresource: &'a str,
        /// The namespace; empty for all.
        namespace: &'a str,
        /// The name; empty for all.
        name: &'a str,
    },
    /// A path that is no object's.
    Path(&'a str),
}

impl std::fmt::Display for Attributes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.what {
            What::Path(path) => write!(f, "cannot {} path {path:?}", self.verb),
            What::Resource { group, resource, subresource, namespace, .. } => {
                let slash = if subresource.is_empty() { "" } else { "/" };
                write!(
                    f,
                    "cannot {} resource \"{resource}{slash}{subresource}\" in API group {group:?}",
                    self.verb
                )?;
                if namespace.is_empty() {
                    f.write_str(" at the cluster scope")
                } else {
                    write!(f, " in the namespace {namespace:?}")
                }
            }
        }
    }
}

/// One rule of a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    pub(super) verbs: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) paths: Vec<String>,
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether a list of a rule holds a word, itself perhaps `*`.
pub(super) fn holds(list: &[String], value: &str) -> bool {
    list.iter().any(|entry| entry == "*" || entry == value)
}

impl Rule {
    fn read(rule: &Value) -> Rule {
        Rule {
            verbs: texts(&rule["verbs"]),
            groups: texts(&rule["apiGroups"]),
            resources: texts(&rule["resources"]),
            names: texts(&rule["resourceNames"]),
            paths: texts(&rule["nonResourceURLs"]),
        }
    }

    fn allows(&self, attributes: &Attributes<'_>) -> bool {
        if !holds(&self.verbs, attributes.verb) {
            return false;
        }
        match attributes.what {
            What::Path(path) => self.paths.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => pattern == path,
            }),
            What::Resource { group, resource, subresource, name, .. } => {
                let is_named = if subresource.is_empty() {
                    holds(&self.resources, resource)
                } else {
                    self.resources.iter().any(|entry| {
                        entry == "*"
                            || entry.strip_prefix("*/") == Some(subresource)
                            || entry.split_once('/') == Some((resource, subresource))
                    })
                };
                is_named
                    && holds(&self.groups, group)
                    && (self.names.is_empty()
                        || (!name.is_empty() && self.names.iter().any(|entry| entry == name)))
            }
        }
    }

    pub(super) fn shown(&self) -> Value {
        let mut out = json!({"verbs": self.verbs});
        for (field, list) in [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
            ("nonResourceURLs", &self.paths),
        ] {
            if !list.is_empty() {
                out[field] = json!(list);
            }
        }
        out
    }
}

struct Binding {
    /// Where it holds; empty for everywhere.
    namespace: Box<str>,
    subjects: Vec<Subject>,
    rules: Arc<[Rule]>,
}

enum Subject {
    User(String),
    Group(String),
}

impl Subject {
    fn read(subject: &Value, namespace: &str) -> Option<Subject> {
        let name = subject["name"].as_str()?.to_owned();
        match subject["kind"].as_str()? {
            "User" => Some(Subject::User(name)),
            "Group" => Some(Subject::Group(name)),
            "ServiceAccount" => {
                let namespace = subject["namespace"].as_str().unwrap_or(namespace);
                Some(Subject::User(format!("system:serviceaccount:{namespace}:{name}")))
            }
            _ => None,
        }
    }

    fn is(&self, user: &User) -> bool {
        match self {
            Subject::User(name) => user.name == *name,
            Subject::Group(group) => user.groups.contains(group),
        }
    }
}

#[derive(Default)]
struct Index {
    revision: u64,
    roles: HashMap<Key, Arc<[Rule]>>,
    bindings: Vec<Binding>,
}

/// Answers who may do what; reads the roles again only when they change.
#[derive(Default)]
pub struct Rbac {
    index: Mutex<Arc<Index>>,
}

impl Rbac {
    fn index(&self, store: &Store) -> Arc<Index> {
        let revision = TABLES.iter().map(|table| store.table_revision(table)).max().unwrap_or(0);
        let current = Arc::clone(&self.index.lock().unwrap_or_else(PoisonError::into_inner));
        if current.revision == revision && revision > 0 {
            return current;
        }
        let fresh = Arc::new(build(store, revision));
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        fresh
    }

    /// Whether a user may do something.
    pub fn allows(&self, store: &Store, user: &User, attributes: &Attributes<'_>) -> bool {
        if user.is_master() {
            return true;
        }
        let namespace = match attributes.what {
            What::Resource { namespace, .. } => namespace,
            What::Path(_) => "",
        };
        self.index(store).bindings.iter().any(|binding| {
            (binding.namespace.is_empty() || (*binding.namespace == *namespace && !namespace.is_empty()))
                && binding.subjects.iter().any(|subject| subject.is(user))
                && binding.rules.iter().any(|rule| rule.allows(attributes))
        })
    }

    /// All rules that hold for a user in a namespace, as `SelfSubjectRulesReview`
    /// tells them.
    pub fn rules(&self, store: &Store, user: &User, namespace: &str) -> Vec<Value> {
        self.held(store, user, namespace).iter().map(Rule::shown).collect()
    }

    /// All rules that hold for a user in a namespace, or everywhere.
    pub(super) fn held(&self, store: &Store, user: &User, namespace: &str) -> Vec<Rule> {
        let index = self.index(store);
        let bindings = index.bindings.iter().filter(|binding| {
            (binding.namespace.is_empty() || *binding.namespace == *namespace)
                && binding.subjects.iter().any(|subject| subject.is(user))
        });
        bindings.flat_map(|binding| binding.rules.iter().cloned()).collect()
    }

    /// The rules of a role of a namespace, or of a role of the cluster.
    pub(super) fn rules_of_role(&self, store: &Store, namespace: &str, name: &str) -> Option<Vec<Rule>> {
        Some(self.index(store).roles.get(&Key::new(namespace, name))?.to_vec())
    }
}

fn build(store: &Store, revision: u64) -> Index {
    let all = |table: &str| store.list_now(table, None, None, |_, _| true, usize::MAX).records;
    let mut roles: HashMap<Key, Arc<[Rule]>> = HashMap::new();
    let cluster_roles: Vec<Value> = all(TABLES[0]).iter().map(|(_, record)| record.value()).collect();
    for role in &cluster_roles {
        let name = role["metadata"]["name"].as_str().unwrap_or_default();
        roles.insert(Key::new("", name), rules_of(role, &cluster_roles));
    }
    for (key, record) in all(TABLES[2]) {
        roles.insert(key, rules_of(&record.value(), &[]));
    }
    let mut bindings = Vec::new();
    for table in [TABLES[1], TABLES[3]] {
        for (Key { namespace, .. }, record) in all(table) {
            let binding = record.value();
            let role = &binding["roleRef"];
            let name = role["name"].as_str().unwrap_or_default();
            let of_role = if role["kind"] == "Role" { &*namespace } else { "" };
            if role["apiGroup"] != GROUP {
                continue;
            }
            let Some(rules) = roles.get(&Key::new(of_role, name)) else { continue };
            let subjects = binding["subjects"].as_array().into_iter().flatten();
            bindings.push(Binding {
                subjects: subjects.filter_map(|subject| Subject::read(subject, &namespace)).collect(),
                namespace,
                rules: Arc::clone(rules),
            });
        }
    }
    Index { revision, roles, bindings }
}

/// The rules of a role, with those of the roles that it gathers.
pub(super) fn rules_of(role: &Value, all: &[Value]) -> Arc<[Rule]> {
    let own =
        |role: &Value| role["rules"].as_array().into_iter().flatten().map(Rule::read).collect::<Vec<_>>();
    let mut rules = own(role);
    for selector in role["aggregationRule"]["clusterRoleSelectors"].as_array().into_iter().flatten() {
        let labels = selector["matchLabels"].as_object();
        let gathered = all.iter().filter(|other| {
            labels.is_some_and(|labels| {
                !labels.is_empty()
                    && labels.iter().all(|(label, value)| other["metadata"]["labels"][label] == *value)
            })
        });
        rules.extend(gathered.flat_map(own));
    }
    rules.into()
}

/// The roles and bindings that every server begins with.
pub(crate) fn initial() -> Vec<Value> {
    let role = |name: &str, rules: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}, "rules": rules,
        })
    };
    let binding = |name: &str, role: &str, groups: &[&str]| {
        let subjects: Vec<Value> =
            groups.iter().map(|group| json!({"kind": "Group", "name": group, "apiGroup": GROUP})).collect();
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role}, "subjects": subjects,
        })
    };
    let reading = ["get", "list", "watch"];
    let writing = ["create", "delete", "deletecollection", "patch", "update", "get", "list", "watch"];
    let kinds = |secrets: bool| {
        let mut core = vec![
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "persistentvolumeclaims",
            "pods",
            "pods/log",
            "pods/status",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "resourcequotas",
            "serviceaccounts",
            "services",
        ];
        if secrets {
            core.push("secrets");
        }
        [
            (json!([""]), json!(core)),
            (
                json!(["apps"]),
                json!([
                    "daemonsets",
                    "deployments",
                    "deployments/scale",
                    "replicasets",
                    "replicasets/scale",
                    "statefulsets",
                    "statefulsets/scale",
                    "controllerrevisions"
                ]),
            ),
            (json!(["autoscaling"]), json!(["horizontalpodautoscalers"])),
            (json!(["batch"]), json!(["cronjobs", "jobs"])),
            (json!(["networking.k8s.io"]), json!(["ingresses", "networkpolicies"])),
            (json!(["policy"]), json!(["poddisruptionbudgets"])),
            (json!(["discovery.k8s.io"]), json!(["endpointslices"])),
        ]
    };
    let rules = |verbs: &[&str], secrets: bool| -> Vec<Value> {
        kinds(secrets)
            .into_iter()
            .map(|(groups, resources)| json!({"apiGroups": groups, "resources": resources, "verbs": verbs}))
            .collect()
    };
    let mut view = rules(&reading, false);
    view.push(json!({"apiGroups": [""], "resources": ["namespaces"], "verbs": reading}));
    let mut edit = rules(&writing, true);
    edit.push(json!({"apiGroups": [""], "resources": ["namespaces"], "verbs": reading}));
    let mut admin = edit.clone();
    admin.push(json!({"apiGroups": [GROUP], "resources": ["roles", "rolebindings"], "verbs": writing}));
    vec![
        role(
            "cluster-admin",
            json!([
                {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]},
            ]),
        ),
        role("admin", json!(admin)),
        role("edit", json!(edit)),
        role("view", json!(view)),
        role(
            "system:discovery",
            json!([{
                "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"],
                "verbs": ["get"],
            }]),
        ),
        role(
            "system:public-info-viewer",
            json!([{
                "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"], "verbs": ["get"],
            }]),
        ),
        role(
            "system:basic-user",
            json!([
                {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], "verbs": ["create"]},
                {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
            ]),
        ),
        binding("cluster-admin", "cluster-admin", &["system:masters"]),
        binding("system:discovery", "system:discovery", &["system:authenticated"]),
        binding("system:basic-user", "system:basic-user", &["system:authenticated"]),
        binding(
            "system:public-info-viewer",
            "system:public-info-viewer",
            &["system:authenticated", "system:unauthenticated"],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_allow_what_they_name_and_nothing_else() {
        let rule = Rule::read(
            &json!({"apiGroups": ["apps"], "resources": ["deployments", "*/scale"], "verbs": ["get"], "resourceNames": ["a"]}),
        );
        let allows = |verb: &str, group: &str, resource: &str, subresource: &str, name: &str| {
            rule.allows(&Attributes {
                verb,
                what: What::Resource { group, resource, subresource, namespace: "n", name },
            })
        };
        assert!(allows("get", "apps", "deployments", "", "a"));
        assert!(allows("get", "apps", "statefulsets", "scale", "a"));
        assert!(!allows("get", "apps", "deployments", "status", "a"));
        assert!(!allows("get", "apps", "deployments", "", "b"));
        assert!(!allows("get", "apps", "deployments", "", ""), "a list names nothing");
        assert!(!allows("list", "apps", "deployments", "", "a"));
        assert!(!allows("get", "", "deployments", "", "a"));
        let paths = Rule::read(&json!({"nonResourceURLs": ["/version", "/api/*"], "verbs": ["get"]}));
        let path = |path| paths.allows(&Attributes { verb: "get", what: What::Path(path) });
        assert!(path("/version") && path("/api/v1") && !path("/metrics"));
    }
}
