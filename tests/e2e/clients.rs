//! Clients that were written for Kubernetes work on the servers unchanged: helm, a
//! program with client-go's informers, kube-rs, `kubectl get --watch`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::json;
use syncline_testutils::{ApiServer, User, oracles, shared};

use super::support::{SOON, project, text};

/// A server, where there are the programs to try on it.
fn server() -> Option<&'static ApiServer> {
    if oracles().is_none() {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return None;
    }
    Some(shared(2))
}

fn namespace(server: &ApiServer, name: &str) {
    server.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
}

fn config_map(namespace: &str, name: &str, step: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"step": step}},
    })
}

#[test]
fn helm_installs_upgrades_rolls_back_and_uninstalls() {
    let Some(server) = server() else { return };
    let helm = |arguments: &[&str]| {
        let output = server.command("helm").args(["--namespace", "helm"]).args(arguments).output();
        let output = output.expect("helm runs");
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        if output.status.success() { Ok(out) } else { Err(error) }
    };
    let chart = project("tests/fixtures/chart").display().to_string();
    helm(&["install", "web", &chart, "--create-namespace"]).expect("installed");
    let deployment = || server.get("helm", "deployment/web");
    assert_eq!(deployment().expect("it is there")["spec"]["replicas"], 1);
    let map = server.get("helm", "configmap/web").expect("it is there");
    assert_eq!(map["data"], json!({"greeting": "hello", "deployments": "served"}), "capabilities are told");
    assert_eq!(map["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm");
    assert_eq!(server.get("helm", "gizmos.charts.example.com/web").expect("it is there")["spec"]["size"], 1);
    let again = helm(&["install", "web", &chart]).expect_err("the name is in use");
    assert!(again.contains("cannot re-use a name"), "{again}");

    helm(&["upgrade", "web", &chart, "--set", "replicas=3,greeting=hi"]).expect("upgraded");
    assert_eq!(deployment().expect("it is there")["spec"]["replicas"], 3);
    helm(&["rollback", "web", "1"]).expect("rolled back");
    assert_eq!(deployment().expect("it is there")["spec"]["replicas"], 1);
    let history = helm(&["history", "web", "--max", "10", "-o", "json"]).expect("a history");
    let history: serde_json::Value = serde_json::from_str(&history).expect("JSON");
    assert_eq!(history.as_array().map(Vec::len), Some(3), "{history}");
    assert_eq!(history[2]["status"], "deployed");
    let invalid = helm(&["upgrade", "web", &chart, "--set", "replicas=many"]).expect_err("it is no number");
    assert!(invalid.contains("cannot unmarshal") || invalid.contains("must be"), "{invalid}");
    let listed = helm(&["list", "--all", "-q"]).expect("a list");
    assert_eq!(listed.trim(), "web");

    helm(&["uninstall", "web"]).expect("uninstalled");
    for object in ["deployment/web", "service/web", "configmap/web", "gizmos.charts.example.com/web"] {
        assert!(server.get("helm", object).is_none(), "{object}");
    }
}

/// A program whose lines are read as they come; killed when dropped.
struct Lines {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Lines {
    fn of(command: &mut Command) -> Lines {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let input = child.stdin.take();
        Lines { child, input, lines }
    }

    /// The next line that begins so, others are passed over.
    fn wait(&self, beginning: &str) -> String {
        let mut passed = Vec::new();
        loop {
            match self.lines.recv_timeout(SOON) {
                Ok(line) if line.starts_with(beginning) => return line,
                Ok(line) => passed.push(line),
                Err(_) => panic!("waited for {beginning:?} in vain, got {passed:#?}"),
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.input.take());
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_program_with_informers_of_client_go_learns_of_everything_once() {
    let Some(server) = server() else { return };
    namespace(server, "informed");
    let definition =
        include_str!("../fixtures/widget-crd.yaml").replace("waiting.example.com", "informed.example.com");
    server.apply(&syncline_manifest::yaml::read(&definition).expect("YAML").remove(0).value);
    let widget = |step: &str| {
        json!({
            "apiVersion": "informed.example.com/v1", "kind": "Widget", "spec": {"size": 1},
            "metadata": {"name": "w", "namespace": "informed", "labels": {"step": step}},
        })
    };
    // The definition may take a moment to be served.
    syncline_testutils::wait_for("the kind", SOON, || {
        server.raw("/apis").contains("informed.example.com").then_some(())
    });
    syncline_testutils::wait_for("the kind to be ready", SOON, || {
        let crd = server.get("", "crd/widgets.informed.example.com")?;
        let conditions = crd["status"]["conditions"].as_array()?;
        conditions.iter().any(|it| it["type"] == "Established" && it["status"] == "True").then_some(())
    });
    server.apply(&config_map("informed", "before", "0"));
    let kubeconfig = server.folder().join("informer.kubeconfig");
    std::fs::write(&kubeconfig, server.kubeconfig(User::Admin)).expect("a file");
    let program = oracles().expect("they are there").join("informer");
    let informer = Lines::of(
        Command::new(program).arg(&kubeconfig).args(["informed", "widgets.v1.informed.example.com"]),
    );
    informer.wait("synced");
    for step in ["1", "2"] {
        server.apply(&config_map("informed", "after", step));
        server.apply(&widget(step));
    }
    informer.wait("updated *unstructured.Unstructured w 2");
    // Watches of one kind go on where they were when the server comes back.
    server.delete("informed", "configmap/before");
    informer.wait("deleted *v1.ConfigMap before 0");
    server.delete("informed", "widgets.informed.example.com/w");
    informer.wait("deleted *unstructured.Unstructured w 2");
}

#[test]
fn kubectl_watches_what_happens() {
    let Some(server) = server() else { return };
    namespace(server, "watched");
    server.apply(&config_map("watched", "a", "1"));
    let watch = Lines::of(server.command("kubectl").args([
        "get",
        "configmaps",
        "-n",
        "watched",
        "--watch",
        "--output-watch-events",
        "-L",
        "step",
        "--no-headers",
    ]));
    let fields = |line: String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let told = fields(watch.wait("ADDED"));
    assert_eq!([&told[1], &told[4]], ["a", "1"], "{told:?}");
    server.apply(&config_map("watched", "a", "2"));
    let told = fields(watch.wait("MODIFIED"));
    assert_eq!([&told[1], &told[4]], ["a", "2"], "{told:?}");
    server.delete("watched", "configmap/a");
    assert_eq!(fields(watch.wait("DELETED"))[1], "a");
}

#[tokio::test]
async fn kube_rs_creates_lists_in_pages_watches_and_is_told_of_conflicts() {
    let server = shared(2);
    namespace(server, "kube-rs");
    let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig(User::Admin)).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let client = kube::Client::try_from(config.expect("a configuration")).expect("a client");
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-rs");
    for number in 0..5 {
        let map: ConfigMap =
            serde_json::from_value(config_map("kube-rs", &format!("m{number}"), "1")).expect("a ConfigMap");
        maps.create(&PostParams::default(), &map).await.expect("created");
    }
    let (mut pages, mut seen, mut params) = (0, Vec::new(), ListParams::default().limit(2).labels("step=1"));
    let version = loop {
        let page = maps.list(&params).await.expect("a page");
        pages += 1;
        seen.extend(page.items.into_iter().filter_map(|map| map.metadata.name));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break page.metadata.resource_version.expect("a version"),
        }
    };
    assert_eq!((pages, seen.join(" ")), (3, "m0 m1 m2 m3 m4".into()));

    let mut stale = maps.get("m0").await.expect("it is there");
    let patch = json!({"metadata": {"labels": {"step": "2"}}});
    maps.patch("m0", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("patched");
    stale.data = Some([("late".to_owned(), "yes".to_owned())].into());
    let refused = maps.replace("m0", &PostParams::default(), &stale).await.expect_err("it is stale");
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 409 && status.reason == "Conflict"));

    let params = WatchParams::default().labels("step=1").timeout(10);
    let mut events = std::pin::pin!(maps.watch(&params, &version).await.expect("a watch"));
    // It no longer matches, and so it is gone for this watch.
    let first = events.try_next().await.expect("no error").expect("an event");
    assert!(
        matches!(&first, WatchEvent::Deleted(map) if map.metadata.name.as_deref() == Some("m0")),
        "{first:?}"
    );
    maps.delete("m4", &Default::default()).await.expect("deleted");
    let second = events.next().await.expect("an event").expect("no error");
    assert!(
        matches!(&second, WatchEvent::Deleted(map) if map.metadata.name.as_deref() == Some("m4")),
        "{second:?}"
    );

    // What it knows only by name, applied.
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let deployments: Api<DynamicObject> = Api::namespaced_with(client, "kube-rs", &kind);
    let web = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": {
            "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}},
    });
    let params = PatchParams::apply("kube-rs");
    let applied = deployments.patch("web", &params, &Patch::Apply(&web)).await.expect("applied");
    assert_eq!(applied.data["spec"]["strategy"]["type"], "RollingUpdate", "with defaults");
    let scale = deployments.get_scale("web").await.expect("a scale");
    assert_eq!(scale.spec.and_then(|spec| spec.replicas), Some(2));
}
