//! Drains of channels.

use std::sync::Arc;

use logweir_drain::logplex_url::LogplexUrl;

use super::{Book, BookError, Counter, Scope, bounds};
use crate::logplex::{change::Change, ids, model::Drain, registry::Registry};

impl Book {
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
}
