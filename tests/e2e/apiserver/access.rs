//! Who may do what: roles and bindings are enforced, and nobody grants what they do
//! not hold. The same requests as the same users, on both servers.

use http::Method;
use serde_json::{Value, json};
use syncline_apiserver::{Account, Options, Server};
use syncline_testutils::{ApiServer, Backend, Client, User, real};

use super::runtime;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

fn role(kind: &str, name: &str, rules: Value) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "rules": rules})
}

fn binding(kind: &str, name: &str, role_kind: &str, role: &str, subject: Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": [subject],
    })
}

/// What the limited user may and may not, step by step, as the admin grants.
async fn play(admin: &Client, limited: &Client, namespace: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let maps = format!("/api/v1/namespaces/{namespace}/configmaps");
    let roles = format!("{RBAC}/namespaces/{namespace}/roles");
    let bindings = format!("{RBAC}/namespaces/{namespace}/rolebindings");
    let as_user = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "limited"});
    let as_group = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "testers"});
    let map = json!({"metadata": {"name": "a"}});
    let read = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]);
    let write = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]);
    let manage = json!([{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": ["create", "update", "patch", "get"]}]);
    let escalate =
        json!([{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]}]);
    let (a, l) = (admin, limited);
    let steps: Vec<(&Client, Method, String, Value)> = vec![
        (a, Method::POST, "/api/v1/namespaces".into(), json!({"metadata": {"name": namespace}})),
        (a, Method::POST, maps.clone(), map.clone()),
        (l, Method::GET, maps.clone(), Value::Null),
        (l, Method::GET, format!("{maps}/a"), Value::Null),
        (l, Method::GET, "/version".into(), Value::Null),
        (l, Method::GET, "/api".into(), Value::Null),
        (l, Method::GET, "/metrics".into(), Value::Null),
        (l, Method::GET, "/openapi/v2?timeout=1s".into(), Value::Null),
        (a, Method::POST, roles.clone(), role("Role", "read", read.clone())),
        (a, Method::POST, bindings.clone(), binding("RoleBinding", "read", "Role", "read", as_user.clone())),
        (l, Method::GET, format!("{maps}/a"), Value::Null),
        (l, Method::GET, maps.clone(), Value::Null),
        (l, Method::GET, format!("{maps}?watch=true&timeoutSeconds=1"), Value::Null),
        (l, Method::DELETE, format!("{maps}/a"), Value::Null),
        (l, Method::POST, maps.clone(), json!({"metadata": {"name": "b"}})),
        (l, Method::GET, "/api/v1/namespaces/default/configmaps".into(), Value::Null),
        (l, Method::GET, "/api/v1/configmaps".into(), Value::Null),
        // Grants of what they hold, and of what they do not.
        (l, Method::POST, roles.clone(), role("Role", "mine", read.clone())),
        (a, Method::POST, roles.clone(), role("Role", "manage", manage)),
        (a, Method::POST, bindings.clone(), binding("RoleBinding", "manage", "Role", "manage", as_group)),
        (l, Method::POST, roles.clone(), role("Role", "mine", read.clone())),
        (l, Method::POST, roles.clone(), role("Role", "more", write.clone())),
        (l, Method::PUT, format!("{roles}/mine"), role("Role", "mine", write.clone())),
        (l, Method::PATCH, format!("{roles}/mine"), json!({"metadata": {"labels": {"a": "b"}}})),
        (l, Method::PATCH, format!("{roles}/mine"), json!({"rules": write})),
        (l, Method::POST, bindings.clone(), binding("RoleBinding", "mine", "Role", "mine", as_user.clone())),
        (l, Method::POST, bindings.clone(), binding("RoleBinding", "none", "Role", "none", as_user.clone())),
        (
            l,
            Method::POST,
            bindings.clone(),
            binding("RoleBinding", "admin", "ClusterRole", "cluster-admin", as_user.clone()),
        ),
        (
            l,
            Method::POST,
            format!("{RBAC}/clusterrolebindings"),
            binding("ClusterRoleBinding", "x", "ClusterRole", "view", as_user.clone()),
        ),
        (a, Method::POST, roles.clone(), role("Role", "escalate", escalate)),
        (a, Method::POST, bindings.clone(), binding("RoleBinding", "escalate", "Role", "escalate", as_user)),
        (
            l,
            Method::POST,
            roles.clone(),
            role("Role", "more", json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])),
        ),
        // What is taken away is gone at once.
        (a, Method::DELETE, format!("{bindings}/read"), Value::Null),
        (l, Method::GET, format!("{maps}/a"), Value::Null),
        (a, Method::DELETE, format!("{bindings}/mine"), Value::Null),
        (l, Method::GET, format!("{maps}/a"), Value::Null),
    ];
    for (client, method, path, body) in steps {
        let who = if std::ptr::eq(client, limited) { "limited" } else { "admin" };
        let media_type =
            if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = client.send(method.clone(), &path, &[("content-type", media_type)], text).await;
        let reason = serde_json::from_slice::<Value>(&answer.body).map(|body| body["reason"].clone());
        let reason = reason.ok().filter(|_| answer.status >= 400);
        lines.push(format!(
            "{who}: {method} {path} {} -> {} {reason:?}",
            body["metadata"]["name"], answer.status
        ));
        // The real server reads roles with a delay.
        if who == "admin" {
            tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        }
    }
    lines
}

#[test]
fn a_limited_user_may_what_is_granted_and_cannot_grant_themselves_more() {
    let Some(real) = real() else { return };
    let ours = ApiServer::start(Backend::Embedded);
    let namespace = format!("access-{}", std::process::id());
    let clients =
        |server: &ApiServer| [User::Admin, User::Limited].map(|user| Client::new(&server.kubeconfig(user)));
    let ([real_admin, real_limited], [admin, limited]) = (clients(real), clients(&ours));
    let (expected, found) = runtime().block_on(async {
        tokio::join!(play(&real_admin, &real_limited, &namespace), play(&admin, &limited, &namespace))
    });
    let wrong: Vec<String> = expected
        .iter()
        .zip(&found)
        .filter(|(expected, found)| expected != found)
        .map(|(expected, found)| format!("real: {expected}\nours: {found}"))
        .collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn certificates_and_tokens_tell_who_asks_and_wrong_ones_are_refused() {
    let alice = Account { name: "alice".into(), groups: vec!["team-a".into()] };
    let options = Options { tokens: vec![("secret".into(), alice.clone())], ..Options::default() };
    let server = Server::start(options).await.expect("it starts");
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    for kubeconfig in
        [server.kubeconfig(&alice).expect("a kubeconfig"), server.token_kubeconfig("alice", "secret")]
    {
        let answer = Client::new(&kubeconfig).create(path, &review).await.json();
        let user = &answer["status"]["userInfo"];
        assert_eq!(user["username"], "alice");
        assert_eq!(user["groups"], json!(["team-a", "system:authenticated"]));
    }
    let wrong = Client::new(&server.token_kubeconfig("alice", "guess"));
    assert_eq!(wrong.create(path, &review).await.status, 401);
    // Certificates of another authority make no connection.
    let other = Server::start(Options::default()).await.expect("it starts");
    let foreign = other.kubeconfig(&Account::admin()).expect("a kubeconfig");
    let mixed = foreign.replace(&other.url(), &server.url());
    assert!(Client::new(&mixed).try_get("/version").await.is_none());
    other.stop().await;
    server.stop().await;
}
