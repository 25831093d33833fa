//! A commit becomes the state of several clusters, and a revert takes it back.

use serde_json::json;
use syncline_manifest::yaml;
use syncline_testutils::{FleetRepo, User, shared, wait_for};

use super::support::{Fleet, SOON, config_map, project, text, wait_value};

#[test]
fn the_example_fleet_converges_on_three_clusters_and_a_revert_rolls_it_back() {
    let servers = [shared(0), shared(1), shared(2)];
    let mut fleet = Fleet::empty("example");
    fleet.repo = FleetRepo::copy_of(&project("example-repo"));
    let names = ["asia-cluster", "eu-cluster", "us-cluster"];
    for (name, server) in names.iter().zip(servers) {
        fleet.set_kubeconfig(name, &server.kubeconfig(User::Admin));
    }
    let first = fleet.repo.git(&["rev-parse", "HEAD"]);
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&first);

    let deployment = |number: usize| servers[number].get("shop", "deployment/web").expect("it was applied");
    let replicas: Vec<_> = (0..3).map(|number| deployment(number)["spec"]["replicas"].clone()).collect();
    assert_eq!(replicas, [json!(5), json!(3), json!(2)], "10 replicas by 50/30/20");
    let container = &deployment(0)["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["env"][0]["value"], "Asia/Tokyo", "the cluster's variable");
    assert_eq!(container["env"][1]["value"], "info", "the overlay of the environment");
    assert_eq!(container["resources"]["limits"]["memory"], "128Mi");
    let color = |number: usize| {
        servers[number].get("shop", "configmap/web").expect("it was applied")["data"]["PODINFO_UI_COLOR"]
            .clone()
    };
    assert_eq!([color(0), color(1)], [json!("#7c3434"), json!("#34577c")], "the overlay of the region");
    let ports = |number: usize| {
        servers[number].get("shop", "service/web").expect("it was applied")["spec"]["ports"]
            .as_array()
            .map_or(0, Vec::len)
    };
    assert_eq!([ports(0), ports(2)], [1, 2], "the operations for one cluster");

    // A commit scales the app, a revert takes it back: nobody touches a cluster.
    let base = std::fs::read_to_string(fleet.repo.path().join("apps/web/base/web.yaml")).expect("the app");
    fleet.repo.write("apps/web/base/web.yaml", &base.replace("replicas: 10", "replicas: 20"));
    let second = fleet.repo.commit("Scale to 20");
    fleet.wait_in_sync(&second);
    assert_eq!(deployment(0)["spec"]["replicas"], 10);
    fleet.repo.git(&["revert", "--no-edit", "HEAD"]);
    let third = fleet.repo.git(&["rev-parse", "HEAD"]);
    fleet.wait_in_sync(&third);
    let replicas: Vec<_> = (0..3).map(|number| deployment(number)["spec"]["replicas"].clone()).collect();
    assert_eq!(replicas, [json!(5), json!(3), json!(2)]);

    // The records answer with the daemon down, and kubectl's own applyset label works.
    assert!(daemon.terminate());
    let status = fleet.status();
    assert_eq!(status["targets"][0]["commit"], third.as_str());
    for object in ["deployment/web", "service/web", "configmap/web"] {
        let member = servers[0].get("shop", object).expect("it was applied");
        assert!(member["metadata"]["labels"]["applyset.kubernetes.io/part-of"].is_string(), "{object}");
    }
}

#[test]
fn once_ends_with_success_when_all_is_in_sync_and_healthy() {
    let fleet = Fleet::of_one("once");
    fleet.repo.write("app.yaml", &config_map("once", "a", "1"));
    fleet.repo.commit("first");
    let output = fleet.once();
    assert_eq!(output.status.code(), Some(0));
    let table = text(&output.stdout);
    assert!(table.contains("one") && table.contains("1         1         1"), "{table}");
}

#[test]
fn once_ends_with_the_reasons_when_something_never_gets_healthy() {
    let server = shared(0);
    let fleet = Fleet::of_one("unhealthy");
    fleet.repo.write("app.yaml", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a, namespace: unhealthy}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n");
    fleet.repo.commit("first");
    let output = fleet.once_with(&["--timeout", "2s"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("PersistentVolumeClaim unhealthy/a: in progress: is Pending"));
    assert!(server.get("unhealthy", "pvc/a").is_some());
}

#[test]
fn a_health_check_of_the_fleet_tells_when_an_object_is_ready() {
    let fleet = Fleet::of_one("checked");
    let settings = |check: &str| {
        format!("name: checked\nhealthChecks: [{{apiVersion: v1, kind: ConfigMap, current: {check}}}]\n")
    };
    fleet.repo.write("syncline.yaml", &settings("data.key == '2'"));
    fleet.repo.write("a.yaml", &config_map("checked", "a", "1"));
    fleet.repo.commit("first");
    let output = fleet.once_with(&["--timeout", "2s"]);
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stdout);
    assert!(
        printed.contains("ConfigMap checked/a: in progress: its health check does not hold"),
        "{printed}"
    );

    let _daemon = fleet.daemon();
    fleet.wait_status("the check that does not hold", |status| {
        (status["targets"][0]["troubles"][0]["health"] == "progressing").then_some(())
    });
    fleet.repo.write("syncline.yaml", &settings("data.key == '1'"));
    let fixed = fleet.repo.commit("another check");
    fleet.wait_in_sync(&fixed);

    fleet.repo.write("syncline.yaml", &settings("data.key =="));
    let validated = fleet.command("validate").output().expect("it runs");
    let printed = text(&validated.stdout);
    assert!(printed.contains("is not a CEL expression") && printed.contains("syncline.yaml:2"), "{printed}");
}

