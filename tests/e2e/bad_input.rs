//! Bad input gets a clear error with path, line, column and hint; the rest of the
//! commit still applies; nothing is pruned that failed to load.

use serde_json::json;
use syncline_testutils::{FleetRepo, User, shared};

use super::support::{Fleet, binary, config_map, text, value_on, wait_value};

/// What `validate` prints, and its exit code.
fn validate(repo: &FleetRepo) -> (String, Option<i32>) {
    let output = binary().args(["validate", "--repo"]).arg(repo.path()).output().expect("it runs");
    (text(&output.stdout), output.status.code())
}

fn fleet_with(files: &[(&str, &str)]) -> FleetRepo {
    let cluster = "apiVersion: fleet.kurator.dev/v1alpha1\nkind: Cluster\nmetadata: {name: asia-cluster, labels: {region: asia}}\n";
    let mut all = vec![("clusters/asia.yaml", cluster)];
    all.extend_from_slice(files);
    FleetRepo::with(&all)
}

fn policy(spec: &str) -> String {
    format!(
        "apiVersion: policy.kurator.dev/v1alpha1\nkind: ClusterPropagationPolicy\nmetadata:\n  name: p\nspec:\n{spec}"
    )
}

#[test]
fn every_kind_of_bad_file_is_named_with_its_place_and_a_hint() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: web}]}\n";
    let all = policy("  resourceSelectors: [{}]\n");
    let cases: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("broken YAML", vec![("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n bad: x\n".into())]),
        ("a tab", vec![("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n".into())]),
        ("a duplicate key", vec![("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b\n".into())]),
        ("no Kubernetes object", vec![("values.yaml", "replicas: 3\n".into())]),
        ("a typo in apiVersion", vec![("a.yaml", "apiVersion: apps\nkind: Deployment\nmetadata: {name: a}\n".into())]),
        ("an unknown field of a config kind", vec![("policy.yaml", policy("  resourceSelector: [{}]\n"))]),
        ("an unknown field of a resource", vec![("web.yaml", deployment.replace("image: web", "imag: web")), ("policy.yaml", all.clone())]),
        ("an unknown built-in kind", vec![("web.yaml", deployment.replace("kind: Deployment", "kind: Deploymnt")), ("policy.yaml", all.clone())]),
        ("an invalid selector", vec![("policy.yaml", policy("  resourceSelectors:\n    - labelSelector:\n        matchExpressions:\n          - {key: app, operator: Is, values: [web]}\n"))]),
        ("two files define one object", vec![("a.yaml", config_map("shop", "a", "1")), ("b.yaml", config_map("shop", "a", "2")), ("policy.yaml", all.clone())]),
        ("a cluster that does not exist", vec![("policy.yaml", policy("  resourceSelectors: [{}]\n  placement:\n    clusterAffinity:\n      clusterNames: [asia-clustr]\n"))]),
        ("an overlay that matches nothing", vec![
            ("apps/web/base/web.yaml", deployment.into()),
            ("apps/web/overlays/region=asia/web.yaml", "# more replicas here\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: wbe, namespace: shop}\nspec: {replicas: 3}\n".into()),
            ("policy.yaml", all.clone()),
        ]),
        ("an overlay of a label outside the hierarchy", vec![
            ("apps/web/base/web.yaml", deployment.into()),
            ("apps/web/overlays/zone=a/web.yaml", deployment.into()),
            ("policy.yaml", all.clone()),
        ]),
        ("operations that do not fit", vec![
            ("apps/web/base/web.yaml", deployment.into()),
            ("apps/web/overlays/region=asia/web.patch.yaml", "target: {kind: Deployment, name: web}\noperations:\n- {op: remove, path: /spec/replicas}\n".into()),
            ("policy.yaml", all.clone()),
        ]),
        ("a variable without a value", vec![
            ("clusters/eu.yaml", "apiVersion: fleet.kurator.dev/v1alpha1\nkind: Cluster\nmetadata: {name: eu}\nspec: {variables: {ZONE: a}}\n".into()),
            ("a.yaml", config_map("shop", "a", "${ZONE}")),
            ("policy.yaml", all.clone()),
        ]),
        ("broken settings", vec![("syncline.yaml", "hierarchi: [region]\n".into())]),
        ("a Secret in the open", vec![("a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}\nstringData: {password: hunter2}\n".into()), ("policy.yaml", all.clone())]),
        ("a malformed annotation", vec![("a.yaml", config_map("shop", "a", "1").replace("namespace: shop", "namespace: shop, annotations: {syncline.dev/wave: first}")), ("policy.yaml", all.clone())]),
        ("a billion laughs", vec![("a.yaml", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n".into())]),
    ];
    let mut report = String::new();
    for (name, files) in &cases {
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, content)| (*path, content.as_str())).collect();
        let repo = fleet_with(&files);
        let output = binary().args(["validate", "--repo"]).arg(repo.path()).output().expect("it runs");
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!printed.contains("hunter2"), "a secret was printed");
        report.push_str(&format!(
            "## {name}: exit code {}\n\n{printed}\n",
            output.status.code().expect("it exits")
        ));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn the_seed_kinds_load_as_users_write_them() {
    let repo = FleetRepo::with(&[("seed.yaml", include_str!("../fixtures/seed-kinds.yaml"))]);
    let (printed, _) = validate(&repo);
    let errors: Vec<&str> = printed.lines().filter(|line| line.starts_with("error")).collect();
    assert!(errors.iter().all(|line| line.ends_with("which does not exist")), "{errors:#?}");
    assert!(printed.contains("clusters: 2, policies: 4"), "{printed}");
}

