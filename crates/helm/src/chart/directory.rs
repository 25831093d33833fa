//! Charts as folders.

use std::fs;
use std::path::Path;

use super::ignore::Rules;
use super::load::{ChartError, ChartFile};
use super::{Chart, Content, load_files};

/// Folders within folders: more is a link that leads back.
const MAX_DEPTH: usize = 64;

/// Loads a chart from a folder; links are followed, `.helmignore` is obeyed. Files that are
/// not needed for that are read when they are.
///
/// # Errors
/// A file that cannot be read, or that makes no chart.
pub fn load_directory(folder: &Path) -> Result<Chart, ChartError> {
    let ignore_file = folder.join(".helmignore");
    let rules = match fs::read_to_string(&ignore_file) {
        Ok(text) => Rules::parse(&text).map_err(|message| ChartError::invalid(".helmignore", message))?,
        Err(_) => Rules::default(),
    };
    let mut found = Vec::new();
    walk(folder, "", &rules, &mut found, MAX_DEPTH)?;
    load_files(found)
}

fn failed(path: &Path, source: std::io::Error) -> ChartError {
    ChartError::Read { path: path.display().to_string(), source }
}

/// The files of a chart's folder without those that its `.helmignore` leaves out.
///
/// # Errors
/// A pattern that Helm does not know.
pub fn without_ignored(files: Vec<ChartFile>) -> Result<Vec<ChartFile>, ChartError> {
    let rules = match files.iter().find(|file| file.name == ".helmignore") {
        Some(file) => Rules::parse(&file.data.read()?.to_text())
            .map_err(|message| ChartError::invalid(".helmignore", message))?,
        None => Rules::default(),
    };
    let is_ignored = |name: &str| {
        let folders = name.match_indices('/').map(|(at, _)| &name[..at]);
        folders.into_iter().any(|folder| rules.ignores(folder, true)) || rules.ignores(name, false)
    };
    Ok(files.into_iter().filter(|file| !is_ignored(&file.name)).collect())
}

fn walk(
    folder: &Path,
    prefix: &str,
    rules: &Rules,
    files: &mut Vec<ChartFile>,
    depth: usize,
) -> Result<(), ChartError> {
    if depth == 0 {
        return Err(ChartError::invalid(
            prefix,
            "folders lie too deep within each other; is there a link that leads back?",
        ));
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let entry = entry.map_err(|error| failed(folder, error))?;
        entries.push((entry.file_name(), entry));
    }
    entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    for (name, entry) in entries {
        let Some(name) = name.to_str() else { continue };
        let inside = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let path = entry.path();
        // What kind it is of, the folder says; where it leads, a link does not.
        let failed = |error| failed(&path, error);
        let mut kind = entry.file_type().map_err(failed)?;
        if kind.is_symlink() {
            kind = fs::metadata(&path).map_err(failed)?.file_type();
        }
        if rules.ignores(&inside, kind.is_dir()) {
            continue;
        }
        if kind.is_dir() {
            walk(&path, &inside, rules, files, depth - 1)?;
        } else if kind.is_file() {
            files.push(ChartFile { name: inside, data: Content::on_disk(path) });
        } else {
            return Err(ChartError::invalid(&inside, "is neither a file nor a folder"));
        }
    }
    Ok(())
}
