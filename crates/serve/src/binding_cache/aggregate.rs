//! The file of drains that get everything, read again when it changes.

use std::{path::PathBuf, sync::Arc, time::Duration};

use logweir_drain::{
    binding::{self, Binding},
    plan::{self, Rules},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::store::Store;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// The file, and what it said last.
pub(super) struct AggregateFile {
    path: PathBuf,
    content: String,
    complaint: Option<String>,
}

impl AggregateFile {
    /// Reads the file for the first time.
    pub(super) fn open(path: PathBuf, store: &Store) -> Result<Self, String> {
        let content = read(&path)?;
        store.set_aggregate(
            &parsed(&content).map_err(|error| format!("{}: {error}", path.display()))?,
        );
        Ok(Self {
            path,
            content,
            complaint: None,
        })
    }

    /// Follows the file. A bad new one is told once, and the last good one stays.
    pub(super) async fn follow(
        mut self,
        store: Store,
        request: Arc<Notify>,
        stop: CancellationToken,
    ) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = request.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            match self.look(&store) {
                Ok(false) => {}
                Ok(true) => {
                    self.complaint = None;
                    tracing::info!(
                        "the aggregate drains of {} are in force",
                        self.path.display()
                    );
                }
                Err(error) if self.complaint.as_ref() == Some(&error) => {}
                Err(error) => {
                    tracing::error!("the new aggregate drains are not taken: {error}");
                    self.complaint = Some(error);
                }
            }
        }
    }

    /// True if the file had changed. It is small, so it is read here.
    fn look(&mut self, store: &Store) -> Result<bool, String> {
        let content = read(&self.path)?;
        if content == self.content {
            return Ok(false);
        }
        let bindings = parsed(&content);
        store
            .set_aggregate(&bindings.map_err(|error| format!("{}: {error}", self.path.display()))?);
        self.content = content;
        Ok(true)
    }
}

fn read(path: &PathBuf) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// A drain that can be none is told, and the agents are left to refuse it: another release
/// of them may know more schemes.
fn parsed(content: &str) -> Result<Vec<Binding>, binding::ReadError> {
    let bindings = binding::aggregate_yaml(content)?;
    for refused in plan::aggregate(&bindings, &Rules::default()).refused {
        tracing::warn!("{}", refused.reason);
    }
    Ok(bindings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_new_file_leaves_the_last_good_list() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("drains.yml");
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        let store = Store::default();
        assert!(AggregateFile::open(path.clone(), &store).is_err());
        write("- url: syslog://one:1\n");
        let mut file = AggregateFile::open(path.clone(), &store).expect("read");
        let served = || {
            let listed = store.aggregate().expect("a list");
            String::from_utf8_lossy(&listed.current).into_owned()
        };
        assert!(served().contains("syslog://one:1"));
        assert_eq!(file.look(&store), Ok(false));
        write("url: {");
        let error = file.look(&store).expect_err("refused");
        assert!(
            error.contains("drains.yml: not a list of drains"),
            "{error}"
        );
        std::fs::remove_file(&path).expect("removed");
        assert!(file.look(&store).is_err());
        assert!(served().contains("syslog://one:1"));
        write("- url: syslog://two:1\n");
        assert_eq!(file.look(&store), Ok(true));
        assert!(served().contains("syslog://two:1"));
    }
}
