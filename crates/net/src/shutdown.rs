//! One vocabulary for ending: stop accepting → flush → deadline → abort.

use std::time::Duration;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long tasks get to notice that they are aborted. They do no more work then;
/// this only bounds the wait for one that never looks.
const ABORT_PATIENCE: Duration = Duration::from_secs(1);

/// What every task of a process needs to end in order. Clones share their state.
///
/// 1. `stop` is cancelled: take nothing new, write out what is queued, return.
/// 2. Tasks that run on `tracker` end one by one.
/// 3. At the deadline `abort` is cancelled: let go of everything at once.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Cancelled first: accept nothing more, flush, and end.
    pub stop: CancellationToken,
    /// Cancelled when the deadline has passed: drop what is left.
    pub abort: CancellationToken,
    /// Carries every task that [`Shutdown::finish`] waits for.
    pub tracker: TaskTracker,
}

impl Shutdown {
    /// Nothing stopped, nothing tracked.
    pub fn new() -> Self {
        Self::default()
    }

    /// Walks through the phases. True if every tracked task ended by itself before
    /// `deadline` had passed, false if the rest had to be aborted.
    pub async fn finish(self, deadline: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(deadline, self.tracker.wait())
            .await
            .is_ok()
        {
            return true;
        }
        let left = self.tracker.len();
        tracing::warn!(
            tasks = left,
            "the shutdown deadline of {deadline:?} has passed, aborting what is left"
        );
        self.abort.cancel();
        let _ = tokio::time::timeout(ABORT_PATIENCE, self.tracker.wait()).await;
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn log() -> (Arc<Mutex<Vec<&'static str>>>, impl Fn(&'static str) + Clone) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let to = lines.clone();
        (lines, move |line| to.lock().unwrap().push(line))
    }

    #[tokio::test(start_paused = true)]
    async fn stop_comes_first_and_tasks_flush_before_the_end() {
        let shutdown = Shutdown::new();
        let (lines, say) = log();
        let task = shutdown.clone();
        shutdown.tracker.spawn({
            let say = say.clone();
            async move {
                task.stop.cancelled().await;
                say("stopped accepting");
                tokio::task::yield_now().await;
                say("flushed");
                assert!(!task.abort.is_cancelled());
            }
        });
        assert!(shutdown.clone().finish(LONG).await);
        assert_eq!(*lines.lock().unwrap(), ["stopped accepting", "flushed"]);
        assert!(!shutdown.abort.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_to_wait_for_ends_at_once() {
        let begun = tokio::time::Instant::now();
        assert!(Shutdown::new().finish(LONG).await);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_aborts_those_that_do_not_end() {
        let shutdown = Shutdown::new();
        let (lines, say) = log();
        let task = shutdown.clone();
        shutdown.tracker.spawn(async move {
            task.abort.cancelled().await;
            say("let go");
        });
        let begun = tokio::time::Instant::now();
        assert!(!shutdown.clone().finish(LONG).await);
        assert_eq!(begun.elapsed(), LONG);
        assert_eq!(*lines.lock().unwrap(), ["let go"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deaf_task_cannot_hold_the_process() {
        let shutdown = Shutdown::new();
        shutdown.tracker.spawn(std::future::pending::<()>());
        let begun = tokio::time::Instant::now();
        assert!(!shutdown.finish(LONG).await);
        assert_eq!(begun.elapsed(), LONG + ABORT_PATIENCE);
    }
}
