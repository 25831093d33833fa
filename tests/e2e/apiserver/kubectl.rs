//! What somebody does with kubectl, on both servers: the same commands print the same.

use std::sync::LazyLock;

use regex::Regex;
use syncline_testutils::{ApiServer, Backend, oracles};

use crate::support::project;

/// A command of the session.
struct Command {
    line: String,
    arguments: Vec<String>,
    input: String,
}

fn session(namespace: &str) -> Vec<Command> {
    let file = |name: &str| {
        let path = project("tests/fixtures/kubectl").join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let text = file("session.txt").replace("NS", namespace);
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (words, input) = match (line.split_once(" << "), line.split_once(" < ")) {
                (Some((words, input)), _) => (words, input.to_owned()),
                (None, Some((words, name))) => (words, file(name).replace("NS", namespace)),
                (None, None) => (line, String::new()),
            };
            // A space within an argument is written `\ `.
            let arguments = words.replace("\\ ", "\u{1}");
            let arguments = arguments.split(' ').map(|word| word.replace('\u{1}', " ")).collect();
            Command { line: line.to_owned(), arguments, input }
        })
        .collect()
}

/// What is printed, without what differs from run to run.
fn comparable(text: &str) -> String {
    static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"[ \t]+", " "),
            (r"-{3,}", "---"),
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000)", "TIME"),
            (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
            (r"(resourceVersion|Resource Version)(\W+)\d+", "${1}${2}RV"),
            // The whole object is told where a patch spoils it, in an order of Go's own.
            (r#"patch: Invalid value: ".*": "#, "patch: Invalid value: OBJECT: "),
            // What failed is told here, and not there.
            (r"(due to an error in our request)(: .*)?", "$1"),
            // What no user of this server has.
            (r"(?m)^UID +admin\n", ""),
            // What documentation does not tell, though the list of values is there.
            (r"(?s)\n Possible enum values:\n.*?\n\n", "\n"),
            // Controllers of the real server tell of what they repair.
            (r"(?s)\nEvents:.*", "\nEvents: ..."),
            // Kinds that are not served, as docs/apiserver.md tells.
            (r"(?m)^(bindings .*|componentstatuses.*)\n", ""),
            (r"https?://127\.0\.0\.1:\d+", "SERVER"),
            (r"10\.\d+\.\d+\.\d+", "ADDRESS"),
            (r"\b3[0-2]\d{3}(\b|/)", "PORT${1}"),
            (r"/tmp/(LIVE|MERGED)-\d+", "/tmp/$1"),
            (r"\b\d+[smh](\d+s)?( ago)?\b", "AGE"),
            (r"gen-\w{5}", "gen-NAME"),
        ]
        .map(|(pattern, replacement)| (Regex::new(pattern).expect("a pattern"), replacement))
        .into()
    });
    let mut text = text.to_owned();
    for (pattern, replacement) in &*PATTERNS {
        text = pattern.replace_all(&text, *replacement).into_owned();
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// What every command prints, and whether it succeeds.
fn run(server: &ApiServer, commands: &[Command], namespace: &str) -> Vec<String> {
    let mut printed = Vec::new();
    for command in commands {
        let mut kubectl = server.command("kubectl");
        kubectl.env("KUBE_EDITOR", "sed -i -e s/forced/edited/ -e s/terminationGracePeriodSeconds:.*/terminationGracePeriodSeconds:\\ 7/");
        kubectl.args(["--namespace", namespace]).args(&command.arguments);
        let output = syncline_testutils::output_with_input(&mut kubectl, &command.input);
        let text = format!(
            "exit {}\n{}{}",
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        printed.push(comparable(&text));
    }
    printed
}

#[test]
fn a_session_with_kubectl_prints_the_same_on_both_servers() {
    if oracles().is_none() {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
        return;
    }
    // Of its own, for the session lists what is beside namespaces.
    let real = ApiServer::start(Backend::Real);
    let namespace = format!("session-{}", std::process::id());
    let commands = session(&namespace);
    let ours = ApiServer::start(Backend::Embedded);
    let (expected, found) = std::thread::scope(|scope| {
        let expected = scope.spawn(|| run(&real, &commands, &namespace));
        let found = scope.spawn(|| run(&ours, &commands, &namespace));
        (expected.join().expect("it runs"), found.join().expect("it runs"))
    });
    let mut wrong = Vec::new();
    for ((command, expected), found) in commands.iter().zip(expected).zip(found) {
        if expected != found {
            let difference = similar::TextDiff::from_lines(&expected, &found);
            let difference =
                difference.unified_diff().context_radius(1).header("real", "embedded").to_string();
            wrong.push(format!("$ kubectl {}\n{difference}", command.line));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), commands.len(), wrong.join("\n"));
}