#[test]
fn a_broken_file_keeps_its_last_good_version_in_force_and_the_rest_applies() {
    let server = shared(0);
    let fleet = Fleet::of_one("broken");
    fleet.repo.write("a.yaml", &config_map("broken", "a", "1"));
    fleet.repo.write("b.yaml", &config_map("broken", "b", "1"));
    fleet.repo.write("c.yaml", &config_map("broken", "c", "1"));
    let first = fleet.repo.commit("first");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&first);

    // One file breaks, one changes, one goes.
    fleet.repo.write("a.yaml", "apiVersion: v1\nkind: ConfigMap\n  bad: [\n");
    fleet.repo.write("b.yaml", &config_map("broken", "b", "2")).remove("c.yaml");
    let second = fleet.repo.commit("second");
    wait_value(server, "broken", "b", Some("2"));
    fleet.wait_status("the hold to be told", |status| {
        let target = &status["targets"][0];
        (target["commit"] == second.as_str() && target["pruneHold"]["hold"] == "broken").then_some(())
    });
    assert_eq!(
        value_on(server, "broken", "c").as_deref(),
        Some("1"),
        "nothing is pruned while a file is broken"
    );

    // The last good version heals, also after a restart.
    daemon.kill();
    server.delete("broken", "configmap/a");
    let _daemon = fleet.daemon();
    wait_value(server, "broken", "a", Some("1"));

    // Mended: applied, and what left is pruned.
    fleet.repo.write("a.yaml", &config_map("broken", "a", "3"));
    let third = fleet.repo.commit("third");
    fleet.wait_in_sync(&third);
    assert_eq!(value_on(server, "broken", "a").as_deref(), Some("3"));
    assert_eq!(value_on(server, "broken", "c"), None);
}

#[test]
fn one_object_that_the_server_refuses_hinders_no_other() {
    let server = shared(0);
    let fleet = Fleet::of_one("refused");
    fleet.repo.write("app/bad.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: refused}\nspec: {ports: [{port: 99999999}]}\n");
    fleet.repo.write(
        "app/unknown.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: unknown, namespace: refused}\ndta: {a: b}\n",
    );
    fleet.repo.write("app/good.yaml", &config_map("refused", "good", "1"));
    fleet.repo.commit("first");
    let output = fleet.once();
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stdout);
    assert!(
        printed.contains("Service refused/bad: failed") && printed.contains("app/bad.yaml:1:1"),
        "{printed}"
    );
    assert!(printed.contains("ConfigMap refused/unknown: failed") && printed.contains("dta"), "{printed}");
    assert_eq!(value_on(server, "refused", "good").as_deref(), Some("1"));
}

