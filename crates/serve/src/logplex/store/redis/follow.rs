//! Following what others change: two tasks, one that hears of changes and one that reads them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use logweir_net::backoff::Backoff;
use tokio::sync::Notify;

use super::{
    Shared,
    hash::{CHANGES, CONTROL_ROD, Fields, Named, RODS},
};
use crate::logplex::{
    change::Change,
    redis::{Redis, RedisError, Subscriber, Value},
};

/// Everything is read again after this long, …
const POLL: Duration = Duration::from_secs(60);
/// … or after this long if the server does not tell what others change.
const BLIND_POLL: Duration = Duration::from_secs(5);

/// Most keys that wait to be read; with more everything is read.
const KEYS: usize = 4_096;

/// Keys that are read with one round trip.
const TOGETHER: usize = 512;

/// What is to be read.
#[derive(Debug, Default)]
pub(super) struct Pending {
    state: Mutex<State>,
    changed: Notify,
    /// Everything was read once.
    pub(super) first_read: Notify,
}

#[derive(Debug, Default)]
struct State {
    everything: bool,
    keys: BTreeSet<String>,
    /// Whether the server tells what others change.
    told: bool,
}

impl Pending {
    /// Whatever was known may not be so any more.
    pub(super) fn everything(&self) {
        self.with(|state| state.everything = true);
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    fn keys<'a>(&self, keys: impl IntoIterator<Item = &'a str>) {
        self.with(|state| {
            let keys = keys.into_iter().filter(|key| Named::of(key).is_some());
            state.keys.extend(keys.map(str::to_owned));
            if state.keys.len() > KEYS {
                state.keys.clear();
                state.everything = true;
            }
        });
    }

    /// What is to be read now: none stands for everything.
    fn take(&self) -> Option<Vec<String>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = std::mem::take(&mut state.keys);
        match std::mem::take(&mut state.everything) {
            true => None,
            false => Some(keys.into_iter().collect()),
        }
    }

    fn poll(&self) -> Duration {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.told { POLL } else { BLIND_POLL }
    }
}

/// Starts both tasks. They end when nobody else holds the store.
pub(super) fn start(store: &Arc<Shared>) {
    tokio::spawn(hear(Arc::downgrade(store)));
    tokio::spawn(read(Arc::downgrade(store)));
}

/// Waits between attempts that fail.
fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(100), Duration::from_secs(5))
}

async fn hear(store: Weak<Shared>) {
    let mut pause = backoff();
    while let Some(strong) = store.upgrade() {
        let redis = strong.redis.apart();
        drop(strong);
        match subscribe(&redis).await {
            Ok((mut subscriber, told)) => {
                pause.reset();
                let Some(strong) = store.upgrade() else {
                    return;
                };
                // What happened before is not told.
                strong.pending.with(|state| {
                    state.everything = true;
                    state.told = told;
                });
                drop(strong);
                listen(&store, &mut subscriber).await;
            }
            Err(error) => tracing::debug!("cannot follow what others change: {error}"),
        }
        tokio::time::sleep(pause.next()).await;
    }
}

/// Subscribes, and says whether the server tells what others change.
async fn subscribe(redis: &Redis) -> Result<(Subscriber, bool), RedisError> {
    let patterns = [
        "ch:*:data",
        "tok:*:data",
        "drain:*:data",
        "cred:*",
        RODS,
        CONTROL_ROD,
    ];
    // Of any of its databases: a key that has not changed here is read once more.
    let patterns = patterns.map(|key| format!("__keyspace@*__:{key}"));
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let subscriber = redis.subscribe(&[CHANGES], &patterns).await?;
    let question: [&[u8]; 3] = [b"CONFIG", b"GET", b"notify-keyspace-events"];
    // Many servers answer nobody's questions about their settings.
    let answer = redis.call(&question).await.unwrap_or(Value::Nil);
    let events = answer.into_array().into_iter().nth(1);
    let events = events.and_then(|events| events.text().map(str::to_owned));
    let events = events.unwrap_or_default();
    let all = events.contains('A') || ['g', 'h', '$'].iter().all(|one| events.contains(*one));
    let told = events.contains('K') && all;
    if !told {
        let url = redis.url();
        tracing::info!(
            "{url} does not tell what other programs change there, so that it is read every \
             {BLIND_POLL:?}; with CONFIG SET notify-keyspace-events Kgh$ it does"
        );
    }
    Ok((subscriber, told))
}

