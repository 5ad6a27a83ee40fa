//! Telling an app about its drain, in its own stream: what was lost, and what goes wrong. Not
//! more often than once in a while, and then how often it was (spec agents-and-drains §2.5).

use std::{fmt, sync::Arc, time::Duration, time::SystemTime};

use bytes::BytesMut;
use logweir_proto::frames::frames;
use logweir_route::{
    QueueStats,
    ledger::{ByCause, causes},
};
use logweir_wire::logplex::{frame_of, text};
use tokio::time::Instant;

use super::Failure;
use crate::{channel::ChannelDrain, exit::Exit, notice};

/// How often losses are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Takes the notices for apps: each is a V2 envelope.
#[derive(Clone)]
pub struct Reporter(Arc<dyn Fn(Vec<u8>) + Send + Sync>);

impl Reporter {
    /// `take` must not wait: it is called by the drains' tasks.
    pub fn new(take: impl Fn(Vec<u8>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Nobody is told.
    pub fn nobody() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

/// Lines that a channel's drain has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) lines: u64,
    /// When the first of them was missed.
    pub(super) since: SystemTime,
}

/// What the receiver of a channel's drain knows of its losses.
#[derive(Default)]
pub(super) struct Owed {
    told: u64,
    since: Option<SystemTime>,
}

impl Owed {
    /// Something was lost.
    pub(super) fn note(&mut self, now: SystemTime) {
        self.since.get_or_insert(now);
    }

    /// What is to be told, of so many lost so far.
    pub(super) fn of(&mut self, lost: u64, now: SystemTime) -> Option<Loss> {
        let lines = lost.checked_sub(self.told).filter(|lines| *lines > 0)?;
        let since = *self.since.get_or_insert(now);
        Some(Loss { lines, since })
    }

    /// This was told.
    pub(super) fn settle(&mut self, loss: Loss) {
        self.told += loss.lines;
        self.since = None;
    }
}

/// What one app is still to be told about one drain.
#[derive(Default)]
pub(super) struct Tell {
    /// The next notice is not due before.
    due: Option<Instant>,
    /// What failed last, and how often something did since the last notice.
    failure: Option<Box<(Failure, u64)>>,
    /// The queue dropped something since losses were last looked for.
    lost: bool,
    /// Losses that were told.
    told: ByCause,
    /// Notices that may come back in the app's own stream.
    own: u32,
}

impl Tell {
    /// Something went wrong. It is told by the next [`Tell::settle`] that is due.
    pub(super) fn failure(&mut self, failure: &Failure) {
        let times = self.failure.as_ref().map_or(0, |told| told.1);
        self.failure = Some(Box::new((failure.clone(), times + 1)));
    }

    /// The queue dropped something.
    pub(super) fn lost(&mut self) {
        self.lost = true;
    }

    /// So many notices about this drain came back to it.
    pub(super) fn seen(&mut self, own: u32) {
        self.own = self.own.saturating_sub(own);
    }

    /// What waits for the drain may be but notices about it.
    pub(super) fn expects_own(&self) -> bool {
        self.own > 0
    }

    /// When to look again, if there is something to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        let news = self.lost || self.failure.is_some();
        news.then_some(self.due).flatten()
    }

    /// Tells what there is to tell, if it is time. Cheap if it is not. True if something was
    /// lost since this was last so.
    pub(super) fn settle(
        &mut self,
        exit: &Exit,
        stats: impl FnOnce() -> QueueStats,
        reporter: &Reporter,
        interval: Duration,
        now: Instant,
    ) -> bool {
        if self.due.is_some_and(|due| now < due) {
            return false;
        }
        let dropped = stats().dropped;
        let mut lost = ByCause::default();
        for (position, count) in lost.iter_mut().enumerate() {
            *count = dropped[position].saturating_sub(self.told[position]);
        }
        let total: u64 = lost.iter().sum();
        let failure = self.failure.take();
        self.lost = false;
        self.due = Some(
            now + if total == 0 && failure.is_none() {
                LOOK
            } else {
                interval
            },
        );
        self.told = dropped;
        let url = exit.shown();
        if let Some(failure) = failure {
            let (failure, times) = *failure;
            let verb = if failure.is_connecting() {
                "connect"
            } else {
                "write"
            };
            let again = match times {
                1 => String::new(),
                times => format!(" ({times} times since this was last told)"),
            };
            tracing::warn!(drain = %exit.id(), url, "failed to {verb}: {failure}{again}");
            self.own += match exit {
                Exit::Channel(drain) => l14(drain, &failure, reporter),
                _ => send(exit, reporter, || {
                    format!("Failed to {verb} to {url}: {failure}{again}")
                }),
            };
        }
        if total > 0 {
            let why: Vec<_> = causes(&lost)
                .map(|(cause, count)| format!("{count} {}", cause.name()))
                .collect();
            let why = why.join(", ");
            tracing::warn!(drain = %exit.id(), url, "{total} envelopes lost: {why}");
            let app = exit.app().unwrap_or_default();
            self.own += match exit {
                Exit::Channel(drain) => l10(drain, total, reporter),
                _ => send(exit, reporter, || {
                    format!(
                        "{total} messages lost for application {app} in user provided syslog drain with url {url} ({why})"
                    )
                }),
            };
        }
        total > 0
    }
}

/// Drains of all apps have nobody to tell. Returns how many notices there are now.
fn send(exit: &Exit, reporter: &Reporter, text: impl FnOnce() -> String) -> u32 {
    let Some(app) = exit.app() else {
        return 0;
    };
    let now = nanos(SystemTime::now());
    (reporter.0)(notice::envelope(app, Some(exit.id()), &text(), now));
    1
}

/// Tells a channel of a receiver whose certificate is not believed (L14, spec logplex §5.5).
/// Logplex has no word for other failures.
fn l14(drain: &ChannelDrain, failure: &Failure, reporter: &Reporter) -> u32 {
    let Failure::Tls(reason) = failure else {
        return 0;
    };
    let reason = reason.replace(['"', '\n'], "'");
    let mut message = Vec::with_capacity(256);
    let now = nanos(SystemTime::now());
    text::l14_message(
        now,
        &drain.token,
        &reason,
        drain.url.anonymous(),
        &mut message,
    );
    line(drain, now, &message, reporter)
}

/// Tells a channel what its drain has lost, in Heroku's words.
fn l10(drain: &ChannelDrain, lost: u64, reporter: &Reporter) -> u32 {
    let mut message = Vec::with_capacity(256);
    let now = nanos(SystemTime::now());
    text::l10_message(lost, now, &drain.token, &mut message);
    line(drain, now, &message, reporter)
}

/// Puts a line into a drain's channel. The firehose has no channel of its own that would be
/// told.
fn line(drain: &ChannelDrain, now: i64, message: &[u8], reporter: &Reporter) -> u32 {
    let mut batch = BytesMut::with_capacity(message.len() + 64);
    frame_of(&drain.source, now, message, &mut batch);
    for frame in frames(&batch).flatten() {
        (reporter.0)(frame.envelope.to_vec());
    }
    u32::from(!drain.firehose)
}

/// Unix nanoseconds.
pub(super) fn nanos(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}
