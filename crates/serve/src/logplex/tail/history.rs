//! The lines that are remembered of a channel: in the memory of the node that owns it, and
//! if the settings say so in lists in Redis, which have what was before.

mod older;
mod shards;
mod spool;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use logweir_net::shutdown::Shutdown;
use logweir_proto::frames::frames;
use logweir_route::Exchange;
use logweir_wire::logplex::{LineView, message};

use super::Num;
use crate::{
    logplex::{
        model::Channel,
        redis::{RedisError, Value},
        registry::Registry,
    },
    metrics,
};
pub(crate) use shards::Shards;
use spool::Keep;
use spool::SpoolCounts;

/// Most lines that a node is asked for.
const MOST: usize = 10_000;

/// Redis that does not answer within this time is done without.
const OLDER_WITHIN: Duration = Duration::from_secs(1);

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistorySettings {
    /// Lines of a channel; one more is shown.
    pub(crate) lines: usize,
    /// As many lines are shown as were asked for, not one more.
    pub(crate) exact: bool,
}

/// Knows what is remembered.
pub(crate) struct History {
    settings: HistorySettings,
    redis: Option<InRedis>,
}

struct InRedis {
    shards: Shards,
    counts: Arc<SpoolCounts>,
}

impl History {
    /// What the owners of channels have in memory.
    pub(crate) fn new(settings: HistorySettings) -> Self {
        Self {
            settings,
            redis: None,
        }
    }

    /// The same with lists in Redis, to which is written what is published to `exchange`
    /// from now on.
    pub(crate) fn in_redis(
        self,
        shards: Shards,
        age: Duration,
        registry: &Arc<Registry>,
        exchange: &Arc<Exchange>,
        shutdown: &Shutdown,
    ) -> Self {
        let keep = Keep {
            lines: self.settings.lines,
            age,
        };
        // Questions do not wait behind what is written.
        let counts = spool::start(&shards.apart(), keep, registry, exchange, shutdown);
        Self {
            redis: Some(InRedis { shards, counts }),
            ..self
        }
    }

    /// Shows what is written on a metrics page.
    pub(super) fn show(&self, registry: &metrics::Registry) {
        if let Some(redis) = &self.redis {
            let counts = Arc::clone(&redis.counts);
            registry.collect(move |to| counts.show(to));
        }
    }

    /// How many lines are fetched for a number that was asked for.
    pub(super) fn fetched(&self, num: Num) -> usize {
        let most = self.settings.lines.saturating_add(1).min(MOST);
        num.fetched(most, self.settings.exact)
    }

    /// What a node remembers, `wanted` lines at most, and before it what only Redis has.
    pub(super) async fn extended(
        &self,
        channel: &Channel,
        envelopes: Bytes,
        wanted: usize,
    ) -> Remembered {
        let count = frames(&envelopes).flatten().count();
        let older = match &self.redis {
            Some(redis) if count < wanted => redis.before(channel, &envelopes, wanted).await,
            _ => Vec::new(),
        };
        let over = (older.len() + count).saturating_sub(wanted);
        Remembered {
            older: older.into_iter().skip(over).collect(),
            envelopes,
            count,
        }
    }
}

impl History {
    /// What is remembered of a channel whose node cannot be asked: what Redis has.
    pub(super) async fn without_owner(
        &self,
        channel: &Channel,
        wanted: usize,
    ) -> Option<Remembered> {
        let list = self.redis.as_ref()?.in_time(channel, wanted).await?;
        Some(Remembered {
            older: list,
            envelopes: Bytes::new(),
            count: 0,
        })
    }
}

impl InRedis {
    async fn before(&self, channel: &Channel, envelopes: &Bytes, wanted: usize) -> Vec<Bytes> {
        let Some(list) = self.in_time(channel, wanted).await else {
            return Vec::new();
        };
        let memory: Vec<Vec<u8>> = frames(envelopes)
            .flatten()
            .map(|frame| {
                let mut text = Vec::new();
                message(frame.envelope, &mut text);
                text
            })
            .collect();
        older::older(list, &memory)
    }

    async fn in_time(&self, channel: &Channel, wanted: usize) -> Option<Vec<Bytes>> {
        match tokio::time::timeout(OLDER_WITHIN, self.list(channel, wanted)).await {
            Ok(Ok(list)) => Some(list),
            Ok(Err(error)) => {
                tracing::warn!("older lines of a channel are not shown: {error}");
                None
            }
            Err(_) => {
                tracing::warn!("older lines of a channel are not shown: redis is late");
                None
            }
        }
    }

    /// The newest lines of a list, oldest first.
    async fn list(&self, channel: &Channel, wanted: usize) -> Result<Vec<Bytes>, RedisError> {
        let redis = &self.shards.all()[self.shards.of(&channel.id)];
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let last = (wanted - 1).to_string();
        let key = spool::key(&channel.id);
        let words: [&[u8]; 4] = [b"LRANGE", &key, b"0", last.as_bytes()];
        let found = redis.call(&words).await?.into_array();
        let newest_first = found.iter().filter_map(Value::bytes).cloned();
        let mut list: Vec<Bytes> = newest_first.collect();
        list.reverse();
        Ok(list)
    }
}

/// Lines, oldest first.
pub(super) struct Remembered {
    /// Messages.
    older: Vec<Bytes>,
    /// Frames of envelopes, …
    envelopes: Bytes,
    /// … so many.
    count: usize,
}

impl Remembered {
    /// Frames of those that the channel's node has.
    pub(super) fn newest(&self) -> &[u8] {
        &self.envelopes
    }

    /// How many there are, with those that cannot be read.
    pub(super) fn len(&self) -> usize {
        self.older.len() + self.count
    }

    /// The lines; none for what cannot be read.
    pub(super) fn lines(&self) -> impl Iterator<Item = Option<LineView<'_>>> {
        let older = self.older.iter();
        let older = older.map(|message| LineView::of_message(message));
        let newer = frames(&self.envelopes).flatten();
        older.chain(newer.map(|frame| LineView::of_envelope(frame.envelope)))
    }
}
