//! A HelmRelease in the fleet repository becomes the objects of its chart on clusters.

use std::process::Command;

use serde_json::json;
use syncline_testutils::{ApiServer, FleetRepo, User, shared, wait_for};

use super::super::support::{Fleet, SOON, project, text};

const CLUSTERS: [&str; 3] = ["asia-cluster", "eu-cluster", "us-cluster"];

/// A chart with a deployment, an autoscaler, a definition and an object of it.
fn chart(repo: &FleetRepo, version: &str) {
    repo.write("charts/shop/Chart.yaml", &format!("apiVersion: v2\nname: shop\nversion: {version}\n"));
    repo.write(
        "charts/shop/values.yaml",
        "replicas: 1\ntext: default\nscale: {min: 2, max: 10}\nimage: shop:1\n",
    );
    repo.write(
        "charts/shop/templates/all.yaml",
        r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: shop, image: {{ .Values.image }}}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: {{ .Release.Name }}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .Release.Name }}}
  minReplicas: {{ .Values.scale.min }}
  maxReplicas: {{ .Values.scale.max }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  {{- if .Values.keep }}
  annotations: {helm.sh/resource-policy: keep}
  {{- end }}
data:
  text: {{ .Values.text | quote }}
  release: {{ .Release.Name }} in {{ .Release.Namespace }}
"#,
    );
}

pub(super) fn release(extra: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: shop, namespace: NAMESPACE}}\n\
         spec:\n  interval: 5m\n  install: {{createNamespace: true}}\n  chart:\n    spec:\n      chart: shop\n      version: '>=1.0.0'\n      \
         sourceRef: {{kind: HelmRepository, name: charts, namespace: flux-system}}\n{extra}"
    )
}

pub(super) const SOURCE: &str = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\n\
                      metadata: {name: charts, namespace: flux-system}\nspec: {url: ./charts}\n";

/// A fleet of one cluster with the chart and a release of it.
fn fleet(name: &str, extra: &str) -> Fleet {
    let fleet = Fleet::of_one(name);
    chart(&fleet.repo, "1.0.0");
    fleet.repo.write("source.yaml", SOURCE);
    fleet.repo.write("release.yaml", &release(extra).replace("NAMESPACE", name));
    fleet
}

pub(super) fn run(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().expect("syncline runs");
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn a_release_is_divided_sixty_twenty_five_fifteen_over_three_regions() {
    let servers = [shared(0), shared(1), shared(2)];
    let mut fleet = Fleet::empty("divided");
    fleet.repo = FleetRepo::copy_of(&project("example-repo"));
    let settings = std::fs::read_to_string(fleet.repo.path().join("syncline.yaml")).expect("the settings");
    fleet.repo.write("syncline.yaml", &settings.replace("name: example", "name: divided"));
    // Beside the test of the whole example, which has the same names on the same servers.
    fleet.repo.remove("apps/web").remove("policies/web.yaml").remove("policies/web-replicas.yaml");
    for path in ["apps/e-commerce/base/release.yaml", "policies/e-commerce.yaml"] {
        let text = std::fs::read_to_string(fleet.repo.path().join(path)).expect("a file");
        let text =
            text.replace("namespace: production", "namespace: divided").replace("- production", "- divided");
        fleet.repo.write(path, &text.replace("replicas: 5", "replicas: 20"));
    }
    for region in ["asia", "eu"] {
        let path = format!("apps/e-commerce/overlays/region={region}/release.yaml");
        let text = std::fs::read_to_string(fleet.repo.path().join(&path)).expect("a file");
        fleet.repo.write(&path, &text.replace("namespace: production", "namespace: divided"));
    }
    fleet.repo.commit("Beside the others");
    for (name, server) in CLUSTERS.iter().zip(servers) {
        fleet.set_kubeconfig(name, &server.kubeconfig(User::Admin));
    }
    let commit = fleet.repo.git(&["rev-parse", "HEAD"]);
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);
    let replicas = |part: &str| -> Vec<_> {
        let object = format!("deployment/e-commerce-app-{part}");
        servers
            .iter()
            .map(|server| server.get("divided", &object).map(|it| it["spec"]["replicas"].clone()))
            .collect()
    };
    assert_eq!(replicas("backend"), [Some(json!(12)), Some(json!(5)), Some(json!(3))]);
    assert_eq!(replicas("frontend"), [Some(json!(2)), Some(json!(1)), None], "three are too few for all");
    let currency = |number: usize| {
        servers[number].get("divided", "configmap/e-commerce-app").expect("it was applied")["data"]["CURRENCY"].clone()
    };
    assert_eq!([currency(0), currency(1), currency(2)], [json!("JPY"), json!("EUR"), json!("USD")]);
    assert!(daemon.terminate());
}

