//! What cannot be is refused as the real server refuses it.

use http::Method;
use serde_json::{Value, json};
use syncline_testutils::{Answer, Client, User, real};

use super::{both, embedded, pod_template, runtime};

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
