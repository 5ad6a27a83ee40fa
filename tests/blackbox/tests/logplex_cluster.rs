//! Several nodes of Logplex on one Redis: each channel has an owner among them, whoever is asked.
//! Nodes and Redis are killed and started again while lines come.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use logweir_blackbox::{
    drain_sink::{DrainSink, Speaks},
    fleet::Fleet,
    logplex::{Channel, Logplex, basic, frames, request},
    patience::{eventually, within},
    receivers::RedisServer,
};
use nix::sys::signal::Signal;
use serde_json::json;
use tokio::task::JoinHandle;

/// Nodes that are not heard of for this long are no nodes any more.
const EXPIRY: Duration = Duration::from_secs(2);

/// So many channels that each of three nodes has some.
const MANY: usize = 20;

/// A node with doors on free ports.
async fn node(fleet: &Fleet, redis: &RedisServer, more: &str) -> Logplex {
    let tls = fleet.tls("logplex.cluster.tls", "log-cache");
    let settings = format!(
        "[logplex.redis]\nurl = \"{}\"\n[logplex.cluster]\nlisten = \"127.0.0.1:0\"\n\
         expiry = \"{}s\"\n{more}{tls}",
        redis.url(),
        EXPIRY.as_secs()
    );
    Logplex::in_role(&settings).await
}

async fn three(fleet: &Fleet, redis: &RedisServer) -> Vec<Logplex> {
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(node(fleet, redis, "").await);
    }
    all_know(&nodes).await;
    nodes
}

/// Waits until each of these nodes knows that they are all.
async fn all_know(nodes: &[Logplex]) {
    for node in nodes {
        let count = nodes.len() as f64;
        eventually("every node knows the others", async || {
            let known = node.metric("logweir_logplex_nodes", &[]).await;
            (known == count).then_some(())
        })
        .await;
    }
}

/// Waits until every node knows a channel.
async fn known(nodes: &[Logplex], channel: &Channel) {
    for node in nodes {
        let path = format!("/v2/channels/{}", channel.id);
        eventually("every node knows the channel", async || {
            (node.call("GET", &path, "").await.status == 200).then_some(())
        })
        .await;
    }
}

fn message(token: &str, text: &str) -> String {
    format!("<134>1 2012-12-10T03:00:48.123456Z erlang {token} console.1 - - {text}")
}

/// One whose time is when it arrives.
fn message_now(token: &str, text: &str) -> String {
    format!("<134>1 - erlang {token} console.1 - - {text}")
}

/// The ends of what a sink got, `line NUMBER`, and how often each came.
fn got(sinks: &[DrainSink]) -> BTreeMap<u64, usize> {
    let mut got = BTreeMap::new();
    for message in sinks.iter().flat_map(DrainSink::messages) {
        let number = message
            .trim_end()
            .rsplit_once("line ")
            .map(|(_, number)| number);
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            *got.entry(number).or_default() += 1;
        }
    }
    got
}

/// Posts numbered lines to some nodes in turn, for several channels, until it is told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<BTreeSet<u64>>,
}

impl Load {
    fn start(doors: &[&Logplex], channels: &[Channel]) -> Self {
        let doors: Vec<String> = doors.iter().map(|node| node.input.clone()).collect();
        let tokens = channels
            .iter()
            .map(|channel| channel.token("app").to_owned());
        let tokens: Vec<String> = tokens.collect();
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let (mut taken, mut next) = (BTreeSet::new(), 0_u64);
            let mut turn = 0;
            while !until.load(Relaxed) {
                let (door, token) = (&doors[turn % doors.len()], &tokens[turn % tokens.len()]);
                turn += 1;
                let numbers = next..next + 20;
                next += 20;
                let texts = numbers
                    .clone()
                    .map(|number| message(token, &format!("line {number}")));
                let who = basic("token", token);
                let headers = [
                    ("Authorization", &*who),
                    ("Content-Type", "application/logplex-1"),
                ];
                let body = frames(texts);
                let answer = request(door, "POST", "/logs", &headers, body.as_bytes()).await;
                assert_eq!(answer.status, 204, "{answer:?}");
                taken.extend(numbers);
            }
            taken
        });
        Self { stop, task }
    }

    /// Ends it; the numbers of the lines that were taken.
    async fn end(self) -> BTreeSet<u64> {
        self.stop.store(true, Relaxed);
        within("the load ends", self.task).await.expect("it ran")
    }

    /// Waits until more lines of every channel have come than a moment ago.
    async fn flows(sinks: &[DrainSink]) {
        for sink in sinks {
            let before = sink.messages().len();
            eventually("lines of every channel come", async || {
                (sink.messages().len() > before + 40).then_some(())
            })
            .await;
        }
    }
}

