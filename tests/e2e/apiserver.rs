//! The embedded API server against the real one: the same requests leave the same
//! objects, to the last managed field.

use std::process::{Command, Stdio};
use std::time::Duration;

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
use syncline_apiserver::{Account, Options, Server};
use syncline_testutils::{Answer, Client, User, free_port, real, wait_for};

async fn embedded() -> (Server, Client) {
    let server = Server::start(Options::default()).await.expect("it starts");
    let client = Client::new(&server.kubeconfig(&Account::admin()).expect("a kubeconfig"));
    (server, client)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Without what differs from server to server.
fn comparable(mut object: Value) -> Value {
    let uid = object["metadata"]["uid"].as_str().unwrap_or("no uid").to_owned();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["uid", "resourceVersion", "creationTimestamp"] {
            metadata.remove(field);
        }
        for entry in metadata.get_mut("managedFields").and_then(Value::as_array_mut).into_iter().flatten() {
            entry.as_object_mut().expect("an entry").remove("time");
        }
        // Writes of one second are ordered by the names of their managers.
        if let Some(entries) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            entries.sort_by_key(ToString::to_string);
        }
    }
    for field in ["clusterIP", "clusterIPs"] {
        if let Some(address) = object["spec"].get_mut(field) {
            *address = Value::from(address.to_string().replace(|c: char| c.is_ascii_digit(), "").len() > 6);
        }
    }
    for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
        if let Some(port) = port.get_mut("nodePort") {
            *port = Value::from(port.as_i64().unwrap_or(0) >= 30_000);
        }
    }
    serde_json::from_str(&object.to_string().replace(&uid, "UID")).expect("JSON")
}

async fn both(
    real: &Client,
    ours: &Client,
    method: Method,
    path: &str,
    language: &str,
    body: &Value,
) -> (Answer, Answer) {
    let media_type = format!("application/{language}");
    let headers = [("content-type", media_type.as_str()), ("user-agent", "conformance/1")];
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let expected = real.send(method.clone(), path, &headers, text.clone()).await;
    let found = ours.send(method, path, &headers, text).await;
    (expected, found)
}

fn pod_template() -> Value {
    json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [
        {"name": "c", "image": "i:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
         "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
         "readinessProbe": {"httpGet": {"port": 80}}, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
        "volumes": [{"name": "v", "configMap": {"name": "x"}}, {"name": "e"}]}})
}

