//! syncline's rendering of charts beside Helm's, in one run:
//!
//!     KUBEBUILDER_ASSETS=$(tests/oracles/build) cargo bench --bench helm [-- CHART...]
//!
//! In process: both load a chart once, and then make values and print all templates
//! again and again on one thread each. As a process: `syncline helm template` and
//! `helm template`, from start to exit. Charts besides the project's own are given
//! as paths.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Map;
use syncline_helm::chart::{load_archive, load_directory};
use syncline_helm::release::{Capabilities, Operation, Release, RenderOptions, print};
use syncline_testutils::oracles;

const SECONDS: f64 = 4.0;
const PROCESSES: usize = 21;

fn in_process(path: &Path) -> f64 {
    let chart = if path.is_dir() {
        load_directory(path).expect("the chart loads")
    } else {
        load_archive(&std::fs::read(path).expect("the chart can be read"), &Default::default(), 0)
            .expect("the chart loads")
    };
    let release = Release {
        name: "rel".to_owned(),
        namespace: "ns".to_owned(),
        revision: 1,
        operation: Operation::Install,
    };
    let capabilities = Capabilities::default();
    let once = || {
        let printed = print(&chart, &Map::new(), &release, &capabilities, RenderOptions::default());
        printed.expect("the chart renders").len()
    };
    once();
    let started = Instant::now();
    let mut count = 0u32;
    while started.elapsed().as_secs_f64() < SECONDS {
        std::hint::black_box(once());
        count += 1;
    }
    f64::from(count) / started.elapsed().as_secs_f64()
}

fn helm_in_process(assets: &Path, chart: &Path) -> f64 {
    let output = Command::new(assets.join("helm-render")).arg(SECONDS.to_string()).arg(chart).output();
    let text = String::from_utf8(output.expect("helm-render runs").stdout).expect("it prints text");
    text.split_whitespace().next().and_then(|rate| rate.parse().ok()).expect("it prints a rate")
}

/// How long a command takes from start to exit.
fn process(program: &Path, arguments: &[&str], chart: &Path) -> Duration {
    let started = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .arg(chart)
        .args(["--kube-version", "1.33.0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("the program runs").success(), "{} fails", program.display());
    started.elapsed()
}

/// The median times of both as processes. They take turns, so that a busy time of the
/// machine is one for both.
fn processes(helm: &Path, syncline: &Path, chart: &Path) -> (Duration, Duration) {
    let theirs = || process(helm, &["template", "rel"], chart);
    let ours = || process(syncline, &["helm", "template", "rel"], chart);
    theirs();
    ours();
    let (mut theirs, mut ours): (Vec<_>, Vec<_>) = (0..PROCESSES).map(|_| (theirs(), ours())).unzip();
    theirs.sort();
    ours.sort();
    (theirs[PROCESSES / 2], ours[PROCESSES / 2])
}

fn main() {
    let Some(assets) = oracles() else {
        eprintln!("KUBEBUILDER_ASSETS is not set: run tests/oracles/build");
        return;
    };
    let assets = Path::new(&assets);
    let syncline = Path::new(env!("CARGO_BIN_EXE_syncline"));
    let mut charts = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/chart"))];
    charts.extend(std::env::args().skip(1).filter(|word| !word.starts_with('-')).map(PathBuf::from));
    println!(
        "{:<32} {:>12} {:>12} {:>8} {:>10} {:>10} {:>8}",
        "chart", "helm /s", "syncline /s", "ratio", "helm ms", "syncl. ms", "ratio"
    );
    for chart in charts {
        let (theirs, ours) = (helm_in_process(assets, &chart), in_process(&chart));
        let (their_process, our_process) = processes(&assets.join("helm"), syncline, &chart);
        println!(
            "{:<32} {theirs:>12.1} {ours:>12.1} {:>7.1}x {:>10.1} {:>10.1} {:>7.1}x",
            chart.file_name().unwrap_or_default().to_string_lossy(),
            ours / theirs,
            their_process.as_secs_f64() * 1e3,
            our_process.as_secs_f64() * 1e3,
            their_process.as_secs_f64() / our_process.as_secs_f64(),
        );
    }
}
