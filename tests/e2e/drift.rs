//! What others change is reverted, unless they were told to.

use std::time::{Duration, Instant};

use serde_json::json;
use syncline_testutils::{shared, wait_for};

use super::support::{Fleet, SOON, config_map, value_on, wait_value};

#[test]
fn a_changed_a_deleted_and_an_unlabelled_object_each_come_back() {
    let server = shared(0);
    let fleet = Fleet::of_one("drift");
    fleet.repo.write("a.yaml", &config_map("drift", "a", "1"));
    let commit = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);

    let started = Instant::now();
    server.patch("drift", "configmap/a", "rival", &json!({"data": {"key": "changed"}}));
    wait_value(server, "drift", "a", Some("1"));
    eprintln!("reverted after {:?}", started.elapsed());

    server.delete("drift", "configmap/a");
    wait_value(server, "drift", "a", Some("1"));

    let without = json!({"metadata": {"labels": {"applyset.kubernetes.io/part-of": null}}});
    server.patch("drift", "configmap/a", "rival", &without);
    wait_for("the label", SOON, || {
        let object = server.get("drift", "configmap/a")?;
        object["metadata"]["labels"]["applyset.kubernetes.io/part-of"].as_str().map(|_| ())
    });

    // What others add beside it is theirs.
    server.patch("drift", "configmap/a", "rival", &json!({"data": {"theirs": "1"}}));
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(server.get("drift", "configmap/a").expect("it exists")["data"]["theirs"], "1");
}

#[test]
fn a_field_that_somebody_keeps_changing_is_contested_and_not_fought_over_for_ever() {
    let server = shared(0);
    let fleet = Fleet::of_one("contested");
    fleet.repo.write("a.yaml", &config_map("contested", "a", "1"));
    let commit = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);
    let change = |value: u32| {
        let theirs = json!({"data": {"key": format!("theirs {value}")}});
        server.patch("contested", "configmap/a", "rival", &theirs);
    };
    for value in 0..3 {
        change(value);
        if value < 2 {
            wait_value(server, "contested", "a", Some("1"));
        }
    }
    fleet.wait_status("the contest to be told", |status| {
        let trouble = &status["targets"][0]["troubles"][0];
        (trouble["state"] == "contested"
            && trouble["manager"] == "rival"
            && trouble["fields"][0] == "/data/key")
            .then_some(())
    });
    // It is still corrected, later.
    wait_value(server, "contested", "a", Some("1"));
}

#[test]
fn two_fleets_that_claim_one_object_are_told_so_and_do_not_fight_without_a_pause() {
    let (one, other) = (Fleet::of_one("claimed"), Fleet::of_one("claimed-too"));
    let commits = [&one, &other].map(|fleet| {
        fleet.repo.write("a.yaml", &config_map("claimed", "a", "1"));
        fleet.repo.commit("first")
    });
    let _one = one.daemon();
    one.wait_in_sync(&commits[0]);
    let _other = other.daemon();
    for fleet in [&one, &other] {
        fleet.wait_status("the contest to be told", |status| {
            let trouble = &status["targets"][0]["troubles"][0];
            (trouble["state"] == "contested" && trouble["manager"].is_null()).then_some(())
        });
    }
}

#[test]
fn ignored_fields_are_left_to_others() {
    let server = shared(0);
    let fleet = Fleet::of_one("ignored");
    fleet.repo.write("web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: ignored\n  annotations: {syncline.dev/ignore-differences: /spec/replicas}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}\n");
    let commit = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&commit);
    server.scale("ignored", "deployment/web", 7);
    std::thread::sleep(Duration::from_millis(500));
    let replicas = || server.get("ignored", "deployment/web").expect("it exists")["spec"]["replicas"].clone();
    assert_eq!(replicas(), 7);
    // Another change of the object is applied, and replicas stay theirs.
    let web = std::fs::read_to_string(fleet.repo.path().join("web.yaml")).expect("the file");
    fleet.repo.write("web.yaml", &web.replace("image: web", "image: web2"));
    let second = fleet.repo.commit("second");
    fleet.wait_in_sync(&second);
    assert_eq!(replicas(), 7);
}

#[test]
fn an_immutable_field_fails_with_a_hint_and_recreates_where_allowed() {
    let server = shared(0);
    let fleet = Fleet::of_one("immutable");
    let job = |image: &str, annotation: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j, namespace: immutable{annotation}}}\nspec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: a, image: {image}}}]}}}}}}\n"
        )
    };
    fleet.repo.write("job.yaml", &job("one", ""));
    let first = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&first);
    let uid = || server.get("immutable", "job/j").map(|job| job["metadata"]["uid"].clone());
    let before = uid();

    fleet.repo.write("job.yaml", &job("two", ""));
    fleet.repo.commit("second");
    fleet.wait_status("the error", |status| {
        let trouble = &status["targets"][0]["troubles"][0];
        trouble["hint"].as_str().filter(|hint| hint.contains("syncline.dev/recreate: allowed")).map(|_| ())
    });
    assert_eq!(uid(), before);

    fleet.repo.write("job.yaml", &job("two", ", annotations: {syncline.dev/recreate: allowed}"));
    let third = fleet.repo.commit("third");
    fleet.wait_in_sync(&third);
    assert_ne!(uid(), before);
    assert!(value_on(server, "immutable", "none").is_none());
}