#[test]
fn a_release_is_applied_changed_reverted_and_pruned_by_commits() {
    let server = shared(0);
    let fleet = fleet("released", "  values: {replicas: 3, text: first}\n");
    let first = fleet.repo.commit("Release the shop");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&first);
    let map = || server.get("released", "configmap/shop");
    let object = map().expect("it was applied");
    assert_eq!(object["data"], json!({"text": "first", "release": "shop in released"}));
    assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm");
    assert_eq!(object["metadata"]["annotations"]["meta.helm.sh/release-name"], "shop");
    assert_eq!(server.get("released", "deployment/shop").expect("it was applied")["spec"]["replicas"], 3);

    // Drift is reverted as with any other object.
    server.patch("released", "configmap/shop", "someone", &json!({"data": {"text": "by hand"}}));
    wait_for("the drift to be reverted", SOON, || (map()?["data"]["text"] == "first").then_some(()));

    fleet.repo.write(
        "release.yaml",
        &release("  values: {replicas: 3, text: second}\n").replace("NAMESPACE", "released"),
    );
    let second = fleet.repo.commit("Another text");
    fleet.wait_in_sync(&second);
    assert_eq!(map().expect("it is there")["data"]["text"], "second");
    fleet.repo.git(&["revert", "--no-edit", "HEAD"]);
    fleet.wait_in_sync(&fleet.repo.git(&["rev-parse", "HEAD"]));
    assert_eq!(map().expect("it is there")["data"]["text"], "first");

    // A new version of the chart needs no other commit: the range takes it in.
    chart(&fleet.repo, "1.1.0");
    fleet.repo.write(
        "charts/shop/templates/more.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n",
    );
    fleet.wait_in_sync(&fleet.repo.commit("A newer chart"));
    assert!(server.get("released", "configmap/more").is_some());

    fleet.repo.remove("release.yaml");
    fleet.wait_in_sync(&fleet.repo.commit("Close the shop\n\nSyncline-Prune: confirmed"));
    assert!(map().is_none() && server.get("released", "deployment/shop").is_none());
    assert!(
        server.get("released", "namespace/released").is_some(),
        "a namespace is not deleted with a release"
    );
    assert!(daemon.terminate());
}

#[test]
fn values_come_from_config_maps_and_secrets_of_the_repository() {
    let fleet = fleet(
        "values",
        "  valuesFrom:\n  - {kind: ConfigMap, name: base}\n  - {kind: ConfigMap, name: missing, optional: true}\n  \
         - {kind: Secret, name: secret, valuesKey: image, targetPath: image}\n  values: {text: own}\n",
    );
    fleet.repo.write(
        "values.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: base, namespace: values}\ndata:\n  values.yaml: |\n    replicas: 4\n    text: base\n    scale: {max: 6}\n\
         ---\napiVersion: v1\nkind: Secret\nmetadata: {name: secret, namespace: values}\nstringData: {image: 'shop:2'}\n",
    );
    let commit = fleet.repo.commit("Values from elsewhere");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);
    let deployment = applied("deployment/shop");
    assert_eq!(deployment["spec"]["replicas"], 4);
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "shop:2");
    assert_eq!(applied("configmap/shop")["data"]["text"], "own");
    let scaler = applied("horizontalpodautoscaler/shop");
    assert_eq!([&scaler["spec"]["minReplicas"], &scaler["spec"]["maxReplicas"]], [&json!(2), &json!(6)]);
    assert!(daemon.terminate());
}

/// An object of the test above, on the cluster of fleets of one.
fn applied(object: &str) -> serde_json::Value {
    shared(0).get("values", object).unwrap_or_else(|| panic!("{object} was not applied"))
}

