//! The objects on disk, in one redb file.

use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::{Event, EventKind, Key, Record, TableName};

/// `table NUL namespace NUL name` to the revision and the record.
const OBJECTS: TableDefinition<'_, &[u8], (u64, &[u8])> = TableDefinition::new("objects");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const REVISION: &str = "revision";
const FORMAT: &str = "format";
/// What this program writes and reads.
const FORMAT_NOW: u64 = 2;
/// Pages of the file that are kept in memory: all objects are there anyway.
const CACHE: usize = 1 << 20;

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be created or opened.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Another process works in it.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// It does not hold what was written to it.
    #[error("{} is damaged: {reason}; restore it from a copy, or remove it to begin empty", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It was written by another version of this program.
    #[error("{} was written by another version of this program (format {found})", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
}

pub(super) struct Disk {
    database: Database,
    revision: u64,
}

impl Disk {
    /// Opens the file in a folder, creating both, and gives every object in it.
    pub fn open(folder: &Path, mut each: impl FnMut(TableName, Key, Record)) -> Result<Disk, StoreError> {
        let unusable = |path: &Path, reason: String| StoreError::Unusable { path: path.to_owned(), reason };
        std::fs::create_dir_all(folder).map_err(|error| unusable(folder, error.to_string()))?;
        let path = folder.join("objects.redb");
        let damaged = |reason: String| StoreError::Damaged { path: path.clone(), reason };
        let database =
            Database::builder().set_cache_size(CACHE).create(&path).map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => StoreError::Locked(folder.to_owned()),
                DatabaseError::Storage(redb::StorageError::Io(error))
                    if error.kind() != std::io::ErrorKind::InvalidData =>
                {
                    unusable(&path, error.to_string())
                }
                error => damaged(error.to_string()),
            })?;
        let mut disk = Disk { database, revision: 0 };
        disk.prepare().map_err(|error| damaged(error.to_string()))?;
        let format = disk.number(FORMAT).map_err(|error| damaged(error.to_string()))?;
        if format != FORMAT_NOW {
            return Err(StoreError::OtherFormat { path: path.clone(), found: format });
        }
        disk.revision = disk.number(REVISION).map_err(|error| damaged(error.to_string()))?;
        let problem = disk.read_all(&mut each).map_err(|error| damaged(error.to_string()))?;
        match problem {
            Some(problem) => Err(damaged(problem)),
            None => Ok(disk),
        }
    }

    fn prepare(&self) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            transaction.open_table(OBJECTS)?;
            let mut numbers = transaction.open_table(NUMBERS)?;
            if numbers.get(FORMAT)?.is_none() {
                numbers.insert(FORMAT, FORMAT_NOW)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn number(&self, name: &str) -> Result<u64, redb::Error> {
        let numbers = self.database.begin_read()?.open_table(NUMBERS)?;
        Ok(numbers.get(name)?.map_or(0, |value| value.value()))
    }

    /// Gives what is wrong with what is stored, if anything.
    fn read_all(&self, each: &mut impl FnMut(TableName, Key, Record)) -> Result<Option<String>, redb::Error> {
        let objects = self.database.begin_read()?.open_table(OBJECTS)?;
        let mut table: Option<TableName> = None;
        for entry in objects.iter()? {
            let (key, value) = entry?;
            let Some((name, key)) = decoded(key.value()) else {
                return Ok(Some("a key is malformed".into()));
            };
            let (revision, bytes) = value.value();
            let Some(record) = Record::from_bytes(revision, bytes) else {
                let place = [name, &key.namespace, &key.name].join(" ");
                return Ok(Some(format!("{place} is not what was written")));
            };
            let name = match &table {
                Some(table) if **table == *name => table.clone(),
                _ => table.insert(name.into()).clone(),
            };
            each(name, key, record);
        }
        Ok(None)
    }

    /// The revision of the last write.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Makes changes durable, all or none.
    pub fn write<'e>(&mut self, events: impl Iterator<Item = &'e Event>) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let mut revision = self.revision;
        {
            let mut objects = transaction.open_table(OBJECTS)?;
            for event in events {
                let key = encoded(&event.table, &event.key);
                if event.kind == EventKind::Deleted {
                    objects.remove(key.as_slice())?;
                } else {
                    let bytes = event.record.to_bytes();
                    objects.insert(key.as_slice(), (event.revision, bytes.as_slice()))?;
                }
                revision = event.revision;
            }
            transaction.open_table(NUMBERS)?.insert(REVISION, revision)?;
        }
        transaction.commit()?;
        self.revision = revision;
        Ok(())
    }
}

fn encoded(table: &str, key: &Key) -> Vec<u8> {
    [table, &key.namespace, &key.name].join("\0").into_bytes()
}

fn decoded(key: &[u8]) -> Option<(&str, Key)> {
    let mut parts = std::str::from_utf8(key).ok()?.split('\0');
    let (table, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some((table, Key::new(namespace, name)))
}
