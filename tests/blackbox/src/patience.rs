//! Waiting for conditions.

use std::{env, future::Future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

/// How long anything that should happen at once may take.
pub const SOON: Duration = Duration::from_secs(15);

/// `base` times `LOGWEIR_TEST_PATIENCE`.
pub fn patience(base: Duration) -> Duration {
    let factor = env::var("LOGWEIR_TEST_PATIENCE")
        .ok()
        .and_then(|text| text.parse().ok());
    base.mul_f64(factor.unwrap_or(1.0_f64))
}

/// Waits until `check` gives a value, and fails with `what` if it does not in time.
///
/// # Panics
/// When the deadline passes.
pub async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience(SOON);
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(
            Instant::now() < deadline,
            "not within {:?}: {what}",
            patience(SOON)
        );
        sleep(Duration::from_millis(5)).await;
    }
}

/// The value of `future`, which must come in time.
///
/// # Panics
/// When the deadline passes.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(patience(SOON), future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {:?}: {what}", patience(SOON)),
    }
}
