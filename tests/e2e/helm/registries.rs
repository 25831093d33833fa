//! Charts of OCI registries and of other Git repositories.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use syncline_testutils::{FleetRepo, GitServer, free_port, shared, wait_for};

use super::super::support::{Fleet, SOON, text};
use super::sources::packed;

/// `user` with the password `secret`.
const LOGIN: &str = "user:$2a$10$LXCHNkdX7K9AgKPy83qCe.1qrliQKTbGAR37CzEETdZvlKmA4JtPG\n";

/// The registry of the distribution project, for who knows the password.
struct Registry {
    folder: tempfile::TempDir,
    program: std::path::PathBuf,
    helm: std::path::PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Registry {
    fn start(assets: &Path) -> Registry {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let storage = folder.path().display();
        let configuration = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {storage}/data}}}}\n\
             http: {{addr: '127.0.0.1:{port}', secret: s}}\nauth: {{htpasswd: {{realm: r, path: {storage}/htpasswd}}}}\n"
        );
        let write = |name: &str, content: &str| {
            std::fs::write(folder.path().join(name), content).expect("written");
        };
        write("config.yml", &configuration);
        write("htpasswd", LOGIN);
        let mut registry = Registry {
            folder,
            program: assets.join("registry"),
            helm: assets.join("helm"),
            port,
            child: None,
        };
        registry.open();
        registry
    }

    fn open(&mut self) {
        let child = Command::new(&self.program)
            .args(["serve", "config.yml"])
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the registry runs");
        self.child = Some(child);
        wait_for("the registry", SOON, || std::net::TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    fn close(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn helm(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new(&self.helm)
            .args(arguments)
            .arg("--plain-http")
            .env("HELM_REGISTRY_CONFIG", self.folder.path().join("registry.json"))
            .current_dir(folder)
            .output()
            .expect("helm runs");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    }

    /// Pushes versions of a chart; gives the digest of the last manifest.
    fn push(&self, versions: &[&str]) -> String {
        let packed = packed(&self.helm, versions);
        self.helm(packed.path(), &["registry", "login", &self.host(), "-u", "user", "-p", "secret"]);
        let to = format!("oci://{}/charts", self.host());
        let mut printed = String::new();
        for version in versions {
            printed = self.helm(packed.path(), &["push", &format!("out/shop-{version}.tgz"), &to]);
        }
        let digest = printed.lines().find_map(|line| line.strip_prefix("Digest: "));
        digest.expect("helm tells the digest").trim().to_owned()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.close();
    }
}

fn of_chart(name: &str, version: &str) -> String {
    release(
        name,
        &format!(
            "  chart:\n    spec:\n      chart: shop\n      version: '{version}'\n      sourceRef: {{kind: HelmRepository, name: charts}}\n"
        ),
    )
}

fn release(name: &str, chart: &str) -> String {
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: shop, namespace: {name}}}\nspec:\n  \
         install: {{createNamespace: true}}\n{chart}"
    )
}

fn docker_configuration(registry: &Registry) -> String {
    json!({"auths": {registry.host(): {"username": "user", "password": "secret"}}}).to_string()
}

fn login(name: &str, registry: &Registry) -> String {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": name},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": docker_configuration(registry)},
    });
    format!("---\n{secret}\n")
}

