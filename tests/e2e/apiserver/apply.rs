//! Random sequences of writes leave the same objects on both servers.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
use syncline_testutils::{Client, User, real};

use super::{both, comparable, embedded, runtime};

/// One write of a random sequence: who, how, into what, what.
#[derive(Debug, Clone)]
struct Step {
    manager: &'static str,
    language: &'static str,
    subresource: &'static str,
    force: bool,
    object: Value,
}

fn containers() -> impl Strategy<Value = Value> {
    let port = (80..82_i64, prop::sample::select(vec!["TCP", "UDP"]))
        .prop_map(|(number, protocol)| json!({"containerPort": number, "protocol": protocol}));
    let container = (
        prop::sample::select(vec!["a", "b"]),
        1..3_i64,
        prop::option::of(prop::collection::btree_map(80..83_i64, port, 0..3)),
        prop::option::of(prop::collection::btree_map("[X-Z]", "[0-9]", 0..3)),
        prop::option::of(prop::collection::vec("[a-c]", 0..3)),
    );
    let container = container.prop_map(|(name, image, ports, env, args)| {
        let mut out = json!({"name": name, "image": format!("i:{image}")});
        if let Some(ports) = ports {
            let mut seen = std::collections::BTreeMap::new();
            for port in ports.into_values() {
                seen.insert(port.to_string(), port);
            }
            out["ports"] = seen.into_values().collect::<Vec<_>>().into();
        }
        if let Some(env) = env {
            out["env"] = env
                .into_iter()
                .map(|(name, value)| json!({"name": name, "value": value}))
                .collect::<Vec<_>>()
                .into();
        }
        if let Some(args) = args {
            out["args"] = json!(args);
        }
        out
    });
    prop::collection::vec(container, 1..3).prop_map(|mut all| {
        all.sort_by_key(|container| container["name"].to_string());
        all.dedup_by_key(|container| container["name"].to_string());
        Value::Array(all)
    })
}

fn deployment() -> impl Strategy<Value = Value> {
    let spec = (prop::option::of(0..3_i64), containers(), prop::option::of("[a-b]"));
    spec.prop_map(|(replicas, containers, node)| {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": {
                "metadata": {"labels": {"app": "a"}}, "spec": {"containers": containers}}}});
        if let Some(replicas) = replicas {
            object["spec"]["replicas"] = replicas.into();
        }
        if let Some(node) = node {
            object["spec"]["template"]["spec"]["nodeSelector"] = json!({"node": node});
        }
        object
    })
}

fn service() -> impl Strategy<Value = Value> {
    let port = (80..83_i64, prop::sample::select(vec!["TCP", "UDP"]), prop::option::of(1..3_i64)).prop_map(
        |(port, protocol, target)| {
            let mut out = json!({"name": format!("{}-{port}", protocol.to_lowercase()), "port": port, "protocol": protocol});
            if let Some(target) = target {
                out["targetPort"] = target.into();
            }
            out
        },
    );
    let ports = prop::collection::vec(port, 1..4).prop_map(|mut ports| {
        ports.sort_by_key(|port| port["name"].to_string());
        ports.dedup_by_key(|port| port["name"].to_string());
        ports
    });
    let spec = (ports, prop::option::of(prop::collection::btree_map("[a-b]", "[0-9]", 0..3)), any::<bool>());
    spec.prop_map(|(ports, selector, sticky)| {
        let mut object = json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": ports}});
        if let Some(selector) = selector {
            object["spec"]["selector"] = json!(selector);
        }
        if sticky {
            object["spec"]["sessionAffinity"] = "ClientIP".into();
        }
        object
    })
}

fn config_map() -> impl Strategy<Value = Value> {
    let data = prop::option::of(prop::collection::btree_map("[a-c]", "[0-9]", 0..3));
    let binary = prop::option::of(prop::collection::btree_map("[x-y]", Just("YQ=="), 0..2));
    (data, binary).prop_map(|(data, binary)| {
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap"});
        if let Some(data) = data {
            object["data"] = json!(data);
        }
        if let Some(binary) = binary {
            object["binaryData"] = json!(binary);
        }
        object
    })
}

/// The status of a Deployment, as its subresource takes it.
fn status() -> impl Strategy<Value = Value> {
    let condition = (prop::sample::select(vec!["Available", "Progressing"]), any::<bool>())
        .prop_map(|(kind, is_true)| json!({"type": kind, "status": if is_true { "True" } else { "False" }}));
    let conditions = prop::collection::vec(condition, 0..3).prop_map(|mut conditions| {
        conditions.sort_by_key(|condition| condition["type"].to_string());
        conditions.dedup_by_key(|condition| condition["type"].to_string());
        conditions
    });
    (0..3_i64, prop::option::of(conditions)).prop_map(|(replicas, conditions)| {
        let mut object =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": replicas}});
        if let Some(conditions) = conditions {
            object["status"]["conditions"] = json!(conditions);
        }
        object
    })
}

