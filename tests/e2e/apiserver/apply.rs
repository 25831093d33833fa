//! Random sequences of writes leave the same objects on both servers.

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
use syncline_testutils::{Client, User, real};

use super::{both, comparable, embedded, runtime};

/// One write of a random sequence: who, how, what.
#[derive(Debug, Clone)]
struct Step {
    manager: &'static str,
    language: &'static str,
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

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let labels = prop::option::of(prop::collection::btree_map("[a-c]", "[0-9]", 0..3));
    let finalizers = prop::option::of(prop::sample::subsequence(vec!["x.io/a", "x.io/b"], 0..=2));
    let object = (labels, finalizers, prop::option::of(0..3_i64), containers(), prop::option::of("[a-b]"));
    let object = object.prop_map(|(labels, finalizers, replicas, containers, node)| {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {},
            "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": {
                "metadata": {"labels": {"app": "a"}}, "spec": {"containers": containers}}}});
        if let Some(labels) = labels {
            object["metadata"]["labels"] = json!(labels);
        }
        if let Some(finalizers) = finalizers {
            object["metadata"]["finalizers"] = json!(finalizers);
        }
        if let Some(replicas) = replicas {
            object["spec"]["replicas"] = replicas.into();
        }
        if let Some(node) = node {
            object["spec"]["template"]["spec"]["nodeSelector"] = json!({"node": node});
        }
        object
    });
    let language = prop::sample::select(vec![
        "apply-patch+yaml",
        "apply-patch+yaml",
        "apply-patch+yaml",
        "merge-patch+json",
        "strategic-merge-patch+json",
    ]);
    let step = (prop::sample::select(vec!["one", "two"]), language, any::<bool>(), object)
        .prop_map(|(manager, language, force, object)| Step { manager, language, force, object });
    prop::collection::vec(step, 1..7)
}

#[test]
fn random_sequences_of_writes_leave_the_same_object_and_managers_on_both_servers() {
    let Some(real) = real() else { return };
    let real = Client::new(&real.kubeconfig(User::Admin));
    let runtime = runtime();
    let (server, ours) = runtime.block_on(embedded());
    let number = std::sync::atomic::AtomicUsize::new(0);
    let config = ProptestConfig {
        cases: 100,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in steps())| {
        let name = format!("random-{}-{}", std::process::id(), number.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let failure = runtime.block_on(async {
            for (index, step) in steps.iter().enumerate() {
                let mut object = step.object.clone();
                object["metadata"]["name"] = name.as_str().into();
                // There is something to patch only after an apply.
                let language = if index == 0 { "apply-patch+yaml" } else { step.language };
                let force = if language == "apply-patch+yaml" { format!("&force={}", step.force) } else { String::new() };
                let path = format!(
                    "/apis/apps/v1/namespaces/default/deployments/{name}?fieldManager={}{force}", step.manager);
                let (expected, found) = both(&real, &ours, Method::PATCH, &path, language, &object).await;
                let (status, other) = (expected.status, found.status);
                let (expected, found) = (comparable(expected.json()), comparable(found.json()));
                if status != other || (status < 300 && expected != found) || expected["message"] != found["message"] {
                    return Some(format!("step {index} ({language}, {}):\n real {status}: {expected}\n ours {other}: {found}", step.manager));
                }
            }
            None
        });
        prop_assert!(failure.is_none(), "{}", failure.unwrap_or_default());
    });
    runtime.block_on(server.stop());
}