#[test]
fn charts_are_pulled_from_a_registry_by_range_tag_and_digest_and_kept() {
    let Some(assets) = syncline_testutils::oracles() else {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return;
    };
    let mut registry = Registry::start(&assets);
    let server = shared(0);
    let fleet = Fleet::of_one("pulled");
    let pinned = registry.push(&["1.0.0", "1.1.0+build.5"]);
    registry.push(&["1.2.0", "2.0.0-rc.1", "2.0.0"]);
    let host = registry.host();
    fleet.repo.write(
        "source.yaml",
        &format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: charts, namespace: pulled}}\n\
             spec: {{type: oci, url: 'oci://{host}/charts', insecure: true, secretRef: {{name: login}}}}\n"
        ),
    );
    // The password is not in Git.
    fleet.set_secret("login", ".dockerconfigjson", &docker_configuration(&registry));
    fleet.repo.write("release.yaml", &of_chart("pulled", "^1.0"));
    let first = fleet.repo.commit("A range");
    let daemon = fleet.daemon();
    let version = || Some(server.get("pulled", "configmap/shop")?["data"]["version"].clone());
    wait_for("the newest of the range", SOON, || (version()? == "1.2.0").then_some(()));
    fleet.wait_in_sync(&first);
    assert!(!fleet.log().contains("secret"), "the password is in the log");
    // The archive that a revision was made of is on record.
    let recorded = wait_for("the record", SOON, || {
        let record = server.get("pulled", "secret/sh.helm.release.v1.shop.v1")?;
        record["metadata"]["annotations"]["syncline.dev/chart-digest"].as_str().map(str::to_owned)
    });
    assert_eq!(recorded.strip_prefix("sha256:").map(str::len), Some(64), "{recorded}");

    // An artifact of its own: by tag, by range, and by the digest of its manifest.
    let artifact = |reference: &str| {
        fleet.repo.write(
            "source.yaml",
            &format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: shop, namespace: pulled}}\n\
                 spec: {{url: 'oci://{host}/charts/shop', insecure: true, ref: {reference}, secretRef: {{name: login}},\n  \
                 layerSelector: {{mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}}}}\n{}",
                login("pulled", &registry)
            ),
        );
        fleet
            .repo
            .write("release.yaml", &release("pulled", "  chartRef: {kind: OCIRepository, name: shop}\n"));
        fleet.repo.commit(reference);
    };
    for (reference, expected) in [
        ("{tag: 1.0.0}".to_owned(), "1.0.0"),
        ("{semver: '>=2'}".to_owned(), "2.0.0"),
        ("{semver: '>=1.0.0-0', semverFilter: '-rc[.]'}".to_owned(), "2.0.0-rc.1"),
        (format!("{{digest: '{pinned}'}}"), "1.1.0+build.5"),
    ] {
        artifact(&reference);
        wait_for(expected, SOON, || (version()? == expected).then_some(()));
    }
    assert!(daemon.terminate());

    // The registry is gone: what was pulled is used, after a restart too.
    registry.close();
    let daemon = fleet.daemon();
    server.patch("pulled", "configmap/shop", "someone", &json!({"data": {"version": "by hand"}}));
    wait_for("the drift to be reverted", SOON, || (version()? == "1.1.0+build.5").then_some(()));
    assert!(daemon.terminate());
}

#[test]
fn what_a_registry_does_not_have_is_told_with_what_it_has() {
    let Some(assets) = syncline_testutils::oracles() else {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return;
    };
    let registry = Registry::start(&assets);
    registry.push(&["1.0.0", "1.2.0"]);
    let fleet = Fleet::of_one("unpulled");
    let host = registry.host();
    let source = |more: &str, secret: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: charts, namespace: unpulled}}\n\
             spec: {{type: oci, url: 'oci://{host}/charts', insecure: true{more}}}\n{secret}"
        )
    };
    let expect = |source: &str, release: &str, parts: &[&str]| {
        fleet.repo.write("source.yaml", source).write("release.yaml", release);
        fleet.repo.commit("try");
        let output = fleet.command("validate").output().expect("syncline runs");
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{printed}");
        for part in parts {
            assert!(printed.contains(part), "{part} is not in\n{printed}");
        }
    };
    let known = source(", secretRef: {name: login}", &login("unpulled", &registry));
    expect(&known, &of_chart("unpulled", "3.x"), &["there is no version 3.x", "nearest: 1.2.0, 1.0.0"]);
    let other = of_chart("unpulled", "1.x").replace("chart: shop", "chart: shp");
    expect(&known, &other, &["charts/shp cannot be fetched"]);
    let artifact = |more: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: shop, namespace: unpulled}}\n\
             spec: {{url: 'oci://{host}/charts/shop', insecure: true, secretRef: {{name: login}}, {more}}}\n{}",
            login("unpulled", &registry)
        )
    };
    let of_artifact = release("unpulled", "  chartRef: {kind: OCIRepository, name: shop}\n");
    expect(
        &artifact("ref: {tag: 1.0.0}, layerSelector: {mediaType: application/x.other}"),
        &of_artifact,
        &["is no chart", "no layer of application/x.other, but of application/vnd.cncf.helm.chart"],
    );
    expect(
        &artifact("ref: {semver: '>=1', semverFilter: '('}"),
        &of_artifact,
        &["ref.semverFilter", "write a regular expression"],
    );
    // What somebody wants checked is not taken unchecked.
    let signed = ["verify: signatures of charts cannot be checked yet", "pin what you trust with ref.digest"];
    expect(&artifact("ref: {tag: 1.0.0}, verify: {provider: cosign}"), &of_artifact, &signed);
    let verified = of_chart("unpulled", "1.x")
        .replace("      chart: shop", "      verify: {provider: cosign}\n      chart: shop");
    expect(&known, &verified, &signed);
    expect(
        &source(", secretRef: {name: absent}", ""),
        &of_chart("unpulled", "1.x"),
        &["needs the Secret unpulled/absent, which is neither defined nor in", "--secrets-dir DIR"],
    );
    expect(&source("", ""), &of_chart("unpulled", "1.x"), &["cannot be fetched", "uthori"]);
}

