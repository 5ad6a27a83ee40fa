//! Changing what Logplex knows: each change goes to the store first and then to the registry,
//! so that whoever made it sees it at once and nobody sees one that was not kept.

mod bounds;
mod writer;

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use bytes::Bytes;
use logweir_drain::logplex_url::LogplexUrl;
use thiserror::Error;

pub use self::bounds::Bounds;
pub(super) use self::writer::Counter;
use self::writer::{Scope, Writer};
use super::{
    LogplexConfig,
    change::Change,
    ids,
    model::{Channel, ChannelFlags, Cred, Drain, Grant, Rods, Session, Token},
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

    /// A new channel with a number for an id (v1), and one token for each name in this order.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn create_channel(
        &self,
        name: &str,
        source: Option<&str>,
        tokens: Vec<Arc<str>>,
    ) -> Result<(Arc<Channel>, Vec<Arc<Token>>), BookError> {
        for _ in 0..ATTEMPTS {
            let made = self.number_channel(name, source, tokens.clone()).await;
            if !matches!(made, Err(BookError::NumberTaken)) {
                return made;
            }
        }
        Err(BookError::NumberTaken)
    }

    async fn number_channel(
        &self,
        name: &str,
        source: Option<&str>,
        tokens: Vec<Arc<str>>,
    ) -> Result<(Arc<Channel>, Vec<Arc<Token>>), BookError> {
        let bounds = Arc::clone(&self.bounds);
        let (name, source) = (Arc::from(name), source.map(Arc::from));
        self.writer
            .numbered(Counter::Channel, move |registry, number| {
                if registry.channel(&number.to_string()).is_some() {
                    return Err(BookError::NumberTaken);
                }
                bounds.one_more_channel(registry)?;
                bounds.tokens(tokens.len())?;
                let mut channel = Channel::new(number.to_string());
                channel.name = name;
                if let Some(source) = source {
                    channel.set_source(source);
                }
                let channel = Arc::new(channel);
                let tokens = tokens.into_iter();
                let tokens = tokens.map(|name| new_token(&channel.id, name));
                let tokens: Vec<_> = tokens.collect();
                let mut changes = vec![Change::Channel(Arc::clone(&channel))];
                changes.extend(tokens.iter().cloned().map(Change::Token));
                Ok((changes, (channel, tokens)))
            })
            .await
    }

    /// A channel with this id and tokens of exactly these names (v3): those that are there
    /// keep their ids, the others go. What the channel is otherwise stays.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn put_channel(
        &self,
        id: &str,
        names: BTreeSet<Arc<str>>,
        source: Option<&str>,
    ) -> Result<Whole, BookError> {
        let bounds = Arc::clone(&self.bounds);
        let id: Arc<str> = id.into();
        let source = source.map(Arc::from);
        self.channel(&id).await;
        let scope = Scope::Channel(Arc::clone(&id));
        let plan = move |registry: &Registry| {
            bounds.tokens(names.len())?;
            let there = registry.channel(&id);
            let new = there.is_none();
            if new {
                bounds.one_more_channel(registry)?;
            }
            let mut channel = there.as_deref().cloned();
            let mut channel = channel.take().unwrap_or_else(|| Channel::new(id));
            if let Some(source) = source {
                channel.set_source(source);
            }
            let channel = Arc::new(channel);
            let mut changes = vec![Change::Channel(Arc::clone(&channel))];
            let mut tokens = Vec::new();
            for token in registry.tokens_of(&channel.id) {
                // Of several with one name the first stays.
                let kept = tokens.last().map(|last: &Arc<Token>| &last.name);
                match names.contains(&token.name) && kept != Some(&token.name) {
                    true => tokens.push(token),
                    false => changes.push(Change::NoToken(Arc::clone(&token.id))),
                }
            }
            for name in names {
                if !tokens.iter().any(|token| token.name == name) {
                    let token = new_token(&channel.id, name);
                    changes.push(Change::Token(Arc::clone(&token)));
                    tokens.push(token);
                }
            }
            tokens.sort_by(|a, b| a.name.cmp(&b.name));
            let drains = registry.drains_of(&channel.id);
            let whole = Whole {
                channel,
                tokens,
                drains,
                new,
            };
            Ok((changes, whole))
        };
        self.writer.commit(scope, plan).await
    }

    /// What is refused to a channel from now on, and which V2 source it is: the empty one
    /// stands for the channel's id, and none for the one that it was.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn set_channel(
        &self,
        id: &str,
        source: Option<&str>,
        flags: impl FnOnce(ChannelFlags) -> ChannelFlags + Send + 'static,
    ) -> Result<Arc<Channel>, BookError> {
        let source: Option<Arc<str>> = source.map(Arc::from);
        self.of_channel(id, move |_, channel| {
            let mut channel = Channel::clone(channel);
            channel.flags = flags(channel.flags);
            if let Some(source) = source {
                channel.set_source(source);
            }
            let channel = Arc::new(channel);
            Ok((vec![Change::Channel(Arc::clone(&channel))], channel))
        })
        .await
    }

    /// Removes a channel with its tokens and drains.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn delete_channel(&self, id: &str) -> Result<(), BookError> {
        self.of_channel(id, |registry, channel| {
            let tokens = registry.tokens_of(&channel.id);
            let tokens = tokens
                .iter()
                .map(|one| Change::NoToken(Arc::clone(&one.id)));
            let drains = registry.drains_of(&channel.id);
            let drains = drains.iter().map(|one| Change::NoDrain(one.id));
            let mut changes: Vec<_> = tokens.chain(drains).collect();
            changes.push(Change::NoChannel(Arc::clone(&channel.id)));
            Ok((changes, ()))
        })
        .await
    }

    /// One more token of a channel, also if it has one with this name.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn add_token(&self, channel: &str, name: &str) -> Result<Arc<Token>, BookError> {
        let bounds = Arc::clone(&self.bounds);
        let name: Arc<str> = name.into();
        self.of_channel(channel, move |registry, channel| {
            bounds.tokens(registry.tokens_of(&channel.id).len() + 1)?;
            let token = new_token(&channel.id, name);
            Ok((vec![Change::Token(Arc::clone(&token))], token))
        })
        .await
    }

    /// Removes one token of a channel.
    ///
    /// # Errors
    /// As [`BookError`] says; [`BookError::NoToken`] if the channel has no such token.
    pub async fn delete_token(&self, channel: &str, token: &str) -> Result<(), BookError> {
        let token: Arc<str> = token.into();
        self.token(&token).await;
        self.of_channel(channel, move |registry, channel| {
            let there = registry.token(&token);
            let there = there.filter(|there| there.channel == channel.id);
            let there = there.ok_or(BookError::NoToken)?;
            Ok((vec![Change::NoToken(Arc::clone(&there.id))], ()))
        })
        .await
    }

    /// A drain without a URL, so that its token is known before. Checks that the channel
    /// has not thousands of them.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn reserve_drain(&self, channel: &str) -> Result<Arc<Drain>, BookError> {
        self.new_drain(channel, None).await
    }

    /// A drain with a URL that no other drain of its channel has.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn add_drain(
        &self,
        channel: &str,
        url: &LogplexUrl,
    ) -> Result<Arc<Drain>, BookError> {
        self.new_drain(channel, Some(url.clone())).await
    }

    async fn new_drain(
        &self,
        channel: &str,
        url: Option<LogplexUrl>,
    ) -> Result<Arc<Drain>, BookError> {
        let bounds = Arc::clone(&self.bounds);
        let channel: Arc<str> = channel.into();
        self.channel(&channel).await;
        let scope = Scope::Channel(Arc::clone(&channel));
        let plan = move |registry: &Registry, id: u64| {
            let channel = registry.channel(&channel).ok_or(BookError::NoChannel)?;
            let there = registry.drains_of(&channel.id);
            match &url {
                Some(url) => bounds.one_more_drain(&there, url)?,
                None => bounds.one_more_reservation(&there)?,
            }
            let drain = Arc::new(Drain {
                id,
                token: ids::drain_token(),
                channel: Arc::clone(&channel.id),
                url: url.map(|url| url.reveal().into()),
            });
            Ok((vec![Change::Drain(Arc::clone(&drain))], drain))
        };
        let counter = Some(Counter::Drain);
        self.writer.planned(scope, counter, plan).await
    }

    /// Another URL for a drain of a channel, reserved or not; its own once more is no error.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn set_drain(
        &self,
        channel: &str,
        id: u64,
        url: &LogplexUrl,
    ) -> Result<Arc<Drain>, BookError> {
        let bounds = Arc::clone(&self.bounds);
        let url = url.clone();
        self.drain(id).await;
        self.of_channel(channel, move |registry, channel| {
            let mut others = registry.drains_of(&channel.id);
            let at = others.iter().position(|drain| drain.id == id);
            let mut drain = Drain::clone(&others.remove(at.ok_or(BookError::NoDrain)?));
            if bounds::leads_to(&drain, &url) {
                return Ok((Vec::new(), Arc::new(drain)));
            }
            bounds.one_more_drain(&others, &url)?;
            drain.url = Some(url.reveal().into());
            let drain = Arc::new(drain);
            Ok((vec![Change::Drain(Arc::clone(&drain))], drain))
        })
        .await
    }

    /// Removes a drain of a channel.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn delete_drain(&self, channel: &str, id: u64) -> Result<(), BookError> {
        self.drain(id).await;
        self.of_channel(channel, move |registry, channel| {
            let there = registry.drain(id);
            let there = there.filter(|drain| drain.channel == channel.id);
            there.ok_or(BookError::NoDrain)?;
            Ok((vec![Change::NoDrain(id)], ()))
        })
        .await
    }

    /// The right to read a channel for some minutes; the body says which and how, and is
    /// looked at when it is fetched.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn create_session(&self, body: Bytes) -> Result<Session, BookError> {
        let bounds = Arc::clone(&self.bounds);
        let session = Session {
            id: ids::uuid().into(),
            body,
            expires: SystemTime::now() + bounds.session_expiry,
        };
        let scope = Scope::Session(Arc::clone(&session.id));
        let plan = move |registry: &Registry| {
            bounds.one_more_session(registry)?;
            Ok((vec![Change::Session(session.clone())], session))
        };
        self.writer.commit(scope, plan).await
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

    /// A new credential.
    ///
    /// # Errors
    /// [`BookError::CredExists`], and as [`BookError`] says.
    pub async fn create_cred(&self, cred: Cred) -> Result<Arc<Cred>, BookError> {
        self.cred(&cred.id).await;
        let scope = Scope::Cred(Arc::clone(&cred.id));
        let cred = Arc::new(cred);
        let plan = move |registry: &Registry| match registry.cred(&cred.id) {
            Some(_) => Err(BookError::CredExists),
            None => Ok((vec![Change::Cred(Arc::clone(&cred))], cred)),
        };
        self.writer.commit(scope, plan).await
    }

    /// What a credential may do from now on.
    ///
    /// # Errors
    /// [`BookError::NoCred`], and as [`BookError`] says.
    pub async fn set_grants(
        &self,
        id: &str,
        change: impl FnOnce(&mut BTreeSet<Grant>) + Send + 'static,
    ) -> Result<Arc<Cred>, BookError> {
        let id: Arc<str> = id.into();
        self.cred(&id).await;
        let scope = Scope::Cred(Arc::clone(&id));
        let plan = move |registry: &Registry| {
            let cred = registry.cred(&id).ok_or(BookError::NoCred)?;
            let mut cred = Cred::clone(&cred);
            change(&mut cred.grants);
            let cred = Arc::new(cred);
            Ok((vec![Change::Cred(Arc::clone(&cred))], cred))
        };
        self.writer.commit(scope, plan).await
    }

    /// Removes a credential.
    ///
    /// # Errors
    /// [`BookError::NoCred`], and as [`BookError`] says.
    pub async fn remove_cred(&self, id: &str) -> Result<(), BookError> {
        let id: Arc<str> = id.into();
        self.cred(&id).await;
        let scope = Scope::Cred(Arc::clone(&id));
        let plan = move |registry: &Registry| {
            registry.cred(&id).ok_or(BookError::NoCred)?;
            Ok((vec![Change::NoCred(id)], ()))
        };
        self.writer.commit(scope, plan).await
    }

    /// Other control rods, on every node.
    ///
    /// # Errors
    /// As [`BookError`] says.
    pub async fn set_rods(
        &self,
        change: impl FnOnce(&mut Rods) + Send + 'static,
    ) -> Result<Rods, BookError> {
        let plan = move |registry: &Registry| {
            let mut rods = registry.kept_rods();
            change(&mut rods);
            Ok((vec![Change::Rods(rods)], rods))
        };
        self.writer.commit(Scope::Rods, plan).await
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

fn new_token(channel: &Arc<str>, name: Arc<str>) -> Arc<Token> {
    Arc::new(Token {
        id: ids::token(),
        channel: Arc::clone(channel),
        name,
    })
}
