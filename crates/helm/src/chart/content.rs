//! The content of a chart's files. That of a folder is read when it is first asked for:
//! most of a large chart are definitions and documents which a rendering never looks at.

use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::ChartError;
use crate::go::Str;

/// Helm's bound on one file.
const MAX_FILE: usize = 5 << 20;

/// What is in a file.
#[derive(Debug, Clone)]
pub struct Content(Place);

#[derive(Debug, Clone)]
enum Place {
    Memory(Str),
    Disk(Arc<OnDisk>),
}

#[derive(Debug)]
struct OnDisk {
    path: PathBuf,
    read: OnceLock<Result<Str, io::Error>>,
}

impl Content {
    /// That of a file which is not read yet.
    pub(super) fn on_disk(path: PathBuf) -> Content {
        Content(Place::Disk(Arc::new(OnDisk { path, read: OnceLock::new() })))
    }

    /// The bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> Result<&Str, ChartError> {
        let file = match &self.0 {
            Place::Memory(text) => return Ok(text),
            Place::Disk(file) => file,
        };
        let read = file.read.get_or_init(|| file.read());
        read.as_ref().map_err(|error| failed(file, error))
    }

    /// Why the file could not be read, if that was tried.
    pub(crate) fn failure(&self) -> Option<ChartError> {
        let Place::Disk(file) = &self.0 else { return None };
        file.read.get()?.as_ref().err().map(|error| failed(file, error))
    }

    /// About how many bytes it has; who asks before it is read hears how many most have.
    pub(crate) fn size(&self) -> usize {
        match &self.0 {
            Place::Memory(text) => text.len(),
            Place::Disk(_) => 4 << 10,
        }
    }
}

fn failed(file: &OnDisk, error: &io::Error) -> ChartError {
    let source = io::Error::new(error.kind(), error.to_string());
    ChartError::Read { path: file.path.display().to_string(), source }
}

impl OnDisk {
    /// Reads into the very memory in which the bytes stay.
    fn read(&self) -> io::Result<Str> {
        let mut file = fs::File::open(&self.path)?;
        let size = file.metadata()?.len();
        let size = usize::try_from(size).ok().filter(|size| *size <= MAX_FILE);
        let size = size.ok_or_else(|| io::Error::other(format!("it has more than {MAX_FILE} bytes")))?;
        let mut data: Arc<[u8]> = std::iter::repeat_n(0, size).collect();
        // Nobody else has it yet.
        let room = Arc::get_mut(&mut data).unwrap_or_default();
        let mut length = 0;
        while length < room.len() {
            match file.read(&mut room[length..])? {
                0 => break,
                read => length += read,
            }
        }
        let is_marked = data.starts_with(b"\xef\xbb\xbf");
        if length < data.len() || is_marked {
            data = data[if is_marked { 3 } else { 0 }..length].into();
        }
        Ok(data.into())
    }
}

impl<T: Into<Str>> From<T> for Content {
    fn from(text: T) -> Content {
        Content(Place::Memory(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_absurd_size_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.yaml");
        let write = |size: usize| fs::File::create(&path).unwrap().set_len(size as u64).unwrap();
        write(MAX_FILE);
        assert_eq!(Content::on_disk(path.clone()).read().unwrap().len(), MAX_FILE);
        write(MAX_FILE + 1);
        let problem = Content::on_disk(path.clone()).read().unwrap_err().to_string();
        assert_eq!(problem, format!("{}: it has more than 5242880 bytes", path.display()));
    }
}
