//! The memory of a process, for benchmarks.

/// The resident memory of a process, in MiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Now.
    pub now: f64,
    /// The most it ever was.
    pub peak: f64,
}

impl Memory {
    /// The memory of a process of this machine; zero where it does not run.
    pub fn of(process: u32) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let mebibytes = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            let kibibytes = line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok());
            kibibytes.unwrap_or_default() / 1024.0
        };
        Memory { now: mebibytes("VmRSS:"), peak: mebibytes("VmHWM:") }
    }
}
