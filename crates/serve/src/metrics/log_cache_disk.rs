//! Figures of what a log cache has on disk.

use super::snapshot::Snapshot;

/// What is on disk.
#[derive(Clone, Copy, Debug)]
pub struct LogCacheDiskFigures {
    /// Bytes of its files.
    pub bytes: u64,
    /// Whether the last attempt to save failed.
    pub failing: bool,
    /// Attempts that failed.
    pub failures: u64,
    /// Envelopes that were there at the start.
    pub restored: u64,
    /// Bytes of files that were damaged at the start.
    pub damaged_bytes: u64,
}

impl LogCacheDiskFigures {
    /// Adds the series to a snapshot.
    pub fn report(&self, to: &mut Snapshot) {
        let help = "Bytes of the files of the log cache.";
        let name = "logweir_log_cache_disk_bytes";
        to.gauge(name, help, "bytes", &[], self.bytes as f64);
        let help = "1 while what comes cannot be saved.";
        let name = "logweir_log_cache_disk_failing";
        to.gauge(name, help, "", &[], f64::from(u8::from(self.failing)));
        let help = "Attempts to save that failed.";
        to.counter("logweir_log_cache_disk_failures", help, &[], self.failures);
        let help = "Envelopes that were back at the start.";
        to.counter("logweir_log_cache_restored", help, &[], self.restored);
        let help = "Bytes of files that were damaged at the start.";
        let name = "logweir_log_cache_damaged_bytes";
        to.counter(name, help, &[], self.damaged_bytes);
    }
}