#[test]
fn a_wrong_or_expired_kubeconfig_is_told_and_delays_no_other_cluster() {
    let server = shared(0);
    let fleet = Fleet::of_one("access");
    fleet.add_cluster("nowhere", "a: b", "{apiVersion: v1, kind: Config, clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}], contexts: [{name: a, context: {cluster: a, user: ''}}], current-context: a}");
    fleet.add_cluster("garbage", "a: b", "no kubeconfig: [");
    fleet.add_cluster("expired", "a: b", &server.kubeconfig(User::Expired));
    fleet.add_cluster("program", "a: b", "{apiVersion: v1, kind: Config, clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [/tmp/syncline-was-run]}}}], contexts: [{name: a, context: {cluster: a, user: a}}], current-context: a}");
    fleet.repo.write(
        "clusters/none.yaml",
        "apiVersion: fleet.kurator.dev/v1alpha1\nkind: Cluster\nmetadata: {name: none}\n",
    );
    fleet.repo.write("clusters/absent.yaml", "apiVersion: fleet.kurator.dev/v1alpha1\nkind: Cluster\nmetadata: {name: absent}\nspec: {kubeconfigSecretRef: {name: absent}}\n");
    fleet.repo.write("a.yaml", &config_map("access", "a", "1"));
    fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    wait_value(server, "access", "a", Some("1"));
    let reasons: Vec<String> = fleet.wait_status("all clusters to be judged", |status| {
        let targets = status["targets"].as_array()?;
        let reasons = targets.iter().filter(|target| target["target"] != "one").map(|target| {
            let connection = &target["connection"];
            let reason = connection["reason"].as_str()?;
            Some(format!(
                "{}: {reason} ({})",
                target["target"].as_str()?,
                connection["hint"].as_str().unwrap_or("-")
            ))
        });
        reasons.collect::<Option<Vec<String>>>().filter(|reasons| reasons.len() == 6)
    });
    let about =
        |name: &str| reasons.iter().find(|reason| reason.starts_with(name)).expect("it is told").clone();
    assert!(about("expired").contains("refuses the credentials"), "{reasons:#?}");
    assert!(about("nowhere").contains("does not answer"), "{reasons:#?}");
    assert!(about("garbage").contains("not a usable kubeconfig"), "{reasons:#?}");
    assert!(about("program").contains("runs a program"), "{reasons:#?}");
    assert!(about("none").contains("no spec.kubeconfigSecretRef"), "{reasons:#?}");
    assert!(about("absent").contains("no kubeconfig named \"absent\""), "{reasons:#?}");

    // A renewed token works at the next try, without a restart.
    fleet.set_kubeconfig("expired", &shared(1).kubeconfig(User::Admin));
    wait_value(shared(1), "access", "a", Some("1"));
}

#[test]
fn a_denied_object_is_told_with_what_to_grant_and_applied_once_granted() {
    let server = shared(0);
    let fleet = Fleet::of_one("denied");
    fleet.set_kubeconfig("one", &server.kubeconfig(User::Limited));
    server.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "denied"}}));
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "limited"},
    "rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch", "create"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]},
    ]});
    // Not even listing is allowed of one kind.
    fleet.repo.write(
        "account.yaml",
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: s, namespace: denied}\n",
    );
    server.apply(&role);
    server.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "limited"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "limited"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "limited"}],
    }));
    fleet.repo.write("a.yaml", &config_map("denied", "a", "1"));
    fleet.repo.write("secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: denied}\n");
    let commit = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    wait_value(server, "denied", "a", Some("1"));
    fleet.wait_status("the denial", |status| {
        let troubles = status["targets"][0]["troubles"].as_array()?;
        let is_told = |part: &str| {
            troubles
                .iter()
                .any(|trouble| trouble["message"].as_str().is_some_and(|message| message.contains(part)))
        };
        (is_told("cannot patch resource \"secrets\"") && is_told("cannot list resource \"serviceaccounts\""))
            .then_some(())
    });
    let mut granted = role;
    granted["rules"][2] =
        json!({"apiGroups": [""], "resources": ["secrets", "serviceaccounts"], "verbs": ["*"]});
    server.apply(&granted);
    fleet.wait_in_sync(&commit);
}
