//! The data directory: one process at a time, certificates, `endpoints.json`.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use logweir_cli::locate::{CERTS_DIR, ENDPOINTS_FILE};

/// What can be wrong with a data directory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// The system's error, and what it was about.
    #[error("{what} {path}: {source}; choose another directory with --data-dir")]
    Io {
        /// What could not be done.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has the lock.
    #[error(
        "data directory {path} is in use by another logweir{}; stop it, or choose another \
         directory with --data-dir or --ephemeral", holder(.pid)
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The other process, if it said so.
        pid: String,
    },
}

fn holder(pid: &str) -> String {
    match pid {
        "" => String::new(),
        pid => format!(" (process {pid})"),
    }
}

/// An open data directory. The lock ends with the process, however it ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Held, never read.
    _lock: File,
}

impl DataDir {
    /// Makes the directory if need be, for its owner alone, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        let io = |what, path: &Path| {
            let path = path.to_path_buf();
            move |source| DataDirError::Io { what, path, source }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io("cannot make data directory", path))?;
        // Printed and written where other working directories read it.
        let path = path
            .canonicalize()
            .map_err(io("cannot open data directory", path))?;
        let file = path.join("lock");
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&file)
            .map_err(io("cannot open", &file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = lock.read_to_string(&mut pid);
                let pid = pid.trim().into();
                return Err(DataDirError::InUse { path, pid });
            }
            Err(TryLockError::Error(source)) => return Err(io("cannot lock", &file)(source)),
        }
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(io("cannot write", &file))?;
        Ok(Self { path, _lock: lock })
    }

    /// The directory, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where its certificates are.
    pub(crate) fn certs(&self) -> PathBuf {
        self.path.join(CERTS_DIR)
    }

    /// Writes `endpoints.json`, whole or not at all: readers look at any time.
    pub(crate) fn write_endpoints(
        &self,
        doors: &[(&'static str, SocketAddr)],
    ) -> Result<(), DataDirError> {
        let doors: BTreeMap<_, _> = doors
            .iter()
            .map(|(name, address)| (name, reachable(*address).to_string()))
            .collect();
        let text = format!("{}\n", serde_json::json!(doors));
        let target = self.endpoints();
        let fresh = self.path.join("endpoints.json.new");
        fs::write(&fresh, text)
            .and_then(|()| fs::rename(&fresh, &target))
            .map_err(|source| DataDirError::Io {
                what: "cannot write",
                path: target,
                source,
            })
    }

    /// Removes `endpoints.json`: nothing answers there any more.
    pub(crate) fn remove_endpoints(&self) {
        let _ = fs::remove_file(self.endpoints());
    }

    fn endpoints(&self) -> PathBuf {
        self.path.join(ENDPOINTS_FILE)
    }
}

/// Where a client of this machine finds a door: `0.0.0.0` is no address to dial.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::{DataDir, DataDirError};

    #[test]
    fn a_second_process_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = DataDir::open(&dir.path().join("a/b")).expect("opens");
        let second = DataDir::open(first.path()).expect_err("is locked");
        assert!(matches!(&second, DataDirError::InUse { pid, .. }
            if *pid == std::process::id().to_string()));
        let text = second.to_string();
        assert!(
            text.contains("in use by another logweir (process "),
            "{text}"
        );
        let path = first.path().to_path_buf();
        drop(first);
        DataDir::open(&path).expect("free again");
    }

    #[test]
    fn endpoints_are_a_flat_object_that_clients_can_dial() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = DataDir::open(dir.path()).expect("opens");
        data.write_endpoints(&[
            ("http", ([0, 0, 0, 0], 8080).into()),
            ("grpc", ([127, 0, 0, 1], 1).into()),
        ])
        .expect("written");
        let text = std::fs::read_to_string(dir.path().join("endpoints.json")).expect("there");
        assert_eq!(
            text,
            "{\"grpc\":\"127.0.0.1:1\",\"http\":\"127.0.0.1:8080\"}\n"
        );
        data.remove_endpoints();
        assert!(!dir.path().join("endpoints.json").exists());
    }
}