#[test]
fn post_renderers_and_drift_rules_shape_what_is_applied() {
    let server = shared(0);
    let fleet = fleet(
        "shaped",
        "  postRenderers:\n  - kustomize:\n      patches:\n      - patch: |\n          kind: Deployment\n          apiVersion: apps/v1\n          metadata: {name: shop}\n          spec: {template: {spec: {containers: [{name: shop, env: [{name: A, value: b}]}]}}}\n      \
         - target: {kind: ConfigMap}\n        patch: |\n          - {op: add, path: /data/patched, value: 'yes'}\n      images:\n      - {name: shop, newTag: '9'}\n  \
         driftDetection: {mode: enabled, ignore: [{paths: [/spec/replicas], target: {kind: Deployment}}]}\n  \
         commonMetadata: {labels: {team: blue}}\n",
    );
    let commit = fleet.repo.commit("Shaped");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);
    let deployment = server.get("shaped", "deployment/shop").expect("it was applied");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!([&container["image"], &container["env"][0]["value"]], [&json!("shop:9"), &json!("b")]);
    assert_eq!(deployment["metadata"]["labels"]["team"], "blue");
    assert_eq!(server.get("shaped", "configmap/shop").expect("it was applied")["data"]["patched"], "yes");
    server.scale("shaped", "deployment/shop", 7);
    server.patch("shaped", "configmap/shop", "someone", &json!({"data": {"patched": "no"}}));
    wait_for("the drift to be reverted", SOON, || {
        (server.get("shaped", "configmap/shop")?["data"]["patched"] == "yes").then_some(())
    });
    let replicas = &server.get("shaped", "deployment/shop").expect("it is there")["spec"]["replicas"];
    assert_eq!(*replicas, 7, "the field is left to others");
    assert!(daemon.terminate());
}

#[test]
fn what_is_wrong_with_a_release_names_the_chart_the_line_and_what_to_do() {
    let fleet = fleet("wrong", "");
    fleet.repo.commit("first");
    let validate = || run(fleet.command("validate"));
    let (code, output) = validate();
    assert_eq!(code, Some(0), "{output}");
    let try_with = |path: &str, content: &str, expected: &[&str]| {
        let before = std::fs::read_to_string(fleet.repo.path().join(path)).ok();
        fleet.repo.write(path, content);
        fleet.repo.commit("try");
        let (code, output) = validate();
        assert_eq!(code, Some(1), "{output}");
        for part in expected {
            assert!(output.contains(part), "{part} is not in\n{output}");
        }
        match before {
            Some(before) => fleet.repo.write(path, &before),
            None => fleet.repo.remove(path),
        };
        fleet.repo.commit("and back");
    };
    let of = |text: &str| release("").replace("NAMESPACE", "wrong").replace("'>=1.0.0'", text);
    try_with(
        "release.yaml",
        &of("2.x"),
        &["chart \"shop\" in \"charts\": there is no version 2.x", "nearest: 1.0.0"],
    );
    try_with("release.yaml", &of("'>>1'"), &["improper constraint", "^1.2"]);
    try_with(
        "release.yaml",
        &of("'1'").replace("chart: shop", "chart: shpo"),
        &["no chart \"shpo\"", "did you mean shop?"],
    );
    try_with(
        "release.yaml",
        &of("'1'").replace("name: charts", "name: chart"),
        &["no HelmRepository chart", "did you mean charts?"],
    );
    try_with(
        "release.yaml",
        &format!("{}  valeus: {{}}\n", of("'1'")),
        &["unknown field \"valeus\"", "did you mean values?", "release.yaml:12:3"],
    );
    try_with(
        "charts/shop/templates/all.yaml",
        "a: 1\nb: {{ .Values.missing.deeper }}\n",
        &[
            "nil pointer evaluating interface {}.deeper",
            "charts/shop/templates/all.yaml:2:14",
            "Values.missing has no value",
        ],
    );
    try_with(
        "charts/shop/templates/all.yaml",
        "a: {{ upper }\n",
        &["parse error", "charts/shop/templates/all.yaml:1"],
    );
    try_with("charts/shop/templates/all.yaml", "a: b: c\n", &["YAML parse error", "a: b: c"]);
    try_with(
        "charts/shop/templates/all.yaml",
        "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}",
        &["nested reference"],
    );
    try_with(
        "charts/shop/templates/all.yaml",
        "{{ fail \"not this way\" }}",
        &["not this way", "all.yaml:1:"],
    );
    try_with(
        "charts/shop/values.schema.json",
        r#"{"properties": {"replicas": {"minimum": 5}}}"#,
        &["shop: replicas: 1 is less than the minimum of 5"],
    );
    try_with(
        "charts/shop/Chart.yaml",
        "apiVersion: v2\nname: shop\nversion: one\n",
        &["charts/shop", "no semantic version"],
    );
    try_with(
        "release.yaml",
        &format!("{}  timeout: 1s\n  upgrade: {{remediation: {{strategy: undo}}}}\n", of("'1'")),
        &["strategy", "undo"],
    );
    try_with(
        "release.yaml",
        &format!("{}  dependsOn: [{{name: base, readyExpr: 'dep.('}}]\n", of("'1'")),
        &["spec.dependsOn.0.readyExpr", "write a CEL expression"],
    );
    try_with(
        "release.yaml",
        &format!("{}  timeout: soon\n", of("'1'")),
        &["\"soon\" is no duration", "write it as 90s"],
    );
    try_with(
        "release.yaml",
        &format!("{}  kubeConfig: {{secretRef: {{name: elsewhere}}}}\n", of("'1'")),
        &["kubeConfig names the Secret elsewhere", "define a Cluster"],
    );
    try_with(
        "other.yaml",
        &of("'1'").replace("name: shop", "name: other").replace("  interval: 5m\n", "  releaseName: shop\n"),
        &["are both the release shop", "give one of them another releaseName"],
    );
    // What the repository does not define, the cluster may have.
    fleet.repo.write("release.yaml", &format!("{}  valuesFrom: [{{kind: Secret, name: none}}]\n", of("'1'")));
    fleet.repo.commit("Values from the cluster");
    let (code, output) = validate();
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("Secret wrong/none") && output.contains("the cluster is asked"), "{output}");
}

