//! What others see of a drain's delivery.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use logweir_route::{Feeder, QueueStats, Subscription};
use tokio_util::sync::CancellationToken;

use super::{Failure, store::Store};
use crate::exit::Exit;

/// What a drain is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DrainState {
    /// Nothing to deliver, and no connection.
    #[default]
    Idle,
    /// Waits for name, connection or handshake.
    Connecting,
    /// Connected.
    Connected,
    /// Waits after a failure, before it tries again.
    Failing,
    /// Unbound, or the process ends.
    Ended,
}

impl DrainState {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Failing => "failing",
            Self::Ended => "ended",
        }
    }
}

/// A drain at one moment. Envelopes balance: `queue.taken` = written + filtered + in_hand. With
/// a spool what was taken is in the spool first, and those of earlier runs come out of it too.
#[derive(Clone, Debug)]
pub struct DrainStatus {
    /// What it is doing.
    pub state: DrainState,
    /// Since when.
    pub since: SystemTime,
    /// What went wrong last, and when; redacted.
    pub last_error: Option<(String, SystemTime)>,
    /// How often something went wrong.
    pub failures: u64,
    /// When the connection was opened, if there is one.
    pub connected_since: Option<SystemTime>,
    /// Connections opened so far.
    pub connections: u64,
    /// How old the last envelope was that was delivered while more were waiting; zero if
    /// none wait.
    pub lag: Duration,
    /// The balance of the queue: offered, queued, lost by cause.
    pub queue: QueueStats,
    /// Envelopes that were taken from the queue and are not delivered yet.
    pub in_hand: u64,
    /// Envelopes that were delivered: a connection took them, or the receiver said so.
    pub written: u64,
    /// Envelopes that the drain's source type filter left out.
    pub filtered: u64,
    /// Messages that were delivered; a gauge makes several.
    pub messages: u64,
    /// Bytes of messages that were delivered.
    pub bytes: u64,
    /// Fields that were changed to fit into RFC 5424.
    pub sanitised: u64,
    /// What the spool holds, if the drain has one.
    pub spool: Option<SpoolStatus>,
}

/// The spool of a drain, in envelopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStatus {
    /// Not delivered yet.
    pub waiting: u64,
    /// Refused for good, and kept for [`DrainHandle::replay`].
    pub dead: u64,
    /// Gone since the start of the process, to keep the bounds.
    pub lost: u64,
}

/// What the task tells and others read.
pub(super) struct Shared {
    /// Cancelled when the drain is unbound.
    pub(super) stop: CancellationToken,
    pub(super) in_hand: AtomicI64,
    pub(super) written: AtomicI64,
    pub(super) filtered: AtomicU64,
    pub(super) messages: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) sanitised: AtomicU64,
    pub(super) connections: AtomicU64,
    /// Timestamp of the newest envelope delivered.
    pub(super) newest: AtomicI64,
    pub(super) store: OnceLock<Arc<Store>>,
    condition: Mutex<Condition>,
}

struct Condition {
    state: DrainState,
    since: SystemTime,
    error: Option<Box<(Failure, SystemTime)>>,
    failures: u64,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            stop: CancellationToken::new(),
            in_hand: AtomicI64::new(0),
            written: AtomicI64::new(0),
            filtered: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            sanitised: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            newest: AtomicI64::new(0),
            store: OnceLock::new(),
            condition: Mutex::new(Condition {
                state: DrainState::Idle,
                since: SystemTime::now(),
                error: None,
                failures: 0,
            }),
        }
    }

    pub(super) fn enter(&self, state: DrainState) {
        if state == DrainState::Connected {
            self.connections.fetch_add(1, Relaxed);
        }
        let mut condition = self.condition();
        if condition.state != state {
            condition.state = state;
            condition.since = SystemTime::now();
        }
    }

    /// The connection stands still, after a pause.
    pub(super) fn resume(&self) {
        let mut condition = self.condition();
        condition.state = DrainState::Connected;
        condition.since = SystemTime::now();
    }

    pub(super) fn failed(&self, failure: Failure) {
        let now = SystemTime::now();
        let mut condition = self.condition();
        condition.error = Some(Box::new((failure, now)));
        condition.failures += 1;
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A drain or nozzle that is being delivered. Dropping the handle unbinds it.
pub struct DrainHandle {
    exit: Exit,
    queue: Arc<Subscription>,
    shared: Arc<Shared>,
}

impl DrainHandle {
    pub(super) fn new(exit: Exit, queue: Arc<Subscription>, shared: Arc<Shared>) -> Self {
        Self {
            exit,
            queue,
            shared,
        }
    }

    /// What is delivered to.
    pub fn exit(&self) -> &Exit {
        &self.exit
    }

    /// How it is.
    pub fn status(&self) -> DrainStatus {
        let shared = &self.shared;
        let count = |value: &AtomicI64| u64::try_from(value.load(Relaxed)).unwrap_or(0);
        let in_hand = count(&shared.in_hand);
        let queue = self.queue.stats();
        let newest = shared.newest.load(Relaxed);
        let now = SystemTime::now();
        let waits = queue.queued + in_hand > 0 && newest > 0;
        let at = Duration::from_nanos(u64::try_from(newest).unwrap_or(0));
        let lag = match waits {
            true => now.duration_since(SystemTime::UNIX_EPOCH + at),
            false => Ok(Duration::ZERO),
        };
        let condition = shared.condition();
        DrainStatus {
            state: condition.state,
            since: condition.since,
            last_error: condition
                .error
                .as_ref()
                .map(|error| (error.0.to_string(), error.1)),
            failures: condition.failures,
            connected_since: (condition.state == DrainState::Connected).then_some(condition.since),
            connections: shared.connections.load(Relaxed),
            lag: lag.unwrap_or_default(),
            queue,
            in_hand,
            written: count(&shared.written),
            filtered: shared.filtered.load(Relaxed),
            messages: shared.messages.load(Relaxed),
            bytes: shared.bytes.load(Relaxed),
            sanitised: shared.sanitised.load(Relaxed),
            spool: shared.store.get().map(|store| SpoolStatus {
                waiting: store.envelopes(),
                dead: store.dead(),
                lost: store.lost(),
            }),
        }
    }

    /// Delivers again what the receiver refused for good. Returns how many envelopes that are;
    /// `None` if the drain has no spool.
    ///
    /// # Errors
    /// The files of the spool cannot be read or written.
    pub fn replay(&self) -> impl Future<Output = io::Result<Option<u64>>> + Send + use<> {
        let store = self.shared.store.get().cloned();
        async move {
            match store {
                None => Ok(None),
                Some(store) => store.replay().await.map(Some),
            }
        }
    }

    /// Fills its queue directly, beside what the exchange puts there.
    pub fn feeder(&self) -> Feeder {
        self.queue.feeder()
    }

    /// Unbinds the drain: what is queued now is still written out, for a while
    /// ([`Settings::flush`](super::Settings)); nothing else is.
    pub fn stop(&self) {
        self.shared.stop.cancel();
    }
}

impl Drop for DrainHandle {
    fn drop(&mut self) {
        self.stop();
    }
}
