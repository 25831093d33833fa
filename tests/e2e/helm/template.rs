//! `syncline helm template` prints what `helm template` prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use syncline_testutils::{oracles, shared};

use super::super::support::{project, text};

const COMMON: [&str; 6] = ["--namespace", "ns", "--kube-version", "1.33.0", "-a", "example.com/v1"];

/// The real helm, where it is built.
fn helm() -> Option<PathBuf> {
    let Some(assets) = oracles() else {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return None;
    };
    Some(assets.join("helm"))
}

fn run(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().expect("the program runs");
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn ours(arguments: &[&str]) -> Result<String, String> {
    let mut all = vec!["helm"];
    all.extend(arguments);
    run(Path::new(env!("CARGO_BIN_EXE_syncline")), &all)
}

/// Renders with both and compares the text.
fn compare(helm: &Path, chart: &Path, flags: &[&str]) {
    let chart = chart.display().to_string();
    let mut arguments = vec!["template", "rel", &chart];
    arguments.extend(COMMON);
    arguments.extend(flags);
    let (theirs, ours) = (run(helm, &arguments), ours(&arguments));
    let theirs = theirs.unwrap_or_else(|error| panic!("helm fails on {flags:?}: {error}"));
    let ours = ours.unwrap_or_else(|error| panic!("syncline fails on {flags:?}: {error}"));
    similar_asserts(&theirs, &ours, &format!("{chart} {flags:?}"));
}

/// Fails with the first lines that differ.
fn similar_asserts(theirs: &str, ours: &str, what: &str) {
    if theirs.trim_end() == ours.trim_end() {
        return;
    }
    let differing: Vec<String> = theirs
        .lines()
        .zip(ours.lines())
        .enumerate()
        .filter(|(_, (a, b))| a != b)
        .take(5)
        .map(|(line, (a, b))| format!("{}: helm     {a}\n{}: syncline {b}", line + 1, line + 1))
        .collect();
    panic!("{what}: {} and {} lines\n{}", theirs.lines().count(), ours.lines().count(), differing.join("\n"));
}

fn notes_of(output: &str) -> String {
    output.split_once("NOTES:\n").map_or(String::new(), |(_, notes)| notes.trim_end().to_owned())
}

#[test]
fn every_function_gives_what_it_gives_in_helm() {
    let Some(helm) = helm() else { return };
    let chart = project("tests/fixtures/helm/functions");
    compare(&helm, &chart, &[]);
    compare(&helm, &chart, &["--show-only", "templates/objects.yaml", "--show-only", "templates/str*.yaml"]);
    compare(
        &helm,
        &chart,
        &[
            "--set",
            "zero=7,list[1]=x,new.deep.key=1,text=Other",
            "--set-string",
            "float=1.50,yes=false",
            "--set-json",
            r#"nested.list=[{"name":"j","port":1},{"port":2}],words=["z"]"#,
            "--set-literal",
            "multi=a,b={c}",
            "--set-file",
            &format!("unicode={}", chart.join("files/plain.txt").display()),
            "--is-upgrade",
        ],
    );
}

/// The chart of charts, with one of them packed by helm.
fn umbrella(helm: &Path, folder: &Path) -> PathBuf {
    let chart = folder.join("umbrella");
    copy(&project("tests/fixtures/helm/umbrella"), &chart);
    let packed = project("tests/fixtures/helm/packed").display().to_string();
    run(helm, &["package", &packed, "-d", &chart.join("charts").display().to_string()]).expect("helm packs");
    chart
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("an entry");
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }
}

#[test]
fn charts_within_charts_render_as_in_helm() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let chart = umbrella(&helm, folder.path());
    compare(&helm, &chart, &["--include-crds"]);
    compare(&helm, &chart, &["--no-hooks"]);
    compare(&helm, &chart, &["--skip-tests"]);
    let mut values: Vec<PathBuf> =
        fs::read_dir(chart.join("ci")).expect("cases").map(|entry| entry.expect("a case").path()).collect();
    values.sort();
    for file in &values {
        compare(&helm, &chart, &["--include-crds", "-f", &file.display().to_string()]);
    }
    let both = format!("{},{}", values[0].display(), values[2].display());
    compare(&helm, &chart, &["-f", &both, "--set", "db.more.from=set"]);
}

#[test]
fn notes_are_helms_notes() {
    if helm().is_none() {
        return;
    }
    let chart = project("tests/fixtures/helm/notes").display().to_string();
    // Helm shows notes only to those who have a cluster.
    let arguments = ["install", "rel", &chart, "-n", "ns", "--dry-run=client"];
    let theirs = shared(2).command("helm").args(arguments).output().expect("helm runs");
    let ours = ours(&["template", "rel", &chart, "-n", "ns", "--notes"]).expect("syncline renders");
    assert!(theirs.status.success(), "{}", text(&theirs.stderr));
    let notes = notes_of(&ours);
    assert!(notes.contains("export PORT=42"), "{notes}");
    similar_asserts(&notes_of(&text(&theirs.stdout)), &notes, &chart);
}

