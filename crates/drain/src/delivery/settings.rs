//! How long things may take.

use std::time::Duration;

/// Timeouts and delays of the delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// For the name, TCP and TLS together.
    pub connect_timeout: Duration,
    /// A connection whose receiver takes nothing for this long is given up.
    pub write_timeout: Duration,
    /// From the first byte of a request to the last of its answer.
    pub answer_timeout: Duration,
    /// After this long without anything to send the connection is closed.
    pub idle: Duration,
    /// Connections of app drains are replaced at this age, so that load balancers can
    /// spread them anew.
    pub max_age: Duration,
    /// The same for drains of all apps (the peers' `AGGREGATE_CONNECTION_REFRESH_INTERVAL`).
    pub max_age_aggregate: Duration,
    /// The first delay after a failure; it doubles up to `backoff_max`, and is drawn at
    /// random below that.
    pub backoff_min: Duration,
    /// The longest delay, unless a receiver asks for a longer one (`Retry-After`).
    pub backoff_max: Duration,
    /// What was taken from the queue and could not be delivered for this long is dropped.
    pub give_up_after: Duration,
    /// How long a drain that was unbound may take to write out its queue.
    pub flush: Duration,
    /// How long `https-batch` waits for a body to fill.
    pub batch_interval: Duration,
    /// A body of `https-batch` is sent once it has this many bytes.
    pub batch_bytes: usize,
    /// Most connections of one `https` drain.
    pub lanes: usize,
    /// Least time between two notices to an app about one drain.
    pub notice_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(20),
            idle: Duration::from_secs(600),
            max_age: Duration::from_secs(1800),
            max_age_aggregate: Duration::from_secs(60),
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(15),
            give_up_after: Duration::from_secs(300),
            flush: Duration::from_secs(10),
            batch_interval: Duration::from_secs(1),
            batch_bytes: 512 << 10,
            lanes: 4,
            notice_interval: Duration::from_secs(60),
        }
    }
}