async fn listen(store: &Weak<Shared>, subscriber: &mut Subscriber) {
    loop {
        let message = match subscriber.next().await {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!("cannot hear what others change: {error}");
                return;
            }
        };
        let Some(store) = store.upgrade() else { return };
        let channel = String::from_utf8_lossy(&message.channel);
        match channel.strip_prefix("__keyspace@") {
            Some(rest) => {
                let key = rest.split_once("__:").map(|(_, key)| key);
                store.pending.keys(key);
            }
            None => {
                let keys = String::from_utf8_lossy(&message.payload);
                store.pending.keys(keys.split('\n'));
            }
        }
    }
}

async fn read(store: Weak<Shared>) {
    let mut pause = backoff();
    let mut down = false;
    loop {
        let Some(strong) = store.upgrade() else {
            return;
        };
        let result = match strong.pending.take() {
            None => strong.read_all().await,
            Some(keys) if keys.is_empty() && !strong.is_loaded() => strong.read_all().await,
            Some(keys) if keys.is_empty() => Ok(()),
            Some(keys) => strong.read_again(&keys).await,
        };
        match result {
            Ok(()) => {
                if down {
                    tracing::info!("{} is read again", strong.redis.url());
                }
                down = false;
                pause.reset();
                let poll = strong.pending.poll();
                let changed = strong.pending.changed.notified();
                if tokio::time::timeout(poll, changed).await.is_err() {
                    strong.pending.everything();
                }
            }
            Err(error) => {
                if !down {
                    tracing::error!("{error}; what was read before is answered from memory");
                }
                down = true;
                strong.pending.everything();
                drop(strong);
                tokio::time::sleep(pause.next()).await;
            }
        }
    }
}

/// Everything that the server has, but sessions and lines.
pub(super) async fn everything(redis: &Redis) -> Result<Vec<Change>, RedisError> {
    let mut all = Vec::new();
    let mut keys = vec![RODS.to_owned()];
    let mut cursor = "0".to_owned();
    loop {
        let page = redis
            .call(&[b"SCAN", cursor.as_bytes(), b"COUNT", b"1000"])
            .await?;
        let mut page = page.into_array().into_iter();
        let next = page.next().and_then(|next| next.text().map(str::to_owned));
        let found = page.next().map(Value::into_array).unwrap_or_default();
        let found = found.iter().filter_map(Value::text);
        let found = found.filter(|key| Named::of(key).is_some_and(|named| named != Named::Rods));
        keys.extend(found.map(str::to_owned));
        all.extend(read_keys(redis, &keys).await?);
        keys.clear();
        cursor = next.unwrap_or_else(|| "0".to_owned());
        if cursor == "0" {
            return Ok(all);
        }
    }
}

/// What keys are now.
pub(super) async fn read_keys(redis: &Redis, keys: &[String]) -> Result<Vec<Change>, RedisError> {
    let mut all = Vec::with_capacity(keys.len());
    for keys in keys.chunks(TOGETHER) {
        let mut answers = ask(redis, keys).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        for key in keys {
            all.extend(match Named::of(key) {
                Some(Named::Rods) => {
                    let fields = Fields::of(next());
                    let bit = next().number() == Some(1);
                    let bit = if bit { "1" } else { "0" };
                    Some(Named::Rods.with(&fields.with(CONTROL_ROD, bit)))
                }
                Some(named) => Some(named.with(&Fields::of(next()))),
                None => None,
            });
        }
    }
    Ok(all)
}

/// All the questions about some keys at once, or one after the other if the server says no to
/// one of them: a key that is no hash is nothing to us.
async fn ask(redis: &Redis, keys: &[String]) -> Result<Vec<Value>, RedisError> {
    let questions: Vec<_> = keys.iter().flat_map(|key| questions(key)).collect();
    match redis.calls(&questions).await {
        Err(RedisError::Refused(why)) if why.starts_with("WRONGTYPE") => (),
        answers => return answers,
    }
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let words: Vec<&[u8]> = question.iter().map(Vec::as_slice).collect();
        answers.push(match redis.call(&words).await {
            Err(RedisError::Refused(why)) if why.starts_with("WRONGTYPE") => Value::Nil,
            answer => answer?,
        });
    }
    Ok(answers)
}

fn questions(key: &str) -> Vec<Vec<Vec<u8>>> {
    let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect();
    match Named::of(key) {
        Some(Named::Rods) => vec![
            words(&["HGETALL", RODS]),
            words(&["GETBIT", CONTROL_ROD, "0"]),
        ],
        Some(_) => vec![words(&["HGETALL", key])],
        None => Vec::new(),
    }
}
