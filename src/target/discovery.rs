//! Which kinds a server has, from its aggregated discovery document (KEP-3352):
//! two requests, whatever the number of API groups.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use syncline_manifest::GroupKind;
use syncline_manifest::schema::Scope;

/// The kinds of a server.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    kinds: HashMap<GroupKind, KindOnServer>,
    api_versions: BTreeSet<String>,
}

/// One kind as a server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindOnServer {
    /// Its name in URLs.
    pub plural: String,
    /// Where its objects live.
    pub scope: Scope,
    /// Its versions, the preferred first.
    pub versions: Vec<String>,
    /// Whether it can be listed and watched.
    pub is_watchable: bool,
}

#[derive(Deserialize)]
pub(super) struct GroupDiscoveryList {
    #[serde(default)]
    items: Vec<GroupDiscovery>,
}

#[derive(Deserialize)]
struct GroupDiscovery {
    #[serde(default)]
    metadata: GroupMetadata,
    #[serde(default)]
    versions: Vec<VersionDiscovery>,
}

#[derive(Deserialize, Default)]
struct GroupMetadata {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct VersionDiscovery {
    version: String,
    #[serde(default)]
    resources: Vec<ResourceDiscovery>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceDiscovery {
    resource: String,
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    kind: String,
}

impl Discovery {
    pub(super) fn add(&mut self, list: GroupDiscoveryList) {
        for group in list.items {
            for version in group.versions {
                let api_version = match group.metadata.name.as_str() {
                    "" => version.version.clone(),
                    name => format!("{name}/{}", version.version),
                };
                self.api_versions.insert(api_version.clone());
                for resource in version.resources {
                    let Some(kind) = resource.response_kind else { continue };
                    self.api_versions.insert(format!("{api_version}/{}", kind.kind));
                    let key = GroupKind::new(&group.metadata.name, &kind.kind);
                    let is_watchable =
                        ["list", "watch"].iter().all(|verb| resource.verbs.iter().any(|v| v == verb));
                    let known = self.kinds.entry(key).or_insert_with(|| KindOnServer {
                        plural: resource.resource,
                        scope: if resource.scope == "Cluster" { Scope::Cluster } else { Scope::Namespaced },
                        versions: Vec::new(),
                        is_watchable,
                    });
                    known.versions.push(version.version.clone());
                }
            }
        }
    }

    /// Takes in a discovery document, as a server sends it.
    #[cfg(test)]
    pub fn add_document(&mut self, document: &serde_json::Value) {
        self.add(GroupDiscoveryList::deserialize(document).unwrap());
    }

    /// `apps/v1` and `apps/v1/Deployment`, as charts ask for them.
    pub fn api_versions(&self) -> impl Iterator<Item = &str> {
        self.api_versions.iter().map(String::as_str)
    }

    /// A kind, if the server has it.
    pub fn kind(&self, kind: &GroupKind) -> Option<&KindOnServer> {
        self.kinds.get(kind)
    }
}

impl KindOnServer {
    /// The path of all objects of the kind, or of one object.
    pub(super) fn path(
        &self,
        group: &str,
        version: &str,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> String {
        let mut path =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        if let (Some(namespace), Scope::Namespaced) = (namespace, self.scope) {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        if let Some(name) = name {
            path.push('/');
            // Names of RBAC objects may hold colons, which URLs allow in paths.
            path.push_str(&name.replace(' ', "%20").replace('#', "%23").replace('?', "%3F"));
        }
        path
    }
}
