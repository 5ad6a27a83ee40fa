//! What an agent does to each envelope: source id, tags, counter totals.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use logweir_proto::{
    edit::{DefaultTags, default_source_id, tag_for_agent, with_counter_total},
    frames::{frames, push_frame},
    peek::{Kind, Peek, PeekError, peek},
    sanitize::sanitize,
    v2,
};
use logweir_route::{
    Admitted, Cause, Chunk, Exchange, Feeder, Publisher,
    counters::Totals,
    queue::{CHUNK_BYTES, CHUNK_ENVELOPES},
};
use prost::Message;
use tokio::time::{Duration, Instant};

use crate::grpc::Sink;

/// What all streams of one agent share.
pub struct Rules {
    tags: ArcSwap<DefaultTags>,
    totals: Mutex<Totals>,
    drop_logs: bool,
    origin_mappings: AtomicU64,
}

impl Rules {
    /// Tags to add, the most counters to remember, and whether logs are discarded.
    pub fn new(tags: DefaultTags, counters: usize, drop_logs: bool) -> Arc<Self> {
        Arc::new(Self {
            tags: ArcSwap::from_pointee(tags),
            totals: Mutex::new(Totals::new(counters)),
            drop_logs,
            origin_mappings: AtomicU64::new(0),
        })
    }

    /// Adds other tags from now on.
    pub fn set_tags(&self, tags: DefaultTags) {
        self.tags.store(Arc::new(tags));
    }

    /// Envelopes that got their source id from an origin tag.
    pub fn origin_mappings(&self) -> u64 {
        self.origin_mappings.load(Ordering::Relaxed)
    }

    /// Appends one envelope as it leaves the agent.
    pub fn apply(&self, envelope: &[u8], seen: &Peek<'_>, tags: &DefaultTags, out: &mut BytesMut) {
        let source = if seen.source_id.is_empty() {
            default_source_id(envelope)
        } else {
            None
        };
        if source.is_some() {
            self.origin_mappings.fetch_add(1, Ordering::Relaxed);
        }
        if seen.kind != Some(Kind::Counter) {
            return tag_for_agent(envelope, tags, source.as_deref(), out);
        }
        let mut tagged = BytesMut::new();
        tag_for_agent(envelope, tags, source.as_deref(), &mut tagged);
        match self.total(&tagged) {
            Some(total) => with_counter_total(&tagged, total, out),
            None => out.extend_from_slice(&tagged),
        }
    }

    /// The total that a counter leaves with, if it is another than it came with.
    fn total(&self, tagged: &[u8]) -> Option<u64> {
        // Counters are decoded: the tags that tell them apart have to be sorted.
        let envelope = v2::Envelope::decode(tagged).ok()?;
        let Some(v2::envelope::Message::Counter(counter)) = &envelope.message else {
            return None;
        };
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let total = totals.observe(&envelope, counter);
        (total != counter.total).then_some(total)
    }
}

/// Where the envelopes of an agent's stream go.
pub enum Onward {
    /// The queue towards the routers.
    Routers(Feeder),
    /// The exchange of this process.
    Exchange(Box<Publisher>),
}

/// The sink of one stream of producers.
pub struct Pipeline {
    rules: Arc<Rules>,
    exchange: Arc<Exchange>,
    onward: Onward,
    envelope: BytesMut,
    chunk: Building,
    overflowed: bool,
}

#[derive(Default)]
struct Building {
    frames: BytesMut,
    envelopes: u32,
    deprecated_tags: bool,
}

impl Pipeline {
    /// `exchange` keeps the books; `onward` is where envelopes go.
    pub fn new(rules: Arc<Rules>, exchange: Arc<Exchange>, onward: Onward) -> Self {
        Self {
            rules,
            exchange,
            onward,
            envelope: BytesMut::new(),
            chunk: Building::default(),
            overflowed: false,
        }
    }

