//! Writing what is new, and removing what is over.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use logweir_cache::{Home, Store, Unsaved, record};
use nix::fcntl::{Flock, FlockArg};

use super::{
    files::{Kind, Segment, Writer, remove},
    load::{Loaded, load},
};

/// A segment has a thirty-second of what the store may hold, within these bounds.
const SEGMENT_BYTES: (u64, u64) = (1 << 20, 64 << 20);
/// A new journal begins at this many bytes, or at twice those of all open blocks.
const JOURNAL_BYTES: u64 = 16 << 20;

/// Whoever ended in order leaves this.
const CLEAN: &str = "clean";

/// The directory of one store.
pub(super) struct Disk {
    dir: PathBuf,
    store: Arc<Store>,
    segments: Vec<Segment>,
    segment: Option<Writer>,
    journal: Option<Writer>,
    /// Journals whose parts of open blocks are still needed.
    journals: Vec<PathBuf>,
    /// Journals that are not needed once the next save is through.
    spent: Vec<PathBuf>,
    journal_bytes: u64,
    number: u64,
    _lock: Flock<File>,
}

/// What came back.
pub(super) struct Back {
    pub(super) loaded: Loaded,
    /// Whether the last process ended in order, or there was none.
    pub(super) clean: bool,
}

impl Disk {
    /// Opens the directory, or makes it, and fills the empty store with what is there.
    ///
    /// # Errors
    /// The directory cannot be used; `WouldBlock` if another process uses it.
    pub(super) fn open(dir: &Path, store: Arc<Store>) -> io::Result<(Self, Back)> {
        // There are people's logs in it.
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let lock = File::create(dir.join("lock"))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| io::Error::from(error))?;
        let mut loaded = load(dir, &store)?;
        let marked = fs::remove_file(dir.join(CLEAN)).is_ok();
        let clean = marked || loaded.bytes == 0;
        store.track();
        let disk = Self {
            dir: dir.to_owned(),
            segments: std::mem::take(&mut loaded.segments),
            segment: None,
            journal: None,
            journals: Vec::new(),
            // What they had is in the store, to be saved.
            spent: std::mem::take(&mut loaded.journals),
            journal_bytes: JOURNAL_BYTES,
            number: loaded.number,
            store,
            _lock: lock,
        };
        Ok((disk, Back { loaded, clean }))
    }

    /// Saves what is not saved.
    ///
    /// # Errors
    /// The disk is full, or broken: what is not saved stays so.
    pub(super) fn save(&mut self) -> io::Result<()> {
        match self.try_save() {
            Ok(()) => {
                self.clear();
                Ok(())
            }
            Err(error) => {
                self.give_up();
                Err(error)
            }
        }
    }

    fn try_save(&mut self) -> io::Result<()> {
        if self
            .journal
            .as_ref()
            .is_some_and(|journal| journal.synced > self.journal_bytes)
        {
            self.spent.append(&mut self.journals);
            self.spent.extend(self.journal.take().map(|old| old.path));
            self.store.forget_appended();
        }
        let segment_bytes = self.store.limits().bytes as u64 / 32;
        let full = segment_bytes.clamp(SEGMENT_BYTES.0, SEGMENT_BYTES.1);
        if self
            .segment
            .as_ref()
            .is_some_and(|segment| segment.synced > full)
        {
            self.close_segment();
        }
        let mut written = Vec::new();
        for part in 0..Store::PARTS {
            let unsaved = self.store.unsaved(part);
            if !unsaved.is_empty() {
                self.write(&unsaved)?;
                written.push((part, unsaved));
            }
        }
        // A block that is in no segment yet may be in the journal.
        let begun = self.journal.as_ref().is_none_or(|new| new.synced == 0);
        for file in [&mut self.segment, &mut self.journal].into_iter().flatten() {
            file.sync()?;
        }
        if begun && let Some(journal) = &self.journal {
            self.journal_bytes = JOURNAL_BYTES.max(journal.synced * 2);
        }
        let home = self
            .segment
            .as_ref()
            .map(|segment| Arc::clone(&segment.home));
        let home: Arc<Home> = home.unwrap_or_default();
        for (part, unsaved) in written {
            self.store.saved(part, &unsaved, &home);
        }
        Ok(())
    }

    fn write(&mut self, unsaved: &[Unsaved]) -> io::Result<()> {
        let (mut sealed, mut appended) = (Vec::new(), Vec::new());
        for one in unsaved {
            match one {
                Unsaved::Sealed(_) => record::encode(one, &mut sealed),
                Unsaved::Appended(..) => record::encode(one, &mut appended),
            }
        }
        for (kind, records) in [(Kind::Segment, sealed), (Kind::Journal, appended)] {
            if records.is_empty() {
                continue;
            }
            let file = match kind {
                Kind::Segment => &mut self.segment,
                Kind::Journal => &mut self.journal,
            };
            let file = match file {
                Some(file) => file,
                None => {
                    self.number += 1;
                    file.insert(Writer::create(&self.dir, kind, self.number)?)
                }
            };
            file.write(&records)?;
        }
        Ok(())
    }

    /// Removes files of which nothing is needed.
    fn clear(&mut self) {
        self.spent.drain(..).for_each(|path| remove(&path));
        self.segments.retain(|segment| {
            let over = segment.is_over();
            if over {
                remove(&segment.path);
            }
            !over
        });
        // One block of a quiet source keeps a segment: it is written again elsewhere, and
        // the segment is over after the next save.
        let most = (self.store.limits().bytes as u64)
            .saturating_mul(2)
            .max(4 * SEGMENT_BYTES.1);
        if self.bytes() > most
            && let Some(oldest) = self.segments.first()
        {
            self.store.forget_saved(&oldest.home);
        }
    }

    /// Begins new files, so that what follows does not depend on what went wrong.
    fn give_up(&mut self) {
        if let Some(segment) = &mut self.segment {
            segment.take_back();
        }
        if let Some(journal) = &mut self.journal {
            journal.take_back();
        }
        self.close_segment();
        match self.journal.take() {
            Some(journal) if journal.synced > 0 => self.journals.push(journal.path),
            Some(journal) => remove(&journal.path),
            None => {}
        }
    }

    fn close_segment(&mut self) {
        match self.segment.take() {
            Some(segment) if segment.synced > 0 => self.segments.push(Segment {
                path: segment.path,
                bytes: segment.synced,
                home: segment.home,
            }),
            Some(segment) => remove(&segment.path),
            None => {}
        }
    }

    /// Bytes of its segments and its journal.
    pub(super) fn bytes(&self) -> u64 {
        let closed: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        let open = [&self.segment, &self.journal].into_iter().flatten();
        closed + open.map(|file| file.synced).sum::<u64>()
    }

    /// Says that all is saved.
    ///
    /// # Errors
    /// It cannot be written; the next process will say that something may lack.
    pub(super) fn mark_clean(&self) -> io::Result<()> {
        File::create(self.dir.join(CLEAN))?.sync_all()?;
        File::open(&self.dir)?.sync_all()
    }
}

#[cfg(test)]
mod tests;
