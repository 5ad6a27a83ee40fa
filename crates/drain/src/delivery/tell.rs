//! Telling an app about its drain, in its own stream: what was lost, and what goes wrong. Not
//! more often than once in a while, and then how often it was (spec agents-and-drains §2.5).

use std::{fmt, sync::Arc, time::Duration, time::SystemTime};

use logweir_route::{
    QueueStats,
    ledger::{ByCause, causes},
};
use tokio::time::Instant;

use super::Failure;
use crate::{exit::Exit, notice};

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

    /// Tells what there is to tell, if it is time. Cheap if it is not.
    pub(super) fn settle(
        &mut self,
        exit: &Exit,
        stats: impl FnOnce() -> QueueStats,
        reporter: &Reporter,
        interval: Duration,
        now: Instant,
    ) {
        if self.due.is_some_and(|due| now < due) {
            return;
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
            self.own += send(exit, reporter, || {
                format!("Failed to {verb} to {url}: {failure}{again}")
            });
        }
        if total > 0 {
            let why: Vec<_> = causes(&lost)
                .map(|(cause, count)| format!("{count} {}", cause.name()))
                .collect();
            let why = why.join(", ");
            tracing::warn!(drain = %exit.id(), url, "{total} envelopes lost: {why}");
            let app = exit.app().unwrap_or_default();
            self.own += send(exit, reporter, || {
                format!(
                    "{total} messages lost for application {app} in user provided syslog drain with url {url} ({why})"
                )
            });
        }
    }
}

/// Drains of all apps have nobody to tell. Returns how many notices there are now.
fn send(exit: &Exit, reporter: &Reporter, text: impl FnOnce() -> String) -> u32 {
    let Some(app) = exit.app() else {
        return 0;
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));
    (reporter.0)(notice::envelope(app, Some(exit.id()), &text(), now));
    1
}
