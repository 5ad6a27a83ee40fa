//! What comes in and what becomes of it, in numbers.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{complaints::Complaints, metrics::Snapshot};

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Messages with a known token, also where its channel is unknown.
    Received,
    /// Messages that were published.
    Taken,
    /// Pieces that are no frame, and messages without a token where they need one.
    Malformed,
    /// Messages that were longer than may be, and went on without their end.
    Cut,
    /// Bodies that ended within a frame.
    Incomplete,
    /// Messages whose token is unknown.
    UnknownToken,
    /// Messages whose token's channel is unknown.
    UnknownChannel,
    /// Messages for a channel that the credential may not write to.
    Forbidden,
    /// Messages that came back from a drain of the channel they were for.
    Looped,
    /// Requests that were taken.
    Batches,
    /// Requests of which nothing was taken.
    BatchesFailed,
    /// Requests whose batch had been taken already.
    BatchesRepeated,
    /// Requests whose `Logplex-Msg-Count` was another number than their messages'.
    Mismatches,
    /// Messages that senders say they dropped (`Logplex-Drop-Count`).
    DroppedBefore,
    /// Messages that senders say they lost (`Logplex-Lost-Count`).
    LostBefore,
}

impl Count {
    /// Each, in this order.
    pub(crate) const ALL: [Self; 15] = [
        Self::Received,
        Self::Taken,
        Self::Malformed,
        Self::Cut,
        Self::Incomplete,
        Self::UnknownToken,
        Self::UnknownChannel,
        Self::Forbidden,
        Self::Looped,
        Self::Batches,
        Self::BatchesFailed,
        Self::BatchesRepeated,
        Self::Mismatches,
        Self::DroppedBefore,
        Self::LostBefore,
    ];
}

/// Counts of all doors.
#[derive(Default)]
pub(crate) struct Counts {
    counts: [AtomicU64; Count::ALL.len()],
    /// Messages of each channel since this was last taken.
    posts: Mutex<HashMap<Arc<str>, u64>>,
    pub(super) unknown: Complaints,
}

/// Metrics, each with what it counts by the value of its label.
type Family = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, Count)],
);

const FAMILIES: [Family; 4] = [
    (
        "logweir_logplex_messages",
        "Logplex messages by what became of them.",
        "outcome",
        &[
            ("taken", Count::Taken),
            ("malformed", Count::Malformed),
            ("unknown_token", Count::UnknownToken),
            ("unknown_channel", Count::UnknownChannel),
            ("forbidden", Count::Forbidden),
            ("looped", Count::Looped),
        ],
    ),
    (
        "logweir_logplex_batches",
        "Requests to /logs by what became of them.",
        "outcome",
        &[
            ("taken", Count::Batches),
            ("repeated", Count::BatchesRepeated),
            ("refused", Count::BatchesFailed),
        ],
    ),
    (
        "logweir_logplex_oddities",
        "What was wrong with messages and requests that were taken all the same.",
        "what",
        &[
            ("cut", Count::Cut),
            ("incomplete", Count::Incomplete),
            ("count_mismatch", Count::Mismatches),
        ],
    ),
    (
        "logweir_logplex_lost_before",
        "Messages that senders say never left them.",
        "how",
        &[
            ("dropped", Count::DroppedBefore),
            ("lost", Count::LostBefore),
        ],
    ),
];

impl Counts {
    /// Shows all but the channels.
    pub(super) fn show(&self, to: &mut Snapshot) {
        for (name, help, label, series) in FAMILIES {
            for (value, count) in series {
                to.counter(name, help, &[(label, value)], self.get(*count));
            }
        }
    }

    /// How often a thing came about since the start.
    pub(crate) fn get(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Relaxed)
    }

    /// Messages of each channel since the last call (`channel_post`).
    pub(crate) fn take_posts(&self) -> HashMap<Arc<str>, u64> {
        let mut posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *posts)
    }

    pub(super) fn add(&self, count: Count, more: u64) {
        if more > 0 {
            self.counts[count as usize].fetch_add(more, Relaxed);
        }
    }

    /// Counts the messages of a request or a read, by channel.
    pub(super) fn posted(&self, by_channel: impl Iterator<Item = (Arc<str>, u64)>) {
        let mut posts = self.posts.lock().unwrap_or_else(PoisonError::into_inner);
        for (channel, more) in by_channel {
            *posts.entry(channel).or_default() += more;
        }
    }
}
