//! Settings of a nozzle into a file.

use std::{path::PathBuf, time::Duration};

/// A file of JSON lines, and those that it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSettings {
    /// The file. The others have its name and the time after it.
    pub path: PathBuf,
    /// It is put aside before it has more bytes than this; 0: never for its size.
    pub rotate_bytes: u64,
    /// It is put aside at this age; zero: never for its age.
    pub rotate_after: Duration,
    /// Most files that were put aside; the oldest go.
    pub keep: usize,
    /// Files that were put aside are compressed.
    pub gzip: bool,
    /// When the disk has to have it.
    pub sync: Fsync,
}

/// When what was written has to be on the disk itself, and not only in the system's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// When the system sees fit.
    Never,
    /// Before it counts as delivered.
    Always,
    /// At most so long after it was written.
    Within(Duration),
}
