//! Writes the lines of the channels that this node owns into lists in Redis, as Logplex
//! does: `LPUSH ch:ID:spool`, `LTRIM`, `EXPIRE`, in the order in which they came.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use logweir_net::{backoff::Backoff, shutdown::Shutdown};
use logweir_proto::{
    frames::frames,
    peek::peek,
    v2::{self, selector::Message},
};
use logweir_route::{Exchange, SubscribeRequest, Subscription};
use logweir_wire::logplex::message;
use tokio::sync::mpsc;

use super::shards::Shards;
use crate::{
    logplex::{model::Channel, redis::Redis, registry::Registry},
    metrics::Snapshot,
};

/// Batches that wait for one server; past them the newest lines are dropped and counted.
const BATCHES: usize = 64;

/// Chunks that are taken together.
const TOGETHER: usize = 16;

/// Pause before a server that was lost is tried again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How a list is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// Lines; one more is kept, as Logplex does.
    pub(crate) lines: usize,
    /// Without a new line it goes after this long.
    pub(crate) age: Duration,
}

/// What became of lines.
#[derive(Debug, Default)]
pub(crate) struct SpoolCounts {
    written: AtomicU64,
    dropped: AtomicU64,
}

impl SpoolCounts {
    pub(super) fn show(&self, to: &mut Snapshot) {
        let help = "Lines that were written to lists in Redis.";
        let written = self.written.load(Ordering::Relaxed);
        to.counter("logweir_logplex_redis_lines", help, &[], written);
        let help = "Lines that lists in Redis lack, since the server was too slow or away.";
        let dropped = self.dropped.load(Ordering::Relaxed);
        to.counter("logweir_logplex_redis_buffer_dropped", help, &[], dropped);
    }
}

/// Messages by the ids of their channels.
type Batch = BTreeMap<Arc<str>, Vec<Vec<u8>>>;

/// Writes from now on what is published. What waits when the process stops is written
/// before its deadline.
pub(super) fn start(
    shards: &Shards,
    keep: Keep,
    registry: &Arc<Registry>,
    exchange: &Arc<Exchange>,
    shutdown: &Shutdown,
) -> Arc<SpoolCounts> {
    let counts = Arc::<SpoolCounts>::default();
    let all_logs = v2::EgressBatchRequest {
        selectors: vec![v2::Selector {
            message: Some(Message::Log(v2::LogSelector {})),
            ..v2::Selector::default()
        }],
        ..v2::EgressBatchRequest::default()
    };
    let lines = exchange.subscribe(SubscribeRequest::from_wire(&all_logs));
    let mut lanes = Vec::new();
    for redis in shards.all() {
        let (lane, batches) = mpsc::channel(BATCHES);
        let (redis, counts) = (redis.clone(), Arc::clone(&counts));
        let write = write(redis, keep, batches, counts);
        let abort = shutdown.abort.clone();
        shutdown.tracker.spawn(async move {
            abort.run_until_cancelled(write).await;
        });
        lanes.push(lane);
    }
    let spread = Spread {
        lines,
        shards: shards.clone(),
        registry: Arc::clone(registry),
        lanes,
        counts: Arc::clone(&counts),
    };
    shutdown.tracker.spawn(spread.run());
    counts
}

/// Divides what is published between the servers.
struct Spread {
    lines: Subscription,
    shards: Shards,
    registry: Arc<Registry>,
    lanes: Vec<mpsc::Sender<Batch>>,
    counts: Arc<SpoolCounts>,
}

impl Spread {
    async fn run(self) {
        while let Some(taken) = self.lines.take().await {
            let mut runs = Vec::new();
            let mut lost = taken.loss.map_or(0, |loss| loss.total());
            runs.extend(taken.chunk.map(|chunk| chunk.frames));
            while runs.len() < TOGETHER
                && let Some(more) = self.lines.try_take()
            {
                lost += more.loss.map_or(0, |loss| loss.total());
                runs.extend(more.chunk.map(|chunk| chunk.frames));
            }
            self.counts.dropped.fetch_add(lost, Ordering::Relaxed);
            self.hand_on(&runs);
        }
    }

