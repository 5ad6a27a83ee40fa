//! When a session pings, and how long it waits for the answer.

use std::{future::Future, pin::Pin, task::Context, time::Duration};

use tokio::time::{Instant, Sleep, sleep};

/// The pings of one session: one at once, and one after each rest.
pub(super) struct Heart {
    interval: Duration,
    deadline: Duration,
    clock: Pin<Box<Sleep>>,
    /// The clock is set for a pong, not for the next ping.
    waiting: bool,
    /// A pong that came before its ping. It answers the next one.
    early: bool,
}

/// What it is time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// To rest, or to wait on.
    Nothing,
    /// A ping.
    Ping,
    /// The pong has not come in time.
    Overdue,
}

impl Heart {
    /// Rests for `interval` after each pong, and waits for one until `deadline`.
    pub(super) fn new(interval: Duration, deadline: Duration) -> Self {
        Self {
            interval,
            deadline,
            clock: Box::pin(sleep(Duration::ZERO)),
            waiting: false,
            early: false,
        }
    }

    /// The client has answered.
    pub(super) fn pong(&mut self) {
        if self.waiting {
            self.rest();
        } else {
            self.early = true;
        }
    }

    /// What it is time for; wakes the task when it may be time for more.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Beat {
        if self.clock.as_mut().poll(context).is_pending() {
            return Beat::Nothing;
        }
        if self.waiting {
            return Beat::Overdue;
        }
        if std::mem::take(&mut self.early) {
            self.rest();
        } else {
            self.waiting = true;
            self.set(self.deadline);
        }
        // Asked again, so that it wakes the task.
        if self.clock.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
        Beat::Ping
    }

    fn rest(&mut self) {
        self.waiting = false;
        self.set(self.interval);
    }

    fn set(&mut self, after: Duration) {
        self.clock.as_mut().reset(Instant::now() + after);
    }
}
