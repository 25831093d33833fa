//! The life of a release on a cluster: hooks, tests, failures and what follows them, its end.

use std::time::Duration;

use serde_json::{Value, json};
use syncline_testutils::{ApiServer, FleetRepo, User, shared, wait_for};

use super::super::support::{Fleet, SOON, config_map, text};
use super::releases::{SOURCE, helm, release, run};

/// A job with the annotations of a hook.
fn job(name: &str, annotations: &str) -> String {
    format!(
        "---\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\n\
         spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: run, image: 'run:1'}}]\n"
    )
}

/// A chart of a ConfigMap, of a Deployment that nobody makes ready where it is to serve, and
/// of what is given besides.
fn chart(repo: &FleetRepo, more: &str) {
    repo.write("charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
    repo.write("charts/shop/values.yaml", "text: default\nserve: false\n");
    repo.write(
        "charts/shop/templates/all.yaml",
        &format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: shop}}\ndata:\n  text: {{{{ .Values.text }}}}\n  \
             told: {{{{ .Release.IsInstall }}}} {{{{ .Release.IsUpgrade }}}} {{{{ .Release.Revision }}}}\n\
             {{{{- if .Values.serve }}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop}}\nspec:\n  \
             selector: {{matchLabels: {{app: shop}}}}\n  template:\n    metadata: {{labels: {{app: shop}}}}\n    \
             spec: {{containers: [{{name: shop, image: 'shop:1'}}]}}\n{{{{- end }}}}\n{more}"
        ),
    );
}

struct Shop {
    fleet: Fleet,
    server: &'static ApiServer,
    name: &'static str,
}

impl Shop {
    fn new(name: &'static str, more: &str, spec: &str) -> Shop {
        let fleet = Fleet::of_one(name);
        chart(&fleet.repo, more);
        fleet.repo.write("source.yaml", SOURCE);
        let shop = Shop { fleet, server: shared(0), name };
        shop.write(spec);
        shop
    }

    fn write(&self, spec: &str) {
        self.fleet.repo.write("release.yaml", &release(spec).replace("NAMESPACE", self.name));
    }

    fn push(&self, spec: &str) -> String {
        self.write(spec);
        self.fleet.repo.commit("The release")
    }

    fn get(&self, object: &str) -> Option<Value> {
        self.server.get(self.name, object)
    }

    fn data(&self) -> Option<Value> {
        Some(self.get("configmap/shop")?["data"].clone())
    }

    fn wait_text(&self, text: &str) {
        wait_for(text, SOON, || (self.data()?["text"] == text).then_some(()));
    }

    fn wait_for(&self, object: &str) -> Value {
        wait_for(object, SOON, || self.get(object))
    }

    fn wait_gone(&self, object: &str) {
        wait_for("the end of an object", SOON, || self.get(object).is_none().then_some(()));
    }

    fn lacks(&self, object: &str) {
        std::thread::sleep(Duration::from_millis(400));
        assert!(self.get(object).is_none(), "{object} is there too early");
    }

    /// What the controller of jobs would say; no job runs on these servers.
    fn end(&self, job: &str, condition: &str) {
        self.wait_for(&format!("job/{job}"));
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let before = if condition == "Complete" { "SuccessCriteriaMet" } else { "FailureTarget" };
        let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now, "lastProbeTime": now, "reason": "Said", "message": "as told"});
        let conditions = json!([
            condition(before),
            condition(if before == "FailureTarget" { "Failed" } else { "Complete" })
        ]);
        let mut status = json!({"startTime": now, "conditions": conditions});
        if before == "SuccessCriteriaMet" {
            status["completionTime"] = json!(now);
        }
        self.server.patch_status(self.name, &format!("job/{job}"), &json!({"status": status}));
    }

    /// What the status says of the release, once it is so.
    fn wait_state(&self, state: &str) -> Value {
        self.fleet.wait_status(state, |status| {
            let releases = status["targets"][0]["releases"].as_object()?;
            releases.values().find(|release| release["release"] == state).cloned()
        })
    }

    fn wait_done(&self, commit: &str) {
        self.fleet.wait_status("all to be done", |status| {
            (status["done"] == true && status["targets"][0]["commit"] == commit).then_some(())
        });
    }

    /// The statuses and descriptions of the revisions, as helm tells them.
    fn history(&self) -> Vec<(u64, String, String)> {
        let history: Value =
            serde_json::from_str(&helm(self.server, self.name, &["history", "shop", "-o", "json"]))
                .expect("JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let revision = |it: &Value| {
            (it["revision"].as_u64().unwrap_or(0), text(&it["status"]), text(&it["description"]))
        };
        history.as_array().expect("a list").iter().map(revision).collect()
    }
}

