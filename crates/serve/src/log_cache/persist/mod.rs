//! What a log cache keeps, on disk: a restart brings it back, also after the process was
//! killed, up to the last save.
//!
//! `DATA_DIR/log-cache`:
//!
//! | file | holds |
//! |---|---|
//! | `0000000000000001.seg` … | sealed blocks, compressed; removed once nothing of it is kept |
//! | `0000000000000002.jnl` … | what was appended to blocks that are still open |
//! | `clean` | nothing: the last process saved all before it ended |
//! | `lock` | nothing: whoever uses the directory holds it |
//!
//! Twice a second what is new is written and synced, so that a process that is killed loses
//! less than a second. A disk that is full costs what is on it its newest part, is told in
//! the log, in `/readyz` and in the metrics, and nothing else.

mod disk;
mod files;
mod load;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use logweir_cache::Store;
use tokio::time::Instant;

use crate::{
    context::{ServeContext, StartError},
    front::Readiness,
    metrics::{LogCacheDiskFigures, Registry},
};
use disk::{Back, Disk};

/// What is new is saved this often, …
const PERIOD: Duration = Duration::from_millis(500);
/// … and after it failed.
const AGAIN: Duration = Duration::from_secs(2);
/// While a process ends it is looked this often whether the others have.
const ENDING: Duration = Duration::from_millis(20);

/// Figures of the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    bytes: u64,
    failing: bool,
    failures: u64,
    restored: u64,
    damaged_bytes: u64,
}

/// What it takes to save a store.
pub(crate) struct Saving<'a> {
    /// The store; nothing has come into it.
    pub(crate) store: &'a Arc<Store>,
    /// The directory of the process's data.
    pub(crate) data_dir: &'a Path,
    /// Where a full disk is told.
    pub(crate) readiness: &'a Readiness,
    /// Where the figures are shown.
    pub(crate) registry: &'a Registry,
}

impl Saving<'_> {
    /// Fills the store with what was saved, and saves it from then on.
    ///
    /// # Errors
    /// The directory cannot be used, or another process uses it.
    pub(crate) async fn start(self, context: &ServeContext) -> Result<(), StartError> {
        let dir = self.data_dir.join("log-cache");
        let refused = |error: io::Error| {
            let shown = dir.display();
            StartError::Setting(match error.kind() {
                io::ErrorKind::WouldBlock => format!(
                    "another process keeps its log cache in {shown}: give this one a data_dir of its own"
                ),
                _ => format!("cannot keep the log cache in {shown}: {error}"),
            })
        };
        let since = Instant::now();
        let (store, at) = (Arc::clone(self.store), dir.clone());
        let opened = tokio::task::spawn_blocking(move || Disk::open(&at, store)).await;
        let opened = opened.unwrap_or_else(|error| Err(io::Error::other(error)));
        let (disk, back) = opened.map_err(refused)?;
        let figures = tell(&back, self.store, &dir, since.elapsed());
        let figures = Arc::new(Mutex::new(figures));
        let shown = Arc::clone(&figures);
        self.registry.collect(move |snapshot| {
            let figures = *lock(&shown);
            LogCacheDiskFigures {
                bytes: figures.bytes,
                failing: figures.failing,
                failures: figures.failures,
                restored: figures.restored,
                damaged_bytes: figures.damaged_bytes,
            }
            .report(snapshot);
        });
        let keeper = Keeper {
            disk: Some(disk),
            dir: dir.display().to_string(),
            figures,
            readiness: self.readiness.clone(),
        };
        context.shutdown.tracker.spawn(keeper.run(context.clone()));
        Ok(())
    }
}

/// Says what came back, and what did not.
fn tell(back: &Back, store: &Store, dir: &Path, took: Duration) -> Figures {
    let (stats, dir) = (store.stats(), dir.display());
    let loaded = &back.loaded;
    if loaded.bytes > 0 {
        tracing::info!(
            "log cache: {} envelopes of {} sources are back from {dir} ({} bytes) in {took:.1?}",
            stats.envelopes,
            stats.sources,
            loaded.bytes,
        );
    }
    if !back.clean {
        tracing::warn!(
            "log cache: the last process did not end in order: what came after its last save \
             is not there, at most a second's if it could save"
        );
    }
    for (file, bytes) in &loaded.damaged {
        let file = file.display();
        tracing::warn!("log cache: {bytes} bytes of {file} are damaged and were passed over");
    }
    Figures {
        bytes: loaded.bytes,
        restored: stats.envelopes,
        damaged_bytes: loaded.damaged.iter().map(|(_, bytes)| bytes).sum(),
        ..Figures::default()
    }
}

/// What is done about the directory while the process runs.
struct Keeper {
    /// Away while a save is under way.
    disk: Option<Disk>,
    dir: String,
    figures: Arc<Mutex<Figures>>,
    readiness: Readiness,
}

impl Keeper {
    async fn run(mut self, context: ServeContext) {
        let shutdown = &context.shutdown;
        let saving = async {
            let mut pause = PERIOD;
            loop {
                tokio::time::sleep(pause).await;
                pause = if self.save().await { PERIOD } else { AGAIN };
            }
        };
        shutdown.stop.run_until_cancelled(saving).await;
        // What the others still take in is to be saved too.
        let others = async {
            let mut saved = Instant::now();
            while shutdown.tracker.len() > 1 {
                tokio::time::sleep(ENDING).await;
                if saved.elapsed() >= PERIOD {
                    self.save().await;
                    saved = Instant::now();
                }
            }
        };
        shutdown.abort.run_until_cancelled(others).await;
        if self.save().await
            && let Some(disk) = &self.disk
            && let Err(error) = disk.mark_clean()
        {
            tracing::warn!(
                "log cache: cannot say in {} that all is saved: {error}",
                self.dir
            );
        }
    }

    /// False if it failed.
    async fn save(&mut self) -> bool {
        let Some(mut disk) = self.disk.take() else {
            return false;
        };
        let saved = tokio::task::spawn_blocking(move || {
            let saved = disk.save();
            (disk, saved)
        });
        let Ok((disk, saved)) = saved.await else {
            tracing::error!("log cache: saving ended early; nothing is saved any more");
            self.readiness
                .remark("log-cache disk", Some("nothing is saved any more".into()));
            lock(&self.figures).failing = true;
            return false;
        };
        let bytes = disk.bytes();
        self.disk = Some(disk);
        self.note(bytes, saved.err())
    }

    fn note(&self, bytes: u64, error: Option<io::Error>) -> bool {
        let mut figures = lock(&self.figures);
        figures.bytes = bytes;
        let before = std::mem::replace(&mut figures.failing, error.is_some());
        let dir = &self.dir;
        match error {
            Some(error) => {
                figures.failures += 1;
                if !before {
                    tracing::error!(
                        "log cache: cannot save to {dir}: {error}; until that ends, what comes is \
                         kept in memory alone and would not survive a restart"
                    );
                    let why = format!("cannot save to {dir}: {error}");
                    self.readiness.remark("log-cache disk", Some(why));
                }
                false
            }
            None => {
                if before {
                    tracing::info!("log cache: all is saved to {dir} again");
                    self.readiness.remark("log-cache disk", None);
                }
                true
            }
        }
    }
}

fn lock(figures: &Mutex<Figures>) -> MutexGuard<'_, Figures> {
    figures.lock().unwrap_or_else(PoisonError::into_inner)
}