#[test]
fn charts_are_told_what_the_cluster_can_do() {
    let server = shared(0);
    let fleet = fleet("capable", "");
    fleet.repo.write(
        "charts/shop/templates/all.yaml",
        r#"apiVersion: v1
kind: ConfigMap
metadata: {name: capabilities}
data:
  version: {{ .Capabilities.KubeVersion.Version }}
  deployments: {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" | quote }}
  gadgets: {{ .Capabilities.APIVersions.Has "capable.example.com/v1" | quote }}
"#,
    );
    let commit = fleet.repo.commit("Ask the cluster");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);
    let data = || Some(server.get("capable", "configmap/capabilities")?["data"].clone());
    let version: serde_json::Value = serde_json::from_str(&server.raw("/version")).expect("a version");
    let expected =
        |gadgets: &str| json!({"version": version["gitVersion"], "deployments": "true", "gadgets": gadgets});
    wait_for("the first answer", SOON, || (data()? == expected("false")).then_some(()));

    // A kind that arrives is told to charts without another commit of theirs.
    fleet.repo.write(
        "gadgets.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: gadgets.capable.example.com}\n\
         spec:\n  group: capable.example.com\n  names: {kind: Gadget, plural: gadgets}\n  scope: Namespaced\n  \
         versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]\n",
    );
    fleet.repo.commit("Gadgets");
    wait_for("the second answer", SOON, || (data()? == expected("true")).then_some(()));
    assert!(daemon.terminate());
}

/// A chart of a ConfigMap, whose releases are ready as soon as they are applied.
fn config_chart(repo: &FleetRepo, version: &str) {
    chart(repo, version);
    repo.write(
        "charts/shop/templates/all.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {text: {{ .Values.text | quote }}}\n",
    );
    repo.write("charts/shop/templates/NOTES.txt", "Welcome to {{ .Release.Name }}.\n");
}

