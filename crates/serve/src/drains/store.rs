//! The drains that people added, kept over restarts in `DATA_DIR/drains.json`.
//!
//! A file that is written whole, beside the old one, and then renamed: there are a few dozen
//! of them, they change by hand, and whoever has lost a password wants to read the file and
//! not a database. It holds credentials, so only its owner may read it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Definition;

/// The name of the file in the data directory.
const FILE: &str = "drains.json";

/// The shape that this build writes and reads.
const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    drains: Vec<Definition>,
}

/// The file.
pub(super) struct Store {
    path: PathBuf,
}

impl Store {
    /// Reads what was kept; nothing if there is no file.
    ///
    /// # Errors
    /// A file that cannot be read, or is another than this build writes.
    pub(super) fn open(directory: &Path) -> Result<(Self, Vec<Definition>), String> {
        let path = directory.join(FILE);
        let wrong = |reason: String| {
            let shown = path.display();
            format!("{shown}: {reason}; mend it, or move it away to start without added drains")
        };
        let drains = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(wrong(error.to_string())),
            Ok(text) => {
                // serde's own text quotes values, and values are secrets here.
                let content: Content = serde_json::from_slice(&text).map_err(|error| {
                    let (line, column) = (error.line(), error.column());
                    wrong(format!(
                        "not a list of drains at line {line}, column {column}"
                    ))
                })?;
                if content.version != VERSION {
                    return Err(wrong(format!("it is of version {}", content.version)));
                }
                content.drains
            }
        };
        Ok((Self { path }, drains))
    }

    /// Replaces the file, whole or not at all.
    pub(super) fn write(&self, drains: &[Definition]) -> io::Result<()> {
        let content = Content {
            version: VERSION,
            drains: drains.to_vec(),
        };
        let fresh = self.path.with_extension("json.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(&content)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_nobody_else_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let (store, none) = Store::open(dir.path()).unwrap();
        assert!(none.is_empty());
        let drain = Definition {
            url: "syslog-tls://user:geheim@h".to_owned().into(),
            source_id: "app".into(),
            headers: [("X-Key".to_owned(), "geheim".to_owned().into())].into(),
            ..Definition::default()
        };
        store.write(std::slice::from_ref(&drain)).unwrap();
        let (_, kept) = Store::open(dir.path()).unwrap();
        assert_eq!(kept, [drain]);
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_named_and_not_quoted() {
        let dir = tempfile::tempdir().unwrap();
        for text in [
            "{\"version\":1,\"drains\":[{\"url\":\"geheim\"",
            "{\"version\":1,\"drains\":[\"geheim\"]}",
            "{\"version\":2,\"drains\":[]}",
        ] {
            fs::write(dir.path().join(FILE), text).unwrap();
            let error = Store::open(dir.path()).err().unwrap();
            assert!(error.contains("drains.json: "), "{error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}
