//! The store of a single node: one file, read whole at the start.

mod file;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use self::file::File;
use super::StoreError;
use crate::logplex::{book::Counter, change::Change, registry::Registry};

/// The name of the file in the data directory.
const NAME: &str = "logplex.redb";

/// The file; made with the first thing that is kept.
pub struct Embedded(Arc<Inner>);

struct Inner {
    /// Without one nothing outlives the process.
    path: Option<PathBuf>,
    file: Mutex<Option<File>>,
    numbers: Numbers,
}

/// The next ones.
struct Numbers {
    channels: AtomicU64,
    drains: AtomicU64,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedded({:?})", self.0.path)
    }
}

impl Embedded {
    /// The file in a directory, which need not be there; nothing is kept without one.
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let named = !directory.as_os_str().is_empty();
        let path = named.then(|| directory.join(NAME));
        let file = match &path {
            Some(path) if path.exists() => Some(File::open(path)?),
            _ => None,
        };
        let numbers = match &file {
            Some(file) => file.numbers()?,
            None => [1, 1],
        };
        Ok(Self(Arc::new(Inner {
            path,
            file: Mutex::new(file),
            numbers: Numbers {
                channels: numbers[0].into(),
                drains: numbers[1].into(),
            },
        })))
    }

    pub(super) fn load(&self, registry: &Registry) -> Result<(), StoreError> {
        let file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*file {
            registry.apply(&file.load()?);
        }
        Ok(())
    }

    /// Keeps all of them or none.
    pub(super) async fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        if self.0.path.is_none() {
            return Ok(());
        }
        let (inner, changes) = (Arc::clone(&self.0), changes.to_vec());
        let written = tokio::task::spawn_blocking(move || inner.write(&changes)).await;
        written.unwrap_or_else(|ended| Err(StoreError::Failed(ended.to_string())))
    }

    pub(super) fn numbers(&self, counter: Counter, count: u64) -> Range<u64> {
        let next = match counter {
            Counter::Channel => &self.0.numbers.channels,
            Counter::Drain => &self.0.numbers.drains,
        };
        let first = next.fetch_add(count, Ordering::Relaxed);
        first..first + count
    }
}

impl Inner {
    fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match (&mut *file, &self.path) {
            (Some(file), _) => file,
            (none, Some(path)) => none.insert(File::create(path)?),
            (None, None) => return Ok(()),
        };
        let numbers = [&self.numbers.channels, &self.numbers.drains];
        let numbers = numbers.map(|next| next.load(Ordering::Relaxed));
        file.write(changes, numbers)
    }
}