/// What helm prints in a namespace.
pub(super) fn helm(server: &ApiServer, namespace: &str, arguments: &[&str]) -> String {
    let output = server.command("helm").args(["--namespace", namespace]).args(arguments).output();
    let output = output.expect("helm runs");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn helm_itself_lists_and_shows_what_was_released() {
    if syncline_testutils::oracles().is_none() {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return;
    }
    let server = shared(0);
    let helm = |arguments: &[&str]| helm(server, "recorded", arguments);
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&helm(&[arguments, &["-o", "json"]].concat())).expect("JSON")
    };
    let fleet = fleet("recorded", "  values: {text: first}\n  maxHistory: 2\n");
    config_chart(&fleet.repo, "1.0.0");
    let commit = fleet.repo.commit("Release");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);
    let revision = |number: u64| {
        wait_for("the record of the revision", SOON, || {
            let history = json(&["history", "shop"]);
            let newest = history.as_array()?.last()?.clone();
            (newest["revision"] == number && newest["status"] == "deployed").then_some(history)
        })
    };
    // The list is empty until the record is there, and helm fails without one.
    wait_for("the first record", SOON, || (json(&["list"]).as_array()?.len() == 1).then_some(()));
    let listed = &json(&["list"])[0];
    assert_eq!([&listed["chart"], &listed["status"]], ["shop-1.0.0", "deployed"]);
    assert!(helm(&["get", "manifest", "shop"]).contains("text: first"));
    assert!(helm(&["get", "notes", "shop"]).contains("Welcome to shop."));
    assert_eq!(json(&["get", "values", "shop"]), json!({"text": "first"}));

    for (number, value) in [(2, "second"), (3, "third")] {
        let spec = format!("  values: {{text: {value}}}\n  maxHistory: 2\n");
        fleet.repo.write("release.yaml", &release(&spec).replace("NAMESPACE", "recorded"));
        fleet.repo.commit(value);
        revision(number);
    }
    let history = revision(3);
    let states: Vec<_> = history.as_array().expect("a list").iter().map(|it| it["status"].clone()).collect();
    assert_eq!(states, ["superseded", "deployed"], "two are kept");
    // Drift that is healed is no revision.
    server.patch("recorded", "configmap/shop", "someone", &json!({"data": {"text": "by hand"}}));
    wait_for("the drift to be reverted", SOON, || {
        (server.get("recorded", "configmap/shop")?["data"]["text"] == "third").then_some(())
    });
    revision(3);
    assert!(daemon.terminate());

    // A restart finds the record and writes none; the end of the release deletes them.
    let daemon = fleet.daemon();
    fleet.repo.write("other.yaml", &super::super::support::config_map("recorded", "other", "1"));
    fleet.wait_in_sync(&fleet.repo.commit("Something else"));
    revision(3);
    fleet.repo.remove("release.yaml");
    fleet.wait_in_sync(&fleet.repo.commit("The end"));
    wait_for("the records to be gone", SOON, || (json(&["list"]).as_array()?.is_empty()).then_some(()));
    assert!(daemon.terminate());
}

#[test]
fn a_release_that_helm_installed_is_adopted_without_recreating_anything() {
    if syncline_testutils::oracles().is_none() {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return;
    }
    let server = shared(0);
    let fleet = fleet("adopted", "  values: {text: from git}\n");
    config_chart(&fleet.repo, "1.0.0");
    let chart = fleet.repo.path().join("charts/shop").display().to_string();
    let helm = |arguments: &[&str]| helm(server, "adopted", arguments);
    helm(&["install", "shop", &chart, "--create-namespace", "--set", "text=by helm"]);
    let uid = || server.get("adopted", "configmap/shop").expect("it is there")["metadata"]["uid"].clone();
    let before = uid();
    // As a helm leaves it that was killed in the middle.
    let pending = json!({"metadata": {"labels": {"status": "pending-upgrade"}}});
    helm(&["upgrade", "shop", &chart, "--set", "text=again by helm"]);
    server.patch("adopted", "secret/sh.helm.release.v1.shop.v2", "helm", &pending);
    let commit = fleet.repo.commit("Take it over");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);
    assert_eq!(server.get("adopted", "configmap/shop").expect("it is there")["data"]["text"], "from git");
    assert_eq!(uid(), before);
    wait_for("the third revision", SOON, || {
        let history: serde_json::Value =
            serde_json::from_str(&helm(&["history", "shop", "-o", "json"])).ok()?;
        let newest = history.as_array()?.last()?.clone();
        (newest["revision"] == 3 && newest["status"] == "deployed").then_some(())
    });
    assert!(daemon.terminate());
}