#[test]
fn charts_come_from_folders_of_other_git_repositories() {
    let charts = FleetRepo::new();
    let write = |version: &str| {
        charts.write("deploy/shop/Chart.yaml", &format!("apiVersion: v2\nname: shop\nversion: {version}\n"));
        charts.write(
            "deploy/shop/templates/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {version: {{ .Chart.Version | quote }}}\n",
        );
        charts.commit(version);
    };
    write("1.0.0");
    charts.git(&["tag", "v1.0.0"]);
    write("1.1.0");
    let bare = charts.bare_clone("charts");
    let git = GitServer::start(bare.parent().expect("a folder"), "git", "s3cret");
    let url = git.url(bare.file_name().and_then(|name| name.to_str()).expect("a name"));
    let fleet = Fleet::of_one("from-git");
    let fleet_with = |reference: &str, path: &str| {
        fleet.repo.write(
            "source.yaml",
            &format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: charts, namespace: from-git}}\n\
                 spec: {{url: '{url}', ref: {reference}, secretRef: {{name: login}}}}\n---\n\
                 apiVersion: v1\nkind: Secret\nmetadata: {{name: login, namespace: from-git}}\nstringData: {{username: git, password: s3cret}}\n"
            ),
        );
        fleet.repo.write(
            "release.yaml",
            &release(
                "from-git",
                &format!("  chart:\n    spec:\n      chart: {path}\n      sourceRef: {{kind: GitRepository, name: charts}}\n"),
            ),
        );
        fleet.repo.commit(reference);
        let output = fleet
            .command("render")
            .args(["--cluster", "one", "-o", "json"])
            .env("SSL_CERT_FILE", git.certificate())
            .output()
            .expect("syncline runs");
        (text(&output.stdout), text(&output.stderr))
    };
    let version = |printed: &str| {
        let objects: Value = serde_json::from_str(printed).expect("JSON");
        let list = objects.as_array().or_else(|| objects["items"].as_array()).expect("a list").clone();
        list.iter()
            .find(|object| object["metadata"]["name"] == "shop")
            .map(|it| it["data"]["version"].clone())
    };
    for (reference, expected) in [
        ("{tag: v1.0.0}", "1.0.0"),
        ("{branch: main}", "1.1.0"),
        ("{semver: '^1'}", "1.0.0"),
        ("{name: refs/tags/v1.0.0, branch: main}", "1.0.0"),
        ("{}", "1.1.0"),
    ] {
        let (out, error) = fleet_with(reference, "./deploy/shop");
        assert_eq!(version(&out), Some(json!(expected)), "{reference}: {error}");
    }
    let (_, error) =
        fleet_with("{tag: v1.0.0}, verify: {mode: HEAD, secretRef: {name: keys}}", "./deploy/shop");
    assert!(error.contains("cannot be checked yet") && error.contains("ref.commit"), "{error}");
    let (_, error) = fleet_with("{name: main}", "./deploy/shop");
    assert!(error.contains("is no reference") && error.contains("refs/heads/main"), "{error}");

    // What is suspended stays as it was fetched last.
    write("1.2.0");
    charts.git(&["push", "-q", bare.to_str().expect("a UTF-8 path"), "main"]);
    for (reference, expected) in [("{branch: main}, suspend: true", "1.1.0"), ("{branch: main}", "1.2.0")] {
        let (out, error) = fleet_with(reference, "./deploy/shop");
        assert_eq!(version(&out), Some(json!(expected)), "{reference}: {error}");
    }
    // By what else a Secret can hold, and without trust of the machine.
    let ca = std::fs::read_to_string(git.certificate()).expect("a file");
    for (newest, login) in [
        ("1.3.0", json!({"username": "git", "password": "s3cret", "ca.crt": ca})),
        ("1.4.0", json!({"bearerToken": "s3cret", "ca.crt": ca})),
    ] {
        write(newest);
        charts.git(&["push", "-q", bare.to_str().expect("a UTF-8 path"), "main"]);
        let source = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": "charts", "namespace": "from-git"},
            "spec": {"url": url, "secretRef": {"name": "login"}},
        });
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "from-git"},
            "stringData": login,
        });
        fleet.repo.write("source.yaml", &format!("{source}\n---\n{secret}\n"));
        fleet.repo.commit("another login");
        let output = fleet.command("render").args(["--cluster", "one", "-o", "json"]).output();
        let output = output.expect("syncline runs");
        let printed = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(version(&printed), Some(json!(newest)), "{}", text(&output.stderr));
    }
    let (_, error) = fleet_with("{tag: v1.2.0}, suspend: true", "./deploy/shop");
    assert!(error.contains("its source is suspended"), "{error}");
    let (_, error) = fleet_with("{branch: main}", "./deploy/shp");
    assert!(error.contains("has no chart at \"deploy/shp\" in commit"), "{error}");
}

