//! What comes in: `POST /logs`, and syslog over TCP. Messages are resolved by their tokens and
//! published as envelopes of their channels. Nobody who sends is made to wait.
//!
//! [`post`] answers requests, [`tcp`] reads connections, [`intake`] makes envelopes of
//! messages, [`dedupe`] knows a batch that was sent again, [`loops`] lines that come back,
//! [`auth`] who may write.

mod auth;
mod body;
mod counts;
mod dedupe;
mod intake;
mod loops;
pub(crate) mod post;
pub(crate) mod tcp;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub(crate) use counts::{Count, Counts};
pub(crate) use intake::{Intake, Writer};

use self::{dedupe::Dedupe, intake::Lines, loops::Loops};
use super::registry::Registry;
use crate::{metrics, outlet::OpenSink};

/// So many sinks are kept for the next requests.
const IDLE: usize = 16;

/// What the doors share through which lines come in.
pub(crate) struct Input {
    registry: Arc<Registry>,
    open: OpenSink,
    idle: Mutex<Vec<Lines>>,
    dedupe: Dedupe,
    loops: Loops,
    counts: Counts,
}

impl Input {
    /// Lines go to sinks of `open`; the id of a batch is known for `window`.
    pub(crate) fn new(registry: Arc<Registry>, open: OpenSink, window: Duration) -> Arc<Self> {
        Arc::new(Self {
            registry,
            open,
            idle: Mutex::default(),
            dedupe: Dedupe::new(window),
            loops: Loops::default(),
            counts: Counts::default(),
        })
    }

    /// Shows the counts among the metrics.
    pub(crate) fn show(self: &Arc<Self>, registry: &metrics::Registry) {
        let shown = Arc::clone(self);
        registry.collect(move |to| shown.counts.show(to));
    }

    /// What came in and what became of it.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A sink, with whatever it keeps from batch to batch.
    fn lines(&self) -> Lines {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let found = idle.pop();
        drop(idle);
        found.unwrap_or_else(|| Lines::new((self.open)()))
    }

    /// Keeps a sink that has nothing left to send.
    fn keep(&self, lines: Lines) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(lines);
        }
    }
}
