//! Reading a chart of the repository: a folder with a Chart.yaml, or an archive.

use std::sync::Arc;

use syncline_helm::chart::{Chart, ChartFile, load_archive, load_files, without_ignored};

use crate::fleet::Digest;
use crate::fleet::location::join;
use crate::git::{Entry, EntryId, GitError, Snapshot};

/// What a chart may hold: the bound of Helm's own archives.
const MAX_CHART_BYTES: u64 = 100 << 20;
/// Folders within folders of a chart.
const MAX_DEPTH: usize = 32;

/// A chart with what identifies its content.
#[derive(Debug, Clone)]
pub struct LoadedChart {
    /// The chart.
    pub chart: Arc<Chart>,
    /// The digest of its files.
    pub digest: Digest,
    /// Where it lies.
    pub path: Arc<str>,
    /// The SHA-256 of the archive that it was fetched as.
    pub archive: Option<Arc<str>>,
}

/// Why a release has no chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoChart {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl NoChart {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> NoChart {
        NoChart { message: message.into(), hint: Some(hint.into()) }
    }
}

/// Loads what lies at an entry.
///
/// # Errors
/// Outside, when the repository is damaged; inside, when there is no chart.
pub fn load(
    snapshot: &Snapshot,
    path: &str,
    entry: &Entry,
) -> Result<Result<LoadedChart, NoChart>, GitError> {
    let chart = if entry.is_folder {
        let (mut files, mut left) = (Vec::new(), MAX_CHART_BYTES);
        if !folder(snapshot, "", entry.id, &mut files, &mut left, MAX_DEPTH)? {
            return Ok(Err(NoChart::new(
                format!(
                    "the chart at {path:?} has more than {MAX_CHART_BYTES} bytes or {MAX_DEPTH} folders within each other"
                ),
                "keep what is no part of the chart elsewhere",
            )));
        }
        without_ignored(files).and_then(load_files)
    } else {
        load_archive(&snapshot.read(entry.id)?, &Default::default(), 0)
    };
    Ok(match chart.and_then(Chart::with_values) {
        Ok(chart) => Ok(LoadedChart {
            chart: Arc::new(chart),
            digest: Digest::of(entry.id.to_string().as_bytes()),
            path: path.into(),
            archive: None,
        }),
        Err(error) => {
            Err(NoChart { message: format!("the chart at {path:?} does not load: {error}"), hint: None })
        }
    })
}

/// Gathers the files of a folder; false when there is too much.
fn folder(
    snapshot: &Snapshot,
    prefix: &str,
    id: EntryId,
    files: &mut Vec<ChartFile>,
    left: &mut u64,
    depth: usize,
) -> Result<bool, GitError> {
    if depth == 0 {
        return Ok(false);
    }
    for entry in snapshot.list(id)?.iter() {
        let name = join(prefix, &entry.name);
        if entry.is_folder {
            if !folder(snapshot, &name, entry.id, files, left, depth - 1)? {
                return Ok(false);
            }
            continue;
        }
        let size = snapshot.size(entry.id)?;
        let Some(rest) = left.checked_sub(size) else { return Ok(false) };
        *left = rest;
        files.push(ChartFile { name, data: snapshot.read(entry.id)?.into() });
    }
    Ok(true)
}
