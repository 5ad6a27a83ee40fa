//! Who the nodes are: each says in Redis again and again that it is there.
//!
//! They are members of one sorted set, whose scores are when they are to be forgotten by
//! Redis' own clock: a node looks at one key, however many there are. Who comes and who goes
//! in order is published too, so that the others need not wait for their next look.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use logweir_net::backoff::Backoff;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Owners;
use crate::{
    context::ServeContext,
    front::Readiness,
    logplex::{
        LogplexClusterConfig, ids,
        redis::{Redis, RedisError},
    },
    metrics::Registry,
};

/// Looks that wait to be begun.
const LOOKS: usize = 64;
/// Whoever asks for a look waits this long at most.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause before publications are subscribed to again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// A handle on the membership of this node. Clones are the same.
#[derive(Clone)]
pub(super) struct Members(Arc<Shared>);

struct Shared {
    looks: mpsc::Sender<Option<oneshot::Sender<bool>>>,
    owners: Owners,
    reached: AtomicBool,
    turns: AtomicU64,
}

struct Task {
    redis: Redis,
    key: String,
    /// What the others dial.
    name: String,
    /// The same and what tells this process from one before it.
    member: String,
    expiry: Duration,
    readiness: Readiness,
    shared: Arc<Shared>,
    joined: bool,
    known: BTreeSet<String>,
    /// When Redis last did not answer.
    shaken: Option<Instant>,
    /// Processes with our name that are not this one, and when they are to be forgotten.
    rivals: HashMap<String, u64>,
}

impl Members {
    /// Joins, stays and leaves when the process stops.
    pub(super) fn start(
        redis: &Redis,
        config: &LogplexClusterConfig,
        name: String,
        owners: &Owners,
        readiness: &Readiness,
        context: &ServeContext,
    ) -> Self {
        let (looks, asked) = mpsc::channel(LOOKS);
        let shared = Arc::new(Shared {
            looks,
            owners: owners.clone(),
            reached: AtomicBool::new(false),
            turns: AtomicU64::new(0),
        });
        let task = Task {
            redis: redis.apart(),
            key: format!("logweir:{}:nodes", config.domain),
            member: format!("{name} {}", ids::uuid()),
            name,
            expiry: config.expiry,
            readiness: readiness.clone(),
            shared: Arc::clone(&shared),
            joined: false,
            known: BTreeSet::new(),
            shaken: None,
            rivals: HashMap::new(),
        };
        let stop = context.shutdown.stop.clone();
        let hear = hear(redis.clone(), task.key.clone(), Arc::clone(&shared));
        let heard = stop.clone();
        let tracker = &context.shutdown.tracker;
        tracker.spawn(async move { heard.run_until_cancelled(hear).await });
        tracker.spawn(task.run(asked, stop));
        Self(shared)
    }

    /// Looks who is there now; false if nobody can say.
    pub(super) async fn look(&self) -> bool {
        let (done, answer) = oneshot::channel();
        if self.0.looks.try_send(Some(done)).is_err() {
            return false;
        }
        matches!(timeout(PATIENCE, answer).await, Ok(Ok(true)))
    }

    /// Figures of it.
    pub(super) fn show(&self, registry: &Registry) {
        let shared = Arc::downgrade(&self.0);
        registry.collect(move |to| {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let help = "Nodes that share the channels, this one among them.";
            let nodes = shared.owners.nodes().len() as f64;
            to.gauge("logweir_logplex_nodes", help, "", &[], nodes);
            let help = "Times that nodes came or went, and channels moved.";
            let turns = shared.turns.load(Ordering::Relaxed);
            to.counter("logweir_logplex_node_changes", help, &[], turns);
            let help = "Whether Redis answered when it was last asked who the nodes are.";
            let reached = f64::from(u8::from(shared.reached.load(Ordering::Relaxed)));
            to.gauge("logweir_logplex_redis_up", help, "", &[], reached);
        });
    }
}

/// Looks whenever something is published.
async fn hear(redis: Redis, channel: String, shared: Arc<Shared>) {
    let mut pause = Backoff::new(AGAIN.0, AGAIN.1);
    loop {
        if let Ok(mut subscriber) = redis.subscribe(&[&channel], &[]).await {
            pause.reset();
            loop {
                // Something may have been published before.
                let _ = shared.looks.try_send(None);
                if subscriber.next().await.is_err() {
                    break;
                }
            }
        }
        tokio::time::sleep(pause.next()).await;
    }
}

