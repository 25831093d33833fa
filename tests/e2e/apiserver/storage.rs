//! Storage: durable writes, watches, garbage collection.

use std::time::Duration;

use serde_json::json;
use syncline_apiserver::{Account, Options, Server};
use syncline_testutils::{Client, wait_for};

use super::{Process, embedded, runtime};

/// Whether a path comes to hold nothing.
async fn gone(client: &Client, path: &str) -> bool {
    for _ in 0..200 {
        if client.get(path).await.status == 404 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[test]
fn a_write_that_was_acknowledged_survives_kill_9_and_a_second_server_is_told_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = "/api/v1/namespaces/default/configmaps";
    for round in 0..3 {
        let (process, client) = Process::start(folder.path(), &[]);
        let second = Process::command(folder.path()).output().expect("it runs");
        let told = String::from_utf8_lossy(&second.stderr).into_owned();
        assert!(!second.status.success() && told.contains("in use by another process"), "{told}");
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
        // Killed, as with `kill -9`.
        drop(process);
    }
    std::fs::write(folder.path().join("objects.redb"), b"not a database at all").expect("a file");
    let output = Process::command(folder.path()).output().expect("it runs");
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
        client.delete(&format!("{path}/owner?propagationPolicy=Foreground")).await;
        assert!(gone(&client, &format!("{path}/owned")).await);
        assert_eq!(client.get(&format!("{path}/owner")).await.status, 200, "it waits for what has a finalizer");
        client.delete(&format!("{namespaces}/n")).await;
        let refused = client.create(path, &json!({"metadata": {"name": "late"}})).await;
        assert_eq!((refused.status, &refused.json()["reason"]), (403, &json!("Forbidden")));
        client.patch(&format!("{path}/kept"), "merge-patch+json", &json!({"metadata": {"finalizers": null}})).await;
        assert!(gone(&client, &format!("{path}/owner")).await);
        assert!(gone(&client, &format!("{namespaces}/n")).await);
        server.stop().await;
    });
}

#[test]
fn what_is_owned_goes_after_its_owner_or_is_orphaned_and_belongs_to_nobody() {
    runtime().block_on(async {
        let (server, client) = embedded().await;
        let path = "/api/v1/namespaces/default/configmaps";
        let own = async |owner: &str, owned: &str| {
            let made = client.create(path, &json!({"metadata": {"name": owner}})).await.json();
            let reference =
                json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": made["metadata"]["uid"]});
            let object = json!({"metadata": {"name": owned, "ownerReferences": [reference]}});
            assert_eq!(client.create(path, &object).await.status, 201);
        };
        own("first", "goes").await;
        own("second", "stays").await;
        client.delete(&format!("{path}/first?propagationPolicy=Background")).await;
        assert_eq!(client.get(&format!("{path}/first")).await.status, 404, "it waits for nobody");
        client.delete(&format!("{path}/second?propagationPolicy=Orphan")).await;
        assert!(gone(&client, &format!("{path}/goes")).await && gone(&client, &format!("{path}/second")).await);
        let left = client.get(&format!("{path}/stays")).await;
        assert_eq!(left.status, 200);
        assert!(left.json()["metadata"].get("ownerReferences").is_none(), "{}", left.json());
        server.stop().await;
    });
}

#[test]
fn a_truncated_file_is_told_to_be_damaged_and_not_taken_for_less() {
    let folder = tempfile::tempdir().expect("a folder");
    runtime().block_on(async {
        let options = || Options { data_dir: Some(folder.path().to_owned()), ..Options::default() };
        let server = Server::start(options()).await.expect("it starts");
        let client = Client::new(&server.kubeconfig(&Account::admin()).expect("a kubeconfig"));
        for number in 0..200 {
            let object =
                json!({"metadata": {"name": format!("m-{number}")}, "data": {"a": "b".repeat(2000)}});
            client.create("/api/v1/namespaces/default/configmaps", &object).await;
        }
        server.stop().await;
        let file = folder.path().join("objects.redb");
        let whole = std::fs::read(&file).expect("the file");
        for share in [1, 2, 3, 5, 7, 9] {
            std::fs::write(&file, &whole[..whole.len() * share / 10]).expect("a file");
            let error = Server::start(options()).await.expect_err("it is not what was written");
            assert!(error.to_string().contains("is damaged"), "{share}: {error}");
        }
        std::fs::write(&file, &whole).expect("a file");
        let server = Server::start(options()).await.expect("it starts");
        server.stop().await;
    });
}

#[test]
fn every_user_gets_a_kubeconfig_that_only_they_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let (_process, _) = Process::start(folder.path(), &["--user", "alice=team-a,team-b"]);
    let path = folder.path().join("users/alice.kubeconfig");
    wait_for("the kubeconfig", Duration::from_secs(20), || path.exists().then_some(()));
    for path in [path.clone(), folder.path().join("kubeconfig"), folder.path().join("ca.key")] {
        let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    let client = Client::new(&std::fs::read_to_string(&path).expect("a kubeconfig"));
    runtime().block_on(async {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer = client.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await.json();
        assert_eq!(answer["status"]["userInfo"]["username"], "alice");
        assert_eq!(
            answer["status"]["userInfo"]["groups"],
            json!(["team-a", "team-b", "system:authenticated"])
        );
        assert_eq!(client.get("/api/v1/namespaces/default/secrets").await.status, 403);
    });
}
