//! What a drain has not delivered, on disk: delivery goes on where it was after a restart or a
//! long outage, and every envelope arrives at least once.
//!
//! A directory for each drain:
//!
//! | file | holds |
//! |---|---|
//! | `0000000000000001.seg` … | records, oldest first; a segment that is delivered is removed |
//! | `position` | up to where records are delivered |
//! | `lock` | nothing: whoever uses the spool holds it |
//! | `dead` | records that the receiver refused for good, until somebody has them replayed |
//!
//! Bounded in bytes: past the bound the oldest segment goes, and is counted. Written through the
//! system's cache: the end of the process loses nothing, the end of the machine may lose the
//! last seconds.
//!
//! All of it blocks: not for a runtime's threads.

mod dead;
mod record;
mod segment;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fs::{self, DirBuilder, File},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use logweir_route::Chunk;
use nix::fcntl::{Flock, FlockArg};

use record::{HEADER, position_bytes, read_position};
use segment::{Segment, check, create, number_of, path_of};

/// Where records are in the files of a spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    segment: u64,
    offset: u64,
}

/// A record that was read and is not delivered yet.
struct Pending {
    /// Where the next one begins.
    end: Place,
    envelopes: u32,
}

/// The spool of one drain.
pub struct Spool {
    dir: PathBuf,
    /// Most bytes of all segments together.
    limit: u64,
    segments: VecDeque<Segment>,
    last: File,
    reading: Option<(u64, File)>,
    read: Place,
    delivered: Place,
    pending: VecDeque<Pending>,
    unread_bytes: u64,
    dead: dead::DeadLetters,
    _lock: Flock<File>,
}

/// Envelopes of a spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStats {
    /// Not delivered yet, those that are under way included.
    pub envelopes: u64,
    /// Bytes of records that were not read yet.
    pub unread_bytes: u64,
    /// Refused for good, and kept.
    pub dead: u64,
}