/// What a release says whose upgrades may take a second and are remediated as given.
fn upgraded(remediation: &str, text: &str, serve: bool) -> String {
    format!(
        "  timeout: 1s\n  upgrade: {{remediation: {{{remediation}}}}}\n  values: {{text: {text}, serve: {serve}}}\n"
    )
}

fn has_helm() -> bool {
    let has = syncline_testutils::oracles().is_some();
    if !has {
        eprintln!("KUBEBUILDER_ASSETS is not set: helm is not asked");
    }
    has
}

#[test]
fn hooks_run_in_their_order_around_what_a_release_applies() {
    let hooks = [
        job("late", "helm.sh/hook: pre-install, helm.sh/hook-weight: '3'"),
        job(
            "early",
            "helm.sh/hook: 'pre-install,pre-upgrade', helm.sh/hook-weight: '-5', helm.sh/hook-delete-policy: 'hook-succeeded,before-hook-creation'",
        ),
        job("after", "helm.sh/hook: post-install"),
        job("migrate-{{ .Release.Revision }}", "helm.sh/hook: pre-upgrade"),
    ];
    let shop = Shop::new("hooked", &hooks.concat(), "  values: {text: first}\n");
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_for("job/early");
    shop.wait_state("runningHooks");
    shop.lacks("job/late");
    shop.end("early", "Complete");
    shop.wait_for("job/late");
    assert!(shop.get("configmap/shop").is_none(), "objects wait for all hooks before them");
    shop.end("late", "Complete");
    shop.wait_text("first");
    shop.end("after", "Complete");
    shop.wait_done(&first);
    shop.wait_gone("job/early");
    assert!(shop.get("job/late").is_some(), "a hook stays that does not say when it is deleted");
    assert_eq!(shop.data().expect("it is there")["told"], "true false 1");

    let second = shop.push("  values: {text: second}\n");
    shop.wait_for("job/early");
    shop.lacks("job/migrate-2");
    assert_eq!(shop.data().expect("it is there")["text"], "first");
    shop.end("early", "Complete");
    shop.end("migrate-2", "Complete");
    shop.wait_done(&second);
    assert_eq!(shop.data().expect("it is there"), json!({"text": "second", "told": "false true 2"}));

    // Neither drift nor a restart is an upgrade: no hook runs again, and the revision stays.
    shop.server.patch("hooked", "configmap/shop", "someone", &json!({"data": {"text": "by hand"}}));
    shop.wait_text("second");
    assert!(daemon.terminate());
    let daemon = shop.fleet.daemon();
    shop.fleet.repo.write("other.yaml", &config_map("hooked", "other", "1"));
    shop.wait_done(&shop.fleet.repo.commit("Something else"));
    assert_eq!(shop.data().expect("it is there")["told"], "false true 2");
    assert!(shop.get("job/early").is_none() && shop.get("job/migrate-3").is_none());
    if has_helm() {
        let states: Vec<_> = shop.history().into_iter().map(|(number, status, _)| (number, status)).collect();
        assert_eq!(states, [(1, "superseded".to_owned()), (2, "deployed".to_owned())]);
    }
    assert!(daemon.terminate());
}

