//! Logplex: channels, tokens, drains and sessions over the exchange of this process.
//!
//! A channel is a source of the exchange: what comes in for one of its tokens is published
//! as an envelope of that source, and whatever reads the exchange reads it.
//!
//! | to do this | look at |
//! |---|---|
//! | answer a request | [`Pages`] |
//! | take lines in | [`input`] |
//! | read the lines of a channel | [`tail`] |
//! | run the drains of channels | [`drains`] |
//! | hand lines on, wherever their channel lives | [`Logplex::lines`] |
//! | know whether a channel lives here | [`Owners`] |
//! | start all of it | `start` |

mod access;
mod api;
pub mod book;
mod change;
mod cluster;
mod config;
pub(crate) mod drains;
mod figures;
mod ids;
pub(crate) mod input;
pub mod model;
mod pages;
mod pass;
pub mod redis;
pub mod registry;
mod requests;
mod start;
mod stats;
pub mod store;
mod tail;

use std::sync::{Arc, OnceLock};

use logweir_net::shutdown::Shutdown;
use logweir_route::Exchange;
use tokio_util::task::TaskTracker;

pub use cluster::Owners;
pub use config::{FirehoseConfig, LogplexClusterConfig, LogplexConfig, RedisConfig};
pub use pages::{Door, Pages};
pub use start::start;
pub(crate) use start::{Ground, open, tell};
#[cfg(fuzzing)]
pub use tail::session;

use crate::{
    context::ServeContext, log_cache::cluster::Cluster, outlet::OpenSink, router::end_with,
};

/// Everything of Logplex that its doors share.
pub struct Logplex {
    /// How it is set.
    pub(crate) config: LogplexConfig,
    /// What URLs begin with.
    pub(crate) urls: Urls,
    /// Where lines are published and tails subscribe.
    pub(crate) exchange: Arc<Exchange>,
    /// Makes a sink for frames of envelopes: each goes to the node that owns its channel.
    /// Never waits.
    pub(crate) lines: OpenSink,
    /// Which channels live here.
    pub(crate) owners: Owners,
    /// What channels, tokens, drains, credentials and sessions there are, and the way to
    /// change it.
    pub(crate) book: book::Book,
    /// Who calls.
    pub(crate) access: access::Access,
    /// Where lines come in.
    pub(crate) input: Arc<input::Input>,
    /// Reads channels: sessions and channel logs.
    pub(crate) tails: tail::Tails,
    /// Lines that are being taken in: queues end after them.
    pub(crate) begun: TaskTracker,
    /// The queues for other nodes, if there are any.
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// Requests in numbers.
    pub(crate) requests: requests::Requests,
    /// Drains of channels, once they run.
    pub(crate) drains: OnceLock<drains::ChannelDrains>,
}

impl Logplex {
    /// Ends the queues of this process when it stops and `producers` and those who bring lines
    /// here are over.
    pub(crate) fn end_with(
        self: &Arc<Self>,
        mut producers: Vec<TaskTracker>,
        context: &ServeContext,
    ) {
        producers.push(self.begun.clone());
        end_with(&self.exchange, &producers, context);
        if let Some(cluster) = &self.cluster {
            cluster.end_with(&producers, context);
        }
        // Drains go with this, and lines that still come have to find them.
        let kept = Arc::clone(self);
        let Shutdown {
            stop,
            abort,
            tracker,
        } = context.shutdown.clone();
        tracker.spawn(async move {
            stop.cancelled().await;
            let over = async {
                for lines in &producers {
                    lines.wait().await;
                }
            };
            abort.run_until_cancelled(over).await;
            drop(kept);
        });
    }

    /// Says who calls, if operators want to know.
    fn note(&self, caller: &access::Caller, request: &http::request::Parts) {
        if self.book.registry().rods().log_api_user {
            let (method, path) = (&request.method, request.uri.path());
            tracing::info!(user = caller.name(), %method, path, "the API of Logplex is used");
        }
    }
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