    fn add(&mut self, envelope: &[u8], seen: &Peek<'_>, tags: &DefaultTags) {
        self.envelope.clear();
        self.rules.apply(envelope, seen, tags, &mut self.envelope);
        let full = self.chunk.envelopes == CHUNK_ENVELOPES
            || self.chunk.frames.len() + self.envelope.len() > CHUNK_BYTES;
        if full {
            self.send_on();
        }
        push_frame(&mut self.chunk.frames, &self.envelope);
        self.chunk.envelopes += 1;
        self.chunk.deprecated_tags |= seen.has_deprecated_tags;
    }

    fn send_on(&mut self) {
        let Building {
            frames,
            envelopes,
            deprecated_tags,
        } = std::mem::take(&mut self.chunk);
        if envelopes == 0 {
            return;
        }
        let frames = frames.freeze();
        match &mut self.onward {
            Onward::Routers(feeder) => {
                self.overflowed |= feeder.push(Chunk {
                    frames,
                    envelopes,
                    deprecated_tags,
                });
            }
            Onward::Exchange(publisher) => {
                publisher.publish(&frames);
                self.overflowed |= publisher.overflowed();
            }
        }
    }
}

impl Sink for Pipeline {
    fn accept(&mut self, batch: Bytes) {
        let tags = self.rules.tags.load_full();
        let mut admitted = Admitted::default();
        let mut discarded = 0;
        // No more than a chunk: what is reserved stays with the chunk while it waits.
        let room = (batch.len() + batch.len() / 4).min(CHUNK_BYTES);
        self.chunk.frames.reserve(room);
        for frame in frames(&batch) {
            admitted.envelopes += 1;
            let Ok(frame) = frame else {
                admitted.malformed += 1;
                break;
            };
            match peek(frame.envelope) {
                Ok(seen) if self.rules.drop_logs && seen.kind == Some(Kind::Log) => {
                    self.exchange
                        .count_dropped(Cause::LogsDisabled, seen.source_id, 1);
                    discarded += 1;
                }
                Ok(seen) => self.add(frame.envelope, &seen, &tags),
                Err(PeekError::InvalidUtf8) => match sanitize(frame.envelope) {
                    Ok(clean) => match peek(&clean) {
                        Ok(seen) => {
                            admitted.sanitized += 1;
                            self.add(&clean, &seen, &tags);
                        }
                        Err(_) => admitted.malformed += 1,
                    },
                    Err(_) => admitted.malformed += 1,
                },
                Err(PeekError::Malformed(_)) => admitted.malformed += 1,
            }
        }
        // The exchange of this process counts what it is given itself; here only
        // what does not get that far.
        let mut bytes = batch.len();
        if matches!(self.onward, Onward::Exchange(_)) {
            admitted.envelopes = admitted.malformed + discarded;
            bytes = 0;
        }
        self.exchange.count_in(bytes, 0, admitted);
        self.send_on();
    }

    fn overflowed(&mut self) -> bool {
        std::mem::take(&mut self.overflowed)
    }
}

/// Mean bytes of an envelope over the last minute or so, from running totals.
#[derive(Default)]
pub(super) struct Average(Mutex<Window>);

#[derive(Default)]
struct Window {
    since: Option<Instant>,
    bytes: u64,
    envelopes: u64,
    mean: f64,
}

impl Average {
    /// Takes in the totals so far and returns the mean of the last full minute; of
    /// the time since the start while there is none.
    pub(super) fn update(&self, bytes: u64, envelopes: u64) -> f64 {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = *window.since.get_or_insert(now);
        let more = envelopes - window.envelopes;
        let mean = if more == 0 {
            0.0
        } else {
            (bytes - window.bytes) as f64 / more as f64
        };
        if now - since >= Duration::from_secs(60) {
            *window = Window {
                since: Some(now),
                bytes,
                envelopes,
                mean,
            };
        } else if window.envelopes == 0 {
            window.mean = mean;
        }
        window.mean
    }
}
