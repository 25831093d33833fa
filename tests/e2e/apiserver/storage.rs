//! Storage: durable writes, watches, garbage collection.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use syncline_testutils::{Client, free_port, wait_for};

use super::{embedded, runtime};

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
