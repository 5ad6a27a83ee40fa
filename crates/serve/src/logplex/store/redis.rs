//! The store of several nodes: a Redis server, with Logplex's own keys (spec logplex §1.2), so
//! that one that Logplex has filled can be taken over.
//!
//! What other nodes of ours change comes as messages on a channel, what others change as
//! keyspace notifications where the server gives them; everything is read again from time
//! to time, for what neither of them told.

mod commands;
mod follow;
mod hash;
#[cfg(test)]
mod tests;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use tokio::{
    sync::{Mutex, Semaphore},
    time::timeout,
};

use self::follow::Pending;
use super::{StoreError, Thing};
use crate::logplex::{
    book::Counter,
    change::Change,
    model::Session,
    redis::{Redis, RedisError, Value},
    registry::Registry,
};

/// How long the start of a process waits for the first reading.
const FIRST: Duration = Duration::from_secs(3);

/// How long a request waits for what another node has made a moment ago.
const ELSEWHERE: Duration = Duration::from_secs(2);

/// Most things that are looked for at a time.
const LOOKUPS: usize = 16;

/// The server.
#[derive(Debug)]
pub struct Shared {
    redis: Redis,
    /// For questions of requests: they do not wait for changes.
    questions: Redis,
    /// For what takes long.
    reading: Redis,
    registry: Arc<Registry>,
    /// Held from a change in the server to the change in the registry: nobody brings an older
    /// state in between.
    changing: Mutex<()>,
    pending: Pending,
    loaded: AtomicBool,
    lookups: Semaphore,
}

impl Shared {
    /// Begins to follow a server, and waits a little until everything is read.
    pub(super) async fn open(redis: Redis, registry: Arc<Registry>) -> Arc<Self> {
        let store = Arc::new(Self {
            questions: redis.apart(),
            reading: redis.apart(),
            redis,
            registry,
            changing: Mutex::new(()),
            pending: Pending::default(),
            loaded: AtomicBool::new(false),
            lookups: Semaphore::new(LOOKUPS),
        });
        follow::start(&store);
        let read = timeout(FIRST, store.pending.first_read.notified()).await;
        if read.is_err() {
            let url = store.redis.url();
            tracing::warn!("{url} is not read yet; the APIs of Logplex answer once it is");
        }
        store
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// All of it or nothing, as one transaction that tells the other nodes.
    pub(super) async fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        let written = self.redis.calls(&commands::transaction(changes)).await;
        let written = written.and_then(|answers| {
            let done = answers.into_iter().last().unwrap_or(Value::Nil);
            let mut done = done.into_array().into_iter();
            done.find_map(|answer| match answer {
                Value::Error(text) => Some(String::from_utf8_lossy(&text).into_owned()),
                _ => None,
            })
            .map_or(Ok(()), |text| Err(RedisError::Refused(text)))
        });
        match written {
            Ok(()) => {
                self.registry.apply(changes);
                Ok(())
            }
            Err(error) => {
                // It may have been done all the same.
                self.pending.everything();
                Err(unreachable(error))
            }
        }
    }

    pub(super) async fn numbers(
        &self,
        counter: Counter,
        count: u64,
    ) -> Result<Range<u64>, StoreError> {
        let key: &[u8] = match counter {
            Counter::Channel => b"channel_index",
            Counter::Drain => b"drain_index",
        };
        let by = count.to_string();
        let last = self.redis.call(&[b"INCRBY", key, by.as_bytes()]).await;
        let last = last.map_err(unreachable)?.number().unwrap_or_default();
        let last = u64::try_from(last).ok().filter(|last| *last >= count);
        match last {
            Some(last) => Ok(last - count + 1..last + 1),
            None => Err(StoreError::Failed(
                "redis: channel_index or drain_index is no positive number".to_owned(),
            )),
        }
    }

    pub(super) async fn healthcheck(&self) -> Result<(), StoreError> {
        let counted = self.questions.call(&[b"INCR", b"healthcheck"]).await;
        counted.map(drop).map_err(unreachable)
    }

    /// A session of another node.
    pub(super) async fn find_session(&self, id: &str) -> Option<Session> {
        let key = format!("session:{id}").into_bytes();
        let questions = [
            vec![b"GET".to_vec(), key.clone()],
            vec![b"PTTL".to_vec(), key],
        ];
        let answers = self.questions.calls(&questions).await.ok()?;
        let body: Bytes = answers.first()?.bytes()?.clone();
        let left = u64::try_from(answers.get(1)?.number()?).ok()?;
        Some(Session {
            id: id.into(),
            body,
            expires: SystemTime::now() + Duration::from_millis(left),
        })
    }

    /// Waits for a channel of another node, if the server has it: it comes with its tokens
    /// and drains.
    pub(super) async fn find_channel(&self, id: &str) {
        let key = hash::channel_key(id);
        let there = self.questions.call(&[b"EXISTS", key.as_bytes()]).await;
        if !matches!(there, Ok(Value::Number(1))) {
            return;
        }
        let mut generation = self.registry.generation();
        self.pending.everything();
        let came = async {
            while self.registry.channel(id).is_none() && generation.changed().await.is_ok() {}
        };
        // Without it the answer is that there is none.
        let _ = timeout(ELSEWHERE, came).await;
    }

    /// Reads a thing that is not known. Strangers make up tokens: with too many of them at a
    /// time there is none.
    pub(super) async fn find(&self, thing: Thing<'_>) {
        let Ok(_turn) = self.lookups.try_acquire() else {
            return;
        };
        let key = hash::key_of_thing(thing);
        let there = self.questions.call(&[b"EXISTS", key.as_bytes()]).await;
        if matches!(there, Ok(Value::Number(1))) {
            // Without it the answer is that there is none.
            let _ = self.read_again(&[key]).await;
        }
    }

    /// Everything that the server has, in the place of what was known.
    async fn read_all(&self) -> Result<(), RedisError> {
        self.registry.begin_replacing();
        let read = follow::everything(&self.reading).await;
        match read {
            Ok(all) => {
                self.registry.replace(&all);
                if !self.loaded.swap(true, Ordering::AcqRel) {
                    self.pending.first_read.notify_one();
                }
                Ok(())
            }
            Err(error) => {
                self.registry.abandon_replacing();
                Err(error)
            }
        }
    }

    /// Some keys again, as the server has them now.
    async fn read_again(&self, keys: &[String]) -> Result<(), RedisError> {
        let _changing = self.changing.lock().await;
        let changes = follow::read_keys(&self.redis, keys).await?;
        self.registry.apply(&changes);
        Ok(())
    }
}

fn unreachable(error: RedisError) -> StoreError {
    StoreError::Unreachable(error.to_string())
}
