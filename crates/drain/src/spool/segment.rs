//! The files of a spool.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::record::{HEADER, Header};

pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) bytes: u64,
    /// Envelopes that were not read yet.
    pub(super) unread: u64,
}

impl Segment {
    /// A new one.
    pub(super) fn empty(number: u64) -> Self {
        Self {
            number,
            bytes: 0,
            unread: 0,
        }
    }
}

pub(super) fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.seg"))
}

pub(super) fn number_of(path: &Path) -> Option<u64> {
    if path.extension()? != "seg" {
        return None;
    }
    u64::from_str_radix(path.file_stem()?.to_str()?, 16).ok()
}

pub(super) fn create(dir: &Path, number: u64) -> io::Result<File> {
    let path = path_of(dir, number);
    OpenOptions::new().create_new(true).append(true).open(path)
}

/// Walks a segment, cuts off what is no record, and returns its bytes and the envelopes that
/// begin at `from` or after it.
pub(super) fn check(path: &Path, from: u64) -> io::Result<(u64, u64)> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let (mut at, mut unread) = (0, 0);
    while at < length {
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; HEADER];
        if length - at < HEADER as u64 || file.read_exact(&mut header).is_err() {
            break;
        }
        let header = Header::read(&header);
        let end = at + HEADER as u64 + u64::from(header.length);
        if end > length {
            break;
        }
        if at >= from {
            unread += u64::from(header.envelopes);
        }
        at = end;
    }
    file.set_len(at)?;
    Ok((at, unread))
}
