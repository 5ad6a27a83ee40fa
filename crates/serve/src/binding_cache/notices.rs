//! Telling apps about their drains, each thing at most once a minute.

use std::{collections::HashMap, time::Duration};

use bytes::BytesMut;
use logweir_drain::notice;
use logweir_proto::frames::push_frame;
use tokio::time::Instant;

use crate::grpc::Sink;

/// The same text is told to the same app this often.
const AGAIN: Duration = Duration::from_secs(60);

/// Envelopes in a batch.
const BATCH: usize = 100;

/// What was told, and where.
pub(super) struct Notices {
    to: Option<Box<dyn Sink>>,
    told: HashMap<(String, String), Instant>,
}

impl Notices {
    /// To the agent behind this queue; without one, to the log alone.
    pub(super) fn new(to: Option<Box<dyn Sink>>) -> Self {
        Self {
            to,
            told: HashMap::new(),
        }
    }

    /// Tells what was not told within the last minute, at `unix_nanos`. What is not in the
    /// list any more is forgotten, so that it is told at once if it comes back.
    pub(super) fn tell(&mut self, notices: &[(String, String)], unix_nanos: i64) {
        let now = Instant::now();
        self.told
            .retain(|told, _| notices.binary_search(told).is_ok());
        let due: Vec<_> = notices
            .iter()
            .filter(|notice| match self.told.get(*notice) {
                Some(at) => now.duration_since(*at) >= AGAIN,
                None => true,
            })
            .collect();
        for (app, text) in &due {
            tracing::warn!("{text} for app {app}");
        }
        if let Some(to) = &mut self.to {
            for batch in due.chunks(BATCH) {
                let mut frames = BytesMut::new();
                for (app, text) in batch {
                    push_frame(&mut frames, &notice::envelope(app, None, text, unix_nanos));
                }
                to.accept(frames.freeze());
            }
        }
        self.told
            .extend(due.into_iter().map(|notice| (notice.clone(), now)));
    }
}
