//! What the query of a stream asks for, and streams that are less or more than one
//! subscription.

use std::{
    collections::BTreeSet,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use logweir_proto::{
    frames::frames,
    peek_v1::{PeekV1, peek_v1},
};
use logweir_route::notice_v1;

use super::source::{BoxFrames, Class, Frames};

/// The query of a firehose or an app stream. What it does not know it ignores, as the
/// reference does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// The first `filter-type`, if it is exactly `logs` or `metrics`.
    pub(super) class: Option<Class>,
    /// The first `filter-type` is `all` or `metrics`: an app stream shows the app's
    /// own metrics, too.
    pub(super) own_metrics: bool,
    /// The number of remembered logs that an app stream begins with.
    pub(super) recent: Option<usize>,
    /// What of a firehose is kept.
    pub(super) keep: Keep,
}

impl Query {
    pub(super) fn parse(raw: &str) -> Self {
        let mut query = Self::default();
        let mut types = 0;
        for (name, value) in url::form_urlencoded::parse(raw.as_bytes()) {
            match &*name {
                "filter-type" => {
                    types += 1;
                    if types > 1 {
                        continue;
                    }
                    query.class = match &*value {
                        "logs" => Some(Class::Log),
                        "metrics" => Some(Class::Metric),
                        _ => None,
                    };
                    query.own_metrics = matches!(&*value, "metrics" | "all");
                }
                "recent" => query.recent = query.recent.or(value.parse().ok()),
                "source_id" => {
                    query.keep.sources.insert(value.into());
                }
                "deployment" => {
                    query.keep.deployments.insert(value.into());
                }
                _ => {}
            }
        }
        query
    }
}

/// Which envelopes of a stream are kept: those of any of these sources and of any of
/// these deployments. None of either: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keep {
    pub(super) sources: BTreeSet<Box<str>>,
    pub(super) deployments: BTreeSet<Box<str>>,
}

impl Keep {
    /// The envelopes of one source.
    pub(super) fn source(source: &str) -> Self {
        Self {
            sources: [source.into()].into(),
            deployments: BTreeSet::new(),
        }
    }

    /// Nothing is left out.
    pub(super) fn is_everything(&self) -> bool {
        self.sources.is_empty() && self.deployments.is_empty()
    }

    /// The name of a group of readers that share. Readers who keep different things do
    /// not: each would throw away what another waits for.
    pub(super) fn shard(&self, name: String) -> String {
        if self.is_everything() {
            return name;
        }
        let mut shard = name;
        for (key, values) in [
            ("source_id", &self.sources),
            ("deployment", &self.deployments),
        ] {
            for value in values {
                // Quoted, so that no value reads like another key.
                shard.push_str(&format!(" {key}={value:?}"));
            }
        }
        shard
    }

    fn keeps(&self, envelope: &[u8]) -> bool {
        let Ok(peek) = peek_v1(envelope) else {
            return false;
        };
        self.is_of_source(&peek) && self.is_of_deployment(&peek)
            // What was lost may have been of any source.
            || notice_v1::speaks_of(envelope, &peek).is_some()
    }

    fn is_of_source(&self, peek: &PeekV1<'_>) -> bool {
        self.sources.is_empty() || self.sources.contains(&*peek.source())
    }

    fn is_of_deployment(&self, peek: &PeekV1<'_>) -> bool {
        let deployment = peek.deployment.unwrap_or_default();
        self.deployments.is_empty()
            || std::str::from_utf8(deployment).is_ok_and(|name| self.deployments.contains(name))
    }
}

/// Some envelopes of a stream.
pub(super) struct Filtered {
    pub(super) all: BoxFrames,
    pub(super) keep: Keep,
}

impl Frames for Filtered {
    fn poll_frames(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let Some(run) = ready!(self.all.poll_frames(context)) else {
                return Poll::Ready(None);
            };
            let mut kept = BytesMut::new();
            for frame in frames(&run).flatten() {
                if self.keep.keeps(frame.envelope) {
                    kept.extend_from_slice(frame.bytes);
                }
            }
            if !kept.is_empty() {
                return Poll::Ready(Some(kept.freeze()));
            }
        }
    }

    fn give_up(&mut self, in_hand: &[u8]) -> Option<Bytes> {
        self.all.give_up(in_hand)
    }
}

/// Two streams as one. It ends when both have.
pub(super) struct Merged {
    streams: [Option<BoxFrames>; 2],
    /// Which is asked first, in turn.
    first: usize,
    /// Which one the last run is of.
    last: usize,
}

impl Merged {
    pub(super) fn of(one: BoxFrames, other: BoxFrames) -> Self {
        Self {
            streams: [Some(one), Some(other)],
            first: 0,
            last: 0,
        }
    }
}

impl Frames for Merged {
    fn poll_frames(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.first = 1 - self.first;
        for at in [self.first, 1 - self.first] {
            let Some(stream) = &mut self.streams[at] else {
                continue;
            };
            match stream.poll_frames(context) {
                Poll::Ready(Some(run)) => {
                    self.last = at;
                    return Poll::Ready(Some(run));
                }
                Poll::Ready(None) => self.streams[at] = None,
                Poll::Pending => {}
            }
        }
        if self.streams.iter().all(Option::is_none) {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }

    fn give_up(&mut self, in_hand: &[u8]) -> Option<Bytes> {
        let mut notices = BytesMut::new();
        for (at, stream) in self.streams.iter_mut().enumerate() {
            let Some(stream) = stream else { continue };
            let in_hand = if at == self.last { in_hand } else { &[] };
            if let Some(notice) = stream.give_up(in_hand) {
                notices.extend_from_slice(&notice);
            }
        }
        (!notices.is_empty()).then(|| notices.freeze())
    }
}

#[cfg(test)]
mod tests;