#[test]
fn a_failed_upgrade_is_rolled_back_and_not_tried_again_until_another_version_comes() {
    let rollback_hook = job("undo", "helm.sh/hook: post-rollback");
    let with = |text: &str, serve: bool| upgraded("remediateLastFailure: true", text, serve);
    let shop = Shop::new("rolled", &rollback_hook, &with("first", false));
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_done(&first);

    shop.push(&with("second", true));
    shop.wait_for("deployment/shop");
    shop.end("undo", "Complete");
    let state = shop.wait_state("rolledBack");
    assert_eq!([&state["to"], &state["again"], &state["failures"]], [&json!(1), &json!(false), &json!(1)]);
    let reason = state["reason"].as_str().expect("a reason");
    assert!(reason.contains("not ready after 1s: Deployment rolled/shop"), "{reason}");
    assert_eq!(shop.data().expect("it is there"), json!({"text": "first", "told": "true false 1"}));
    shop.wait_gone("deployment/shop");
    if has_helm() {
        let expected = [(1, "superseded", "Install complete"), (3, "deployed", "Rollback to 1")];
        let history = shop.history();
        assert_eq!(history.len(), 3);
        for ((number, status, description), at) in expected.into_iter().zip([0, 2]) {
            assert_eq!(history[at], (number, status.to_owned(), description.to_owned()));
        }
        assert!(history[1].1 == "failed" && history[1].2.contains("not ready after 1s"), "{history:?}");
    }
    let (_, printed) = run(shop.fleet.command("status"));
    assert!(printed.contains("was rolled back to revision 1; it is not tried again"), "{printed}");

    // The version in force is kept so: drift is healed, and neither another commit nor a
    // restart tries the failed one again.
    shop.server.patch("rolled", "configmap/shop", "someone", &json!({"data": {"text": "by hand"}}));
    shop.wait_text("first");
    assert!(daemon.terminate());
    let daemon = shop.fleet.daemon();
    shop.fleet.repo.write("other.yaml", &config_map("rolled", "other", "1"));
    shop.fleet.repo.commit("Something else");
    wait_for("the other", SOON, || shop.get("configmap/other"));
    shop.wait_state("rolledBack");
    shop.lacks("deployment/shop");

    let fixed = shop.push(&with("third", false));
    shop.wait_done(&fixed);
    assert_eq!(shop.data().expect("it is there"), json!({"text": "third", "told": "false true 4"}));
    assert!(daemon.terminate());
}

#[test]
fn a_version_that_has_failed_is_tried_again_when_it_comes_back_after_another_also_past_a_restart() {
    let with = |text: &str, serve: bool| upgraded("remediateLastFailure: true", text, serve);
    let shop = Shop::new("forgiven", "", &with("first", false));
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_done(&first);
    shop.push(&with("second", true));
    assert_eq!(shop.wait_state("rolledBack")["failures"], 1);
    let reverted = shop.push(&with("first", false));
    shop.wait_done(&reverted);
    wait_for("the record to be silent about it", SOON, || {
        let record = shop.get("secret/sh.helm.release.v1.shop.v3")?;
        record["metadata"]["annotations"]["syncline.dev/refused-digest"].is_null().then_some(())
    });
    assert!(daemon.terminate());
    let daemon = shop.fleet.daemon();
    shop.wait_done(&reverted);
    shop.push(&with("second", true));
    shop.wait_for("deployment/shop");
    assert_eq!(shop.wait_state("rolledBack")["failures"], 1, "it begins anew");
    assert!(daemon.terminate());
}

#[test]
fn an_upgrade_is_tried_as_often_as_the_release_says_and_a_fix_supersedes_the_wait() {
    let with = |text: &str, serve: bool| upgraded("retries: 1", text, serve);
    let shop = Shop::new("retried", "", &with("first", false));
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_done(&first);
    shop.push(&with("second", true));
    let state = shop.fleet.wait_status("the last try", |status| {
        let releases = status["targets"][0]["releases"].as_object()?;
        releases.values().find(|it| it["release"] == "rolledBack" && it["again"] == false).cloned()
    });
    assert_eq!(state["failures"], 2);
    // A version that would wait for an hour is no obstacle for the next.
    shop.push(&with("third", true).replace("timeout: 1s", "timeout: 1h"));
    shop.wait_for("deployment/shop");
    let fixed = shop.push(&with("fourth", false));
    shop.wait_done(&fixed);
    assert_eq!(shop.data().expect("it is there")["text"], "fourth");
    assert!(daemon.terminate());
}

