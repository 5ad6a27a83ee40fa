//! The spool between a drain's queue and its delivery: a task moves what is queued to the disk,
//! whatever the receiver does, and the courier takes from there.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use logweir_net::backoff::Backoff;
use logweir_route::{Chunk, Subscription};
use tokio::{sync::Notify, task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::spool::Spool;

/// Where drains with `logweir-spool=true` keep what is not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolSettings {
    /// Each drain has a directory in it.
    pub dir: PathBuf,
    /// Most bytes of one drain.
    pub bytes: u64,
}

/// How long to wait for a disk that fails.
const DISK_MIN: Duration = Duration::from_millis(50);
const DISK_MAX: Duration = Duration::from_secs(5);

/// A spool, and who waits for it.
pub(super) struct Store {
    /// None once the drain has ended: the next one of its id may have it.
    spool: Mutex<Option<Spool>>,
    changed: Notify,
    /// Nothing more comes from the queue.
    closed: AtomicBool,
    unread: AtomicU64,
    envelopes: AtomicU64,
    dead: AtomicU64,
    lost: AtomicU64,
}

impl Store {
    /// Opens a drain's spool. Waits while a task that was replaced still holds it, and for a
    /// disk that fails.
    pub(super) async fn open(settings: &SpoolSettings, id: &str) -> Arc<Self> {
        let mut backoff = Backoff::new(DISK_MIN, DISK_MAX);
        loop {
            let (dir, bytes) = (settings.dir.join(id), settings.bytes);
            let opened = spawn_blocking(move || Spool::open(&dir, bytes)).await;
            match opened.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(spool) => {
                    let store = Self {
                        spool: Mutex::new(Some(spool)),
                        changed: Notify::new(),
                        closed: AtomicBool::new(false),
                        unread: AtomicU64::new(0),
                        envelopes: AtomicU64::new(0),
                        dead: AtomicU64::new(0),
                        lost: AtomicU64::new(0),
                    };
                    let _ = store.with(|_| Ok(()));
                    return Arc::new(store);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => tracing::warn!(drain = id, "the spool cannot be used: {error}"),
            }
            sleep(backoff.next()).await;
        }
    }

    /// Works on the spool. Blocks.
    fn with<T>(&self, work: impl FnOnce(&mut Spool) -> io::Result<T>) -> io::Result<T> {
        let mut spool = self.lock();
        let Some(open) = spool.as_mut() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let result = work(open);
        let stats = open.stats();
        self.unread.store(stats.unread_bytes, SeqCst);
        self.envelopes.store(stats.envelopes, SeqCst);
        self.dead.store(stats.dead, SeqCst);
        drop(spool);
        self.changed.notify_waiters();
        result
    }

    fn lock(&self) -> MutexGuard<'_, Option<Spool>> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same on a thread that may wait for a disk.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Spool) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let store = self.clone();
        let done = spawn_blocking(move || store.with(work)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Moves what is queued to the disk until the queue has ended or the drain is unbound.
    /// While the disk fails, the queue holds what it can.
    pub(super) async fn feed(self: Arc<Self>, queue: Arc<Subscription>, stop: CancellationToken) {
        let mut backoff = Backoff::new(DISK_MIN, DISK_MAX);
        loop {
            let taken = tokio::select! {
                biased;
                taken = queue.take() => taken,
                () = stop.cancelled() => queue.try_take(),
            };
            let Some(taken) = taken else { break };
            let Some(chunk) = taken.chunk else { continue };
            loop {
                let copy = chunk.clone();
                match self.blocking(move |spool| spool.append(&copy)).await {
                    Ok(lost) => {
                        self.lost.fetch_add(lost, SeqCst);
                        backoff.reset();
                        break;
                    }
                    Err(error) => {
                        tracing::warn!("a spool cannot be written: {error}");
                        sleep(backoff.next()).await;
                    }
                }
            }
        }
        self.closed.store(true, SeqCst);
        self.changed.notify_waiters();
    }

    /// Chunks of about so many bytes that were not taken yet.
    pub(super) async fn take(self: &Arc<Self>, bytes: usize) -> Vec<Chunk> {
        let taken = self.blocking(move |spool| {
            let (mut all, mut sum) = (Vec::new(), 0);
            while sum < bytes {
                let Some(chunk) = spool.read_next()? else {
                    break;
                };
                sum += chunk.frames.len();
                all.push(chunk);
            }
            Ok(all)
        });
        taken.await.unwrap_or_else(|error| {
            tracing::warn!("a spool cannot be read: {error}");
            Vec::new()
        })
    }

    /// Keeps what the receiver refused for good; so many chunks more are delivered or refused.
    /// Both at once: what is kept and not noted would be refused and kept again by the next
    /// process.
    pub(super) async fn settled(self: &Arc<Self>, refused: Vec<Chunk>, chunks: usize) {
        let store = self.clone();
        let done = self.blocking(move |spool| store.settle(spool, &refused, chunks));
        if let Err(error) = done.await {
            tracing::warn!("the position in a spool cannot be written: {error}");
        }
    }

    fn settle(&self, spool: &mut Spool, refused: &[Chunk], chunks: usize) -> io::Result<()> {
        for chunk in refused {
            let lost = spool.bury(chunk).unwrap_or_else(|error| {
                tracing::warn!("what a receiver refused cannot be kept: {error}");
                chunk.envelopes.into()
            });
            self.lost.fetch_add(lost, SeqCst);
        }
        spool.delivered(chunks)
    }

    /// Delivers again what was refused. Returns how many envelopes that are.
    pub(super) async fn replay(self: &Arc<Self>) -> io::Result<u64> {
        self.blocking(Spool::replay).await
    }

    /// Waits for so many bytes to be taken, or for the end.
    pub(super) async fn until_filled(&self, bytes: u64) {
        loop {
            let changed = self.changed.notified();
            if self.unread() >= bytes || self.is_closed() {
                return;
            }
            changed.await;
        }
    }

    /// The end of the delivery; what is left stays on the disk. Blocks.
    pub(super) fn close(&self, refused: Vec<Chunk>, delivered: usize, unbound: bool) {
        let _ = self.with(|spool| self.settle(spool, &refused, delivered));
        if let Some(spool) = self.lock().take() {
            spool.sync();
            if unbound {
                spool.remove_if_empty();
            }
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    pub(super) fn unread(&self) -> u64 {
        self.unread.load(SeqCst)
    }

    pub(super) fn envelopes(&self) -> u64 {
        self.envelopes.load(SeqCst)
    }

    pub(super) fn dead(&self) -> u64 {
        self.dead.load(SeqCst)
    }

    /// Envelopes that went to keep the bounds.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(SeqCst)
    }
}
