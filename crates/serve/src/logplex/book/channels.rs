//! Channels and their tokens.

use std::{collections::BTreeSet, sync::Arc};

use super::{ATTEMPTS, Book, BookError, Counter, Scope, Whole};
use crate::logplex::{
    change::Change,
    ids,
    model::{Channel, ChannelFlags, Token},
    registry::Registry,
};

impl Book {
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
}

fn new_token(channel: &Arc<str>, name: Arc<str>) -> Arc<Token> {
    Arc::new(Token {
        id: ids::token(),
        channel: Arc::clone(channel),
        name,
    })
}