#[test]
fn a_hook_that_fails_leaves_the_version_before_in_force() {
    let hook = job("check", "helm.sh/hook: 'pre-install,pre-upgrade'");
    let shop = Shop::new("hook-refused", &hook, "  values: {text: first}\n");
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.end("check", "Complete");
    shop.wait_done(&first);
    let uid = |job: Option<Value>| job.map(|job| job["metadata"]["uid"].clone());
    let before = uid(shop.get("job/check"));
    shop.push("  values: {text: second}\n");
    wait_for("a new job", SOON, || {
        (uid(shop.get("job/check")) != before && shop.get("job/check").is_some()).then_some(())
    });
    shop.end("check", "Failed");
    let state = shop.wait_state("failed");
    assert!(
        state["reason"].as_str().expect("a reason").starts_with("pre-upgrade hook Job check: "),
        "{state}"
    );
    shop.server.patch("hook-refused", "configmap/shop", "someone", &json!({"data": {"text": "by hand"}}));
    shop.wait_text("first");
    // The commit that takes it back needs no hook: what it says is deployed.
    shop.wait_done(&shop.push("  values: {text: first}\n"));
    assert!(daemon.terminate());
}

#[test]
fn an_install_that_fails_is_removed_and_tried_again() {
    let hook = job("goodbye", "helm.sh/hook: pre-delete");
    let shop = Shop::new(
        "removed",
        &hook,
        "  timeout: 2s\n  install: {createNamespace: true, remediation: {retries: 1}}\n  values: {text: first, serve: true}\n",
    );
    let path = shop.fleet.repo.path().join("release.yaml");
    let written = std::fs::read_to_string(&path).expect("the release");
    shop.fleet.repo.write("release.yaml", &written.replace("  install: {createNamespace: true}\n", ""));
    shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_for("deployment/shop");
    shop.end("goodbye", "Complete");
    shop.wait_gone("configmap/shop");
    let before = shop.wait_for("configmap/shop")["metadata"]["uid"].clone();
    assert!(!before.is_null(), "it is tried again");
    // This time it becomes ready.
    shop.wait_for("deployment/shop");
    let ready = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1});
    shop.server.patch_status("removed", "deployment/shop", &json!({"status": ready}));
    shop.fleet.wait_status("all to be done", |status| (status["done"] == true).then_some(()));
    if has_helm() {
        let history = shop.history();
        assert_eq!(history[0].1, "uninstalled", "{history:?}");
        assert_eq!(history.last().expect("a revision").1, "deployed", "{history:?}");
    }
    assert!(daemon.terminate());
}

#[test]
fn hooks_run_before_and_after_a_release_that_left_git_is_deleted() {
    let hooks = [
        job("backup", "helm.sh/hook: pre-delete, helm.sh/hook-delete-policy: hook-succeeded"),
        job("cleanup", "helm.sh/hook: post-delete"),
    ];
    let shop =
        Shop::new("parted", &hooks.concat(), "  values: {text: first}\n  uninstall: {keepHistory: true}\n");
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_done(&first);
    shop.fleet.repo.remove("release.yaml");
    let end = shop.fleet.repo.commit("The end");
    shop.wait_for("job/backup");
    shop.wait_state("leaving");
    std::thread::sleep(Duration::from_millis(400));
    assert!(shop.get("configmap/shop").is_some(), "objects wait for the hook");
    shop.end("backup", "Complete");
    shop.wait_gone("configmap/shop");
    shop.end("cleanup", "Complete");
    shop.wait_done(&end);
    shop.wait_gone("job/backup");
    if has_helm() {
        let history = shop.history();
        assert_eq!(history.last().expect("a revision").1, "uninstalled", "{history:?}");
    }
    assert!(daemon.terminate());
}