#[test]
fn a_release_waits_for_those_it_depends_on() {
    let server = shared(0);
    let fleet = fleet("depending", "  values: {text: after}\n  dependsOn: [{name: base}]\n");
    config_chart(&fleet.repo, "1.0.0");
    // What the release waits for is never healthy: a claim that nobody binds.
    fleet.repo.write("charts/base/Chart.yaml", "apiVersion: v2\nname: base\nversion: 1.0.0\n");
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: base}\n\
                 spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";
    fleet.repo.write("charts/base/templates/claim.yaml", claim);
    let base = release("")
        .replace("NAMESPACE", "depending")
        .replace("name: shop", "name: base")
        .replace("chart: shop", "chart: base");
    fleet.repo.write("base.yaml", &base);
    fleet.repo.commit("first");
    let daemon = fleet.daemon();
    wait_for("the claim", SOON, || server.get("depending", "persistentvolumeclaim/base").map(|_| ()));
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert!(server.get("depending", "configmap/shop").is_none(), "the release did not wait");
    // An expression may say that something else is ready enough.
    let other = release("  values: {text: other}\n  dependsOn: [{name: base, readyExpr: \"dep.spec.chart.spec.chart == 'base' && self.metadata.name == 'other'\"}]\n")
        .replace("NAMESPACE", "depending")
        .replace("name: shop", "name: other");
    fleet.repo.write("other.yaml", &other);
    fleet.repo.commit("One that does not wait for health");
    wait_for("the release that is not to wait", SOON, || {
        server.get("depending", "configmap/other").map(|_| ())
    });
    assert!(server.get("depending", "configmap/shop").is_none(), "the release did not wait");
    server.patch_status("depending", "persistentvolumeclaim/base", &json!({"status": {"phase": "Bound"}}));
    wait_for("the release that waited", SOON, || server.get("depending", "configmap/shop").map(|_| ()));
    assert!(daemon.terminate());
    fleet
        .repo
        .write("release.yaml", &release("  dependsOn: [{name: nobody}]\n").replace("NAMESPACE", "depending"));
    let (code, output) = run(fleet.command("validate"));
    assert_eq!(code, Some(1));
    assert!(
        output.contains("waits for HelmRelease depending/nobody") || output.contains("nobody"),
        "{output}"
    );
}

#[test]
fn a_chart_that_looks_for_its_password_keeps_it_across_commits_and_restarts() {
    let server = shared(0);
    let fleet = Fleet::of_one("looked-up");
    fleet.repo.write("charts/vault/Chart.yaml", "apiVersion: v2\nname: vault\nversion: 1.0.0\n");
    fleet.repo.write(
        "charts/vault/templates/all.yaml",
        r#"{{- $before := lookup "v1" "Secret" .Release.Namespace "vault" }}
apiVersion: v1
kind: Secret
metadata: {name: vault}
data:
  password: {{ if $before }}{{ $before.data.password }}{{ else }}{{ randAlphaNum 20 | b64enc }}{{ end }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: vault}
data:
  text: {{ .Values.text }}
  neighbours: {{ range (lookup "v1" "ConfigMap" .Release.Namespace "").items }}{{ if eq .metadata.name "neighbour" }}{{ .data.name }}{{ end }}{{ end }}
"#,
    );
    fleet.repo.write("source.yaml", SOURCE);
    let write = |text: &str| {
        let release = release(&format!("  values: {{text: {text}}}\n"));
        let release = release.replace("chart: shop", "chart: vault").replace("name: shop", "name: vault");
        fleet.repo.write("release.yaml", &release.replace("NAMESPACE", "looked-up"));
    };
    server.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "looked-up"}}));
    server.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "neighbour", "namespace": "looked-up"}, "data": {"name": "found"}
    }));
    write("first");
    let first = fleet.repo.commit("Release the vault");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&first);
    let password =
        || server.get("looked-up", "secret/vault").expect("it was applied")["data"]["password"].clone();
    let data = || server.get("looked-up", "configmap/vault").expect("it was applied")["data"].clone();
    let before = password();
    assert_eq!(before.as_str().map(str::len), Some(28), "{before}");
    assert_eq!(data(), json!({"text": "first", "neighbours": "found"}));

    write("second");
    let second = fleet.repo.commit("Say something else");
    fleet.wait_in_sync(&second);
    assert_eq!((data()["text"].clone(), password()), (json!("second"), before.clone()));
    assert!(daemon.terminate());

    let daemon = fleet.daemon();
    write("third");
    let third = fleet.repo.commit("Once more, after a restart");
    fleet.wait_in_sync(&third);
    assert_eq!((data()["text"].clone(), password()), (json!("third"), before));
    assert!(daemon.terminate());
}
