//! The firehose: lines of every channel, by the names of their tokens, go also to the drains of
//! some channels (spec logplex §6.4). Each node leads its own lines there, whichever node owns
//! those channels.

use std::{
    collections::{HashMap, HashSet},
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::BytesMut;
use logweir_drain::ChannelDrain;
use logweir_proto::{
    frames::frames,
    peek::{Kind, peek},
};
use logweir_route::{
    Chunk, Exchange, Feeder, SubscribeRequest, Subscription, Terms,
    selector::{Selector, What},
};
use logweir_wire::logplex::LineView;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    drains::Drains,
    logplex::{FirehoseConfig, registry::Registry},
    metrics,
};

/// Where lines go, and how many went.
#[derive(Clone)]
pub(super) struct Firehose(Arc<Inner>);

struct Inner {
    exchange: Arc<Exchange>,
    registry: Arc<Registry>,
    tokens: HashSet<Vec<u8>>,
    /// Channels by their ids, and the lines that each of them got.
    channels: HashMap<String, AtomicU64>,
    ways: Mutex<Arc<Vec<Way>>>,
}

/// One of the channels, with its drains.
struct Way {
    channel: Arc<str>,
    source: Arc<str>,
    feeders: Vec<Feeder>,
}

impl Firehose {
    pub(super) fn new(
        config: &FirehoseConfig,
        exchange: &Arc<Exchange>,
        registry: &Arc<Registry>,
    ) -> Self {
        let channels = config.channels.iter();
        let tokens = config.tokens.iter().map(|name| name.clone().into_bytes());
        Self(Arc::new(Inner {
            exchange: Arc::clone(exchange),
            registry: Arc::clone(registry),
            tokens: tokens.collect(),
            channels: channels.map(|id| (id.clone(), AtomicU64::new(0))).collect(),
            ways: Mutex::default(),
        }))
    }

    /// Whether lines of others go to the drains of this channel.
    pub(super) fn leads_to(&self, channel: &str) -> bool {
        self.0.channels.contains_key(channel)
    }

    /// Reports how many lines each channel got.
    pub(super) fn collect(&self, to: &metrics::Registry) {
        if self.0.channels.is_empty() {
            return;
        }
        let inner = Arc::clone(&self.0);
        to.collect(move |to| {
            for (channel, lines) in &inner.channels {
                let help = "Lines of other channels that went to the drains of this one.";
                let labels = [("channel", channel.as_str())];
                let lines = lines.load(Relaxed);
                to.counter("logweir_firehose_posts", help, &labels, lines);
            }
        });
    }

    /// These drains get lines from now on.
    pub(super) fn set(&self, hoses: &[Arc<ChannelDrain>], drains: &Drains) {
        let mut ways: HashMap<&str, Way> = HashMap::new();
        for hose in hoses {
            let way = ways.entry(&hose.channel).or_insert_with(|| Way {
                channel: Arc::clone(&hose.channel),
                source: Arc::clone(&hose.source),
                feeders: Vec::new(),
            });
            way.feeders.extend(drains.feeder(&hose.id));
        }
        *self.0.ways() = Arc::new(ways.into_values().collect());
    }

    /// Leads lines on until the process ends.
    pub(super) fn start(&self, stop: &CancellationToken, tracker: &TaskTracker) {
        if self.0.channels.is_empty() || self.0.tokens.is_empty() {
            return;
        }
        let request = SubscribeRequest {
            selectors: vec![Selector {
                source: None,
                what: What::Any(Kind::Log),
            }],
            ..SubscribeRequest::default()
        };
        let lines = self.0.exchange.subscribe(request);
        let (inner, stop) = (Arc::clone(&self.0), stop.clone());
        tracker.spawn(async move { stop.run_until_cancelled(inner.run(lines)).await });
    }
}

impl Inner {
    fn ways(&self) -> MutexGuard<'_, Arc<Vec<Way>>> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, lines: Subscription) {
        let terms = Terms {
            tell: false,
            at_least: 1,
        };
        while let Some(taken) = poll_fn(|context| lines.poll_take(context, terms)).await {
            if let Some(chunk) = taken.chunk {
                self.lead(&chunk);
            }
        }
    }

    /// Each line goes to one of the channels, by lot, but not to its own.
    fn lead(&self, chunk: &Chunk) {
        let ways = Arc::clone(&self.ways());
        if ways.is_empty() || self.registry.rods().disable_firehose {
            return;
        }
        let mut parts: Vec<(BytesMut, u32)> = vec![Default::default(); ways.len()];
        for frame in frames(&chunk.frames).flatten() {
            let line = LineView::of_envelope(frame.envelope);
            if !line.is_some_and(|line| self.tokens.contains(&*line.source)) {
                continue;
            }
            let at = fastrand::usize(..ways.len());
            let source = peek(frame.envelope).map_or("", |seen| seen.source_id);
            if *ways[at].source == *source {
                continue;
            }
            parts[at].0.extend_from_slice(frame.bytes);
            parts[at].1 += 1;
        }
        for (way, (part, envelopes)) in ways.iter().zip(parts) {
            if envelopes == 0 {
                continue;
            }
            if let Some(posts) = self.channels.get(&*way.channel) {
                posts.fetch_add(envelopes.into(), Relaxed);
            }
            let part = Chunk {
                frames: part.freeze(),
                envelopes,
                deprecated_tags: chunk.deprecated_tags,
            };
            for feeder in &way.feeders {
                feeder.push(part.clone());
            }
        }
    }
}
