//! Strangers decide how much goes wrong: the log tells of it once a second at most.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Between two lines of the log about one thing.
const EVERY: Duration = Duration::from_secs(1);

/// What goes wrong alike. The first of each second is logged, with how many came before.
#[derive(Default)]
pub(crate) struct Complaints(Mutex<Told>);

#[derive(Default)]
struct Told {
    at: Option<Instant>,
    unsaid: u64,
}

impl Complaints {
    /// Logs `what`, unless something was logged a moment ago.
    pub(crate) fn tell(&self, what: impl Display) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.at.is_some_and(|at| at.elapsed() < EVERY) {
            told.unsaid += 1;
            return;
        }
        told.at = Some(Instant::now());
        match std::mem::take(&mut told.unsaid) {
            0 => tracing::warn!("{what}"),
            unsaid => tracing::warn!("{what} ({unsaid} more of the like before)"),
        }
    }
}
