//! What leaves Git leaves the clusters: that, and nothing else.

use std::time::Duration;

use serde_json::json;
use syncline_testutils::{User, shared, wait_for};

use super::support::{Fleet, SOON, config_map, text, value_on, wait_value};

#[test]
fn what_leaves_git_is_deleted_and_what_was_never_ours_stays() {
    let server = shared(0);
    let fleet = Fleet::of_one("pruned");
    fleet
        .repo
        .write("a.yaml", &config_map("pruned", "a", "1"))
        .write("b.yaml", &config_map("pruned", "b", "1"));
    let first = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&first);
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "pruned"}});
    server.apply(&theirs);
    fleet.repo.remove("b.yaml");
    let second = fleet.repo.commit("second");
    fleet.wait_in_sync(&second);
    assert_eq!(value_on(server, "pruned", "b"), None);
    assert_eq!(value_on(server, "pruned", "a").as_deref(), Some("1"));
    assert!(server.get("pruned", "configmap/theirs").is_some());

    // The last object goes too.
    fleet.repo.remove("a.yaml");
    let third = fleet.repo.commit("third");
    fleet.wait_in_sync(&third);
    assert_eq!(value_on(server, "pruned", "a"), None);
    assert!(server.get("pruned", "configmap/theirs").is_some());
    // The inventory forgets kinds that it no longer holds.
    wait_for("the inventory to shrink", SOON, || {
        let parent = server.get("syncline-system", "configmap/syncline.pruned.one")?;
        (parent["metadata"]["annotations"]["applyset.kubernetes.io/contains-group-kinds"] == "").then_some(())
    });
}

#[test]
fn an_object_that_moves_between_applications_is_not_touched() {
    let server = shared(0);
    let fleet = Fleet::of_one("moved");
    fleet.repo.write("first/a.yaml", &config_map("moved", "a", "1"));
    let first = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&first);
    let version =
        || server.get("moved", "configmap/a").map(|object| object["metadata"]["resourceVersion"].clone());
    let before = version();
    fleet.repo.remove("first/a.yaml").write("second/base/a.yaml", &config_map("moved", "a", "1"));
    let second = fleet.repo.commit("second");
    fleet.wait_in_sync(&second);
    assert_eq!(version(), before);
}

#[test]
fn an_object_with_pruning_disabled_stays_and_is_released() {
    let server = shared(0);
    let fleet = Fleet::of_one("kept");
    let kept = config_map("kept", "a", "1")
        .replace("namespace: kept", "namespace: kept, annotations: {syncline.dev/prune: disabled}");
    fleet.repo.write("a.yaml", &kept);
    let first = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&first);
    fleet.repo.remove("a.yaml");
    let second = fleet.repo.commit("second");
    fleet.wait_in_sync(&second);
    let object = server.get("kept", "configmap/a").expect("it stays");
    assert_eq!(object["metadata"]["labels"].get("applyset.kubernetes.io/part-of"), None);
}

#[test]
fn a_commit_that_deletes_everything_is_held_until_a_commit_confirms_it() {
    let server = shared(0);
    let fleet = Fleet::of_one("guarded");
    for number in 0..12 {
        fleet.repo.write(&format!("apps/{number}.yaml"), &config_map("guarded", &format!("a{number}"), "1"));
    }
    let first = fleet.repo.commit("first");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&first);
    fleet.repo.remove("apps");
    fleet.repo.commit("Delete everything");
    fleet.wait_status("the hold", |status| {
        (status["targets"][0]["pruneHold"] == json!({"hold": "tooMany", "count": 12, "total": 12}))
            .then_some(())
    });
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(value_on(server, "guarded", "a0").as_deref(), Some("1"));
    let status = fleet.command("status").output().expect("it runs");
    assert!(text(&status.stdout).contains("Syncline-Prune: confirmed"), "the way out is told");

    // Not even a restart deletes.
    daemon.kill();
    let _daemon = fleet.daemon();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(value_on(server, "guarded", "a11").as_deref(), Some("1"));

    let confirmed = fleet.repo.commit("Yes, everything\n\nSyncline-Prune: confirmed");
    fleet.wait_in_sync(&confirmed);
    assert_eq!(value_on(server, "guarded", "a0"), None);
}

#[test]
fn a_namespace_that_is_still_used_is_not_deleted_with_its_manifest() {
    let server = shared(0);
    let fleet = Fleet::of_one("used");
    fleet.repo.write("namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: used}\n");
    fleet.repo.write("a.yaml", &config_map("used", "a", "1"));
    let first = fleet.repo.commit("first");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&first);
    fleet.repo.remove("namespace.yaml").write("a.yaml", &config_map("used", "a", "2"));
    let second = fleet.repo.commit("second");
    fleet.wait_in_sync(&second);
    wait_value(server, "used", "a", Some("2"));
    std::thread::sleep(Duration::from_millis(300));
    let namespace = server.get("default", "namespace/used").expect("it stays");
    assert_eq!(namespace["status"]["phase"], "Active");
}

#[test]
fn a_kind_that_no_longer_exists_counts_as_pruned() {
    let server = shared(1);
    let fleet = Fleet::empty("gone-kind");
    fleet.add_cluster("two", "a: b", &server.kubeconfig(User::Admin));
    fleet.repo.write("policies/all.yaml", "apiVersion: policy.kurator.dev/v1alpha1\nkind: ClusterPropagationPolicy\nmetadata: {name: all}\nspec: {resourceSelectors: [{}]}\n");
    let crd = include_str!("../fixtures/widget-crd.yaml").replace("waiting.example.com", "gone.example.com");
    fleet.repo.write("crd.yaml", &crd).write("keep.yaml", &config_map("gone-kind", "keep", "1"));
    fleet.repo.write(
        "widget.yaml",
        "apiVersion: gone.example.com/v1\nkind: Widget\nmetadata: {name: a, namespace: gone-kind}\n",
    );
    let first = fleet.repo.commit("first");
    let daemon = fleet.daemon();
    fleet.wait_in_sync(&first);
    daemon.kill();
    server.delete("", "crd/widgets.gone.example.com");
    fleet.repo.remove("crd.yaml").remove("widget.yaml");
    let second = fleet.repo.commit("second");
    let _daemon = fleet.daemon();
    fleet.wait_in_sync(&second);
}
