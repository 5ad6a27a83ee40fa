//! Where channels, tokens, drains, credentials, sessions and rods are kept.

mod embedded;
mod record;
mod redis;

use std::{ops::Range, sync::Arc};

use thiserror::Error;

use self::{embedded::Embedded, redis::Shared};
use super::{
    LogplexConfig,
    book::Counter,
    change::Change,
    model::Session,
    redis::{Redis, RedisUrl},
    registry::Registry,
};

/// Why the store did not do it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// The store cannot be reached now.
    #[error("the store cannot be reached: {0}; nothing was changed, try again")]
    Unreachable(String),
    /// The store was reached and did not work.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// One of the two. Clones are the same store.
#[derive(Clone, Debug)]
pub enum Store {
    /// A file in the data directory.
    Embedded(Arc<Embedded>),
    /// A Redis server of several nodes.
    Shared(Arc<Shared>),
}

impl Store {
    /// The one that the settings name, which lets the registry know everything that it has.
    /// A Redis server goes on to do so.
    ///
    /// # Errors
    /// A file that cannot be opened or read, or a URL that names no Redis server.
    pub(super) async fn open(
        config: &LogplexConfig,
        registry: &Arc<Registry>,
    ) -> Result<Self, StoreError> {
        if config.redis.is_on() {
            let url = RedisUrl::parse(&config.redis.url);
            let url = url.map_err(|error| StoreError::Failed(format!("redis.url {error}")))?;
            let store = Shared::open(Redis::new(url), Arc::clone(registry)).await;
            return Ok(Self::Shared(store));
        }
        let store = Embedded::open(&config.data_dir)?;
        store.load(registry)?;
        Ok(Self::Embedded(Arc::new(store)))
    }

    /// Whether it was ever read.
    pub(super) fn is_loaded(&self) -> bool {
        match self {
            Self::Embedded(_) => true,
            Self::Shared(store) => store.is_loaded(),
        }
    }

    /// Keeps all of these or none, and lets the registry know them.
    pub(super) async fn write(
        &self,
        changes: &[Change],
        registry: &Registry,
    ) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => {
                store.write(changes).await?;
                registry.apply(changes);
                Ok(())
            }
            Self::Shared(store) => store.write(changes).await,
        }
    }

    /// So many numbers that were not handed out before, counted from 1.
    pub(super) async fn numbers(
        &self,
        counter: Counter,
        count: u64,
    ) -> Result<Range<u64>, StoreError> {
        match (self, count) {
            (_, 0) => Ok(0..0),
            (Self::Embedded(store), count) => Ok(store.numbers(counter, count)),
            (Self::Shared(store), count) => store.numbers(counter, count).await,
        }
    }

    pub(super) async fn healthcheck(&self) -> Result<(), StoreError> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Shared(store) => store.healthcheck().await,
        }
    }

    /// A session that this process does not know.
    pub(super) async fn find_session(&self, id: &str) -> Option<Session> {
        match self {
            Self::Embedded(_) => None,
            Self::Shared(store) => store.find_session(id).await,
        }
    }

    /// Waits a little for a channel that this process does not know, if the store has it.
    pub(super) async fn find_channel(&self, id: &str) {
        match self {
            Self::Embedded(_) => (),
            Self::Shared(store) => store.find_channel(id).await,
        }
    }

    /// Lets the registry know a thing that it does not, if the store has it.
    pub(super) async fn find(&self, thing: Thing<'_>) {
        match self {
            Self::Embedded(_) => (),
            Self::Shared(store) => store.find(thing).await,
        }
    }
}

/// What another node may have made a moment ago.
#[derive(Clone, Copy, Debug)]
pub(super) enum Thing<'a> {
    Token(&'a str),
    Drain(u64),
    Cred(&'a str),
}
