//! What storage promises: versions, pages, selectors, watches, finalizers, dry runs,
//! subresources. One script of requests is played to both servers; the transcripts
//! are the same.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use syncline_testutils::Client;

use super::transcript::{Transcript, play_to_both};

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"v": value}}, "data": {"v": value}})
}

fn version(object: &Value) -> String {
    object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()
}

async fn play(client: &Client, namespace: &str) -> Vec<String> {
    let mut t = Transcript::new(client);
    let root = format!("/api/v1/namespaces/{namespace}");
    t.say(Method::POST, "/api/v1/namespaces", json!({"metadata": {"name": namespace}})).await;
    pages(&mut t, &root).await;
    versions(&mut t, &root).await;
    names_and_deletion(&mut t, &root).await;
    selectors(&mut t, &root).await;
    subresources(&mut t, namespace).await;
    validation(&mut t, &root).await;
    watches(&mut t, &root).await;
    t.lines()
}

async fn pages(t: &mut Transcript<'_>, root: &str) {
    let maps = format!("{root}/configmaps");
    for name in ["a", "b", "c", "d", "e"] {
        t.say(Method::POST, &maps, map(name, "1")).await;
    }
    let first = t.say(Method::GET, &format!("{maps}?limit=2"), Value::Null).await;
    let token = first["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    // The list goes on as it was when it began.
    t.say(Method::POST, &maps, map("bb", "1")).await;
    t.say(Method::DELETE, &format!("{maps}/d"), Value::Null).await;
    let second = t.say(Method::GET, &format!("{maps}?limit=2&continue={token}"), Value::Null).await;
    let same = first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"];
    t.note(format!("both pages are of one version: {same}"));
    let token = second["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    t.say(Method::GET, &format!("{maps}?limit=2&continue={token}"), Value::Null).await;
    t.say(Method::GET, &format!("{maps}?continue=nonsense"), Value::Null).await;
    t.say(Method::GET, &format!("{maps}?resourceVersion=5&continue={token}"), Value::Null).await;
    let then = version(&first);
    t.say(Method::GET, &format!("{maps}?resourceVersion={then}&resourceVersionMatch=Exact"), Value::Null)
        .await;
    t.say(
        Method::GET,
        &format!("{maps}?resourceVersion={then}&resourceVersionMatch=NotOlderThan"),
        Value::Null,
    )
    .await;
    t.say(
        Method::GET,
        &format!("{maps}?resourceVersion={then}&resourceVersionMatch=Exact&labelSelector=v%3D1&limit=3"),
        Value::Null,
    )
    .await;
    t.say(Method::GET, &format!("{maps}?resourceVersionMatch=Exact"), Value::Null).await;
    t.say(Method::GET, &format!("{maps}?resourceVersion={then}&resourceVersionMatch=Nonsense"), Value::Null)
        .await;
    t.say(Method::GET, &format!("{maps}?resourceVersion=0&resourceVersionMatch=Exact"), Value::Null).await;
    t.say(Method::GET, &format!("{maps}?resourceVersion=nonsense"), Value::Null).await;
    t.say(Method::GET, &format!("{maps}?resourceVersion=0"), Value::Null).await;
}

async fn versions(t: &mut Transcript<'_>, root: &str) {
    let path = format!("{root}/configmaps/a");
    let before = t.say(Method::GET, &path, Value::Null).await;
    t.patch(&path, "merge-patch+json", json!({"data": {"v": "2"}})).await;
    let mut stale = before.clone();
    stale["data"]["v"] = "3".into();
    t.say(Method::PUT, &path, stale.clone()).await;
    stale["metadata"]["resourceVersion"] = "".into();
    t.say(Method::PUT, &path, stale.clone()).await;
    stale["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000".into();
    t.say(Method::PUT, &path, stale.clone()).await;
    t.patch(
        &path,
        "merge-patch+json",
        json!({"metadata": {"resourceVersion": version(&before)}, "data": {"v": "9"}}),
    )
    .await;
    t.patch(&path, "merge-patch+json", json!({"metadata": {"uid": "00000000-0000-0000-0000-000000000000"}}))
        .await;
    t.patch(&path, "merge-patch+json", json!({"metadata": {"name": "other"}})).await;
    t.patch(&path, "merge-patch+json", json!({"kind": "Secret"})).await;
    t.say(Method::DELETE, &path, json!({"preconditions": {"resourceVersion": version(&before)}})).await;
    t.say(Method::DELETE, &path, json!({"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}))
        .await;
    // What changes nothing keeps its version.
    let now = t.say(Method::GET, &path, Value::Null).await;
    let after = t.patch(&path, "merge-patch+json", json!({"data": {"v": now["data"]["v"]}})).await;
    t.note(format!("nothing changed, same version: {}", version(&now) == version(&after)));
    let huge = format!("{root}/configmaps/a?resourceVersion=999999999999");
    t.say(Method::PATCH, &huge, Value::Null).await;
    // Immutable objects.
    t.patch(&path, "merge-patch+json", json!({"immutable": true})).await;
    t.patch(&path, "merge-patch+json", json!({"data": {"v": "10"}})).await;
    t.patch(&path, "merge-patch+json", json!({"immutable": false})).await;
    t.say(Method::POST, &format!("{root}/secrets"), json!({"metadata": {"name": "s"}, "type": "Opaque"}))
        .await;
    t.patch(&format!("{root}/secrets/s"), "merge-patch+json", json!({"type": "other"})).await;
    t.say(
        Method::POST,
        &format!("{root}/services"),
        json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}),
    )
    .await;
    t.patch(&format!("{root}/services/s"), "merge-patch+json", json!({"spec": {"clusterIP": "10.0.7.7"}}))
        .await;
    for kind in
        ["NodePort", "ClusterIP", "LoadBalancer", "NodePort", "ClusterIP", "ExternalName", "ClusterIP"]
    {
        let spec = json!({"spec": {"type": kind, "externalName": if kind == "ExternalName" { json!("example.com") } else { Value::Null }}});
        t.patch(&format!("{root}/services/s"), "merge-patch+json", spec).await;
    }
    t.patch(
        &format!("{root}/services/s"),
        "strategic-merge-patch+json",
        json!({"spec": {"ports": [{"port": 81, "name": "b"}, {"port": 80, "name": "a"}]}}),
    )
    .await;
}

async fn names_and_deletion(t: &mut Transcript<'_>, root: &str) {
    let maps = format!("{root}/configmaps");
    let made = t.client.create(&maps, &json!({"metadata": {"generateName": "made-"}})).await.json();
    let name = made["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    t.note(format!("made-: {} {}", name.starts_with("made-"), name.len()));
    t.say(Method::DELETE, &format!("{maps}?fieldSelector=metadata.name%3D{name}"), Value::Null).await;
    t.say(Method::POST, &maps, json!({"metadata": {"name": "x", "resourceVersion": "5"}})).await;
    t.say(Method::POST, &maps, json!({"metadata": {"name": "b"}})).await;
    // Dry runs.
    t.say(Method::POST, &format!("{maps}?dryRun=All"), map("dry", "1")).await;
    t.say(Method::GET, &format!("{maps}/dry"), Value::Null).await;
    t.say(Method::POST, &format!("{maps}?dryRun=Some"), map("dry", "1")).await;
    t.patch(&format!("{maps}/b?dryRun=All"), "merge-patch+json", json!({"data": {"v": "dry"}})).await;
    t.say(Method::DELETE, &format!("{maps}/b?dryRun=All"), Value::Null).await;
    t.say(Method::GET, &format!("{maps}/b"), Value::Null).await;
    // Finalizers.
    let mut kept = map("kept", "1");
    kept["metadata"]["finalizers"] = json!(["example.com/keep"]);
    t.say(Method::POST, &maps, kept).await;
    t.say(Method::DELETE, &format!("{maps}/kept"), Value::Null).await;
    t.say(Method::GET, &format!("{maps}/kept"), Value::Null).await;
    t.say(Method::DELETE, &format!("{maps}/kept"), Value::Null).await;
    t.patch(
        &format!("{maps}/kept"),
        "merge-patch+json",
        json!({"metadata": {"finalizers": ["example.com/keep", "example.com/more"]}}),
    )
    .await;
    t.patch(&format!("{maps}/kept"), "merge-patch+json", json!({"data": {"v": "still"}})).await;
    t.patch(&format!("{maps}/kept"), "merge-patch+json", json!({"metadata": {"finalizers": null}})).await;
    t.say(Method::GET, &format!("{maps}/kept"), Value::Null).await;
    t.say(Method::DELETE, &format!("{maps}/b?propagationPolicy=Nonsense"), Value::Null).await;
    t.say(Method::DELETE, &format!("{maps}/b"), json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Orphan", "orphanDependents": true})).await;
    t.say(
        Method::DELETE,
        &format!("{maps}/b"),
        json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}),
    )
    .await;
    t.say(Method::DELETE, &format!("{maps}/c?gracePeriodSeconds=0"), Value::Null).await;
    t.say(Method::PUT, &format!("{maps}/created-by-put"), map("created-by-put", "1")).await;
    t.say(Method::POST, &format!("{maps}/a"), map("a", "1")).await;
    t.say(Method::PUT, &maps, map("a", "1")).await;
    // Pods wait for their node; without one they go at once.
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    t.say(Method::POST, &format!("{root}/pods"), pod.clone()).await;
    t.say(Method::DELETE, &format!("{root}/pods/p"), Value::Null).await;
    t.say(Method::GET, &format!("{root}/pods/p"), Value::Null).await;
    t.say(Method::POST, &format!("{root}/pods"), pod).await;
    t.say(Method::POST, &format!("{root}/pods/p/binding"), json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}})).await;
    // The real server decides by what its cache has seen.
    tokio::time::sleep(Duration::from_millis(300)).await;
    t.say(Method::DELETE, &format!("{root}/pods/p"), Value::Null).await;
    t.say(Method::DELETE, &format!("{root}/pods/p?gracePeriodSeconds=0"), Value::Null).await;
    t.say(Method::GET, &format!("{root}/pods/p"), Value::Null).await;
}

async fn selectors(t: &mut Transcript<'_>, root: &str) {
    for (name, labels) in [
        ("l1", json!({"app": "x", "tier": "a"})),
        ("l2", json!({"app": "x"})),
        ("l3", json!({"app": "y", "tier": "b"})),
    ] {
        t.say(
            Method::POST,
            &format!("{root}/configmaps"),
            json!({"metadata": {"name": name, "labels": labels}}),
        )
        .await;
    }
    for selector in [
        "app%3Dx",
        "app!%3Dx",
        "app%20in%20(x,y)",
        "app%20notin%20(x)",
        "tier",
        "!tier",
        "app%3Dx,tier%3Da",
        "app%3D%3Dx",
        "tier%20in%20(a)",
        "a%20b",
        "app%20in%20x",
        "app%3Dnot%20valid",
        "app%3E3",
        "-bad%3Dx",
    ] {
        t.say(Method::GET, &format!("{root}/configmaps?labelSelector={selector}"), Value::Null).await;
    }
    for selector in [
        "metadata.name%3Dl1",
        "metadata.name!%3Dl1",
        "metadata.name%3Dl1,metadata.name%3Dl2",
        "data.x%3D1",
        "metadata.name",
    ] {
        t.say(Method::GET, &format!("{root}/configmaps?fieldSelector={selector}"), Value::Null).await;
    }
    for selector in ["type%3DOpaque", "type!%3DOpaque", "metadata.namespace%3Dnone"] {
        t.say(Method::GET, &format!("{root}/secrets?fieldSelector={selector}"), Value::Null).await;
    }
    t.say(Method::DELETE, &format!("{root}/configmaps?labelSelector=app%3Dx"), Value::Null).await;
    t.say(Method::GET, &format!("{root}/configmaps?labelSelector=app"), Value::Null).await;
}

async fn subresources(t: &mut Transcript<'_>, namespace: &str) {
    let apps = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
    let web = json!({"metadata": {"name": "web"}, "spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}}, "status": {"replicas": 9}});
    let made = t.say(Method::POST, &apps, web).await;
    let path = format!("{apps}/web");
    t.patch(&path, "merge-patch+json", json!({"status": {"replicas": 7}, "spec": {"replicas": 3}})).await;
    t.patch(&format!("{path}/status"), "merge-patch+json", json!({"status": {"replicas": 3, "observedGeneration": 2}, "spec": {"replicas": 8}, "metadata": {"labels": {"by": "status"}}})).await;
    let mut put = made;
    put["metadata"]["resourceVersion"] = "".into();
    put["status"] = json!({"replicas": 1});
    put["spec"]["replicas"] = 5.into();
    t.say(Method::PUT, &format!("{path}/status"), put).await;
    t.say(Method::GET, &format!("{path}/status"), Value::Null).await;
    let scale = t.say(Method::GET, &format!("{path}/scale"), Value::Null).await;
    let mut larger = scale.clone();
    larger["spec"]["replicas"] = 4.into();
    t.say(Method::PUT, &format!("{path}/scale"), larger.clone()).await;
    t.say(Method::PUT, &format!("{path}/scale"), larger).await;
    t.patch(&format!("{path}/scale"), "merge-patch+json", json!({"spec": {"replicas": -1}})).await;
    t.patch(&format!("{path}/scale"), "merge-patch+json", json!({"spec": {"replicas": 6}})).await;
    t.say(Method::GET, &path, Value::Null).await;
    t.say(Method::GET, &format!("{path}/nothing"), Value::Null).await;
    t.say(Method::GET, &format!("/api/v1/namespaces/{namespace}/configmaps/a/status"), Value::Null).await;
    t.patch(&path, "merge-patch+json", json!({"spec": {"selector": {"matchLabels": {"a": "c"}}}})).await;
    for (subresource, patch) in [
        ("", json!({"metadata": {"annotations": {"a": "b"}}})),
        ("", json!({"spec": {"paused": true}})),
        ("", json!({"metadata": {"labels": {"c": "d"}}})),
    ] {
        let after = t.patch(&format!("{path}{subresource}"), "merge-patch+json", patch).await;
        t.note(format!("generation {}", after["metadata"]["generation"]));
    }
    let applied = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "status": {"readyReplicas": 1}});
    t.patch(&format!("{path}/status?fieldManager=controller"), "apply-patch+yaml", applied.clone()).await;
    t.patch(&format!("{apps}/none/status?fieldManager=controller"), "apply-patch+yaml", applied).await;
}

async fn validation(t: &mut Transcript<'_>, root: &str) {
    let maps = format!("{root}/configmaps");
    for mode in ["Strict", "Warn", "Ignore", "Nonsense"] {
        let body = format!(
            "{{\"metadata\": {{\"name\": \"v-{}\"}}, \"dta\": {{}}, \"data\": {{\"a\": \"1\"}}, \"data\": {{\"a\": \"2\"}}}}",
            mode.to_lowercase()
        );
        t.say_text(Method::POST, &format!("{maps}?fieldValidation={mode}"), "application/json", body).await;
    }
    t.say_text(
        Method::POST,
        &maps,
        "application/yaml",
        "metadata: {name: from-yaml}\ndata: {n: \"1\"}\nextra: 1\n".into(),
    )
    .await;
    t.say_text(Method::POST, &maps, "application/json", "{\"metadata\": {\"name\": \"cut".into()).await;
    t.say_text(Method::POST, &maps, "application/json", String::new()).await;
    let long = "x".repeat(260 * 1024);
    t.say(Method::POST, &maps, json!({"metadata": {"name": "big", "annotations": {"a": long}}})).await;
    t.say(Method::POST, &maps, json!({"metadata": {"name": "x".repeat(254)}})).await;
    t.say(Method::POST, &maps, json!({"metadata": {"name": "keys"}, "data": {"not/a/key": "x"}})).await;
    t.say(Method::POST, &maps, json!({"metadata": {"name": "owned", "ownerReferences": [{"kind": "Pod"}]}}))
        .await;
    t.say(Method::POST, &maps, json!({"metadata": {"name": "final", "finalizers": ["notqualified"]}})).await;
    t.patch(
        &format!("{maps}/a?fieldManager=x"),
        "apply-patch+yaml",
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "managedFields": []}}),
    )
    .await;
    t.patch(
        &format!("{maps}/a"),
        "apply-patch+yaml",
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
    )
    .await;
    t.patch(&format!("{maps}/a?force=true"), "merge-patch+json", json!({})).await;
    t.patch(
        &format!("{maps}/a?fieldManager=x"),
        "apply-patch+yaml",
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "nope": 1}),
    )
    .await;
    let long_manager = "m".repeat(129);
    t.patch(&format!("{maps}/a?fieldManager={long_manager}"), "merge-patch+json", json!({})).await;
}

