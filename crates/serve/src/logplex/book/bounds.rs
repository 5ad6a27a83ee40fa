//! How much is kept.

use std::{sync::Arc, time::Duration};

use logweir_drain::logplex_url::{self, LogplexUrl};

use super::BookError;
use crate::logplex::{model::Drain, registry::Registry};

/// Most drains of one channel that wait for a URL: any number at the peer.
const RESERVATIONS: usize = 1_000;

/// Bounds of what is kept.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Most drains with a URL of one channel.
    pub drains_per_channel: usize,
    /// Most tokens of one channel.
    pub tokens_per_channel: usize,
    /// Most channels.
    pub channels: usize,
    /// Most sessions that have not ended.
    pub sessions: usize,
    /// Most bytes of their bodies.
    pub session_bytes: usize,
    /// How long a session can be fetched.
    pub session_expiry: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            drains_per_channel: 6,
            tokens_per_channel: 1_000,
            channels: 1_000_000,
            sessions: 100_000,
            session_bytes: 64 << 20,
            session_expiry: Duration::from_secs(360),
        }
    }
}

impl Bounds {
    pub(super) fn one_more_channel(&self, registry: &Registry) -> Result<(), BookError> {
        match registry.channel_count() < self.channels {
            true => Ok(()),
            false => Err(BookError::TooMany("channels")),
        }
    }

    pub(super) fn one_more_session(&self, registry: &Registry) -> Result<(), BookError> {
        let (count, bytes) = registry.sessions();
        match count < self.sessions && bytes < self.session_bytes {
            true => Ok(()),
            false => Err(BookError::TooMany("sessions")),
        }
    }

    pub(super) fn tokens(&self, count: usize) -> Result<(), BookError> {
        match count <= self.tokens_per_channel {
            true => Ok(()),
            false => Err(BookError::TooMany("tokens of this channel")),
        }
    }

    /// Whether a channel that has these may have this one too.
    pub(super) fn one_more_drain(
        &self,
        there: &[Arc<Drain>],
        url: &LogplexUrl,
    ) -> Result<(), BookError> {
        if there.iter().any(|drain| leads_to(drain, url)) {
            return Err(BookError::DrainExists);
        }
        let count = there.iter().filter(|drain| drain.url.is_some()).count();
        match count < self.drains_per_channel {
            true => Ok(()),
            false => Err(BookError::TooManyDrains),
        }
    }

    pub(super) fn one_more_reservation(&self, there: &[Arc<Drain>]) -> Result<(), BookError> {
        let reserved = there.iter().filter(|drain| drain.url.is_none()).count();
        match reserved < RESERVATIONS {
            true => Ok(()),
            false => Err(BookError::TooMany("reserved drains of this channel")),
        }
    }
}

/// Whether a drain has this URL: what is written otherwise and means the same is the same.
pub(super) fn leads_to(drain: &Drain, url: &LogplexUrl) -> bool {
    let there = drain.url.as_deref().map(logplex_url::check);
    matches!(there, Some(Ok(there)) if there == *url)
}