impl Task {
    async fn run(
        mut self,
        mut asked: mpsc::Receiver<Option<oneshot::Sender<bool>>>,
        stop: CancellationToken,
    ) {
        let mut turn = tokio::time::interval(self.expiry / 4);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut waiting = Vec::new();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(one) = asked.recv() => {
                    waiting.extend(one);
                    while let Ok(one) = asked.try_recv() {
                        waiting.extend(one);
                    }
                }
                _ = turn.tick() => {}
            }
            let looked = self.round().await;
            self.say(&looked);
            for one in waiting {
                // Whoever asked may have left.
                let _ = one.send(looked.is_ok());
            }
        }
        self.leave().await;
    }

    /// Says that this node is there, and looks who is.
    async fn round(&mut self) -> Result<(), RedisError> {
        let now = self.now().await?;
        if !self.joined {
            // Drains are to run before the others send lines for them.
            let there = self.there(now).await?;
            self.take_up(there).await;
        }
        let until = now.saturating_add(millis(self.expiry)).to_string();
        let words: [&[u8]; 4] = [
            b"ZADD",
            self.key.as_bytes(),
            until.as_bytes(),
            self.member.as_bytes(),
        ];
        let added = self.redis.call(&words).await?;
        if !self.joined || added.number() == Some(1) {
            self.joined = true;
            self.publish("join").await?;
        }
        let mut names = self.there(now).await?;
        if self.shaken.is_some_and(|when| when.elapsed() < self.expiry) {
            // After an outage the others have their time to say that they are there still.
            names.extend(self.known.iter().cloned());
        }
        self.take_up(names).await;
        Ok(())
    }

    /// The nodes that are there. Who has not been heard of is removed.
    async fn there(&mut self, now: u64) -> Result<BTreeSet<String>, RedisError> {
        let key = self.key.as_bytes();
        let over = now.to_string();
        let old: [&[u8]; 4] = [b"ZREMRANGEBYSCORE", key, b"-inf", over.as_bytes()];
        self.redis.call(&old).await?;
        let range: [&[u8]; 5] = [b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"];
        let members = self.redis.call(&range).await?.into_array();
        let mut names = BTreeSet::new();
        let mut rivals = HashMap::new();
        for pair in members.chunks_exact(2) {
            let member = pair[0].text().unwrap_or_default();
            let Some((name, _)) = member.split_once(' ') else {
                continue;
            };
            names.insert(name.to_owned());
            if name == self.name && member != self.member {
                let until = pair[1].text().and_then(|until| until.parse().ok());
                rivals.insert(member.to_owned(), until.unwrap_or_default());
            }
        }
        self.compare(rivals);
        Ok(names)
    }

    /// A process that was here before with our name says nothing any more; one that does is
    /// another node.
    fn compare(&mut self, rivals: HashMap<String, u64>) {
        let lives = |(member, until): (&String, &u64)| {
            self.rivals.get(member).is_some_and(|before| until > before)
        };
        let rival = rivals.iter().any(lives);
        if rival {
            let name = &self.name;
            let remark = format!(
                "another node says that it is {name} too; say in logplex.cluster.advertise \
                 where the others reach this one"
            );
            tracing::error!("{remark}");
            self.readiness.remark("logplex nodes", Some(remark));
        } else if rivals.is_empty() && !self.rivals.is_empty() {
            self.readiness.remark("logplex nodes", None);
        }
        self.rivals = rivals;
    }

    async fn take_up(&mut self, mut names: BTreeSet<String>) {
        names.insert(self.name.clone());
        if names == self.known {
            return;
        }
        let nodes: Vec<String> = names.iter().cloned().collect();
        tracing::info!("logplex nodes: {}", nodes.join(", "));
        self.known = names;
        self.shared.turns.fetch_add(1, Ordering::Relaxed);
        self.shared.owners.turn(nodes).await;
    }

    /// Redis' clock in milliseconds.
    async fn now(&self) -> Result<u64, RedisError> {
        let time = self.redis.call(&[b"TIME"]).await?.into_array();
        let part = |at: usize| {
            time.get(at)
                .and_then(|part| part.text()?.parse::<u64>().ok())
        };
        match (part(0), part(1)) {
            (Some(seconds), Some(micros)) => Ok(seconds * 1000 + micros / 1000),
            _ => Err(RedisError::Refused("it does not know the time".into())),
        }
    }

    async fn publish(&self, what: &str) -> Result<(), RedisError> {
        let said = format!("{what} {}", self.name);
        let words: [&[u8]; 3] = [b"PUBLISH", self.key.as_bytes(), said.as_bytes()];
        self.redis.call(&words).await.map(drop)
    }

    fn say(&mut self, looked: &Result<(), RedisError>) {
        let reached = self.shared.reached.swap(looked.is_ok(), Ordering::Relaxed);
        match looked {
            Ok(()) => {
                self.readiness.remark("logplex redis", None);
                if !reached {
                    tracing::info!("redis at {} knows the logplex nodes", self.redis.url());
                }
            }
            Err(error) => {
                self.shaken = Some(Instant::now());
                if reached || !self.joined {
                    tracing::warn!("the logplex nodes stay as they are: {error}");
                }
                self.readiness
                    .remark("logplex redis", Some(error.to_string()));
            }
        }
    }

    /// Lets the others know at once. What was cannot be told when Redis is not there.
    async fn leave(&self) {
        let words: [&[u8]; 3] = [b"ZREM", self.key.as_bytes(), self.member.as_bytes()];
        let left = async {
            self.redis.call(&words).await?;
            self.publish("leave").await
        };
        if let Err(error) = left.await {
            tracing::warn!("the other logplex nodes were not told of the end: {error}");
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
