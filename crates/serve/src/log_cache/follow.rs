//! What is remembered of a source and then what comes, without a gap and without an
//! envelope twice.
//!
//! The reader subscribes first and looks into the store second, so that nothing falls
//! between the two. What came after the subscription is in both, and known again by its
//! content: on one of the ways its tags may have moved to another map.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt, stream};
use logweir_cache::{Query, Types};
use logweir_proto::{
    cache::FollowRequest,
    edit::to_preferred,
    fields::fields,
    frames::{frames, push_frame},
    peek::{Kind, peek},
    v2::{self, selector::Message},
};
use logweir_route::notice;
use regex::bytes::Regex;
use tokio::time::Instant;
use tonic::Status;

use super::{Local, expression, question};
use crate::{
    gateway::BatchStream,
    grpc::{ReaderStream, Readers},
};

/// Everything that comes in by any way.
type Live = stream::SelectAll<ReaderStream>;

/// Most envelopes of history.
pub(super) const MOST: u32 = 10_000;

/// Live envelopes are compared with history for this long. What was under way when
/// history was read has come by then.
const COMPARED_FOR: Duration = Duration::from_secs(10);

/// Most bytes that are taken from the live stream to be put in order with history.
const AHEAD_BYTES: usize = 1 << 20;

/// Opens such a stream.
///
/// # Errors
/// `InvalidArgument` for a wrong question, `ResourceExhausted` past the most streams.
pub(super) async fn open(
    local: &Local,
    readers: &[&Readers],
    request: FollowRequest,
) -> Result<BatchStream, Status> {
    if request.source_id.is_empty() {
        return Err(Status::invalid_argument("follow needs a source id"));
    }
    if request.history > MOST {
        let history = request.history;
        return Err(Status::invalid_argument(format!(
            "history ({history}) must be {MOST} or less"
        )));
    }
    let pattern = match &*request.pattern {
        "" => None,
        pattern => Some(expression::payloads(pattern).map_err(|error| {
            Status::invalid_argument(format!(
                "pattern must be a valid regular expression: {error}"
            ))
        })?),
    };
    let types = question::types(&request.envelope_types);
    let selectors = selectors(&request.source_id, types);
    let mut query = Query::all(request.source_id);
    query.types = types;
    query.search.clone_from(&pattern);
    query.limit = usize::try_from(request.history).unwrap_or(0);
    query.descending = true;
    query.as_they_came = request.history_apart;
    if request.history_only {
        let history = local.history(query, u64::MAX).await?;
        let first = merged(&history, &[], request.history_apart, &mut Seen::default());
        return Ok(stream::iter([Ok(first)]).boxed());
    }
    if selectors.is_empty() {
        // Types that nobody knows: nothing is of one.
        return Ok(stream::pending().boxed());
    }
    let wanted = v2::EgressBatchRequest {
        selectors,
        use_preferred_tags: true,
        ..v2::EgressBatchRequest::default()
    };
    let source = query.source_id.clone();
    let (mark, mut live) = local.between_sends(|| {
        let mark = local.store().mark(&source);
        let mut live = stream::SelectAll::new();
        for readers in readers {
            live.push(readers.open(wanted.clone(), None)?);
        }
        Ok::<_, Status>((mark, live))
    })?;
    let history = local.history(query, mark).await?;
    let mut seen = Seen::default();
    for (sequence, envelope) in &history {
        if *sequence >= mark {
            seen.expect(envelope);
        }
    }
    let apart = request.history_apart;
    let ahead = match apart {
        true => Vec::new(),
        false => ahead(&mut live, pattern.as_ref()),
    };
    let first = merged(&history, &ahead, apart, &mut seen);
    let rest = Rest {
        live,
        pattern,
        seen: (!seen.expected.is_empty()).then(|| (seen, Instant::now() + COMPARED_FOR)),
    };
    let first = stream::iter((apart || !first.is_empty()).then_some(Ok(first)));
    let rest = stream::unfold(rest, |mut rest| async move {
        let next = rest.next().await?;
        Some((next, rest))
    });
    Ok(first.chain(rest).boxed())
}

fn selectors(source: &str, types: Types) -> Vec<v2::Selector> {
    let message = |kind| match kind {
        Kind::Log => Message::Log(v2::LogSelector {}),
        Kind::Counter => Message::Counter(v2::CounterSelector::default()),
        Kind::Gauge => Message::Gauge(v2::GaugeSelector::default()),
        Kind::Timer => Message::Timer(v2::TimerSelector {}),
        Kind::Event => Message::Event(v2::EventSelector {}),
    };
    [
        Kind::Log,
        Kind::Counter,
        Kind::Gauge,
        Kind::Timer,
        Kind::Event,
    ]
    .into_iter()
    .filter(|kind| types.intersects(Types::of(Some(*kind))))
    .map(|kind| v2::Selector {
        source_id: source.to_owned(),
        message: Some(message(kind)),
    })
    .collect()
}