#[test]
fn tests_run_after_an_upgrade_and_whenever_helm_is_told_to() {
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: probe\n  annotations: {helm.sh/hook: test}\n\
               spec:\n  restartPolicy: Never\n  containers: [{name: probe, image: 'probe:1'}]\n";
    let spec = "  test: {enable: true}\n  upgrade: {remediation: {remediateLastFailure: true}}\n";
    let shop = Shop::new("tested", pod, &format!("{spec}  values: {{text: first}}\n"));
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    let end_probe = |phase: &str| {
        shop.wait_for("pod/probe");
        shop.server.patch_status("tested", "pod/probe", &json!({"status": {"phase": phase}}));
    };
    shop.wait_for("pod/probe");
    shop.wait_state("testing");
    end_probe("Succeeded");
    shop.wait_done(&first);
    if has_helm() {
        let status = helm(shop.server, "tested", &["status", "shop"]);
        assert!(status.contains("TEST SUITE:     probe") && status.contains("Succeeded"), "{status}");
        // On demand it is helm that runs them, from the record.
        let mut command = shop.server.command("helm");
        let asked = command.args(["--namespace", "tested", "test", "shop"]);
        let asked = asked.stdout(std::process::Stdio::piped()).spawn().expect("helm runs");
        wait_for("the pod that helm makes", SOON, || {
            (shop.get("pod/probe")?["status"]["phase"] == "Pending").then_some(())
        });
        end_probe("Succeeded");
        let printed = text(&asked.wait_with_output().expect("helm ends").stdout);
        assert!(printed.contains("Phase:          Succeeded"), "{printed}");
    }
    let before = shop.get("pod/probe").expect("it is there")["metadata"]["uid"].clone();
    shop.push(&format!("{spec}  values: {{text: second}}\n"));
    shop.wait_text("second");
    wait_for("another pod", SOON, || (shop.get("pod/probe")?["metadata"]["uid"] != before).then_some(()));
    end_probe("Failed");
    let state = shop.wait_state("rolledBack");
    assert!(state["reason"].as_str().expect("a reason").starts_with("test hook Pod probe: "), "{state}");
    assert_eq!(shop.data().expect("it is there")["text"], "first");
    assert!(daemon.terminate());
}

#[test]
fn nothing_of_a_suspended_release_is_changed_healed_or_pruned() {
    let shop = Shop::new("paused", "", "  values: {text: first}\n");
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_done(&first);
    chart(&shop.fleet.repo, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n");
    let second = shop.push("  suspend: true\n  values: {text: second}\n");
    shop.wait_state("suspended");
    shop.server.patch("paused", "configmap/shop", "someone", &json!({"data": {"text": "by hand"}}));
    shop.lacks("configmap/more");
    shop.wait_done(&second);
    assert_eq!(shop.data().expect("it is there")["text"], "by hand");
    // Also after a restart.
    assert!(daemon.terminate());
    let daemon = shop.fleet.daemon();
    shop.wait_state("suspended");
    shop.lacks("configmap/more");
    shop.wait_done(&shop.push("  values: {text: second}\n"));
    assert_eq!(shop.data().expect("it is there")["text"], "second");
    assert!(shop.get("configmap/more").is_some());
    assert!(daemon.terminate());
}

#[test]
fn drift_is_only_reported_where_a_release_says_so() {
    let shop = Shop::new("warned", "", "  driftDetection: {mode: warn}\n  values: {text: first}\n");
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_done(&first);
    shop.server.patch("warned", "configmap/shop", "someone", &json!({"data": {"text": "by hand"}}));
    shop.fleet.wait_status("the drift", |status| {
        let troubles = status["targets"][0]["troubles"].as_array()?;
        troubles.iter().any(|trouble| trouble["state"] == "drifted").then_some(())
    });
    assert_eq!(shop.data().expect("it is there")["text"], "by hand");
    // The next version takes it back with everything else.
    shop.wait_done(&shop.push("  driftDetection: {mode: warn}\n  values: {text: second}\n"));
    assert_eq!(shop.data().expect("it is there")["text"], "second");
    let disabled = shop.push("  driftDetection: {mode: disabled}\n  values: {text: third}\n");
    shop.wait_done(&disabled);
    shop.server.patch("warned", "configmap/shop", "someone", &json!({"data": {"text": "by hand"}}));
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(shop.data().expect("it is there")["text"], "by hand");
    shop.wait_done(&disabled);
    assert!(daemon.terminate());
}

#[test]
fn a_release_has_no_more_rights_than_its_service_account() {
    // What others may not see, the chart of the release may not either.
    let looks = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: seen}\ndata:\n  \
                 password: {{ (lookup \"v1\" \"Secret\" \"limited\" \"others\").data.password | default \"none\" }}\n";
    let shop = Shop::new("limited", looks, "  serviceAccountName: deployer\n  values: {text: first}\n");
    let server = shop.server;
    server.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "limited"}}));
    server.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "others", "namespace": "limited"},
        "stringData": {"password": "secret"},
    }));
    let may = |resources: &[&str], verbs: &[&str]| {
        server.apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "deployer", "namespace": "limited"},
            "rules": [{"apiGroups": [""], "resources": resources, "verbs": verbs}],
        }));
    };
    server.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "deployer", "namespace": "limited"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
        "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": "limited"}],
    }));
    may(&["configmaps"], &["get"]);
    shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_state("awaited");
    wait_for("the refusal", SOON, || {
        shop.fleet.log().contains("a chart cannot look at the cluster; its release waits").then_some(())
    });
    may(&["configmaps", "secrets"], &["get"]);
    let trouble = shop.fleet.wait_status("the refusal", |status| {
        let troubles = status["targets"][0]["troubles"].as_array()?;
        troubles.iter().find(|trouble| trouble["state"] == "failed").cloned()
    });
    let message = trouble["message"].as_str().expect("a message");
    assert!(message.contains("system:serviceaccount:limited:deployer"), "{message}");
    assert!(shop.get("configmap/shop").is_none());
    may(&["configmaps"], &["*"]);
    shop.wait_text("first");
    assert!(daemon.terminate());
}

