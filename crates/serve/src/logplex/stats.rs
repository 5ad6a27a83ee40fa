//! What happened in each minute, as lines of the log and of the channel for metrics (spec
//! logplex §6.3): what has not changed has no line.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::BytesMut;
use logweir_drain::Exit;
use logweir_wire::logplex::{Time, frame_of};

use super::{Logplex, input::Count};
use crate::{
    context::ServeContext,
    grpc::{Sink, unix_nanos},
};

const MINUTE: u64 = 60;

/// What was said of each figure when it was last said.
struct Stats {
    logplex: Arc<Logplex>,
    sums: HashMap<&'static str, u64>,
    drains: HashMap<u64, (u64, u64)>,
    channel: Option<Box<dyn Sink>>,
}

/// Says it at each full minute.
pub(crate) fn start(logplex: &Arc<Logplex>, context: &ServeContext) {
    let mut stats = Stats {
        logplex: Arc::clone(logplex),
        sums: HashMap::new(),
        drains: HashMap::new(),
        channel: None,
    };
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        let saying = async {
            loop {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.unwrap_or_default();
                let next = (now.as_secs() / MINUTE + 1) * MINUTE;
                tokio::time::sleep(Duration::from_secs(next).saturating_sub(now)).await;
                let lines = stats.lines(next);
                stats.say(&lines);
            }
        };
        stop.run_until_cancelled(saying).await;
    });
}

impl Stats {
    /// The lines of a minute that ends at `ts`.
    fn lines(&mut self, ts: u64) -> Vec<String> {
        let head = format!("m=logplex_stats ts={ts}");
        let mut lines = Vec::new();
        self.drain_lines(&head, &mut lines);
        let counts = self.logplex.input.counts();
        let mut posts: Vec<_> = counts.take_posts().into_iter().collect();
        posts.sort();
        for (channel, posts) in posts {
            lines.push(format!("{head} channel_id={channel} channel_post={posts}"));
        }
        let tails = self.logplex.tails.counts();
        let sums = [
            ("message_received", counts.get(Count::Received)),
            ("message_processed", counts.get(Count::Taken)),
            ("message_received_malformed", counts.get(Count::Malformed)),
            ("message_batch_processed", counts.get(Count::Batches)),
            ("message_batch_failed", counts.get(Count::BatchesFailed)),
            ("unknown_token", counts.get(Count::UnknownToken)),
            ("unknown_channel", counts.get(Count::UnknownChannel)),
            ("session_accessed", tails.accessed()),
            ("session_tailed", tails.tailed()),
        ];
        for (name, sum) in sums {
            let before = self.sums.insert(name, sum).unwrap_or_default();
            if sum > before {
                lines.push(format!("{head} {name}={}", sum - before));
            }
        }
        lines
    }

    fn drain_lines(&mut self, head: &str, lines: &mut Vec<String>) {
        let Some(running) = self.logplex.drains.get() else {
            return;
        };
        let mut said = HashMap::new();
        for one in running.drains.list() {
            let Exit::Channel(drain) = &one.exit else {
                continue;
            };
            if drain.firehose {
                continue;
            }
            let kind = match drain.url.transport() {
                http if http.is_http() => format!("\"{}\"", http.name()),
                other => other.name().to_owned(),
            };
            let head = format!(
                "{head} channel_id={} drain_id={} drain_type={kind}",
                drain.channel, drain.number
            );
            let status = &one.status;
            let (delivered, dropped) = (status.written, status.queue.dropped_total());
            let known = self.drains.get(&drain.number).copied();
            // One that was begun anew counts anew.
            let (before, lost) = known
                .filter(|(before, lost)| *before <= delivered && *lost <= dropped)
                .unwrap_or_default();
            let waiting = status.queue.queued + status.in_hand;
            for (name, value) in [
                ("drain_delivered", delivered - before),
                ("drain_dropped", dropped - lost),
                ("drain_buffered", waiting),
            ] {
                if value > 0 {
                    lines.push(format!("{head} {name}={value}"));
                }
            }
            said.insert(drain.number, (delivered, dropped));
        }
        // Those of drains that are gone go too.
        self.drains = said;
    }

    fn say(&mut self, lines: &[String]) {
        for line in lines {
            tracing::info!(target: "logplex_stats", "{line}");
        }
        let id = &self.logplex.config.metrics_channel;
        let Some(channel) = self.logplex.book.registry().channel(id) else {
            return;
        };
        // As of any other sender: the channel may live on another node.
        let logplex = &self.logplex;
        let sink = self.channel.get_or_insert_with(|| (logplex.lines)());
        let mut frames = BytesMut::new();
        for line in lines {
            let now = unix_nanos();
            let message = message(now, line);
            frame_of(channel.source_id(), now, &message, &mut frames);
        }
        if !frames.is_empty() {
            sink.accept(frames.freeze());
        }
    }
}

/// A line of `logplex[stats]`.
fn message(now: i64, line: &str) -> Vec<u8> {
    let time = Time::of(now);
    let time = String::from_utf8_lossy(&time);
    format!("<134>1 {time} logplex logplex stats - - {line}\n").into_bytes()
}