/// What came to the live stream while history was read.
fn ahead(live: &mut Live, pattern: Option<&Regex>) -> Vec<Bytes> {
    let mut taken = Vec::new();
    let mut bytes = 0;
    while bytes < AHEAD_BYTES {
        let Some(Some(Ok(run))) = live.next().now_or_never() else {
            break;
        };
        bytes += run.len();
        taken.push(matching(run, pattern));
    }
    taken
}

/// History, newest first, and what came ahead, in the order of their timestamps; or as
/// they are.
fn merged(history: &[(u64, Bytes)], ahead: &[Bytes], as_they_are: bool, seen: &mut Seen) -> Bytes {
    let mut all: Vec<(i64, Bytes)> = Vec::with_capacity(history.len());
    let mut preferred = BytesMut::new();
    for (_, envelope) in history.iter().rev() {
        let Ok(peeked) = peek(envelope) else { continue };
        let shown = match peeked.has_deprecated_tags {
            false => envelope.clone(),
            true => {
                preferred.clear();
                to_preferred(envelope, &mut preferred);
                preferred.split().freeze()
            }
        };
        all.push((peeked.timestamp, shown));
    }
    for run in ahead {
        for frame in frames(run).flatten() {
            if seen.take(frame.envelope) {
                continue;
            }
            let at = peek(frame.envelope).map_or(0, |peeked| peeked.timestamp);
            all.push((at, run.slice_ref(frame.envelope)));
        }
    }
    if !as_they_are {
        // Stable: equal timestamps stay in the order in which they came.
        all.sort_by_key(|(at, _)| *at);
    }
    let mut first = BytesMut::new();
    for (_, envelope) in &all {
        push_frame(&mut first, envelope);
    }
    first.freeze()
}

/// Envelopes of history that have not come to the live stream: hashes of their content,
/// and how often each is expected.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    expected: HashMap<u64, u32>,
}

impl Seen {
    fn expect(&mut self, envelope: &[u8]) {
        if let Some(key) = self.key(envelope) {
            *self.expected.entry(key).or_default() += 1;
        }
    }

    /// Whether an envelope is in history; once for each time that it is there.
    fn take(&mut self, envelope: &[u8]) -> bool {
        let Some(key) = self.key(envelope) else {
            return false;
        };
        let Some(expected) = self.expected.get_mut(&key) else {
            return false;
        };
        *expected -= 1;
        if *expected == 0 {
            self.expected.remove(&key);
        }
        true
    }

    fn key(&self, envelope: &[u8]) -> Option<u64> {
        let seen = peek(envelope).ok()?;
        let content = (seen.timestamp, seen.instance_id, seen.message);
        Some(self.hasher.hash_one(content))
    }
}

/// The live stream without what was in history.
struct Rest {
    live: Live,
    pattern: Option<Regex>,
    /// Until when live envelopes are compared.
    seen: Option<(Seen, Instant)>,
}

impl Rest {
    async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        loop {
            let run = match self.live.next().await? {
                Ok(run) => matching(run, self.pattern.as_ref()),
                Err(status) => return Some(Err(status)),
            };
            let over = |(seen, until): &(Seen, Instant)| {
                seen.expected.is_empty() || Instant::now() >= *until
            };
            if self.seen.as_ref().is_some_and(over) {
                self.seen = None;
            }
            let fresh = match &mut self.seen {
                None => run,
                Some((seen, _)) => only(&run, |envelope| !seen.take(envelope)),
            };
            if !fresh.is_empty() {
                return Some(Ok(fresh));
            }
        }
    }
}

/// The logs whose payload has a match, and what tells of a loss.
fn matching(run: Bytes, pattern: Option<&Regex>) -> Bytes {
    let Some(pattern) = pattern else { return run };
    only(&run, |envelope| {
        payload(envelope).is_some_and(|payload| pattern.is_match(payload))
            || notice::is_notice(envelope)
    })
}

fn payload(envelope: &[u8]) -> Option<&[u8]> {
    const PAYLOAD: u64 = 1 << 3 | 2;
    let seen = peek(envelope).ok()?;
    if seen.kind != Some(Kind::Log) {
        return None;
    }
    let payload = fields(seen.message)
        .filter(|field| field.key == PAYLOAD)
        .last();
    Some(payload.map_or(&[][..], |field| field.bytes()))
}

fn only(run: &Bytes, mut wanted: impl FnMut(&[u8]) -> bool) -> Bytes {
    let mut kept = BytesMut::with_capacity(run.len());
    for frame in frames(run).flatten() {
        if wanted(frame.envelope) {
            kept.extend_from_slice(frame.bytes);
        }
    }
    kept.freeze()
}
