//! `[nozzles.file]`.

use std::{path::PathBuf, time::Duration};

use logweir_drain::nozzle::{FileSettings, Fsync, To};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NozzleConfigError;
use crate::settings::duration;

/// A file of JSON lines, an envelope each.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The file; its directory has to be there. Files that were put aside have its name and the
    /// time after it.
    pub path: PathBuf,
    /// The file is put aside before it has more bytes than this. 0: never for its size.
    #[serde(default = "rotate_bytes")]
    pub rotate_bytes: u64,
    /// The file is put aside at this age. `0s`: never for its age.
    #[serde(with = "duration", default = "rotate_after")]
    #[schemars(with = "duration::Text")]
    pub rotate_after: Duration,
    /// Most files that were put aside; the oldest are removed.
    #[serde(default = "keep")]
    pub keep: usize,
    /// Compress files that were put aside.
    #[serde(default)]
    pub gzip: bool,
    /// When lines have to be on the disk itself: `never` (as the system sees fit), `always`
    /// (before they count as delivered), or at most so long after, such as `1s`.
    #[serde(default = "fsync")]
    pub fsync: String,
}

fn rotate_bytes() -> u64 {
    100 << 20
}

fn rotate_after() -> Duration {
    Duration::from_secs(24 * 3600)
}

fn keep() -> usize {
    10
}

fn fsync() -> String {
    "1s".to_owned()
}

impl FileConfig {
    pub(super) fn to(&self) -> Result<To, NozzleConfigError> {
        let wrong = |key, reason: String| NozzleConfigError::Setting {
            table: "file",
            key,
            reason,
        };
        if !self.path.is_absolute()
            || self
                .path
                .file_name()
                .is_none_or(|name| name.to_str().is_none())
        {
            let shown = self.path.display();
            let reason = format!("`{shown}` is no absolute path of a file with a name in UTF-8");
            return Err(wrong("path", reason));
        }
        let sync = match self.fsync.as_str() {
            "never" => Fsync::Never,
            "always" => Fsync::Always,
            other => match duration::parse(other) {
                Ok(time) if !time.is_zero() => Fsync::Within(time),
                _ => {
                    let reason =
                        format!("`{other}` is neither `never`, `always` nor a time such as 1s");
                    return Err(wrong("fsync", reason));
                }
            },
        };
        Ok(To::File(FileSettings {
            path: self.path.clone(),
            rotate_bytes: self.rotate_bytes,
            rotate_after: self.rotate_after,
            keep: self.keep,
            gzip: self.gzip,
            sync,
        }))
    }
}
