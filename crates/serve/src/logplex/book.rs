//! Changing what Logplex knows: each change goes to the store first and then to the registry,
//! so that whoever made it sees it at once and nobody sees one that was not kept.

mod bounds;
mod callers;
mod channels;
mod drains;
mod writer;

use std::{sync::Arc, time::SystemTime};

use thiserror::Error;

pub use self::bounds::Bounds;
pub(super) use self::writer::Counter;
use self::writer::{Scope, Writer};
use super::{
    LogplexConfig,
    change::Change,
    model::{Channel, Cred, Drain, Session, Token},
    registry::Registry,
    store::{Store, StoreError, Thing},
};

/// Numbers that are tried for a new channel: v3's callers choose ids, and may choose numbers.
const ATTEMPTS: usize = 100;

/// Why something was not changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BookError {
    /// The store was not reached, or could not write.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More changes wait than are let wait.
    #[error("too many changes wait to be kept; try again")]
    Busy,
    /// The next channels' numbers are ids that others chose.
    #[error("the next numbers are ids of channels already; try again")]
    NumberTaken,
    /// There is no such channel.
    #[error("there is no such channel")]
    NoChannel,
    /// The channel has no such drain.
    #[error("the channel has no such drain")]
    NoDrain,
    /// The channel has no such token.
    #[error("the channel has no such token")]
    NoToken,
    /// There is no such credential.
    #[error("there is no such credential")]
    NoCred,
    /// The channel has a drain with this URL.
    #[error("the channel has a drain with this URL already")]
    DrainExists,
    /// A credential with this id is there.
    #[error("there is a credential with this id already")]
    CredExists,
    /// The channel has as many drains as it may.
    #[error("the channel has the maximum number of drains")]
    TooManyDrains,
    /// There are as many of these as there may be.
    #[error("there are too many {0} already")]
    TooMany(&'static str),
}

/// A channel with its tokens and drains as they are after a change.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The channel.
    pub channel: Arc<Channel>,
    /// By name and then by id.
    pub tokens: Vec<Arc<Token>>,
    /// By number, reserved ones too.
    pub drains: Vec<Arc<Drain>>,
    /// Whether the change made it.
    pub new: bool,
}

/// The one way to change the registry. Clones are the same.
#[derive(Clone, Debug)]
pub struct Book {
    registry: Arc<Registry>,
    store: Store,
    bounds: Arc<Bounds>,
    writer: Writer,
}

impl Book {
    /// Opens the store that the settings name, reads everything from it into a registry, and
    /// follows what others change there.
    ///
    /// # Errors
    /// An embedded store that cannot be read. A Redis that is not reached is no error: until
    /// it is, [`Self::is_loaded`] is false.
    pub async fn start(config: &LogplexConfig) -> Result<Self, StoreError> {
        let registry = Arc::new(Registry::of_node(config.rods));
        let store = Store::open(config, &registry).await?;
        let writer = Writer::start(store.clone(), Arc::clone(&registry));
        let bounds = Bounds {
            drains_per_channel: config.max_drains,
            session_expiry: config.session_expiry,
            ..Bounds::default()
        };
        Ok(Self {
            registry,
            store,
            bounds: Arc::new(bounds),
            writer,
        })
    }

    /// Whether the store was ever read: an API that does not know what there is says so.
    pub fn is_loaded(&self) -> bool {
        self.store.is_loaded()
    }

    /// What is changed.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Counts a health check, where the store can.
    ///
    /// # Errors
    /// The store is not reached.
    pub async fn healthcheck(&self) -> Result<(), StoreError> {
        self.store.healthcheck().await
    }

    /// A session that has not ended; one that another node made a moment ago is asked for
    /// in the store. None too if the store is not reached.
    pub async fn session(&self, id: &str) -> Option<Session> {
        let now = SystemTime::now();
        match self.registry.session(id, now) {
            Some(session) => Some(session),
            None => self.store.find_session(id).await,
        }
    }

    /// A channel; one that another node made a moment ago is asked for in the store.
    pub async fn channel(&self, id: &str) -> Option<Arc<Channel>> {
        match self.registry.channel(id) {
            Some(channel) => Some(channel),
            None => {
                self.store.find_channel(id).await;
                self.registry.channel(id)
            }
        }
    }

    /// A token; one that another node made a moment ago is asked for in the store.
    pub async fn token(&self, id: &str) -> Option<Arc<Token>> {
        if self.registry.token(id).is_none() {
            self.store.find(Thing::Token(id)).await;
        }
        self.registry.token(id)
    }

    /// A drain; one that another node made a moment ago is asked for in the store.
    pub async fn drain(&self, id: u64) -> Option<Arc<Drain>> {
        if self.registry.drain(id).is_none() {
            self.store.find(Thing::Drain(id)).await;
        }
        self.registry.drain(id)
    }

    /// A credential; one that another node made a moment ago is asked for in the store.
    pub async fn cred(&self, id: &str) -> Option<Arc<Cred>> {
        if self.registry.cred(id).is_none() {
            self.store.find(Thing::Cred(id)).await;
        }
        self.registry.cred(id)
    }

    async fn of_channel<T: Send + 'static>(
        &self,
        id: &str,
        plan: impl FnOnce(&Registry, &Arc<Channel>) -> Result<(Vec<Change>, T), BookError>
        + Send
        + 'static,
    ) -> Result<T, BookError> {
        let id: Arc<str> = id.into();
        self.channel(&id).await;
        let scope = Scope::Channel(Arc::clone(&id));
        let plan = move |registry: &Registry| {
            let channel = registry.channel(&id).ok_or(BookError::NoChannel)?;
            plan(registry, &channel)
        };
        self.writer.commit(scope, plan).await
    }
}