#[test]
fn what_fails_in_helm_fails_with_the_same_words() {
    let Some(helm) = helm() else { return };
    let cases = fs::read_to_string(project("tests/fixtures/helm/errors.txt")).expect("cases");
    let cases: Vec<&str> = cases.lines().filter(|line| !line.is_empty()).collect();
    let workers: Vec<_> = cases
        .chunks(cases.len().div_ceil(4))
        .map(|cases| {
            let (helm, cases) = (helm.clone(), cases.iter().map(ToString::to_string).collect::<Vec<_>>());
            std::thread::spawn(move || {
                cases.iter().filter_map(|case| failing(&helm, case)).collect::<Vec<_>>()
            })
        })
        .collect();
    let different: Vec<String> =
        workers.into_iter().flat_map(|worker| worker.join().expect("it ran")).collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// How a template fails differently, if it does.
fn failing(helm: &Path, case: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let chart = folder.path().join("errors");
    fs::create_dir_all(chart.join("templates")).expect("a folder");
    let write = |name: &str, content: &str| fs::write(chart.join(name), content).expect("written");
    write("Chart.yaml", "apiVersion: v2\nname: errors\nversion: 1.0.0\n");
    write("values.yaml", "text: abc\nlist: [1, 2]\nnum: 5\nmap: {a: 1}\nnothing: null\n");
    write(
        "templates/_h.tpl",
        "{{ define \"bad\" }}{{ .Values.map.x.y }}{{ end }}{{ define \"loop\" }}{{ include \"loop\" . }}{{ end }}\
         {{ define \"wrap\" }}{{ include \"bad\" . }}{{ end }}",
    );
    write("templates/a.yaml", &format!("a: 1\n{case}\n"));
    let chart = chart.display().to_string();
    let theirs = run(helm, &["template", "rel", &chart]).map_err(|error| {
        let error = error.trim_end().trim_end_matches("Use --debug flag to render out invalid YAML");
        error.trim().trim_start_matches("Error: ").to_owned()
    });
    let ours = ours(&["template", "rel", &chart]).map_err(|error| {
        let error = error.split("\n  hint: ").next().unwrap_or_default();
        error.trim().trim_start_matches("error: ").to_owned()
    });
    let same = match (&theirs, &ours) {
        (Ok(theirs), Ok(ours)) => theirs.trim_end() == ours.trim_end(),
        // Readers of YAML word their complaints differently.
        (Err(theirs), Err(ours)) => {
            theirs == ours || theirs.starts_with("YAML parse") && ours.starts_with("YAML parse")
        }
        _ => false,
    };
    (!same).then(|| format!("{case}\n  helm:     {theirs:?}\n  syncline: {ours:?}"))
}

#[test]
fn durations_give_what_they_give_in_helm_4() {
    // Printed by helm 4.3.1; the helm that the others are compared with has none of these.
    let chart = project("tests/fixtures/helm/durations");
    let expected = std::fs::read_to_string(chart.join("expected.txt")).expect("a file");
    let ours = ours(&["template", "x", &chart.display().to_string()]).expect("it renders");
    similar_asserts(&expected, &ours, "durations");
}

#[test]
fn validation_tells_what_an_api_server_would_refuse_and_by_which_template() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("written");
    };
    write("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    write(
        "crds/gadgets.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: gadgets.example.com}\nspec:\n  \
         group: example.com\n  names: {kind: Gadget, plural: gadgets}\n  scope: Namespaced\n  versions:\n  - name: v1\n    served: true\n    \
         storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n          spec: {type: object, properties: {size: {type: integer, maximum: 3}}}\n",
    );
    let gadget = |size: u32| {
        format!("apiVersion: example.com/v1\nkind: Gadget\nmetadata: {{name: g}}\nspec: {{size: {size}}}\n")
    };
    write("templates/gadget.yaml", &gadget(2));
    write("templates/elsewhere.yaml", "apiVersion: elsewhere.io/v1\nkind: Thing\nmetadata: {name: t}\n");
    write("templates/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: b}\n");
    let chart = folder.path().display().to_string();
    let validate = || ours(&["template", "web", &chart, "--validate"]);
    assert!(validate().expect("it is valid").contains("kind: Gadget"));
    write("templates/gadget.yaml", &gadget(7));
    write("templates/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndatas: {a: b}\n");
    write(
        "templates/service.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 70000}]}\n",
    );
    let error = validate().expect_err("it is refused");
    for part in [
        "3 objects are refused",
        "web/templates/gadget.yaml",
        "less than or equal to 3",
        "web/templates/map.yaml",
        "datas",
        "web/templates/service.yaml",
        "70000",
    ] {
        assert!(error.contains(part), "{part} is not in\n{error}");
    }
}