#[test]
fn a_sync_without_changes_writes_nothing_and_a_plan_finds_nothing() {
    let server = shared(1);
    let fleet = Fleet::empty("noop");
    fleet.add_cluster("two", "environment: test", &server.kubeconfig(User::Admin));
    fleet.repo.write("policies/all.yaml", "apiVersion: policy.kurator.dev/v1alpha1\nkind: ClusterPropagationPolicy\nmetadata: {name: all}\nspec: {resourceSelectors: [{}]}\n");
    // Everything that a server spells otherwise than people do.
    fleet.repo.write("app.yaml", include_str!("../fixtures/noop/app.yaml"));
    let commit = fleet.repo.commit("first");
    let output = fleet.once_with(&["--timeout", "8s"]);
    assert!(text(&output.stdout).contains("two"), "{:?}", output.status);
    let status = fleet.status();
    assert_eq!(status["targets"][0]["inSync"], status["targets"][0]["objects"], "{status:#}");

    let version =
        |name: &str| server.get("noop", name).expect("it exists")["metadata"]["resourceVersion"].clone();
    let before = [version("deployment/a"), version("secret/a"), version("cronjob/a")];
    let log = fleet.log();
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);
    fleet.repo.write("unrelated.txt", "no manifest");
    let second = fleet.repo.commit("nothing that matters");
    fleet.wait_in_sync(&second);
    drop(daemon);
    assert_eq!(before, [version("deployment/a"), version("secret/a"), version("cronjob/a")], "{log}");
    let plan = fleet.command("plan").arg("--exit-code").output().expect("it runs");
    assert_eq!(plan.status.code(), Some(0), "{}{}", text(&plan.stdout), text(&plan.stderr));
}

#[test]
fn what_waits_for_a_definition_is_applied_the_moment_it_arrives() {
    let server = shared(0);
    let fleet = Fleet::of_one("waiting");
    let custom = "apiVersion: waiting.example.com/v1\nkind: Widget\nmetadata: {name: a, namespace: waiting}\nspec: {size: 1}\n";
    fleet.repo.write("widget.yaml", custom).write("other.yaml", &config_map("waiting", "other", "1"));
    fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    wait_value(server, "waiting", "other", Some("1"));
    fleet.wait_status("the widget to wait", |status| {
        (status["targets"][0]["troubles"][0]["state"] == "waitingForKind").then_some(())
    });
    let definition = yaml::read(include_str!("../fixtures/widget-crd.yaml")).expect("YAML").remove(0).value;
    // Installed by hand.
    server.apply(&definition);
    wait_for("the widget", SOON, || server.get("waiting", "widgets.waiting.example.com/a"));
}

#[test]
fn a_definition_and_its_resources_arrive_in_one_commit() {
    let server = shared(0);
    let fleet = Fleet::of_one("defined");
    let crd =
        include_str!("../fixtures/widget-crd.yaml").replace("waiting.example.com", "defined.example.com");
    fleet.repo.write("a/widget.yaml", "apiVersion: defined.example.com/v1\nkind: Widget\nmetadata: {name: a, namespace: defined}\nspec: {size: 1}\n");
    fleet.repo.write("b/crd.yaml", &crd);
    let commit = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);
    assert_eq!(server.get("defined", "widgets.defined.example.com/a").expect("applied")["spec"]["size"], 1);
}

#[test]
fn a_wave_begins_when_the_one_before_it_is_healthy() {
    let server = shared(0);
    let fleet = Fleet::of_one("waves");
    let second = config_map("waves", "second", "1")
        .replace("namespace: waves", "namespace: waves, annotations: {syncline.dev/wave: \"1\"}");
    fleet.repo.write("job.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: first, namespace: waves}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}\n");
    fleet
        .repo
        .write("second.yaml", &second)
        .write("elsewhere/other.yaml", &config_map("waves", "other", "1"));
    let commit = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    wait_value(server, "waves", "other", Some("1"));
    fleet.wait_status("the second wave to wait", |status| {
        let troubles = status["targets"][0]["troubles"].as_array()?;
        troubles.iter().any(|trouble| trouble["state"] == "waitingForWave").then_some(())
    });
    assert!(server.get("waves", "configmap/second").is_none());
    let now = "2026-01-01T00:00:00Z";
    let status = json!({"status": {
        "startTime": now, "completionTime": now, "succeeded": 1,
        "uncountedTerminatedPods": {},
        "conditions": [
            {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": now},
            {"type": "Complete", "status": "True", "lastTransitionTime": now},
        ],
    }});
    server.patch_status("waves", "job/first", &status);
    wait_value(server, "waves", "second", Some("1"));
    fleet.wait_in_sync(&commit);
}

#[test]
fn a_cluster_path_takes_all_below_it_without_a_policy() {
    let server = shared(0);
    let fleet = Fleet::empty("by-path");
    fleet.repo.write("clusters/one.yaml", "apiVersion: fleet.kurator.dev/v1alpha1\nkind: Cluster\nmetadata: {name: one}\nspec:\n  kubeconfigSecretRef: {name: one-kubeconfig}\n  path: ./live/one\n");
    fleet.set_kubeconfig("one", &server.kubeconfig(User::Admin));
    fleet.repo.write("live/one/deep/a.yaml", &config_map("by-path", "a", "1"));
    fleet.repo.write("live/two/b.yaml", &config_map("by-path", "b", "1"));
    fleet.repo.commit("first");
    let output = fleet.once();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stdout).contains("ConfigMap by-path/b  (live/two/b.yaml:1:1)"),
        "what goes nowhere is named"
    );
    assert!(server.get("by-path", "configmap/a").is_some() && server.get("by-path", "configmap/b").is_none());
}
