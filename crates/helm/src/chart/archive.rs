//! Charts as `helm package` writes them: a compressed tar of one folder. What comes from
//! outside is held to limits, and to names that stay within the chart.

use std::io::Read;

use super::load::{ChartError, ChartFile, nested};
use super::{Chart, load_files};
use crate::go::path;

/// What an archive may hold at most.
#[derive(Debug, Clone)]
pub struct ArchiveLimits {
    /// Bytes of all files together.
    pub total: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Files.
    pub files: usize,
}

impl Default for ArchiveLimits {
    /// Helm's own limits; it has none for the number of files.
    fn default() -> ArchiveLimits {
        ArchiveLimits { total: 100 << 20, file: 5 << 20, files: 20_000 }
    }
}

/// Loads a chart from a `.tgz`; `depth` bounds the charts within charts.
///
/// # Errors
/// What is no archive of a chart, goes beyond the limits, or would leave its folder.
pub fn load_archive(bytes: &[u8], limits: &ArchiveLimits, depth: usize) -> Result<Chart, ChartError> {
    let files = read(bytes, limits)?;
    if depth == 0 { load_files(files) } else { nested(files, depth) }
}

fn refused(message: impl Into<String>) -> ChartError {
    ChartError::Archive(message.into())
}

/// The files of an archive, named from the chart's own folder.
///
/// # Errors
/// As [`load_archive`].
pub fn read(bytes: &[u8], limits: &ArchiveLimits) -> Result<Vec<ChartFile>, ChartError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(refused("is no gzip archive"));
    }
    // One byte more than allowed shows that there is more.
    let unpacked =
        flate2::read::MultiGzDecoder::new(bytes).take(limits.total + (limits.files as u64) * 1024 + 1);
    let mut archive = tar::Archive::new(unpacked);
    let damaged = |error: std::io::Error| refused(format!("is damaged: {error}"));
    let mut files = Vec::new();
    let mut remaining = limits.total;
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| refused("a name in it is no UTF-8"))?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        if kind.is_symlink() || kind.is_hard_link() {
            return Err(refused(format!("holds a link, {name:?}; charts are made of plain files")));
        }
        if !kind.is_file() {
            return Err(refused(format!("{name:?} is neither a file nor a folder")));
        }
        let inside = inside(&name)?;
        let size = entry.size();
        if size > limits.file {
            return Err(refused(format!("the file {name:?} has {size} bytes, more than {}", limits.file)));
        }
        if size > remaining || files.len() >= limits.files {
            return Err(refused(format!(
                "unpacks to more than {} bytes or {} files",
                limits.total, limits.files
            )));
        }
        let mut data = Vec::with_capacity(usize::try_from(size.min(1 << 20)).unwrap_or(0));
        entry.read_to_end(&mut data).map_err(damaged)?;
        remaining -= data.len() as u64;
        let data = data.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(data);
        files.push(ChartFile { name: inside, data: data.into() });
    }
    if files.is_empty() {
        return Err(refused("holds no files"));
    }
    Ok(files)
}

/// The path of an entry below the chart's folder.
fn inside(name: &str) -> Result<String, ChartError> {
    let delimiter = if name.contains('\\') { '\\' } else { '/' };
    let mut parts = name.split(delimiter);
    if parts.next() == Some("Chart.yaml") {
        return Err(refused("Chart.yaml is not in a folder"));
    }
    let rest = parts.collect::<Vec<_>>().join("/");
    let cleaned = path::clean(&rest);
    let has_drive = cleaned.as_bytes().get(1) == Some(&b':') && cleaned.as_bytes().get(2) == Some(&b'/');
    if rest.starts_with('/')
        || cleaned == "."
        || cleaned.starts_with("..")
        || has_drive
        || cleaned.contains('\0')
    {
        return Err(refused(format!("the name {name:?} leads out of the chart's folder")));
    }
    Ok(cleaned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn archive(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut builder =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, kind, data) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(data.len() as u64);
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            if kind.is_symlink() {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, *data).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    const FILE: tar::EntryType = tar::EntryType::Regular;
    const CHART: &[u8] = b"apiVersion: v2\nname: a\nversion: 1.0.0\n";

    #[test]
    fn an_archive_of_a_chart_is_loaded() {
        let bytes = archive(&[
            ("a/Chart.yaml", FILE, CHART),
            ("a/templates/x.yaml", FILE, b"kind: X"),
            ("a/charts/b/Chart.yaml", FILE, b"apiVersion: v1\nname: b\nversion: 0.1.0\n"),
            ("a/charts/README.md", FILE, b"text"),
            ("a/README.md", FILE, b"\xef\xbb\xbftext"),
        ]);
        let chart = load_archive(&bytes, &ArchiveLimits::default(), 32).unwrap();
        assert_eq!((chart.metadata.name.as_str(), chart.templates.len(), chart.files.len()), ("a", 1, 1));
        assert_eq!(chart.dependencies[0].metadata.name, "b");
        assert_eq!(chart.files[0].data.read().unwrap().as_bytes(), b"text");
    }

    #[test]
    fn what_leads_out_of_the_chart_or_is_no_file_is_refused() {
        for (entries, message) in [
            (vec![("a/../../etc/passwd", FILE, b"x".as_slice())], "leads out"),
            (vec![("a//etc/passwd", FILE, b"x".as_slice())], "leads out"),
            (vec![("a/templates/link", tar::EntryType::Symlink, b"".as_slice())], "a link"),
            (vec![("a/templates/link", tar::EntryType::Link, b"".as_slice())], "a link"),
            (vec![("a/fifo", tar::EntryType::Fifo, b"".as_slice())], "neither a file"),
            (vec![("Chart.yaml", FILE, CHART)], "not in a folder"),
            (vec![], "no files"),
        ] {
            let error =
                load_archive(&archive(&entries), &ArchiveLimits::default(), 32).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert!(
            load_archive(b"plain text", &ArchiveLimits::default(), 32)
                .unwrap_err()
                .to_string()
                .contains("no gzip")
        );
        let cut = &archive(&[("a/Chart.yaml", FILE, CHART)])[..60];
        assert!(load_archive(cut, &ArchiveLimits::default(), 32).is_err());
    }

    #[test]
    fn bombs_end_at_the_limits() {
        let zeros = vec![0u8; 6 << 20];
        let error =
            load_archive(&archive(&[("a/big", FILE, &zeros)]), &ArchiveLimits::default(), 32).unwrap_err();
        assert!(error.to_string().contains("more than 5242880"), "{error}");
        let limits = ArchiveLimits { total: 10, file: 8, files: 2 };
        for entries in [
            vec![("a/1", FILE, b"12345678".as_slice()), ("a/2", FILE, b"12345678".as_slice())],
            vec![("a/1", FILE, b"".as_slice()), ("a/2", FILE, b"".as_slice()), ("a/3", FILE, b"".as_slice())],
        ] {
            assert!(
                load_archive(&archive(&entries), &limits, 32)
                    .unwrap_err()
                    .to_string()
                    .contains("unpacks to more")
            );
        }
        // A header that promises more than there is, in a stream that never ends.
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut header = tar::Header::new_gnu();
        header.set_path("a/x").unwrap();
        header.set_size(100);
        header.set_cksum();
        encoder.write_all(header.as_bytes()).unwrap();
        assert!(load_archive(&encoder.finish().unwrap(), &ArchiveLimits::default(), 32).is_err());
    }
}
