//! An app like podinfo, which the field measures its tools with.

use serde_json::{Value, json};

/// The four objects of one app, much like podinfo's.
pub fn podinfo(number: usize, message: &str) -> Vec<Value> {
    let name = format!("app-{number:04}");
    let namespace = format!("apps-{}", number % 20);
    let metadata = json!({"name": name, "namespace": namespace, "labels": {"app": name, "team": "bench"}});
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": 9898}, "initialDelaySeconds": 5, "timeoutSeconds": 5});
    vec![
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
            "data": {"message": message, "color": "#34577c", "settings.yaml": "cache: true\nworkers: 4\nlevel: info\n"},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"type": "ClusterIP", "selector": {"app": name}, "ports": [
                {"name": "http", "port": 9898, "protocol": "TCP", "targetPort": "http"},
                {"name": "grpc", "port": 9999, "protocol": "TCP", "targetPort": "grpc"},
            ]},
        }),
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata,
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "minReplicas": 2, "maxReplicas": 4,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 99}}}],
            },
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {
                "replicas": 0, "minReadySeconds": 3, "revisionHistoryLimit": 5, "progressDeadlineSeconds": 60,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}, "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9797"}},
                    "spec": {"containers": [{
                        "name": "podinfod", "image": "ghcr.io/stefanprodan/podinfo:6.9.0", "imagePullPolicy": "IfNotPresent",
                        "ports": [
                            {"name": "http", "containerPort": 9898, "protocol": "TCP"},
                            {"name": "http-metrics", "containerPort": 9797, "protocol": "TCP"},
                            {"name": "grpc", "containerPort": 9999, "protocol": "TCP"},
                        ],
                        "command": ["./podinfo", "--port=9898", "--port-metrics=9797", "--grpc-port=9999", "--level=info"],
                        "env": [{"name": "PODINFO_UI_COLOR", "value": "#34577c"}],
                        "envFrom": [{"configMapRef": {"name": name}}],
                        "livenessProbe": probe("/healthz"), "readinessProbe": probe("/readyz"),
                        "resources": {"limits": {"cpu": "2000m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"}},
                    }]},
                },
            },
        }),
    ]
}