#[test]
fn values_that_the_repository_lacks_are_those_of_the_cluster_as_they_are_now() {
    let shop = Shop::new("given", "", "");
    let release = release(
        "  valuesFrom:\n  - {kind: Secret, name: given, valuesKey: text, targetPath: text}\n  - {kind: ConfigMap, name: absent, optional: true}\n",
    );
    let release = release.replace("NAMESPACE", "given").replace("interval: 5m", "interval: 1s");
    shop.fleet.repo.write("release.yaml", &release);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "given"}});
    shop.server.apply(&namespace);
    let give = |text: &str| {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "given", "namespace": "given"},
            "stringData": {"text": text},
        });
        shop.server.apply(&secret);
    };
    let commit = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    let state = shop.wait_state("broken");
    assert!(state["reason"].as_str().expect("a reason").contains("Secret given/given"), "{state}");
    give("of the cluster");
    shop.wait_done(&commit);
    assert_eq!(shop.data().expect("it is there")["text"], "of the cluster");
    give("of another day");
    shop.wait_text("of another day");
    // What no value comes from changes nothing.
    let label = json!({"metadata": {"labels": {"noted": "yes"}}});
    shop.server.patch("given", "secret/given", "someone", &label);
    shop.wait_done(&commit);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(shop.data().expect("it is there")["told"], "false true 2");
    let log = shop.fleet.log();
    assert!(!log.contains("of another day"), "values stay out of the log");
    assert!(daemon.terminate());
}

#[test]
fn a_release_goes_to_the_cluster_that_its_kube_config_names() {
    let shop = Shop::new(
        "directed",
        "",
        "  kubeConfig: {secretRef: {name: two-kubeconfig}}\n  values: {text: first}\n",
    );
    shop.fleet.add_cluster("two", "environment: test", &shared(1).kubeconfig(User::Admin));
    let commit = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.fleet.wait_in_sync(&commit);
    assert!(shop.get("configmap/shop").is_none(), "it is not for the first cluster");
    assert!(shared(1).get("directed", "configmap/shop").is_some());
    assert!(daemon.terminate());
}

#[test]
fn a_chart_that_breaks_leaves_its_last_good_revision_in_force_and_holds_nothing_else_up() {
    let shop = Shop::new("unrenderable", "", "  values: {text: first}\n");
    shop.fleet.repo.write("other.yaml", &config_map("unrenderable", "other", "1"));
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_done(&first);
    shop.fleet.repo.write("charts/shop/templates/bad.yaml", "{{ .Values.missing.deeper }}\n");
    shop.fleet.repo.remove("other.yaml");
    shop.fleet.repo.commit("A chart that does not render");
    shop.wait_gone("configmap/other");
    let state = shop.wait_state("broken");
    assert!(state["reason"].as_str().expect("a reason").contains("nil pointer"), "{state}");
    let heals = |text: &str| {
        shop.server.patch("unrenderable", "configmap/shop", "someone", &json!({"data": {"text": text}}));
        shop.wait_text("first");
    };
    heals("by hand");
    assert!(daemon.terminate());
    let daemon = shop.fleet.daemon();
    heals("by hand again");
    shop.fleet.repo.remove("charts/shop/templates/bad.yaml");
    let mended = shop.push("  values: {text: second}\n");
    shop.wait_done(&mended);
    assert_eq!(shop.data().expect("it is there")["text"], "second");
    assert!(daemon.terminate());
}

