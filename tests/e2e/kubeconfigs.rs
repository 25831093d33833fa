//! Where the kubeconfig of a cluster is found.

use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use syncline::api::Cluster;
use syncline::target::{ExecCredentials, Kubeconfigs};
use syncline_testutils::{User, shared};

fn cluster(secret: &str) -> Cluster {
    serde_json::from_value(json!({
        "apiVersion": "fleet.kurator.dev/v1alpha1", "kind": "Cluster",
        "metadata": {"name": "member", "namespace": "fleet-secrets"},
        "spec": {"kubeconfigSecretRef": {"name": secret}},
    }))
    .expect("a cluster")
}

/// What the kubeconfig of a cluster leads to, or why there is none.
async fn version(kubeconfigs: &Kubeconfigs, secret: &str) -> Result<String, String> {
    let cluster = kubeconfigs.connect(&cluster(secret)).await.map_err(|error| error.to_string())?;
    cluster.version().await.map(|version| version.git_version).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_secrets_folder_comes_first_then_secrets_of_the_cluster_syncline_runs_in() {
    let (host, member) = (shared(0), shared(1));
    let wrong = member.kubeconfig(User::Expired);
    host.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fleet-secrets"}}));
    for (secret, key) in [("by-name", "kubeconfig"), ("from-cluster-api", "value"), ("misnamed", "config")] {
        host.apply(&json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": secret, "namespace": "fleet-secrets"},
            "stringData": {key: member.kubeconfig(User::Admin)},
        }));
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in [
        ("as-file", member.kubeconfig(User::Admin)),
        ("as-mount/kubeconfig", member.kubeconfig(User::Admin)),
        ("fleet-secrets/in-namespace", member.kubeconfig(User::Admin)),
        // Were it not the first place to look, this would not be found wrong.
        ("by-name", wrong),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let kubeconfig = Kubeconfig::from_yaml(&host.kubeconfig(User::Admin)).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a configuration");

    let both = Kubeconfigs::new(Some(folder.path().to_owned()), ExecCredentials::Forbidden)
        .with_host(config.clone());
    let host_only = Kubeconfigs::new(None, ExecCredentials::Forbidden).with_host(config);
    for secret in ["as-file", "as-mount", "in-namespace", "from-cluster-api"] {
        assert!(version(&both, secret).await.is_ok_and(|version| version.starts_with('v')), "{secret}");
    }
    assert_eq!(version(&both, "by-name").await, Err("the server refuses the credentials".into()));
    assert!(version(&host_only, "by-name").await.is_ok());
    let missing = version(&both, "absent").await.expect_err("nowhere");
    for place in ["/absent", "/absent/kubeconfig", "/fleet-secrets/absent", "Secret fleet-secrets/absent"] {
        assert!(missing.contains(place), "{place}: {missing}");
    }
    let misnamed = version(&host_only, "misnamed").await.expect_err("no such key");
    assert!(misnamed.contains("no text at key kubeconfig or value"), "{misnamed}");
}
