//! Telling a client that reads slowly from one that does not read.

use std::{future::Future, pin::Pin, task::Context, time::Duration};

use tokio::time::{Instant, Sleep, sleep};

/// Watches a connection that is blocked.
pub(super) struct Stall {
    deadline: Duration,
    clock: Option<Pin<Box<Sleep>>>,
    /// What the connection had taken when the clock was set.
    written: u64,
    watching: bool,
}

impl Stall {
    pub(super) fn new(deadline: Duration) -> Self {
        Self {
            deadline,
            clock: None,
            written: 0,
            watching: false,
        }
    }

    /// It is blocked no more.
    pub(super) fn over(&mut self) {
        self.watching = false;
    }

    /// Asked while it is blocked: whether it has taken nothing for the whole deadline.
    pub(super) fn is_stalled(&mut self, written: u64, context: &mut Context<'_>) -> bool {
        let deadline = self.deadline;
        let clock = self.clock.get_or_insert_with(|| Box::pin(sleep(deadline)));
        if !self.watching {
            self.watching = true;
            self.written = written;
            clock.as_mut().reset(Instant::now() + deadline);
        }
        while clock.as_mut().poll(context).is_ready() {
            if self.written == written {
                return true;
            }
            self.written = written;
            clock.as_mut().reset(Instant::now() + deadline);
        }
        false
    }
}