    fn hand_on(&self, runs: &[Bytes]) {
        if self.registry.rods().deny_redis_buffers {
            return;
        }
        let mut batches: Vec<Batch> = self.lanes.iter().map(|_| Batch::new()).collect();
        let mut channels: HashMap<&str, Vec<Arc<Channel>>> = HashMap::new();
        for frame in runs.iter().flat_map(|run| frames(run).flatten()) {
            let Ok(seen) = peek(frame.envelope) else {
                continue;
            };
            let of_source = channels
                .entry(seen.source_id)
                .or_insert_with(|| self.registry.channels_of_source(seen.source_id));
            for channel in of_source.iter().filter(|one| !one.flags.no_redis) {
                let mut text = Vec::new();
                if !message(frame.envelope, &mut text) {
                    continue;
                }
                let lane = self.shards.of(&channel.id);
                let messages = batches[lane].entry(Arc::clone(&channel.id));
                messages.or_default().push(text);
            }
        }
        for (lane, batch) in self.lanes.iter().zip(batches) {
            if batch.is_empty() {
                continue;
            }
            if let Err(refused) = lane.try_send(batch) {
                let lost = lines_of(&refused.into_inner());
                self.counts.dropped.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }
}

fn lines_of(batch: &Batch) -> u64 {
    batch.values().map(|messages| messages.len() as u64).sum()
}

/// Writes to one server, again and again while it is away.
async fn write(
    redis: Redis,
    keep: Keep,
    mut batches: mpsc::Receiver<Batch>,
    counts: Arc<SpoolCounts>,
) {
    let mut backoff = Backoff::new(AGAIN.0, AGAIN.1);
    let mut told = false;
    while let Some(batch) = batches.recv().await {
        let lines = lines_of(&batch);
        let commands = commands(batch, keep);
        while let Err(error) = redis.calls(&commands).await {
            if !told {
                tracing::warn!("recent lines are not written to {}: {error}", redis.url());
                told = true;
            }
            tokio::time::sleep(backoff.next()).await;
        }
        if told {
            tracing::info!("recent lines are written to {} again", redis.url());
            told = false;
        }
        backoff.reset();
        counts.written.fetch_add(lines, Ordering::Relaxed);
    }
}

fn commands(batch: Batch, keep: Keep) -> Vec<Vec<Vec<u8>>> {
    let mut commands = Vec::with_capacity(3 * batch.len());
    for (channel, messages) in batch {
        let key = key(&channel);
        let mut push = vec![b"LPUSH".to_vec(), key.clone()];
        push.extend(messages);
        commands.push(push);
        let last = keep.lines.to_string().into_bytes();
        commands.push(vec![b"LTRIM".to_vec(), key.clone(), b"0".to_vec(), last]);
        let age = keep.age.as_secs().max(1).to_string().into_bytes();
        commands.push(vec![b"EXPIRE".to_vec(), key, age]);
    }
    commands
}

/// The name of a channel's list.
pub(super) fn key(channel: &str) -> Vec<u8> {
    format!("ch:{channel}:spool").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_written_as_logplex_writes_it() {
        let batch = Batch::from([("1".into(), vec![b"a".to_vec(), b"b".to_vec()])]);
        let keep = Keep {
            lines: 1500,
            age: Duration::from_secs(604_800),
        };
        let commands: Vec<String> = commands(batch, keep)
            .iter()
            .map(|words| String::from_utf8(words.join(&b' ')).unwrap())
            .collect();
        assert_eq!(
            commands,
            [
                "LPUSH ch:1:spool a b",
                "LTRIM ch:1:spool 0 1500",
                "EXPIRE ch:1:spool 604800"
            ]
        );
    }
}
