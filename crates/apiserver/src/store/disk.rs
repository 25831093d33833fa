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
/// Files up to this size are left as they are.
const WORTHWHILE: u64 = 8 << 20;

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
    path: PathBuf,
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
        Disk::read(database, path, &mut each)
    }

    /// Gives every object of a database.
    fn read(
        database: Database,
        path: PathBuf,
        each: &mut impl FnMut(TableName, Key, Record),
    ) -> Result<Disk, StoreError> {
        let damaged = |reason: String| StoreError::Damaged { path: path.clone(), reason };
        let mut disk = Disk { database, path: path.clone(), revision: 0 };
        disk.prepare().map_err(|error| damaged(error.to_string()))?;
        let format = disk.number(FORMAT).map_err(|error| damaged(error.to_string()))?;
        if format != FORMAT_NOW {
            return Err(StoreError::OtherFormat { path, found: format });
        }
        disk.revision = disk.number(REVISION).map_err(|error| damaged(error.to_string()))?;
        let problem = disk.read_all(each).map_err(|error| damaged(error.to_string()))?;
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

    /// Gives space back to the system when most of the file holds nothing.
    pub fn tidy(&mut self) -> Result<(), redb::Error> {
        let size = std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        let stats = self.database.begin_write()?.stats()?;
        let needed = stats.stored_bytes() + stats.metadata_bytes();
        if size > WORTHWHILE && size > 4 * needed {
            self.database.compact()?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use rand::rngs::StdRng;
    use rand::{Rng as _, RngExt as _, SeedableRng as _};
    use redb::StorageBackend;
    use serde_json::json;

    use super::super::Encoded;
    use super::*;

    /// A disk that loses its power at some moment: what was synced is there, of what
    /// was written since any part may be.
    #[derive(Debug)]
    struct FailingDisk(Arc<Mutex<Wires>>);

    #[derive(Debug)]
    struct Wires {
        now: Vec<u8>,
        synced: Vec<u8>,
        pending: Vec<(u64, Vec<u8>)>,
        left: usize,
        random: StdRng,
        acknowledged: Arc<AtomicUsize>,
        /// What is found after the cut, and how many batches had been acknowledged.
        image: Option<(Vec<u8>, usize)>,
    }

    fn put(image: &mut Vec<u8>, offset: u64, data: &[u8]) {
        let end = offset as usize + data.len();
        if image.len() < end {
            image.resize(end, 0);
        }
        image[offset as usize..end].copy_from_slice(data);
    }

    impl Wires {
        fn step(&mut self) {
            self.left = self.left.saturating_sub(1);
            if self.left > 0 || self.image.is_some() {
                return;
            }
            let mut image = self.synced.clone();
            for (offset, data) in &self.pending {
                match self.random.random_range(0..3) {
                    0 => {}
                    1 => put(&mut image, *offset, data),
                    // Sectors arrive one by one.
                    _ => put(&mut image, *offset, &data[..data.len().min(512)]),
                }
            }
            self.image = Some((image, self.acknowledged.load(Ordering::SeqCst)));
        }
    }

    impl StorageBackend for FailingDisk {
        fn len(&self) -> Result<u64, std::io::Error> {
            Ok(self.0.lock().unwrap().now.len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
            let wires = self.0.lock().unwrap();
            out.copy_from_slice(&wires.now[offset as usize..offset as usize + out.len()]);
            Ok(())
        }

        fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
            let mut wires = self.0.lock().unwrap();
            wires.now.resize(len as usize, 0);
            wires.step();
            Ok(())
        }

        fn sync_data(&self) -> Result<(), std::io::Error> {
            let mut wires = self.0.lock().unwrap();
            wires.step();
            wires.synced = wires.now.clone();
            wires.pending.clear();
            Ok(())
        }

        fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
            let mut wires = self.0.lock().unwrap();
            put(&mut wires.now, offset, data);
            wires.pending.push((offset, data.to_vec()));
            wires.step();
            Ok(())
        }
    }

    /// A disk as it was left, without further failures.
    fn database(image: Vec<u8>) -> Database {
        let acknowledged = Arc::default();
        let wires = Wires {
            synced: image.clone(),
            now: image,
            pending: Vec::new(),
            left: usize::MAX,
            random: StdRng::seed_from_u64(0),
            acknowledged,
            image: None,
        };
        Database::builder().create_with_backend(FailingDisk(Arc::new(Mutex::new(wires)))).unwrap()
    }

    fn events(batch: usize, size: usize) -> Vec<Event> {
        let event = |number: usize| {
            let name = format!("{batch}-{number}");
            let object = json!({"metadata": {"name": name}, "data": {"text": "x".repeat(100 * number)}});
            let revision = (batch * size + number + 1) as u64;
            Event {
                revision,
                table: "configmaps".into(),
                key: Key::new("default", &name),
                kind: EventKind::Added,
                record: Arc::new(Encoded::new(&object).at(revision)),
                before: None,
            }
        };
        (0..size).map(event).collect()
    }

    #[test]
    fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
        let (batches, size) = (6, 5);
        let mut cuts = 0;
        for seed in 0..120 {
            let mut random = StdRng::seed_from_u64(seed);
            let acknowledged: Arc<AtomicUsize> = Arc::default();
            let wires = Arc::new(Mutex::new(Wires {
                now: Vec::new(),
                synced: Vec::new(),
                pending: Vec::new(),
                left: usize::MAX,
                random: StdRng::seed_from_u64(random.next_u64()),
                acknowledged: Arc::clone(&acknowledged),
                image: None,
            }));
            let failing = FailingDisk(Arc::clone(&wires));
            let failing = Database::builder().create_with_backend(failing).unwrap();
            let mut disk = Disk::read(failing, PathBuf::new(), &mut |_, _, _| {}).unwrap();
            wires.lock().unwrap().left = random.random_range(1..60);
            for batch in 0..batches {
                disk.write(events(batch, size).iter()).unwrap();
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            let Some((image, promised)) = wires.lock().unwrap().image.take() else { continue };
            cuts += 1;
            let mut found = Vec::new();
            Disk::read(database(image), PathBuf::new(), &mut |_, key, record| {
                assert_eq!(record.value()["metadata"]["name"], *key.name);
                found.push(key.name.split('-').next().unwrap().parse::<usize>().unwrap());
            })
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            for batch in 0..batches {
                let count = found.iter().filter(|found| **found == batch).count();
                assert!(count == 0 || count == size, "seed {seed}: batch {batch} is there in part");
                assert!(batch >= promised || count == size, "seed {seed}: batch {batch} is lost");
            }
        }
        assert!(cuts > 80, "{cuts}");
    }

    #[test]
    fn a_file_that_is_mostly_empty_shrinks_when_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(folder.path(), |_, _, _| {}).unwrap();
        let many = events(0, 600);
        disk.write(many.iter()).unwrap();
        let gone: Vec<Event> =
            many.into_iter().map(|event| Event { kind: EventKind::Deleted, ..event }).collect();
        disk.write(gone[1..].iter()).unwrap();
        let size = || std::fs::metadata(folder.path().join("objects.redb")).unwrap().len();
        let before = size();
        disk.tidy().unwrap();
        drop(disk);
        assert!(size() * 3 < before, "{} of {before}", size());
        let mut left = 0;
        Disk::open(folder.path(), |_, _, _| left += 1).unwrap();
        assert_eq!(left, 1);
    }
}
