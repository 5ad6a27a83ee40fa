//! Tables of the file.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition,
    backends::FileBackend,
};

use crate::logplex::{
    change::Change,
    model::Session,
    store::{StoreError, record},
};

/// Everything but sessions and numbers: JSON by kind and id.
const THINGS: TableDefinition<'_, &str, &str> = TableDefinition::new("things");
/// Bodies of sessions, by their ends in milliseconds of the Unix time and their ids.
const SESSIONS: TableDefinition<'_, (u64, &str), &[u8]> = TableDefinition::new("sessions");
/// The next numbers.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// Their names, in the order of the numbers.
const NAMES: [&str; 2] = ["channel", "drain"];

/// Bytes of the file that are held in memory: it is read once.
const CACHE: usize = 1 << 20;

/// Most ended sessions that go with each commit.
const SWEEP: usize = 512;

/// So many commits of nothing but sessions are not waited for: a session lives for minutes,
/// and a power cut loses the newest ones.
const UNSYNCED: u32 = 64;

pub(super) struct File {
    path: PathBuf,
    database: Database,
    unsynced: u32,
}

impl File {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE);
        let database = builder.open(path).map_err(|error| failed(path, &error))?;
        Ok(Self::of(path, database))
    }

    /// A new one, for its owner's eyes: there are secrets in it.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(|error| failed(path, &error))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        let file = options.open(path).map_err(|error| failed(path, &error))?;
        let backend = FileBackend::new(file).map_err(|error| failed(path, &error))?;
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE);
        let database = builder.create_with_backend(backend);
        let database = database.map_err(|error| failed(path, &error))?;
        Ok(Self::of(path, database))
    }

    fn of(path: &Path, database: Database) -> Self {
        Self {
            path: path.to_owned(),
            database,
            unsynced: 0,
        }
    }

    /// The next numbers of channels and drains.
    pub(super) fn numbers(&self) -> Result<[u64; 2], StoreError> {
        let read = || -> Result<[u64; 2], redb::Error> {
            let transaction = self.database.begin_read()?;
            let table = match transaction.open_table(NUMBERS) {
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok([1; 2]),
                table => table?,
            };
            let mut numbers = [1; 2];
            for (number, name) in numbers.iter_mut().zip(NAMES) {
                *number = table.get(name)?.map_or(1, |next| next.value());
            }
            Ok(numbers)
        };
        read().map_err(|error| failed(&self.path, &error))
    }

    /// Everything that is kept.
    pub(super) fn load(&self) -> Result<Vec<Change>, StoreError> {
        self.read().map_err(|error| failed(&self.path, &error))
    }

    fn read(&self) -> Result<Vec<Change>, Box<redb::Error>> {
        let boxed = |error: redb::Error| Box::new(error);
        let transaction = self.database.begin_read().map_err(|e| boxed(e.into()))?;
        let mut all = Vec::new();
        // The tables are made together.
        let things = match transaction.open_table(THINGS) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(all),
            table => table.map_err(|e| boxed(e.into()))?,
        };
        for entry in things.iter().map_err(|e| boxed(e.into()))? {
            let (key, value) = entry.map_err(|e| boxed(e.into()))?;
            match record::decode(key.value(), value.value()) {
                Ok(change) => all.extend(change),
                Err(error) => {
                    // serde's own text quotes values, and values are secrets here.
                    let (key, column) = (key.value(), error.column());
                    let words = format!("{key:.9}... cannot be read at column {column}");
                    return Err(boxed(redb::Error::Corrupted(words)));
                }
            }
        }
        let sessions = transaction.open_table(SESSIONS);
        let sessions = sessions.map_err(|e| boxed(e.into()))?;
        let alive = (millis(SystemTime::now()), "")..;
        for entry in sessions.range(alive).map_err(|e| boxed(e.into()))? {
            let (key, body) = entry.map_err(|e| boxed(e.into()))?;
            let (end, id) = key.value();
            all.push(Change::Session(Session {
                id: id.into(),
                body: Bytes::copy_from_slice(body.value()),
                expires: UNIX_EPOCH + Duration::from_millis(end),
            }));
        }
        Ok(all)
    }

    /// Keeps all of them or none.
    pub(super) fn write(&mut self, changes: &[Change], next: [u64; 2]) -> Result<(), StoreError> {
        let written = self.transact(changes, next);
        written.map_err(|error| failed(&self.path, &error))
    }

    fn transact(&mut self, changes: &[Change], next: [u64; 2]) -> Result<(), Box<redb::Error>> {
        let boxed = |error: redb::Error| Box::new(error);
        let mut transaction = self.database.begin_write().map_err(|e| boxed(e.into()))?;
        let sessions = |one: &Change| matches!(one, Change::Session(_));
        if changes.iter().all(sessions) && self.unsynced < UNSYNCED {
            let lazy = transaction.set_durability(Durability::None);
            lazy.map_err(|e| boxed(e.into()))?;
            self.unsynced += 1;
        } else {
            self.unsynced = 0;
        }
        let put = || -> Result<(), redb::Error> {
            let mut things = transaction.open_table(THINGS)?;
            let mut sessions = transaction.open_table(SESSIONS)?;
            let mut numbers = transaction.open_table(NUMBERS)?;
            let ended = ..(millis(SystemTime::now()), "");
            for entry in sessions.extract_from_if(ended, |_, _| true)?.take(SWEEP) {
                entry?;
            }
            for change in changes {
                if let Change::Session(session) = change {
                    let key = (millis(session.expires), &*session.id);
                    sessions.insert(key, &*session.body)?;
                }
                match record::encode(change) {
                    Some((key, Some(json))) => drop(things.insert(&*key, &*json)?),
                    Some((key, None)) => drop(things.remove(&*key)?),
                    None => (),
                }
            }
            for (name, next) in NAMES.into_iter().zip(next) {
                numbers.insert(name, next)?;
            }
            Ok(())
        };
        put().map_err(boxed)?;
        transaction.commit().map_err(|e| boxed(e.into()))
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Failed(format!("{}: {error}", path.display()))
}
