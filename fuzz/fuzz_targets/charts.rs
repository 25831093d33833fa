#![no_main]

use syncline_helm::chart::{ArchiveLimits, ChartFile, load_archive, load_files};
use syncline_helm::release::{Capabilities, Operation, Release, RenderOptions, render};

// An archive as it comes, and a chart whose one template is the input.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let limits = ArchiveLimits { total: 1 << 20, file: 1 << 18, files: 100 };
    let _ = load_archive(data, &limits, 4);
    let file = |name: &str, data: &[u8]| ChartFile { name: name.into(), data: data.into() };
    let chart = load_files(vec![
        file("Chart.yaml", b"apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        file("values.yaml", b"a: text\nm: {x: 1}\nl: [1, b]\n"),
        file("templates/t.yaml", data),
    ]);
    let release = Release { name: "r".into(), namespace: "n".into(), revision: 1, operation: Operation::Install };
    if let Ok(chart) = chart {
        let _ = render(&chart, &Default::default(), &release, &Capabilities::default(), RenderOptions::default());
    }
});
