//! What all requests to a server share.

use std::collections::{BTreeMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use futures::future::BoxFuture;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::access::{Rbac, Users};
use crate::custom::DEFINITIONS;
use crate::kinds::{Registry, Resource};
use crate::store::{Key, Store, TableName};

/// What all requests to a server share.
pub(crate) struct Api {
    pub store: Store,
    registry: RwLock<Arc<Registry>>,
    users: Users,
    rbac: Rbac,
    addresses: Mutex<HashSet<Ipv4Addr>>,
    requests: Mutex<BTreeMap<Counted, u64>>,
    definition_changed: DefinitionChanged,
    stop: CancellationToken,
}

/// What follows when a definition of a custom kind was stored, or deleted if there is
/// none, before whoever did it is answered.
pub(crate) type DefinitionChanged = for<'a> fn(&'a Arc<Api>, &'a Key, Option<&'a Value>) -> BoxFuture<'a, ()>;

/// What requests are counted by: verb, group, kind, code.
type Counted = (&'static str, String, String, u16);

impl Api {
    pub fn new(
        store: Store,
        registry: Registry,
        users: Users,
        definition_changed: DefinitionChanged,
        stop: CancellationToken,
    ) -> Api {
        Api {
            store,
            registry: RwLock::new(Arc::new(registry)),
            users,
            rbac: Rbac::default(),
            addresses: Mutex::default(),
            requests: Mutex::default(),
            definition_changed,
            stop,
        }
    }

    /// The kinds that are served now.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes which kinds are served.
    pub fn change_registry(&self, change: impl FnOnce(&mut Registry)) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut registry));
    }

    pub fn users(&self) -> &Users {
        &self.users
    }

    pub fn rbac(&self) -> &Rbac {
        &self.rbac
    }

    /// The addresses that services have.
    pub fn addresses(&self) -> MutexGuard<'_, HashSet<Ipv4Addr>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table of namespaces.
    pub fn namespaces(&self) -> TableName {
        "namespaces".into()
    }

    /// Ends when the server stops.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// An object was stored, or deleted if there is none: what must follow before
    /// whoever did it is answered.
    pub async fn changed(self: &Arc<Self>, resource: &Arc<Resource>, key: &Key, object: Option<&Value>) {
        if &*resource.table == DEFINITIONS {
            (self.definition_changed)(self, key, object).await;
        }
    }

    /// Counts a request.
    pub fn count(&self, verb: &'static str, group: &str, plural: &str, code: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((verb, group.to_owned(), plural.to_owned(), code)).or_default() += 1;
    }

    /// The counts in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::from("# TYPE apiserver_request_total counter\n");
        for ((verb, group, plural, code), count) in &*requests {
            out.push_str(&format!(
                "apiserver_request_total{{code=\"{code}\",group=\"{group}\",resource=\"{plural}\",verb=\"{verb}\"}} {count}\n"
            ));
        }
        out.push_str("# TYPE apiserver_storage_objects gauge\n");
        for table in self.store.tables() {
            let count = self.store.count(&table);
            out.push_str(&format!("apiserver_storage_objects{{resource=\"{table}\"}} {count}\n"));
        }
        out
    }
}
