//! The files of a log cache and their names.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use logweir_cache::Home;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sealed blocks.
    Segment,
    /// What was appended to open blocks.
    Journal,
}

impl Kind {
    fn extension(self) -> &'static str {
        match self {
            Self::Segment => "seg",
            Self::Journal => "jnl",
        }
    }
}

/// The files of a kind, oldest first.
pub(super) fn list(dir: &Path, kind: Kind) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let of_kind = path.extension().is_some_and(|own| own == kind.extension());
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let number = stem.and_then(|stem| u64::from_str_radix(stem, 16).ok());
        if let (true, Some(number)) = (of_kind, number) {
            files.push((number, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// A file that is written to.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Bytes that are on the disk.
    pub(super) synced: u64,
    /// Bytes that were written since.
    unsynced: u64,
    /// What the blocks in it hold.
    pub(super) home: Arc<Home>,
}

impl Writer {
    /// A new file.
    pub(super) fn create(dir: &Path, kind: Kind, number: u64) -> io::Result<Self> {
        let path = dir.join(format!("{number:016x}.{}", kind.extension()));
        let mut options = OpenOptions::new();
        // There are people's logs in it.
        let options = options.create_new(true).append(true).mode(0o600);
        let file = options.open(&path)?;
        File::open(dir)?.sync_all()?;
        Ok(Self {
            path,
            file,
            synced: 0,
            unsynced: 0,
            home: Arc::default(),
        })
    }

    pub(super) fn write(&mut self, records: &[u8]) -> io::Result<()> {
        self.unsynced += records.len() as u64;
        self.file.write_all(records)
    }

    /// Waits until all is on the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced > 0 {
            self.file.sync_data()?;
            self.synced += self.unsynced;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Takes back what is not known to be on the disk.
    pub(super) fn take_back(&mut self) {
        if self.unsynced > 0 {
            // Half a record that stays is known by its checksum.
            let _ = self.file.set_len(self.synced);
            self.unsynced = 0;
        }
    }
}

/// A segment that is not written to any more.
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) home: Arc<Home>,
}

impl Segment {
    /// Whether no block of it is kept.
    pub(super) fn is_over(&self) -> bool {
        Arc::strong_count(&self.home) == 1
    }
}

/// Removes a file; if that fails it is only in the way.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!("cannot remove {}: {error}", path.display());
    }
}
