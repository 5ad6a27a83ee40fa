//! What was before, and then what comes, without a gap and without a line twice.
//!
//! The session subscribes first and reads what is remembered second, so that nothing
//! falls between the two; what is in both is left out of the live stream. It is known
//! again by its content: an envelope that went through the store may lie differently
//! in its bytes.

use std::{
    collections::{HashMap, hash_map::RandomState},
    future::poll_fn,
    hash::BuildHasher,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use logweir_proto::{
    frames::{frames, push_frame},
    v1,
};
use prost::Message;
use tokio::time::Instant;
use tonic::Status;

use super::source::{BoxFrames, Frames, Source, Wanted};
use crate::grpc::ReaderStream;

/// How long routers may take to say that they send to the session: those of the peers
/// say so only with their first envelope.
const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(1);

/// Live envelopes are compared with history for this long. What was under way when
/// history was read has come by then.
const COMPARED_FOR: Duration = Duration::from_secs(10);

/// Most bytes that are taken from the live stream to be put in order with history.
const AHEAD_BYTES: usize = 1 << 20;

/// The newest `last` logs that are remembered of an app, and then its live envelopes.
/// Where nothing is remembered, or it cannot be read in time, live envelopes alone.
///
/// # Errors
/// As [`Source::open`].
pub(super) async fn then_live(
    source: &Source,
    wanted: Wanted,
    last: usize,
) -> Result<BoxFrames, Status> {
    let Some(app) = wanted.app.clone() else {
        return Ok(Box::new(source.open(wanted)?));
    };
    let mut live = source.open(wanted)?;
    // Past this a router of a peer sends, or one that hangs does not.
    let _ = tokio::time::timeout(SUBSCRIBED_WITHIN, live.subscribed()).await;
    let remembered = match source.recent(&app, usize::MAX).await {
        Ok(remembered) => remembered,
        Err(status) => {
            tracing::debug!("no history of {app:?}: {}", status.message());
            Vec::new()
        }
    };
    let mut both = Both::of(&remembered);
    let ahead = ahead(&mut live).await;
    let first = merge(remembered, last, &ahead, &mut both);
    Ok(Box::new(HistoryThenLive {
        first: Some(first).filter(|first| !first.is_empty()),
        live,
        both: Some((both, Instant::now() + COMPARED_FOR)),
    }))
}

/// The newest `last` logs that are remembered of an app, as frames.
///
/// # Errors
/// As [`Source::recent`].
pub(super) async fn alone(source: &Source, app: &str, last: usize) -> Result<Bytes, Status> {
    let logs = source.recent(app, last).await?;
    let mut frames = BytesMut::new();
    for log in &logs {
        push_frame(&mut frames, log);
    }
    Ok(frames.freeze())
}

/// What came to the live stream while history was read.
async fn ahead(live: &mut ReaderStream) -> Vec<Bytes> {
    let mut taken = Vec::new();
    let mut bytes = 0;
    while bytes < AHEAD_BYTES {
        let now = poll_fn(|context| Poll::Ready(live.poll_frames(context))).await;
        let Poll::Ready(Some(run)) = now else { break };
        bytes += run.len();
        taken.push(run);
    }
    taken
}

/// What came ahead, and before it the newest `last` of what is remembered, in the order
/// of their timestamps.
///
/// What is remembered and not older than what came ahead is on its way to the live
/// stream or has come: it is shown, however many were asked for. What is left out stays
/// a live envelope, should it come.
fn merge(remembered: Vec<Bytes>, last: usize, ahead: &[Bytes], both: &mut Both) -> Bytes {
    let mut live = Vec::new();
    let mut come: HashMap<u64, u32> = HashMap::new();
    for run in ahead {
        for frame in frames(run).flatten() {
            if let Some(key) = both.take(frame.envelope) {
                *come.entry(key).or_default() += 1;
            }
            live.push((timestamp(frame.envelope), run.slice_ref(frame.envelope)));
        }
    }
    let mut is_to_come = |log: &Bytes| {
        let come = both.key(log).and_then(|key| come.get_mut(&key));
        match come {
            Some(more @ 1..) => {
                *more -= 1;
                false
            }
            _ => true,
        }
    };
    let mut logs: Vec<(i64, Bytes)> = remembered
        .into_iter()
        .filter(|log| is_to_come(log))
        .map(|log| (timestamp(&log), log))
        .collect();
    let since = live.iter().map(|(at, _)| *at).min().unwrap_or(i64::MAX);
    let older = logs.iter().filter(|(at, _)| *at < since).count();
    let left_out = older.saturating_sub(last);
    let mut skipped = 0;
    logs.retain(|(at, log)| {
        let skip = *at < since && skipped < left_out;
        if skip {
            skipped += 1;
            both.take(log);
        }
        !skip
    });
    logs.append(&mut live);
    // Stable, as every order of equal times here is one that they came in.
    logs.sort_by_key(|(at, _)| *at);
    let mut first = BytesMut::new();
    for (_, log) in &logs {
        push_frame(&mut first, log);
    }
    first.freeze()
}

fn timestamp(envelope: &[u8]) -> i64 {
    logweir_proto::peek_v1::peek_v1(envelope).map_or(0, |peek| peek.timestamp)
}

/// Envelopes that are in history and have not come to the live stream: hashes of their
/// content, and how often each is expected.
struct Both {
    hasher: RandomState,
    expected: HashMap<u64, u32>,
}

impl Both {
    fn of(logs: &[Bytes]) -> Self {
        let mut both = Self {
            hasher: RandomState::new(),
            expected: HashMap::with_capacity(logs.len()),
        };
        let keys: Vec<_> = logs.iter().filter_map(|log| both.key(log)).collect();
        for key in keys {
            *both.expected.entry(key).or_default() += 1;
        }
        both
    }

    /// The key of an envelope that is in history; once for each time that it is there.
    fn take(&mut self, envelope: &[u8]) -> Option<u64> {
        let key = self.key(envelope)?;
        let expected = self.expected.get_mut(&key)?;
        *expected -= 1;
        if *expected == 0 {
            self.expected.remove(&key);
        }
        Some(key)
    }

    /// What is the same of a log on both ways. On one of them it may have been a V2
    /// envelope, which has one timestamp, two types, and no bytes that are no text.
    fn key(&self, envelope: &[u8]) -> Option<u64> {
        let envelope = v1::Envelope::decode(envelope).ok()?;
        let log = envelope.log_message?;
        let text = |bytes: &Option<Bytes>| {
            let bytes = bytes.as_deref().unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        let content = (
            envelope.timestamp.unwrap_or(0),
            log.message.as_deref().unwrap_or_default(),
            log.message_type == Some(v1::log_message::MessageType::Err as i32),
            text(&log.source_type),
            text(&log.source_instance),
        );
        Some(self.hasher.hash_one(content))
    }
}

/// Frames of history, then those of the live stream that were not among them.
struct HistoryThenLive {
    first: Option<Bytes>,
    live: ReaderStream,
    /// Until when live envelopes are compared.
    both: Option<(Both, Instant)>,
}

impl Frames for HistoryThenLive {
    fn poll_frames(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        loop {
            let Some(run) = std::task::ready!(self.live.poll_frames(context)) else {
                return Poll::Ready(None);
            };
            let over = |(both, until): &(Both, Instant)| {
                both.expected.is_empty() || Instant::now() >= *until
            };
            if self.both.as_ref().is_some_and(over) {
                self.both = None;
            }
            let Some((both, _)) = &mut self.both else {
                return Poll::Ready(Some(run));
            };
            let fresh = without(&run, both);
            if !fresh.is_empty() {
                return Poll::Ready(Some(fresh));
            }
        }
    }

    fn give_up(&mut self, in_hand: &[u8]) -> Option<Bytes> {
        self.live.give_up(in_hand)
    }
}

fn without(run: &Bytes, both: &mut Both) -> Bytes {
    let mut fresh = BytesMut::with_capacity(run.len());
    for frame in frames(run).flatten() {
        if both.take(frame.envelope).is_none() {
            fresh.extend_from_slice(frame.bytes);
        }
    }
    fresh.freeze()
}

#[cfg(test)]
mod tests;
