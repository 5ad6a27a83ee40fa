//! Everything that Logplex knows, in the memory of this process: asked for each line, so that
//! nothing here waits for a store.

mod content;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::SystemTime,
};

use tokio::sync::watch;

use self::content::Content;
use super::{
    change::Change,
    model::{Channel, Cred, Drain, Rods, Session, Token},
};

/// What is known. All reads are short and see a change as a whole.
#[derive(Debug)]
pub struct Registry {
    content: RwLock<Content>,
    generation: watch::Sender<u64>,
    /// What is switched off on this node alone.
    own: Rods,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            content: RwLock::default(),
            generation: watch::Sender::new(0),
            own: Rods::default(),
        }
    }
}

impl Registry {
    /// Knows nothing yet but what is switched off on this node.
    pub fn of_node(own: Rods) -> Self {
        Self {
            own,
            ..Self::default()
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token by its id.
    pub fn token(&self, id: &str) -> Option<Arc<Token>> {
        self.read().tokens.get(id).cloned()
    }

    /// A token and its channel, which is none if that is unknown.
    pub fn resolve(&self, token: &str) -> Option<(Arc<Token>, Option<Arc<Channel>>)> {
        let content = self.read();
        let token = content.tokens.get(token)?;
        let channel = content.channels.get(&*token.channel);
        Some((Arc::clone(token), channel.cloned()))
    }

    /// A channel by its id.
    pub fn channel(&self, id: &str) -> Option<Arc<Channel>> {
        self.read().channels.get(id).cloned()
    }

    /// Every channel, in no order.
    pub fn channels(&self) -> Vec<Arc<Channel>> {
        self.read().channels.values().cloned().collect()
    }

    /// The channels that are this V2 source, in no order; mostly one or none.
    pub fn channels_of_source(&self, source_id: &str) -> Vec<Arc<Channel>> {
        self.read().channels_of_source(source_id)
    }

    /// The tokens of a channel, by name and then by id.
    pub fn tokens_of(&self, channel: &str) -> Vec<Arc<Token>> {
        self.read().tokens_of(channel)
    }

    /// A drain by its number.
    pub fn drain(&self, id: u64) -> Option<Arc<Drain>> {
        self.read().drains.get(&id).cloned()
    }

    /// The drains of a channel by number, reserved ones too.
    pub fn drains_of(&self, channel: &str) -> Vec<Arc<Drain>> {
        self.read().drains_of(channel)
    }

    /// A drain by its token.
    pub fn drain_of_token(&self, token: &str) -> Option<Arc<Drain>> {
        self.read().drain_of_token(token).cloned()
    }

    /// Every drain by number, reserved ones too.
    pub fn drains(&self) -> Vec<Arc<Drain>> {
        self.read().drains.values().cloned().collect()
    }

    /// A session that has not ended by `now`. See [`super::book::Book::session`] for one that
    /// another node may have made a moment ago.
    pub fn session(&self, id: &str, now: SystemTime) -> Option<Session> {
        let content = self.read();
        let session = content.sessions.get(id)?;
        (session.expires > now).then(|| session.clone())
    }

    /// How many sessions there are, and how many bytes their bodies have; some that have ended
    /// among them.
    pub fn sessions(&self) -> (usize, usize) {
        let content = self.read();
        (content.sessions.len(), content.session_bytes)
    }

    /// How many channels there are.
    pub fn channel_count(&self) -> usize {
        self.read().channels.len()
    }

    /// A credential by its id.
    pub fn cred(&self, id: &str) -> Option<Arc<Cred>> {
        self.read().creds.get(id).cloned()
    }

    /// Every credential by its id.
    pub fn creds(&self) -> Vec<Arc<Cred>> {
        self.read().creds.values().cloned().collect()
    }

    /// What is switched off, on every node or on this one.
    pub fn rods(&self) -> Rods {
        self.kept_rods().and(self.own)
    }

    /// What is switched off on every node.
    pub(super) fn kept_rods(&self) -> Rods {
        self.read().rods
    }

    /// A number that rises when anything but sessions has changed; after it, the registry
    /// has the change already.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Takes over changes that are in the store.
    pub(super) fn apply(&self, changes: &[Change]) {
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        let mut moved = false;
        for change in changes {
            moved |= content.apply(change);
        }
        drop(content);
        if moved {
            self.generation.send_modify(|generation| *generation += 1);
        }
    }

    /// From now on until [`Self::replace`], changes are noted: what is read from the store
    /// meanwhile may be older than they.
    pub(super) fn begin_replacing(&self) {
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        content.journal = Some(Vec::new());
    }

    /// What was read was not whole.
    pub(super) fn abandon_replacing(&self) {
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        content.journal = None;
    }

    /// Knows `all` from now on and nothing else, but for sessions, which end by themselves,
    /// and the changes made since [`Self::begin_replacing`].
    pub(super) fn replace(&self, all: &[Change]) {
        let mut fresh = Content::default();
        for change in all {
            fresh.apply(change);
        }
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        for change in content.journal.take().unwrap_or_default() {
            fresh.apply(&change);
        }
        fresh.keep_sessions(&mut content);
        let moved = !fresh.same(&content);
        *content = fresh;
        drop(content);
        if moved {
            self.generation.send_modify(|generation| *generation += 1);
        }
    }
}
