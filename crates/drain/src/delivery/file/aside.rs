//! Files that were put aside: `PATH.20261121T101609123Z`, with `.gz` once they are compressed.
//! All of it blocks.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, BufReader},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use flate2::{Compression, write::GzEncoder};

use crate::nozzle::FileSettings;

/// What a file is called while it is compressed.
const PART: &str = ".gz.part";

/// When a file was put aside, in its name. Sorts by time.
const STAMP: &str = "%Y%m%dT%H%M%S%3fZ";
const STAMP_LENGTH: usize = "20261121T101609123Z".len();

/// A file that was put aside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Aside {
    stamp: String,
    path: PathBuf,
    compressed: bool,
}

/// Puts the file of this path aside, at this time or the next millisecond that is free.
pub(super) fn put(path: &Path, mut now: SystemTime) -> io::Result<()> {
    loop {
        let stamp = DateTime::<Utc>::from(now).format(STAMP);
        let to = with_suffix(path, &format!(".{stamp}"));
        if !to.exists() && !with_suffix(&to, ".gz").exists() {
            return fs::rename(path, to);
        }
        now += Duration::from_millis(1);
    }
}

/// Removes the oldest files until there are no more than are to be kept, and compresses those
/// that are to be. What fails is logged: lines are still written.
pub(super) fn tidy(settings: &FileSettings) {
    if let Err(error) = prune(settings).and_then(|()| compress(settings)) {
        let shown = settings.path.display();
        tracing::warn!("files beside {shown} cannot be tidied: {error}");
    }
}

fn prune(settings: &FileSettings) -> io::Result<()> {
    let all = list(&settings.path)?;
    let surplus = all.len().saturating_sub(settings.keep);
    for old in &all[..surplus] {
        remove(&old.path)?;
    }
    Ok(())
}

fn compress(settings: &FileSettings) -> io::Result<()> {
    if !settings.gzip {
        return Ok(());
    }
    // While one is compressed, another may be put aside.
    while let Some(next) = list(&settings.path)?
        .into_iter()
        .find(|one| !one.compressed)
    {
        let part = with_suffix(&next.path, PART);
        let done = gzip(&next.path, &part);
        if let Err(error) = done {
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        fs::rename(&part, with_suffix(&next.path, ".gz"))?;
        remove(&next.path)?;
        prune(settings)?;
    }
    Ok(())
}

fn gzip(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = BufReader::with_capacity(64 << 10, File::open(from)?);
    let to = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o640)
        .open(to)?;
    let mut gzip = GzEncoder::new(to, Compression::fast());
    io::copy(&mut from, &mut gzip)?;
    gzip.finish()?.sync_data()
}

/// The files that were put aside, oldest first.
fn list(path: &Path) -> io::Result<Vec<Aside>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory(path))? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some((stamp, compressed)) = stamp_of(&name, path) {
            all.push(Aside {
                stamp,
                path: entry.path(),
                compressed,
            });
        }
    }
    all.sort();
    Ok(all)
}

/// Time in the name of a file that was put aside for `path`, and whether it is compressed.
/// Nothing else in the directory is touched.
fn stamp_of(name: &OsStr, path: &Path) -> Option<(String, bool)> {
    let own = path.file_name()?.to_str()?;
    let rest = name.to_str()?.strip_prefix(own)?.strip_prefix('.')?;
    let (stamp, compressed) = match rest.strip_suffix(".gz") {
        Some(stamp) => (stamp, true),
        None => (rest, false),
    };
    let fits = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        18 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    let is_stamp = stamp.len() == STAMP_LENGTH && stamp.bytes().enumerate().all(fits);
    is_stamp.then(|| (stamp.to_owned(), compressed))
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// It may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