const APPLY: &str = "apply-patch+yaml";
const MERGE: &str = "merge-patch+json";
const STRATEGIC: &str = "strategic-merge-patch+json";

fn steps(
    object: BoxedStrategy<Value>,
    has_status: bool,
    languages: &[&'static str],
) -> impl Strategy<Value = Vec<Step>> + use<> {
    let labels = prop::option::of(prop::collection::btree_map("[a-c]", "[0-9]", 0..3));
    let finalizers = prop::option::of(prop::sample::subsequence(vec!["x.io/a", "x.io/b"], 0..=2));
    let whole = (object.clone(), labels, finalizers, prop::option::weighted(0.2, object));
    let whole = whole.prop_map(|(mut object, labels, finalizers, last_applied)| {
        object["metadata"] = json!({});
        if let Some(labels) = labels {
            object["metadata"]["labels"] = json!(labels);
        }
        if let Some(finalizers) = finalizers {
            object["metadata"]["finalizers"] = json!(finalizers);
        }
        if let Some(last) = last_applied {
            // As kubectl's client-side apply leaves it.
            let annotation = "kubectl.kubernetes.io/last-applied-configuration";
            object["metadata"]["annotations"] = json!({annotation: last.to_string()});
        }
        ("", object)
    });
    let object = if has_status {
        prop_oneof![4 => whole, 1 => status().prop_map(|object| ("status", object))].boxed()
    } else {
        whole.boxed()
    };
    let language = prop::sample::select(languages.to_vec());
    let manager = prop::sample::select(vec!["one", "two", "kubectl", "kubectl-client-side-apply"]);
    let step = (manager, language, any::<bool>(), object).prop_map(
        |(manager, language, force, (subresource, object))| Step {
            manager,
            language,
            subresource,
            force,
            object,
        },
    );
    prop::collection::vec(step, 1..7)
}

/// Plays random sequences of writes of a kind to both servers.
fn compare(plural: &str, cases: u32, sequences: impl Strategy<Value = Vec<Step>>) {
    let Some(real) = real() else { return };
    let real = Client::new(&real.kubeconfig(User::Admin));
    let runtime = runtime();
    let (server, ours) = runtime.block_on(embedded());
    let number = AtomicUsize::new(0);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in sequences)| {
        let name = format!("random-{}-{}", std::process::id(), number.fetch_add(1, Ordering::Relaxed));
        let failure = runtime.block_on(async {
            for (index, step) in steps.iter().enumerate() {
                let mut object = step.object.clone();
                object["metadata"]["name"] = name.as_str().into();
                // There is something to patch only after an apply.
                let language = if index == 0 { APPLY } else { step.language };
                let force = if language == APPLY { format!("&force={}", step.force) } else { String::new() };
                let part = if step.subresource.is_empty() { "" } else { "/status" };
                let path = format!("/{plural}/{name}{part}?fieldManager={}{force}", step.manager);
                let (expected, found) = both(&real, &ours, Method::PATCH, &path, language, &object).await;
                let (status, other) = (expected.status, found.status);
                let (expected, found) = (comparable(expected.json()), comparable(found.json()));
                let told = |answer: &Value| if status == 409 { answer["message"].clone() } else { Value::Null };
                if status != other || (status < 300 && expected != found) || told(&expected) != told(&found) {
                    return Some(format!("step {index} ({language}, {}):\n real {status}: {expected}\n ours {other}: {found}", step.manager));
                }
            }
            None
        });
        prop_assert!(failure.is_none(), "{}", failure.unwrap_or_default());
    });
    runtime.block_on(server.stop());
}

#[test]
fn random_sequences_of_writes_of_deployments_and_their_status_leave_the_same_on_both_servers() {
    compare(
        "apis/apps/v1/namespaces/default/deployments",
        80,
        steps(deployment().boxed(), true, &[APPLY, APPLY, APPLY, MERGE, STRATEGIC]),
    );
}

// Without strategic merge, whose key of ports is the number alone: two protocols on
// one port are merged by chance.
#[test]
fn random_sequences_of_writes_of_services_leave_the_same_on_both_servers() {
    compare(
        "api/v1/namespaces/default/services",
        60,
        steps(service().boxed(), false, &[APPLY, APPLY, APPLY, MERGE]),
    );
}

#[test]
fn random_sequences_of_writes_of_config_maps_leave_the_same_on_both_servers() {
    compare(
        "api/v1/namespaces/default/configmaps",
        60,
        steps(config_map().boxed(), false, &[APPLY, APPLY, APPLY, MERGE, STRATEGIC]),
    );
}