#[test]
fn a_plan_renders_releases_with_what_the_cluster_is_and_has() {
    let more = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: facts}\ndata:\n  version: {{ .Capabilities.KubeVersion.Version }}\n  \
                found: {{ (lookup \"v1\" \"Namespace\" \"\" \"planned\").metadata.name }}\n";
    let shop = Shop::new("planned", more, "  values: {text: first}\n");
    shop.server.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "planned"}}));
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_done(&first);
    assert!(daemon.terminate());
    let plan = || {
        let (code, printed) = run(shop.fleet.command("plan"));
        assert_eq!(code, Some(0), "{printed}");
        printed
    };
    let printed = plan();
    assert!(printed.contains("0 to create, 0 to update, 0 to prune, 3 unchanged"), "{printed}");
    shop.push("  values: {text: second}\n");
    let printed = plan();
    assert!(printed.contains("false true 2"), "the next revision is an upgrade\n{printed}");
}

#[test]
fn a_kill_in_the_middle_of_an_upgrade_or_a_rollback_leaves_nothing_stuck() {
    let hooks = [job("before", "helm.sh/hook: pre-upgrade"), job("undo", "helm.sh/hook: post-rollback")];
    let with = |text: &str, serve: bool| {
        format!(
            "  timeout: 2s\n  upgrade: {{timeout: 3s, remediation: {{remediateLastFailure: true}}}}\n  rollback: {{timeout: 1m}}\n  values: {{text: {text}, serve: {serve}}}\n"
        )
    };
    let shop = Shop::new("cut-short", &hooks.concat(), &with("first", false));
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_done(&first);
    shop.push(&with("second", true));
    let uid = |object: &str| shop.wait_for(object)["metadata"]["uid"].clone();
    let before = uid("job/before");
    daemon.kill();

    let daemon = shop.fleet.daemon();
    wait_for("the hook once more", SOON, || (uid("job/before") != before).then_some(()));
    assert_eq!(shop.data().expect("it is there")["text"], "first", "objects wait for the hook");
    shop.end("before", "Complete");
    shop.wait_text("second");
    // Nobody makes the deployment ready: the upgrade is taken back, and killed on the way.
    let undo = uid("job/undo");
    daemon.kill();

    let daemon = shop.fleet.daemon();
    wait_for("the hook after once more", SOON, || (uid("job/undo") != undo).then_some(()));
    shop.end("undo", "Complete");
    let state = shop.wait_state("rolledBack");
    assert_eq!([&state["to"], &state["failures"]], [&json!(1), &json!(1)]);
    assert_eq!(shop.data().expect("it is there")["text"], "first");
    if has_helm() {
        let states: Vec<_> = shop.history().into_iter().map(|(number, status, _)| (number, status)).collect();
        let expected = [(1, "superseded"), (2, "failed"), (3, "deployed")];
        assert_eq!(states, expected.map(|(number, status)| (number, status.to_owned())));
    }
    assert!(daemon.terminate());
}

#[test]
fn records_move_with_their_namespace_and_the_release_stays() {
    let hook = job("backup", "helm.sh/hook: pre-delete");
    let shop = Shop::new("relocated", &hook, "  values: {text: first}\n");
    let first = shop.fleet.repo.commit("Release");
    let daemon = shop.fleet.daemon();
    shop.wait_done(&first);
    let uid = shop.get("configmap/shop").expect("it is there")["metadata"]["uid"].clone();
    let record = |namespace: &str| shop.server.get(namespace, "secret/sh.helm.release.v1.shop.v1");
    assert!(record("relocated").is_some());
    let moved = shop.push("  storageNamespace: relocated-records\n  values: {text: first}\n");
    shop.wait_done(&moved);
    wait_for("the old record to be gone", SOON, || record("relocated").is_none().then_some(()));
    wait_for("the new record", SOON, || record("relocated-records"));
    assert_eq!(shop.get("configmap/shop").expect("it is there")["metadata"]["uid"], uid);
    assert!(shop.get("job/backup").is_none(), "nothing is deleted, so nothing is backed up");
    assert!(daemon.terminate());
}