async fn watches(t: &mut Transcript<'_>, root: &str) {
    let maps = format!("{root}/configmaps");
    let listed = t.say(Method::GET, &format!("{maps}?labelSelector=w"), Value::Null).await;
    let since = version(&listed);
    let labelled = |name: &str, value: &str| json!({"metadata": {"name": name, "labels": {"w": value}}});
    for (name, value) in [("w1", "1"), ("w2", "2")] {
        t.say(Method::POST, &maps, labelled(name, value)).await;
    }
    t.patch(&format!("{maps}/w1"), "merge-patch+json", json!({"metadata": {"labels": {"w": "2"}}})).await;
    t.patch(&format!("{maps}/w1"), "merge-patch+json", json!({"metadata": {"labels": {"w": "1"}}})).await;
    t.say(Method::DELETE, &format!("{maps}/w1"), Value::Null).await;
    for query in [
        format!("watch=true&resourceVersion={since}&labelSelector=w%3D1&timeoutSeconds=1"),
        format!("watch=true&resourceVersion={since}&labelSelector=w%3D2&timeoutSeconds=1"),
        format!("watch=true&resourceVersion={since}&fieldSelector=metadata.name%3Dw2&timeoutSeconds=1"),
        "watch=true&labelSelector=w&timeoutSeconds=1".into(),
        "watch=true&resourceVersion=0&labelSelector=w&timeoutSeconds=1".into(),
        "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&labelSelector=w&timeoutSeconds=1".into(),
    ] {
        let mut lines = t.client.watch(&format!("{maps}?{query}")).await;
        let mut events = Vec::new();
        while let Some(event) = lines.next().await {
            let object = &event["object"];
            let ended = &object["metadata"]["annotations"]["k8s.io/initial-events-end"];
            events.push(format!("{} {} {ended}", event["type"], object["metadata"]["name"]));
        }
        let query = query.replace(&since, "THEN");
        t.note(format!("{query}: {events:?}"));
    }
    for query in [
        "watch=true&sendInitialEvents=true",
        "watch=true&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=1",
        "watch=true&resourceVersionMatch=NotOlderThan&resourceVersion=1",
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
    ] {
        t.say(Method::GET, &format!("{maps}?timeoutSeconds=1&{query}"), Value::Null).await;
    }
}

#[test]
fn one_script_of_requests_is_answered_alike_by_both_servers() {
    play_to_both("semantics", async |client, namespace| play(client, namespace).await);
}
