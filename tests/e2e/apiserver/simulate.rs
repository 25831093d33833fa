//! Simulated workloads: they become ready, fail on demand, and say who says so.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use syncline_apiserver::{Account, Options, Server, Simulation};
use syncline_testutils::Client;

use crate::support::SOON;

const NAMESPACE: &str = "/api/v1/namespaces/default";
const APPS: &str = "/apis/apps/v1/namespaces/default";
const DELAY: Duration = Duration::from_millis(50);

async fn server(simulate: Option<Simulation>) -> (Server, Client) {
    let server = Server::start(Options { simulate, ..Options::default() }).await.expect("it starts");
    let client = Client::new(&server.kubeconfig(&Account::admin()).expect("a kubeconfig"));
    (server, client)
}

fn workload(kind: &str, name: &str, annotations: Value) -> Value {
    let mut spec = json!({
        "replicas": 2, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
    });
    if kind == "DaemonSet" {
        spec.as_object_mut().expect("an object").remove("replicas");
    }
    json!({"kind": kind, "metadata": {"name": name, "annotations": annotations}, "spec": spec})
}

/// The status of an object, once something holds of it.
async fn wait(client: &Client, path: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + SOON;
    loop {
        let object = client.get(path).await.json();
        if holds(&object["status"]) {
            return object["status"].clone();
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}: {:#}", object["status"]);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn condition<'s>(status: &'s Value, kind: &str) -> &'s Value {
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn a_deployment_rolls_out_fails_its_rollout_breaks_while_it_runs_and_heals() {
    let (server, client) = server(Some(Simulation { delay: DELAY })).await;
    let path = format!("{APPS}/deployments/web");
    client.create(&format!("{APPS}/deployments"), &workload("Deployment", "web", json!({}))).await;
    let begun = wait(&client, &path, "a beginning", |status| status["observedGeneration"] == 1).await;
    assert_eq!(
        (&begun["updatedReplicas"], &condition(&begun, "Available")["status"]),
        (&json!(0), &json!("False"))
    );
    let ready = wait(&client, &path, "readiness", |status| status["readyReplicas"] == 2).await;
    assert_eq!(condition(&ready, "Progressing")["reason"], "NewReplicaSetAvailable");

    // A rollout that fails leaves the old pods serving.
    let fail = json!({
        "metadata": {"annotations": {"simulate.syncline.dev/fail": "no such image"}},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a:2"}]}}},
    });
    client.patch(&path, "strategic-merge-patch+json", &fail).await;
    let failed =
        wait(&client, &path, "a failure", |it| condition(it, "Progressing")["status"] == "False").await;
    assert_eq!(condition(&failed, "Progressing")["message"], "no such image");
    assert_eq!(failed["readyReplicas"], 2);

    // Without the annotation it goes on.
    let heal = json!({"metadata": {"annotations": {"simulate.syncline.dev/fail": null}}});
    client.patch(&path, "merge-patch+json", &heal).await;
    wait(&client, &path, "an end", |it| {
        it["updatedReplicas"] == 2 && condition(it, "Progressing")["status"] == "True"
    })
    .await;

    // A write of the simulator bears its name.
    let object = client.get(&path).await.json();
    let managers = object["metadata"]["managedFields"].as_array().expect("managers");
    assert!(
        managers
            .iter()
            .any(|entry| entry["manager"] == "syncline-simulator" && entry["subresource"] == "status")
    );
    server.stop().await;
}

#[tokio::test]
async fn every_kind_of_workload_reaches_its_status_or_fails_as_its_annotation_says() {
    let (server, client) = server(Some(Simulation { delay: DELAY })).await;
    let fails = json!({"simulate.syncline.dev/fail": "on purpose"});
    let pod = json!({"containers": [{"name": "a", "image": "a"}]});
    let mut once = pod.clone();
    once["restartPolicy"] = "Never".into();
    let job = |name: &str, annotations: &Value| json!({"metadata": {"name": name, "annotations": annotations}, "spec": {"template": {"spec": once}}});
    let pod_of = |name: &str, spec: &Value, annotations: &Value| json!({"metadata": {"name": name, "annotations": annotations}, "spec": spec});
    let jobs = "/apis/batch/v1/namespaces/default/jobs";
    let claim = json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let balancer =
        json!({"metadata": {"name": "b"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
    let none = json!({});
    type Check = fn(&Value) -> bool;
    let cases: Vec<(String, Value, &str, Check)> = vec![
        (format!("{APPS}/statefulsets"), workload("StatefulSet", "s", none.clone()), "s", |it| {
            it["readyReplicas"] == 2 && it["updatedReplicas"] == 2
        }),
        (format!("{APPS}/daemonsets"), workload("DaemonSet", "d", none.clone()), "d", |it| {
            it["numberReady"] == 1 && it["desiredNumberScheduled"] == 1
        }),
        (format!("{APPS}/daemonsets"), workload("DaemonSet", "f", fails.clone()), "f", |it| {
            it["numberReady"] == 0 && it["numberUnavailable"] == 1
        }),
        (format!("{APPS}/replicasets"), workload("ReplicaSet", "r", none.clone()), "r", |it| {
            it["readyReplicas"] == 2
        }),
        (jobs.into(), job("ok", &none), "ok", |it| {
            condition(it, "Complete")["status"] == "True" && it["succeeded"] == 1
        }),
        (jobs.into(), job("bad", &fails), "bad", |it| condition(it, "Failed")["message"] == "on purpose"),
        (format!("{NAMESPACE}/pods"), pod_of("p", &pod, &none), "p", |it| {
            it["phase"] == "Running" && condition(it, "Ready")["status"] == "True"
        }),
        (format!("{NAMESPACE}/pods"), pod_of("o", &once, &none), "o", |it| it["phase"] == "Succeeded"),
        (format!("{NAMESPACE}/pods"), pod_of("x", &pod, &fails), "x", |it| it["phase"] == "Failed"),
        (format!("{NAMESPACE}/persistentvolumeclaims"), claim, "c", |it| {
            it["phase"] == "Bound" && it["capacity"]["storage"] == "1Gi"
        }),
        (format!("{NAMESPACE}/services"), balancer, "b", |it| {
            it["loadBalancer"]["ingress"][0]["ip"].is_string()
        }),
    ];
    for (path, object, ..) in &cases {
        let answer = client.create(path, object).await;
        assert_eq!(answer.status, 201, "{}", answer.json());
    }
    for (path, _, name, holds) in &cases {
        wait(&client, &format!("{path}/{name}"), name, holds).await;
    }
    // Another delay, by annotation.
    let slow = workload("Deployment", "slow", json!({"simulate.syncline.dev/delay": "60s"}));
    client.create(&format!("{APPS}/deployments"), &slow).await;
    tokio::time::sleep(4 * DELAY).await;
    let status = client.get(&format!("{APPS}/deployments/slow")).await.json();
    assert_eq!(status["status"]["readyReplicas"].as_i64().unwrap_or(0), 0);
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_simulated_unless_it_is_asked_for() {
    let (server, client) = server(None).await;
    client.create(&format!("{APPS}/deployments"), &workload("Deployment", "web", json!({}))).await;
    tokio::time::sleep(4 * DELAY).await;
    let object = client.get(&format!("{APPS}/deployments/web")).await.json();
    assert_eq!(object["status"], json!({}));
    server.stop().await;
}