/// Channels with a drain each, of sinks of their own.
async fn drained(nodes: &[Logplex], count: usize) -> (Vec<Channel>, Vec<DrainSink>) {
    let (mut channels, mut sinks) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let channel = nodes[0].channel(&["app"]).await;
        let sink = DrainSink::start(Speaks::Http).await;
        nodes[0].drain(&channel, &sink.url("")).await;
        known(nodes, &channel).await;
        channels.push(channel);
        sinks.push(sink);
    }
    (channels, sinks)
}

/// A metric of several nodes together.
async fn sum(nodes: &[Logplex], metric: &str) -> f64 {
    let mut sum = 0.0;
    for node in nodes {
        sum += node.metric(metric, &[]).await;
    }
    sum
}

/// Waits until nothing waits, at a node or between nodes: what can come has come then.
async fn settled(nodes: &[Logplex]) {
    eventually("nothing waits", async || {
        let waiting =
            sum(nodes, "logweir_queued").await + sum(nodes, "logweir_channel_drains_waiting").await;
        // What a node took of one that has left is in no other's figures any more.
        let sent = sum(nodes, "logweir_log_cache_node_sent").await;
        let taken = sum(nodes, "logweir_logplex_from_nodes").await;
        (waiting == 0.0 && sent <= taken).then_some(())
    })
    .await;
}

/// What the final ledgers of a node say of a hop: `offered`, `egress`, `dropped`.
fn ledger(node: &Logplex, hop: &str) -> (f64, f64, f64) {
    let process = node.role.as_ref().expect("a role");
    let head = format!("{hop}: ingress ");
    let lines = process.stderr();
    let line = lines
        .iter()
        .find(|line| line.starts_with(&head))
        .expect("a ledger");
    let number = |name: &str| {
        let rest = line.split(name).nth(1).expect("a number");
        let digits = rest.trim_start_matches([' ', '=']);
        let end = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        digits[..end].parse().expect("a number")
    };
    (number("offered"), number("egress"), number("dropped"))
}

async fn stop(node: &mut Logplex) {
    let process = node.role.as_mut().expect("a role");
    process.signal(Signal::SIGTERM);
    process.end().await;
}

async fn kill(mut node: Logplex) {
    let process = node.role.as_mut().expect("a role");
    process.signal(Signal::SIGKILL);
    process.end().await;
}

#[tokio::test]
async fn every_node_takes_and_shows_the_lines_of_every_channel() {
    let (fleet, redis) = (Fleet::new(), RedisServer::start(&[]).await);
    let nodes = three(&fleet, &redis).await;
    let (channels, sinks) = drained(&nodes, 6).await;
    for (index, channel) in channels.iter().enumerate() {
        for (at, node) in nodes.iter().enumerate() {
            let number = index * 10 + at;
            let text = message(channel.token("app"), &format!("line {number}"));
            node.post(channel.token("app"), &[text]).await;
        }
        for node in &nodes {
            let lines = node.lines_once(channel, 3).await;
            assert_eq!(lines.len(), 3, "{lines:?}");
        }
        let sink = &sinks[index..=index];
        eventually("the drain has them", async || {
            (got(sink).len() == 3).then_some(())
        })
        .await;
    }
    assert!(got(&sinks).values().all(|count| *count == 1));
    // The lines of a channel are with one node alone.
    let taken = sum(&nodes, "logweir_logplex_from_nodes").await;
    assert_eq!(taken, 12.0, "two of three lines go to another node");
}

