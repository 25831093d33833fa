//! What is stored equals what the real server stores.

use http::Method;
use serde_json::{Value, json};
use syncline_testutils::{Client, User, real};

use super::{both, comparable, embedded, pod_template, runtime};

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
