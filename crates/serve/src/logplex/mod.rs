//! Logplex: channels, tokens, drains and sessions over the exchange of this process.
//!
//! A channel is a source of the exchange: what comes in for one of its tokens is published
//! as an envelope of that source, and whatever reads the exchange reads it.
//!
//! | to do this | look at |
//! |---|---|
//! | answer a request | [`Pages`] |
//! | hand lines on, wherever their channel lives | [`Logplex::lines`] |
//! | know whether a channel lives here | [`Owners`] |
//! | start all of it | `start` |

pub mod book;
mod change;
mod cluster;
mod config;
mod ids;
pub mod model;
mod pages;
pub mod registry;
mod start;
pub mod store;

use std::sync::{Arc, OnceLock};

use logweir_cache::Store;
use logweir_route::Exchange;

pub use cluster::Owners;
pub use config::{FirehoseConfig, LogplexClusterConfig, LogplexConfig, RedisConfig};
pub use pages::{Door, Pages};
pub use start::start;
pub(crate) use start::{Ground, open};

use crate::{grpc::Readers, outlet::OpenSink, recents::Recents};

/// Everything of Logplex that its doors share.
pub struct Logplex {
    /// How it is set.
    pub(crate) config: LogplexConfig,
    /// What URLs begin with.
    pub(crate) urls: Urls,
    /// Where lines are published and tails subscribe.
    pub(crate) exchange: Arc<Exchange>,
    /// What of it is remembered.
    pub(crate) store: Arc<Store>,
    /// Fills the store.
    pub(crate) recents: Recents,
    /// Readers of the exchange.
    pub(crate) readers: Arc<Readers>,
    /// Makes a sink for frames of envelopes: each goes to the node that owns its channel.
    /// Never waits.
    pub(crate) lines: OpenSink,
    /// Which channels live here.
    pub(crate) owners: Owners,
    /// What channels, tokens, drains, credentials and sessions there are, and the way to
    /// change it.
    pub(crate) book: book::Book,
}

/// What the URLs begin with that are told to clients, without a slash at the end. They are
/// known once the doors are bound.
#[derive(Debug, Default)]
pub(crate) struct Urls {
    api: OnceLock<String>,
    v3: OnceLock<String>,
}

impl Urls {
    /// Of sessions.
    pub(crate) fn api(&self) -> &str {
        self.api.get().map_or("http://localhost:8001", |url| url)
    }

    /// Of v3's drains.
    pub(crate) fn v3(&self) -> &str {
        self.v3.get().map_or("http://localhost:8002", |url| url)
    }

    /// Sets both, once.
    pub(crate) fn set(&self, api: String, v3: String) {
        let trimmed = |url: String| url.trim_end_matches('/').to_owned();
        // A second time there is nothing to say.
        let _ = (self.api.set(trimmed(api)), self.v3.set(trimmed(v3)));
    }
}