#[tokio::test]
async fn a_tail_goes_on_when_the_node_that_owns_its_channel_is_killed() {
    let (fleet, redis) = (Fleet::new(), RedisServer::start(&[]).await);
    let mut nodes = three(&fleet, &redis).await;
    // Enough channels that some are of the node that goes.
    let mut tails = Vec::new();
    for _ in 0..MANY {
        let channel = nodes[0].channel(&["app"]).await;
        known(&nodes, &channel).await;
        let text = message_now(channel.token("app"), "before");
        nodes[1].post(channel.token("app"), &[text]).await;
        nodes[0].lines_once(&channel, 1).await;
        let mut tail = nodes[0].tail(&channel, json!({ "tail": "1" })).await;
        tail.text_with("before").await;
        let text = message_now(channel.token("app"), "meanwhile");
        nodes[1].post(channel.token("app"), &[text]).await;
        tail.text_with("meanwhile").await;
        tails.push((channel, tail));
    }
    kill(nodes.remove(2)).await;
    all_know(&nodes).await;
    for (channel, tail) in &mut tails {
        let text = message_now(channel.token("app"), "afterwards");
        nodes[1].post(channel.token("app"), &[text]).await;
        let text = tail.text_with("afterwards").await;
        assert_eq!(text.matches("afterwards").count(), 1, "{text}");
        assert_eq!(text.matches("meanwhile").count(), 1, "{text}");
    }
}

#[tokio::test]
async fn no_line_is_lost_or_doubled_when_nodes_come_and_go_in_order() {
    let (fleet, redis) = (Fleet::new(), RedisServer::start(&[]).await);
    let mut nodes = three(&fleet, &redis).await;
    let (channels, sinks) = drained(&nodes, 8).await;
    let load = Load::start(&[&nodes[0], &nodes[1]], &channels);
    Load::flows(&sinks).await;
    stop(&mut nodes[2]).await;
    let said = nodes[2].role.as_ref().expect("a role").stderr().join("\n");
    nodes.truncate(2);
    all_know(&nodes).await;
    Load::flows(&sinks).await;
    nodes.push(node(&fleet, &redis, "").await);
    all_know(&nodes).await;
    Load::flows(&sinks).await;
    let posted = load.end().await;
    settled(&nodes).await;
    let came = got(&sinks);
    let missing: Vec<_> = posted
        .iter()
        .filter(|line| !came.contains_key(line))
        .collect();
    assert!(
        missing.is_empty(),
        "{} of {}: {missing:?}\nThe node that ended said:\n{said}",
        missing.len(),
        posted.len()
    );
    let twice: Vec<_> = came.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test]
async fn what_a_killed_node_takes_with_it_is_in_the_ledgers_of_the_others() {
    let (fleet, redis) = (Fleet::new(), RedisServer::start(&[]).await);
    let mut nodes = three(&fleet, &redis).await;
    let (channels, sinks) = drained(&nodes, MANY).await;
    let load = Load::start(&[&nodes[0], &nodes[1]], &channels);
    Load::flows(&sinks).await;
    kill(nodes.remove(2)).await;
    all_know(&nodes).await;
    Load::flows(&sinks).await;
    let posted = load.end().await;
    settled(&nodes).await;
    let taken_over = sum(&nodes, "logweir_logplex_from_nodes").await;
    let moved = sum(&nodes, "logweir_log_cache_node_moved").await;
    for node in &mut nodes {
        stop(node).await;
    }
    let came = got(&sinks);
    assert!(came.values().all(|count| *count == 1), "no line twice");
    let missing = posted
        .iter()
        .filter(|number| !came.contains_key(number))
        .count() as f64;
    let (mut sent, mut dropped, mut published) = (0.0, 0.0, 0.0);
    for node in &nodes {
        let (_, egress, lost) = ledger(node, "logplex nodes");
        sent += egress;
        dropped += lost;
        published += ledger(node, "logplex").0;
    }
    // Each line that was taken was published by a node that lives, went to the one that was
    // killed, or was dropped on the way.
    let to_killed = sent - taken_over - moved;
    assert_eq!(published + to_killed + dropped, posted.len() as f64);
    assert!(
        missing <= to_killed + dropped,
        "{missing} > {to_killed} + {dropped}"
    );
    assert!(to_killed > 0.0, "the killed node had channels");
}