impl Spool {
    /// Opens the spool in `dir`, or makes one, of at most `limit` bytes. A record that was cut
    /// off by the end of the process is cut off.
    ///
    /// # Errors
    /// The directory cannot be used; `WouldBlock` if somebody else uses it.
    pub fn open(dir: &Path, limit: u64) -> io::Result<Self> {
        // There are people's logs in it.
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let lock = File::create(dir.join("lock"))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, error)| io::Error::from(error))?;
        let mut numbers: Vec<u64> = fs::read_dir(dir)?
            .filter_map(|entry| number_of(&entry.ok()?.path()))
            .collect();
        numbers.sort_unstable();
        let position = fs::read(dir.join("position")).ok();
        let delivered = position.and_then(|bytes| read_position(&bytes));
        let mut delivered = delivered.unwrap_or_default();
        // A position from before segments that are gone, or from after them.
        let first = numbers.first().copied().unwrap_or(delivered.segment + 1);
        if delivered.segment < first {
            delivered = Place {
                segment: first,
                offset: 0,
            };
        }
        let next = numbers.last().map_or(delivered.segment, |last| last + 1);
        let mut segments = VecDeque::new();
        let mut unread_bytes = 0;
        for number in numbers {
            let path = path_of(dir, number);
            let from = match number == delivered.segment {
                true => delivered.offset,
                false => 0,
            };
            let (bytes, unread) = check(&path, from)?;
            if number < delivered.segment || bytes <= from {
                fs::remove_file(path)?;
                continue;
            }
            unread_bytes += bytes - from;
            segments.push_back(Segment {
                number,
                bytes,
                unread,
            });
        }
        let last = create(dir, next)?;
        segments.push_back(Segment::empty(next));
        Ok(Self {
            dead: dead::DeadLetters::open(dir, limit / 4)?,
            dir: dir.to_owned(),
            limit,
            segments,
            last,
            reading: None,
            read: delivered,
            delivered,
            pending: VecDeque::new(),
            unread_bytes,
            _lock: lock,
        })
    }

    /// What is in it.
    pub fn stats(&self) -> SpoolStats {
        let unread: u64 = self.segments.iter().map(|segment| segment.unread).sum();
        let pending: u64 = self
            .pending
            .iter()
            .map(|one| u64::from(one.envelopes))
            .sum();
        SpoolStats {
            envelopes: unread + pending,
            unread_bytes: self.unread_bytes,
            dead: self.dead.envelopes(),
        }
    }

    /// Adds a chunk. Returns how many envelopes went to keep the bound.
    ///
    /// # Errors
    /// The disk is full, or broken; the chunk is not in the spool then.
    pub fn append(&mut self, chunk: &Chunk) -> io::Result<u64> {
        let record = record::encode(chunk);
        let full = (self.limit / 8).max(64 << 10);
        if self.segments.back().is_some_and(|last| last.bytes >= full) {
            self.rotate()?;
        }
        let Some(last) = self.segments.back_mut() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(error) = self.last.write_all(&record) {
            // Half a record would hide all that come after it.
            let _ = self.last.set_len(last.bytes);
            return Err(error);
        }
        last.bytes += record.len() as u64;
        last.unread += u64::from(chunk.envelopes);
        self.unread_bytes += record.len() as u64;
        self.keep_bound()
    }

    fn rotate(&mut self) -> io::Result<()> {
        let _ = self.last.sync_data();
        let number = self.segments.back().map_or(1, |last| last.number + 1);
        self.last = create(&self.dir, number)?;
        self.segments.push_back(Segment::empty(number));
        Ok(())
    }

    fn keep_bound(&mut self) -> io::Result<u64> {
        let mut lost = 0;
        while self.segments.len() > 1
            && self
                .segments
                .iter()
                .map(|segment| segment.bytes)
                .sum::<u64>()
                > self.limit
        {
            let Some(oldest) = self.segments.pop_front() else {
                break;
            };
            lost += oldest.unread;
            let next = Place {
                segment: oldest.number + 1,
                offset: 0,
            };
            if self.read < next {
                self.unread_bytes -= match oldest.number == self.read.segment {
                    true => oldest.bytes - self.read.offset,
                    false => oldest.bytes,
                };
                self.read = next;
            }
            self.delivered = self.delivered.max(next);
            fs::remove_file(path_of(&self.dir, oldest.number))?;
        }
        Ok(lost)
    }

    /// The next chunk that was not read yet.
    ///
    /// # Errors
    /// A file cannot be read. What is damaged in one is passed over.
    pub fn read_next(&mut self) -> io::Result<Option<Chunk>> {
        loop {
            let mut later = self.segments.iter_mut();
            let Some(segment) = later.find(|one| {
                let begun = one.number == self.read.segment;
                one.number > self.read.segment || begun && one.bytes > self.read.offset
            }) else {
                return Ok(None);
            };
            if segment.number > self.read.segment {
                if segment.bytes == 0 {
                    return Ok(None);
                }
                self.read = Place {
                    segment: segment.number,
                    offset: 0,
                };
            }
            let at = self.read;
            let left = segment.bytes - at.offset;
            if self
                .reading
                .as_ref()
                .is_none_or(|(number, _)| *number != at.segment)
            {
                let file = File::open(path_of(&self.dir, at.segment))?;
                self.reading = Some((at.segment, file));
            }
            let Some((_, file)) = &mut self.reading else {
                continue;
            };
            file.seek(SeekFrom::Start(at.offset))?;
            match record::read(file, left)? {
                Some(chunk) => {
                    let bytes = (HEADER + chunk.frames.len()) as u64;
                    segment.unread = segment.unread.saturating_sub(chunk.envelopes.into());
                    self.unread_bytes -= bytes;
                    self.read.offset += bytes;
                    self.pending.push_back(Pending {
                        end: self.read,
                        envelopes: chunk.envelopes,
                    });
                    return Ok(Some(chunk));
                }
                None => {
                    tracing::warn!(dir = %self.dir.display(), segment = at.segment, "a damaged record: the rest of the segment is passed over");
                    segment.unread = 0;
                    self.unread_bytes -= left;
                    self.read.offset = segment.bytes;
                }
            }
        }
    }

    /// So many chunks more, of those that were read, are delivered.
    ///
    /// # Errors
    /// The position cannot be written: what was delivered will be delivered again after a
    /// restart.
    pub fn delivered(&mut self, chunks: usize) -> io::Result<()> {
        let gone = self.pending.drain(..chunks.min(self.pending.len()));
        let Some(end) = gone.map(|one| one.end).max() else {
            return Ok(());
        };
        self.delivered = self.delivered.max(end);
        while self.segments.len() > 1
            && let Some(oldest) = self.segments.front()
            && (oldest.number < self.delivered.segment
                || oldest.number == self.delivered.segment && oldest.bytes <= self.delivered.offset)
        {
            fs::remove_file(path_of(&self.dir, oldest.number))?;
            self.delivered = self.delivered.max(Place {
                segment: oldest.number + 1,
                offset: 0,
            });
            self.read = self.read.max(self.delivered);
            self.segments.pop_front();
        }
        self.write_position()
    }

    fn write_position(&self) -> io::Result<()> {
        let new = self.dir.join("position.new");
        fs::write(&new, position_bytes(self.delivered))?;
        fs::rename(new, self.dir.join("position"))
    }

    /// Keeps a chunk that the receiver refused for good. Returns how many envelopes went to
    /// keep the bound.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn bury(&mut self, chunk: &Chunk) -> io::Result<u64> {
        self.dead.add(chunk)
    }

    /// Puts all that was refused behind what waits. Returns how many envelopes it were.
    ///
    /// # Errors
    /// A file cannot be read or written. What was refused is still there then, though some of
    /// it may wait already.
    pub fn replay(&mut self) -> io::Result<u64> {
        let mut replayed = 0;
        for chunk in self.dead.all()? {
            replayed += u64::from(chunk.envelopes);
            self.append(&chunk)?;
        }
        self.dead.clear()?;
        Ok(replayed)
    }

    /// Sees to it that all is on the disk.
    pub fn sync(&self) {
        let _ = self.last.sync_data();
    }

    /// Removes the spool of a drain that is gone, unless there is something in it.
    pub fn remove_if_empty(&self) {
        let SpoolStats {
            envelopes, dead, ..
        } = self.stats();
        if envelopes + dead == 0 {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
