//! Telling apps about bindings that make no drain, each thing at most once in a while.

use std::{collections::HashMap, time::Duration};

use bytes::BytesMut;
use logweir_drain::{notice, plan::Refused};
use logweir_proto::frames::push_frame;
use tokio::time::Instant;

use crate::grpc::{Sink, unix_nanos};

/// What was told, and where.
pub(crate) struct Refusals {
    to: Box<dyn Sink>,
    again: Duration,
    told: HashMap<(Option<String>, String), Instant>,
}

impl Refusals {
    /// Into `to`, the same thing at most once in `again`.
    pub(crate) fn new(to: Box<dyn Sink>, again: Duration) -> Self {
        Self {
            to,
            again,
            told: HashMap::new(),
        }
    }

    /// Tells what was not told lately. What is not refused any more is forgotten.
    pub(crate) fn tell(&mut self, refused: &[Refused]) {
        let now = Instant::now();
        let mut frames = BytesMut::new();
        let mut told = HashMap::new();
        for one in refused {
            let key = (one.app.clone(), one.reason.to_string());
            let before = self.told.get(&key).copied();
            if let Some(at) = before.filter(|at| now.duration_since(*at) < self.again) {
                told.insert(key, at);
                continue;
            }
            match &key.0 {
                Some(app) => {
                    tracing::warn!("{} for app {app}", key.1);
                    push_frame(
                        &mut frames,
                        &notice::envelope(app, None, &key.1, unix_nanos()),
                    );
                }
                None => tracing::warn!("{}", key.1),
            }
            told.insert(key, now);
        }
        self.told = told;
        if !frames.is_empty() {
            self.to.accept(frames.freeze());
        }
    }
}