#[tokio::test]
async fn lines_flow_while_redis_is_gone_and_changes_wait_for_it() {
    let (fleet, mut redis) = (Fleet::new(), RedisServer::start(&[]).await);
    let nodes = three(&fleet, &redis).await;
    let (channels, sinks) = drained(&nodes, 6).await;
    let before = sum(&nodes, "logweir_logplex_node_changes").await;
    let load = Load::start(&[&nodes[0], &nodes[1], &nodes[2]], &channels);
    for outage in 0..2 {
        Load::flows(&sinks).await;
        redis.kill().await;
        for node in &nodes {
            eventually("the loss is seen", async || {
                (node.metric("logweir_logplex_redis_up", &[]).await == 0.0).then_some(())
            })
            .await;
        }
        let refused = nodes[1].call("POST", "/channels", "{}").await;
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(refused.body.contains("cannot be reached"), "{refused:?}");
        let path = format!("/v2/channels/{}", channels[0].id);
        assert_eq!(nodes[1].call("GET", &path, "").await.status, 200);
        Load::flows(&sinks).await;
        redis.resume().await;
        for node in &nodes {
            eventually("it is there again", async || {
                (node.metric("logweir_logplex_redis_up", &[]).await == 1.0).then_some(())
            })
            .await;
        }
        eventually("changes are taken again", async || {
            let made = nodes[outage].call("POST", "/channels", "{}").await;
            (made.status == 201).then_some(())
        })
        .await;
        Load::flows(&sinks).await;
    }
    let posted = load.end().await;
    eventually("every line has come", async || {
        (got(&sinks).len() >= posted.len()).then_some(())
    })
    .await;
    let came = got(&sinks);
    assert!(came.keys().eq(posted.iter()), "what was posted has come");
    assert!(came.values().all(|count| *count == 1), "no line twice");
    let after = sum(&nodes, "logweir_logplex_node_changes").await;
    assert_eq!(after, before, "no channel has moved");
}

#[tokio::test]
async fn a_node_that_starts_without_redis_joins_when_it_is_there() {
    let (fleet, mut redis) = (Fleet::new(), RedisServer::start(&[]).await);
    let first = node(&fleet, &redis, "").await;
    let channel = first.channel(&["app"]).await;
    redis.kill().await;
    let second = node(&fleet, &redis, "").await;
    let booting = request(&second.input, "GET", "/healthcheck", &[], b"").await;
    assert_eq!((booting.status, &*booting.body), (503, "SYSTEM BOOTING"));
    redis.resume().await;
    let nodes = [first, second];
    all_know(&nodes).await;
    known(&nodes, &channel).await;
    let text = message(channel.token("app"), "line 1");
    nodes[1].post(channel.token("app"), &[text]).await;
    assert_eq!(nodes[0].lines_once(&channel, 1).await.len(), 1);
}

#[tokio::test]
async fn two_nodes_with_one_name_are_told() {
    let (fleet, redis) = (Fleet::new(), RedisServer::start(&[]).await);
    let same = "advertise = \"127.0.0.1:9\"\n";
    let _first = node(&fleet, &redis, same).await;
    let second = node(&fleet, &redis, same).await;
    let process = second.role.as_ref().expect("a role");
    process
        .says("another node says that it is 127.0.0.1:9 too")
        .await;
}
