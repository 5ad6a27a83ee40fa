//! The file that is written, and when it is put aside for a new one. All of it blocks.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    time::{Duration, SystemTime},
};

use nix::fcntl::{Flock, FlockArg};
use tokio::time::Instant;

use super::aside;
use crate::nozzle::{FileSettings, Fsync};

/// Whether somebody moved the file away is looked at this often.
const LOOK: Duration = Duration::from_secs(1);

/// A line that breaks off is looked for in so many bytes at the end of a file.
const TAIL: u64 = 32 << 20;

/// What became of lines.
#[derive(Debug)]
pub(super) struct Appended {
    /// Bytes of whole lines that are in the file.
    pub(super) bytes: usize,
    /// The file was put aside for a new one.
    pub(super) rotated: bool,
    /// Why not all of them are.
    pub(super) error: Option<io::Error>,
}

/// The file at its path. Nobody else of us writes to it.
pub(super) struct Writer {
    settings: FileSettings,
    file: Flock<File>,
    /// Bytes in it.
    size: u64,
    /// When it is old.
    old: Option<Instant>,
    /// What was written has to be on the disk by then.
    sync: Option<Instant>,
    looked: Instant,
}

impl Writer {
    /// Opens the file, or makes it. A line at its end that breaks off is cut off: the process
    /// was killed over it.
    ///
    /// # Errors
    /// The file cannot be written, is no file, or another process writes to it.
    pub(super) fn open(settings: FileSettings) -> io::Result<Self> {
        let file = lock(open(&settings.path)?)?;
        let size = mend(&file, &settings.path)?;
        let now = Instant::now();
        let age = match size {
            0 => Duration::ZERO,
            _ => age(&file)?,
        };
        let left = settings.rotate_after.saturating_sub(age);
        let old = (!settings.rotate_after.is_zero()).then(|| now.checked_add(left));
        Ok(Self {
            file,
            size,
            old: old.flatten(),
            sync: None,
            looked: now,
            settings,
        })
    }

    /// Appends lines, each whole or not at all.
    pub(super) fn append(&mut self, lines: &[u8]) -> Appended {
        let mut appended = Appended {
            bytes: 0,
            rotated: false,
            error: None,
        };
        appended.error = self.append_to(lines, &mut appended).err();
        appended
    }

    fn append_to(&mut self, lines: &[u8], appended: &mut Appended) -> io::Result<()> {
        self.look()?;
        while appended.bytes < lines.len() {
            let rest = &lines[appended.bytes..];
            let fits = self.fitting(rest);
            if fits == 0 {
                self.rotate()?;
                appended.rotated = true;
                continue;
            }
            self.write(&rest[..fits])?;
            appended.bytes += fits;
        }
        Ok(())
    }

    /// Bytes of the lines that go into this file: whole lines, and one of any length into an
    /// empty file.
    fn fitting(&self, lines: &[u8]) -> usize {
        if self.size > 0 && self.old.is_some_and(|old| Instant::now() >= old) {
            return 0;
        }
        let limit = self.settings.rotate_bytes;
        let room = limit.saturating_sub(self.size);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        if limit == 0 || lines.len() <= room {
            return lines.len();
        }
        let end = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n');
        match end(&lines[..room]) {
            Some(end) => end + 1,
            None if self.size > 0 => 0,
            None => {
                let first = lines.iter().position(|byte| *byte == b'\n');
                first.map_or(lines.len(), |end| end + 1)
            }
        }
    }

    /// All of it, or nothing.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let after = self.settings.rotate_after;
        if self.size == 0 && !after.is_zero() {
            self.old = Instant::now().checked_add(after);
        }
        let written = self
            .file
            .write_all(lines)
            .and_then(|()| match self.settings.sync {
                Fsync::Always => self.file.sync_data(),
                Fsync::Never | Fsync::Within(_) => Ok(()),
            });
        if let Err(error) = written {
            // No part of a line stays; if even that fails, the next start mends it.
            let _ = self.file.set_len(self.size);
            return Err(error);
        }
        self.size += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if let Fsync::Within(time) = self.settings.sync {
            self.sync.get_or_insert_with(|| Instant::now() + time);
        }
        if self.sync.is_some_and(|due| Instant::now() >= due) {
            self.sync_now()?;
        }
        Ok(())
    }

    /// When [`Writer::tend`] has something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        let old = self.old.filter(|_| self.size > 0);
        match (self.sync, old) {
            (Some(sync), Some(old)) => Some(sync.min(old)),
            (sync, old) => sync.or(old),
        }
    }

    /// Does what is due. Says whether the file was put aside.
    pub(super) fn tend(&mut self) -> io::Result<bool> {
        let now = Instant::now();
        if self.sync.is_some_and(|due| now >= due) {
            self.sync_now()?;
        }
        let is_old = self.size > 0 && self.old.is_some_and(|old| now >= old);
        if is_old {
            self.rotate()?;
        }
        Ok(is_old)
    }

    /// Has the disk take what was written, if the settings want that at all.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        match self.sync {
            Some(_) => self.sync_now(),
            None => Ok(()),
        }
    }

    fn sync_now(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.sync = None;
        Ok(())
    }

    /// Puts the file aside and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        self.settle()?;
        aside::put(&self.settings.path, SystemTime::now())?;
        *self = Self::open(self.settings.clone())?;
        Ok(())
    }

    /// Somebody else may have moved the file away or removed it, to put it aside their way.
    fn look(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if now < self.looked + LOOK {
            return Ok(());
        }
        self.looked = now;
        let own = self.file.metadata()?;
        let there = fs::symlink_metadata(&self.settings.path);
        if !there.is_ok_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino())) {
            self.settle()?;
            *self = Self::open(self.settings.clone())?;
        } else {
            // It may also have been emptied.
            self.size = own.len();
        }
        Ok(())
    }
}

/// Opens a file to append to. One that is something else, such as a pipe, could block.
fn open(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is there and is no regular file"));
    }
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}

fn lock(file: File) -> io::Result<Flock<File>> {
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        nix::errno::Errno::EWOULDBLOCK => io::Error::other("another process writes to it"),
        error => error.into(),
    })
}

/// Cuts off a line that breaks off. Returns how many bytes there are.
fn mend(mut file: &File, path: &Path) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let from = size.saturating_sub(TAIL);
    let mut end = size;
    let mut piece = vec![0; 64 << 10];
    while end > from {
        let length = (end - from).min(64 << 10);
        let start = end - length;
        file.seek(SeekFrom::Start(start))?;
        let piece = &mut piece[..usize::try_from(length).unwrap_or_default()];
        file.read_exact(piece)?;
        if let Some(last) = piece.iter().rposition(|byte| *byte == b'\n') {
            end = start + u64::try_from(last).unwrap_or_default() + 1;
            break;
        }
        end = start;
    }
    if end == size {
        return Ok(size);
    }
    if end == from && from > 0 {
        return Err(io::Error::other("it does not end in a line"));
    }
    let (shown, gone) = (path.display(), size - end);
    tracing::warn!("{shown} ended within a line: its last {gone} bytes are cut off");
    file.set_len(end)?;
    Ok(end)
}

/// How old a file is that has something in it. Systems that do not know say when it was last
/// written.
fn age(file: &File) -> io::Result<Duration> {
    let own = file.metadata()?;
    let made = own.created().or_else(|_| own.modified())?;
    Ok(SystemTime::now().duration_since(made).unwrap_or_default())
}