#[test]
fn charts_come_over_ssh_with_the_key_of_a_secret() {
    let charts = FleetRepo::new();
    charts.write("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
    charts.write("shop/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n");
    charts.commit("a chart");
    let folder = tempfile::tempdir().expect("a folder");
    // Stands for the network: tells what it was called with, and runs what ssh would run on
    // the other host, by the real git-upload-pack.
    let script = folder.path().join("ssh");
    std::fs::write(
        &script,
        "#!/bin/sh\necho \"$*\" > \"$TOLD/arguments\"\nwhile [ \"$1\" != git@localhost ]; do\n\
         case \"$1\" in\n-i) ls -l \"$2\" > \"$TOLD/mode\"; cp \"$2\" \"$TOLD/identity\";;\n\
         UserKnownHostsFile=*) cp \"${1#*=}\" \"$TOLD/known_hosts\";;\nesac\nshift\ndone\nshift\nexec sh -c \"$*\"\n",
    )
    .expect("a file");
    std::process::Command::new("chmod").arg("+x").arg(&script).status().expect("chmod runs");
    let fleet = Fleet::of_one("over-ssh");
    let render = |secret: &Value| {
        let source = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": "charts", "namespace": "over-ssh"},
            "spec": {"url": format!("ssh://git@localhost{}", charts.path().display()), "secretRef": {"name": "key"}},
        });
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "over-ssh"},
            "stringData": secret,
        });
        fleet.repo.write("source.yaml", &format!("{source}\n---\n{secret}\n"));
        let chart = "  chart:\n    spec:\n      chart: ./shop\n      sourceRef: {kind: GitRepository, name: charts}\n";
        fleet.repo.write("release.yaml", &release("over-ssh", chart));
        fleet.repo.commit("a key");
        let path = std::env::var("PATH").unwrap_or_default();
        let output = fleet
            .command("render")
            .args(["--cluster", "one"])
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .env("TOLD", folder.path())
            .output()
            .expect("syncline runs");
        (text(&output.stdout), text(&output.stderr))
    };
    let (_, error) = render(&json!({"identity": "the key"}));
    assert!(error.contains("no known_hosts") && error.contains("ssh-keyscan"), "{error}");
    let (printed, error) =
        render(&json!({"identity": "the key", "known_hosts": "localhost ssh-ed25519 AAAA"}));
    assert!(printed.contains("kind: ConfigMap"), "{error}");
    let told = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    assert_eq!(
        (told("identity"), told("known_hosts")),
        ("the key\n".into(), "localhost ssh-ed25519 AAAA\n".into())
    );
    assert!(told("mode").starts_with("-rw-------"), "{}", told("mode"));
    let arguments = told("arguments");
    assert!(arguments.contains("StrictHostKeyChecking=yes"), "{arguments}");
    let identity = arguments.split(' ').skip_while(|word| *word != "-i").nth(1).expect("a path");
    assert!(!std::path::Path::new(identity).exists(), "the key is gone after use");
}
