//! What people see: commands on the example fleet, without any cluster.

use syncline_testutils::FleetRepo;

use super::support::{binary, project, text};

fn run(repo: &FleetRepo, arguments: &[&str]) -> String {
    let output = binary()
        .arg(arguments[0])
        .arg("--repo")
        .arg(repo.path())
        .args(&arguments[1..])
        .output()
        .expect("syncline runs");
    let code = output.status.code().expect("it exits");
    format!("{}{}[exit code {code}]\n", text(&output.stdout), text(&output.stderr))
}

fn example() -> FleetRepo {
    FleetRepo::copy_of(&project("example-repo"))
}

#[test]
fn render_prints_the_example_as_each_cluster_should_hold_it() {
    let repo = example();
    insta::assert_snapshot!(run(&repo, &["render", "--cluster", "us-cluster"]));
    assert_eq!(
        run(&repo, &["render", "--cluster", "asia-cluster"]),
        run(&repo, &["render", "--cluster", "asia-cluster", "--rev", "HEAD"]),
        "the working directory and its commit are one"
    );
}

#[test]
fn explain_tells_where_an_object_goes_and_why() {
    let repo = example();
    insta::assert_snapshot!(run(&repo, &["explain", "deployment/web"]));
    insta::assert_snapshot!(run(&repo, &["explain", "deploymnt/web"]));
}

#[test]
fn diff_groups_clusters_and_hides_secrets() {
    let repo = example();
    let config = std::fs::read_to_string(repo.path().join("apps/web/base/config.yaml")).expect("the file");
    repo.write("apps/web/base/config.yaml", &config.replace("welcome to", "hello from"));
    repo.write("apps/web/base/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nstringData: {password: hunter2}\n");
    repo.commit("second");
    repo.write("apps/web/base/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nstringData: {password: hunter3}\n");
    repo.remove("apps/web/overlays/cluster=us-cluster");
    repo.remove("clusters/eu-cluster.yaml");
    repo.commit("third");
    insta::assert_snapshot!("diff_text", run(&repo, &["diff", "--from", "HEAD~2", "--to", "HEAD~1"]));
    let last = run(&repo, &["diff", "--from", "HEAD~1", "-o", "markdown"]);
    assert!(!last.contains("hunter") && !last.contains("aHVudGVy"), "{last}");
    insta::assert_snapshot!("diff_markdown", last);
}

#[test]
fn a_new_fleet_from_init_validates_and_renders() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = binary().arg("init").current_dir(folder.path()).output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let inside = |arguments: &[&str]| {
        let output = binary().args(arguments).current_dir(folder.path()).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    };
    assert!(
        inside(&["validate"]).contains("clusters: 1, policies: 1, placed objects: 1, errors: 0, warnings: 0")
    );
    assert!(inside(&["render", "--cluster", "local"]).contains("greeting: hello from local"));
    assert!(inside(&["init"]).contains("kept"), "what exists is kept");
}

#[test]
fn a_folder_inside_a_repository_is_a_fleet_of_its_own() {
    let repo = FleetRepo::new();
    repo.write(
        "fleet/cluster.yaml",
        "apiVersion: fleet.kurator.dev/v1alpha1\nkind: Cluster\nmetadata: {name: a}\n",
    );
    repo.write("other.yaml", "no: object\n");
    repo.commit("first");
    let folder = repo.path().join("fleet");
    let output = binary().args(["validate", "--repo"]).arg(folder).output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stdout));
}

#[test]
fn help_fits_eighty_columns_and_completions_are_made_for_every_shell() {
    let help = |arguments: &[&str]| {
        let output = binary().args(arguments).env("COLUMNS", "80").output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}");
        text(&output.stdout)
    };
    for command in ["init", "validate", "render", "diff", "plan", "run", "status", "explain", "completions"] {
        let page = help(&[command, "--help"]);
        let long: Vec<&str> = page.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{command}: {long:#?}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(help(&["completions", shell]).contains("syncline"));
    }
    insta::assert_snapshot!(help(&["--help"]));
}

#[test]
fn the_json_schemas_are_those_of_the_types() {
    for (name, schema) in syncline::api::schemas() {
        let path = project("schemas").join(name);
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::create_dir_all(project("schemas")).expect("a folder");
            std::fs::write(&path, &text).expect("a file");
        }
        let carried = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(carried == text, "{name}: run the tests with UPDATE_SCHEMAS=1 to renew the schemas");
    }
}