fn common_kinds() -> Vec<(&'static str, Value)> {
    let selector = json!({"matchLabels": {"app": "a"}});
    let template = pod_template();
    let mut once = pod_template();
    once["spec"]["restartPolicy"] = "Never".into();
    vec![
        ("api/v1/namespaces/NS/configmaps", json!({"kind": "ConfigMap", "data": {"a": "1"}})),
        (
            "api/v1/namespaces/NS/secrets",
            json!({"kind": "Secret", "stringData": {"a": "1"}, "data": {"b": "Yg=="}}),
        ),
        (
            "api/v1/namespaces/NS/services",
            json!({"kind": "Service", "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}}),
        ),
        (
            "api/v1/namespaces/NS/services",
            json!({"kind": "Service", "spec": {"type": "NodePort", "ports": [{"name": "a", "port": 80, "targetPort": "http"}, {"name": "b", "port": 53, "protocol": "UDP"}]}}),
        ),
        (
            "api/v1/namespaces/NS/services",
            json!({"kind": "Service", "spec": {"clusterIP": "None", "selector": {"a": "b"}, "ports": [{"port": 80}]}}),
        ),
        (
            "api/v1/namespaces/NS/services",
            json!({"kind": "Service", "spec": {"type": "ExternalName", "externalName": "example.com"}}),
        ),
        (
            "api/v1/namespaces/NS/services",
            json!({"kind": "Service", "spec": {"type": "LoadBalancer", "sessionAffinity": "ClientIP", "ports": [{"port": 80}]}}),
        ),
        ("api/v1/namespaces/NS/serviceaccounts", json!({"kind": "ServiceAccount"})),
        ("api/v1/namespaces/NS/pods", json!({"kind": "Pod", "spec": template["spec"]})),
        (
            "api/v1/namespaces/NS/persistentvolumeclaims",
            json!({"kind": "PersistentVolumeClaim", "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}}),
        ),
        (
            "apis/apps/v1/namespaces/NS/deployments",
            json!({"kind": "Deployment", "spec": {"selector": selector, "template": template}}),
        ),
        (
            "apis/apps/v1/namespaces/NS/deployments",
            json!({"kind": "Deployment", "spec": {"replicas": 0, "strategy": {"type": "Recreate"}, "selector": selector, "template": template}}),
        ),
        (
            "apis/apps/v1/namespaces/NS/replicasets",
            json!({"kind": "ReplicaSet", "spec": {"selector": selector, "template": template}}),
        ),
        (
            "apis/apps/v1/namespaces/NS/daemonsets",
            json!({"kind": "DaemonSet", "spec": {"selector": selector, "template": template}}),
        ),
        (
            "apis/apps/v1/namespaces/NS/statefulsets",
            json!({"kind": "StatefulSet", "spec": {"serviceName": "s", "selector": selector, "template": template, "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}}),
        ),
        ("apis/batch/v1/namespaces/NS/jobs", json!({"kind": "Job", "spec": {"template": once}})),
        (
            "apis/batch/v1/namespaces/NS/cronjobs",
            json!({"kind": "CronJob", "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": once}}}}),
        ),
        (
            "apis/autoscaling/v2/namespaces/NS/horizontalpodautoscalers",
            json!({"kind": "HorizontalPodAutoscaler", "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}}}),
        ),
        (
            "apis/networking.k8s.io/v1/namespaces/NS/ingresses",
            json!({"kind": "Ingress", "spec": {"rules": [{"host": "a.b", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "a", "port": {"number": 80}}}}]}}]}}),
        ),
        (
            "apis/networking.k8s.io/v1/namespaces/NS/networkpolicies",
            json!({"kind": "NetworkPolicy", "spec": {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}}),
        ),
        (
            "apis/policy/v1/namespaces/NS/poddisruptionbudgets",
            json!({"kind": "PodDisruptionBudget", "spec": {"minAvailable": 1, "selector": selector}}),
        ),
        (
            "apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles",
            json!({"kind": "Role", "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ),
        (
            "apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings",
            json!({"kind": "RoleBinding", "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"}, "subjects": [{"kind": "User", "name": "u"}]}),
        ),
    ]
}

#[test]
fn what_is_stored_equals_what_the_real_server_stores_for_the_common_kinds() {
    let Some(real) = real() else { return };
    let real = Client::new(&real.kubeconfig(User::Admin));
    runtime().block_on(async {
        let (server, ours) = embedded().await;
        let namespace = format!("stored-{}", std::process::id());
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        both(&real, &ours, Method::POST, "/api/v1/namespaces", "json", &object).await;
        let mut wrong = Vec::new();
        for (number, (path, mut object)) in common_kinds().into_iter().enumerate() {
            object["metadata"] = json!({"name": format!("o-{number}")});
            let path = format!("/{}", path.replace("NS", &namespace));
            let (expected, found) = both(&real, &ours, Method::POST, &path, "json", &object).await;
            let (expected, found) = (comparable(expected.json()), comparable(found.json()));
            if expected != found {
                wrong.push(format!("{}:\n  real: {expected}\n  ours: {found}", object["kind"]));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        server.stop().await;
    });
}

#[test]
fn what_cannot_be_is_refused_with_the_code_and_reason_of_the_real_server() {
    let Some(real) = real() else { return };
    let real = Client::new(&real.kubeconfig(User::Admin));
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": pod_template()}});
    let with = |pointer: &str, value: Value| {
        let mut object = deployment.clone();
        *object.pointer_mut(pointer).expect("a field") = value;
        object
    };
    let maps = "/api/v1/namespaces/default/configmaps";
    let apps = "/apis/apps/v1/namespaces/default/deployments";
    let map = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    let cases: Vec<(Method, String, &str, Value)> = vec![
        (Method::POST, maps.into(), "json", json!([])),
        (Method::POST, maps.into(), "json", json!("text")),
        (
            Method::POST,
            maps.into(),
            "json",
            json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}),
        ),
        (
            Method::POST,
            maps.into(),
            "json",
            json!({"kind": "ConfigMap", "apiVersion": "v2", "metadata": {"name": "a"}}),
        ),
        (Method::POST, maps.into(), "json", map("Not_A_Name")),
        (Method::POST, maps.into(), "json", json!({"metadata": {}})),
        (Method::POST, "/api/v1/namespaces/nowhere/configmaps".into(), "json", map("a")),
        (Method::POST, maps.into(), "text", map("a")),
        (
            Method::POST,
            format!("{maps}?fieldValidation=Strict"),
            "json",
            json!({"metadata": {"name": "a"}, "extra": 1}),
        ),
        (
            Method::POST,
            maps.into(),
            "json",
            json!({"metadata": {"name": "a", "labels": {"a": "not valid!"}}}),
        ),
        (Method::POST, maps.into(), "json", json!({"metadata": {"name": "a", "namespace": "other"}})),
        (Method::GET, format!("{maps}/none"), "json", Value::Null),
        (Method::GET, "/api/v1/namespaces/default/nothings".into(), "json", Value::Null),
        (Method::GET, format!("{maps}?fieldSelector=data.a=b"), "json", Value::Null),
        (Method::GET, format!("{maps}?labelSelector=a,,b"), "json", Value::Null),
        (Method::PUT, format!("{maps}/none"), "json", map("none")),
        (Method::PUT, format!("{maps}/none"), "json", map("other")),
        (Method::DELETE, format!("{maps}/none"), "json", Value::Null),
        (Method::PATCH, format!("{maps}/none"), "merge-patch+json", json!({})),
        (Method::PATCH, format!("{maps}/none"), "apply-patch+yaml", map("none")),
        (Method::PATCH, format!("{maps}/none?fieldManager=a"), "apply-patch+yaml", map("other")),
        (Method::PATCH, format!("{maps}/kube-root"), "nonsense", json!({})),
        (Method::POST, apps.into(), "json", with("/spec/selector", json!({"matchLabels": {"app": "b"}}))),
        (Method::POST, apps.into(), "json", with("/spec/selector", Value::Null)),
        (Method::POST, apps.into(), "json", with("/spec/template/spec/containers", json!([]))),
        (Method::POST, apps.into(), "json", with("/spec/template/spec/containers/0/name", json!("A B"))),
        (Method::POST, apps.into(), "json", with("/spec/template/spec/containers/0/image", json!(7))),
        (
            Method::PATCH,
            format!("{apps}/d?fieldManager=a"),
            "apply-patch+yaml",
            with("/spec/template/spec", json!({"nope": 1})),
        ),
    ];
    runtime().block_on(async {
        let (server, ours) = embedded().await;
        let mut wrong = Vec::new();
        for (method, path, language, body) in cases {
            let (expected, found) = both(&real, &ours, method.clone(), &path, language, &body).await;
            let told = |answer: &Answer| (answer.status, answer.json()["reason"].clone());
            if told(&expected) != told(&found) {
                wrong.push(format!(
                    "{method} {path} {body}:\n  real: {}\n  ours: {}",
                    String::from_utf8_lossy(&expected.body),
                    String::from_utf8_lossy(&found.body)
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        server.stop().await;
    });
}

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

#[test]
fn a_write_that_was_acknowledged_survives_kill_9_and_a_second_server_is_told_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
        command
            .args(["apiserver", "--listen", &format!("127.0.0.1:{}", free_port()), "--data-dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    };
    let kubeconfig = folder.path().join("kubeconfig");
    let path = "/api/v1/namespaces/default/configmaps";
    for round in 0..3 {
        std::fs::remove_file(&kubeconfig).ok();
        let mut child = start().spawn().expect("it runs");
        wait_for("the server", Duration::from_secs(20), || kubeconfig.exists().then_some(()));
        let second = start().output().expect("it runs");
        let told = String::from_utf8_lossy(&second.stderr).into_owned();
        assert!(!second.status.success() && told.contains("in use by another process"), "{told}");
        let client = Client::new(&std::fs::read_to_string(&kubeconfig).expect("a kubeconfig"));
        runtime().block_on(async {
            let list = client.get(path).await.json();
            assert_eq!(list["items"].as_array().expect("items").len(), round * 20);
            let writes = (0..20).map(|number| {
                let object = json!({"metadata": {"name": format!("m-{round}-{number}")}, "data": {"a": "b"}});
                let client = &client;
                async move { assert_eq!(client.create(path, &object).await.status, 201) }
            });
            futures::future::join_all(writes).await;
        });
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
    }
    std::fs::write(folder.path().join("objects.redb"), b"not a database at all").expect("a file");
    let output = start().output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("is damaged"), "{told}");
}

#[test]
fn a_watch_begins_with_what_is_there_goes_on_with_what_happens_and_learns_when_it_is_too_late() {
    runtime().block_on(async {
        let (server, client) = embedded().await;
        let path = "/api/v1/namespaces/default/configmaps";
        let create = async |name: &str, label: &str| {
            let object = json!({"metadata": {"name": name, "labels": {"is": label}}});
            client.create(path, &object).await.json()
        };
        let first = create("a", "wanted").await;
        let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&labelSelector=is=wanted";
        let mut lines = client.watch(&format!("{path}?{query}")).await;
        let next = async |lines: &mut syncline_testutils::Lines| lines.next().await.expect("an event");
        let event = next(&mut lines).await;
        assert_eq!((&event["type"], &event["object"]["metadata"]["name"]), (&json!("ADDED"), &json!("a")));
        let event = next(&mut lines).await;
        assert_eq!(event["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
        create("b", "other").await;
        client.patch(&format!("{path}/a"), "merge-patch+json", &json!({"metadata": {"labels": {"is": "other"}}})).await;
        let event = next(&mut lines).await;
        assert_eq!((&event["type"], &event["object"]["metadata"]["name"]), (&json!("DELETED"), &json!("a")), "it is selected no more");
        server.compact();
        let version = first["metadata"]["resourceVersion"].as_str().expect("a version");
        let mut late = client.watch(&format!("{path}?watch=true&resourceVersion={version}")).await;
        let event = next(&mut late).await;
        assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
        server.stop().await;
    });
}

#[test]
fn what_is_owned_goes_with_its_owner_and_a_namespace_goes_when_it_is_empty() {
    runtime().block_on(async {
        let (server, client) = embedded().await;
        let namespaces = "/api/v1/namespaces";
        client.create(namespaces, &json!({"metadata": {"name": "n"}})).await;
        let path = "/api/v1/namespaces/n/configmaps";
        let owner = client.create(path, &json!({"metadata": {"name": "owner"}})).await.json();
        let reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true});
        for name in ["owned", "kept"] {
            let finalizers = if name == "kept" { json!(["x.io/wait"]) } else { json!([]) };
            let object = json!({"metadata": {"name": name, "ownerReferences": [reference], "finalizers": finalizers}});
            assert_eq!(client.create(path, &object).await.status, 201);
        }
        let gone = async |path: String| {
            for _ in 0..200 {
                if client.get(&path).await.status == 404 {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            false
        };
        client.delete(&format!("{path}/owner?propagationPolicy=Foreground")).await;
        assert!(gone(format!("{path}/owned")).await);
        assert_eq!(client.get(&format!("{path}/owner")).await.status, 200, "it waits for what has a finalizer");
        client.delete(&format!("{namespaces}/n")).await;
        let refused = client.create(path, &json!({"metadata": {"name": "late"}})).await;
        assert_eq!((refused.status, &refused.json()["reason"]), (403, &json!("Forbidden")));
        client.patch(&format!("{path}/kept"), "merge-patch+json", &json!({"metadata": {"finalizers": null}})).await;
        assert!(gone(format!("{path}/owner")).await);
        assert!(gone(format!("{namespaces}/n")).await);
        server.stop().await;
    });
}
