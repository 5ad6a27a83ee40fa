//! The maps behind the registry's lock.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use hashbrown::HashMap;

use crate::logplex::{
    change::Change,
    model::{Channel, Cred, Drain, Rods, Session, Token},
};

/// Most ended sessions looked at for each new one.
const SWEEP: usize = 8;

/// A token's name and id.
type TokenName = (Arc<str>, Arc<str>);

#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) channels: HashMap<Arc<str>, Arc<Channel>>,
    pub(super) tokens: HashMap<Arc<str>, Arc<Token>>,
    pub(super) drains: BTreeMap<u64, Arc<Drain>>,
    pub(super) creds: BTreeMap<Arc<str>, Arc<Cred>>,
    pub(super) sessions: HashMap<Arc<str>, Session>,
    pub(super) rods: Rods,
    /// Sessions in the order in which they came, which is nearly the order of their ends.
    pub(super) session_order: VecDeque<Arc<str>>,
    /// Of their bodies.
    pub(super) session_bytes: usize,
    /// Changes since someone began to read everything from the store.
    pub(super) journal: Option<Vec<Change>>,
    tokens_by_channel: HashMap<Arc<str>, BTreeSet<TokenName>>,
    drains_by_channel: HashMap<Arc<str>, BTreeSet<u64>>,
    drains_by_token: HashMap<Arc<str>, u64>,
    /// Only channels whose source is not their id.
    by_source: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Content {
    pub(super) fn tokens_of(&self, channel: &str) -> Vec<Arc<Token>> {
        let ids = self.tokens_by_channel.get(channel).into_iter().flatten();
        ids.filter_map(|(_, id)| self.tokens.get(id).cloned())
            .collect()
    }

    pub(super) fn drains_of(&self, channel: &str) -> Vec<Arc<Drain>> {
        let ids = self.drains_by_channel.get(channel).into_iter().flatten();
        ids.filter_map(|id| self.drains.get(id).cloned()).collect()
    }

    pub(super) fn drain_of_token(&self, token: &str) -> Option<&Arc<Drain>> {
        self.drains.get(self.drains_by_token.get(token)?)
    }

    pub(super) fn channels_of_source(&self, source_id: &str) -> Vec<Arc<Channel>> {
        let own = self.channels.get(source_id);
        let own = own.filter(|channel| channel.source.is_none());
        let others = self.by_source.get(source_id).into_iter().flatten();
        let others = others.filter_map(|id| self.channels.get(id));
        own.into_iter().chain(others).cloned().collect()
    }

    /// Whether anything but sessions is another now.
    pub(super) fn apply(&mut self, change: &Change) -> bool {
        if let Some(journal) = &mut self.journal {
            journal.push(change.clone());
        }
        match change {
            Change::Channel(channel) => self.put_channel(channel),
            Change::NoChannel(id) => self.drop_channel(id),
            Change::Token(token) => self.put_token(token),
            Change::NoToken(id) => self.drop_token(id),
            Change::Drain(drain) => self.put_drain(drain),
            Change::NoDrain(id) => self.drop_drain(*id),
            Change::Cred(cred) => {
                let before = self.creds.insert(Arc::clone(&cred.id), Arc::clone(cred));
                before.as_ref() != Some(cred)
            }
            Change::NoCred(id) => self.creds.remove(id).is_some(),
            Change::Session(session) => {
                self.put_session(session);
                false
            }
            Change::Rods(rods) => std::mem::replace(&mut self.rods, *rods) != *rods,
        }
    }

    /// Whether all but the sessions is the same.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.channels == other.channels
            && self.tokens == other.tokens
            && self.drains == other.drains
            && self.creds == other.creds
            && self.rods == other.rods
    }

    pub(super) fn keep_sessions(&mut self, before: &mut Self) {
        for session in std::mem::take(&mut before.sessions).values() {
            self.put_session(session);
        }
    }

    fn put_channel(&mut self, channel: &Arc<Channel>) -> bool {
        if self.channels.get(&channel.id) == Some(channel) {
            return false;
        }
        self.drop_channel(&channel.id);
        if let Some(source) = &channel.source {
            let ids = self.by_source.entry(Arc::clone(source)).or_default();
            ids.insert(Arc::clone(&channel.id));
        }
        self.channels
            .insert(Arc::clone(&channel.id), Arc::clone(channel));
        true
    }

    fn drop_channel(&mut self, id: &str) -> bool {
        let Some(channel) = self.channels.remove(id) else {
            return false;
        };
        if let Some(source) = &channel.source
            && let Some(ids) = self.by_source.get_mut(source)
        {
            ids.remove(id);
            if ids.is_empty() {
                self.by_source.remove(source);
            }
        }
        true
    }

    fn put_token(&mut self, token: &Arc<Token>) -> bool {
        if self.tokens.get(&token.id) == Some(token) {
            return false;
        }
        self.drop_token(&token.id);
        let of = Arc::clone(&token.channel);
        let key = (Arc::clone(&token.name), Arc::clone(&token.id));
        self.tokens_by_channel.entry(of).or_default().insert(key);
        self.tokens.insert(Arc::clone(&token.id), Arc::clone(token));
        true
    }

    fn drop_token(&mut self, id: &str) -> bool {
        let Some(token) = self.tokens.remove(id) else {
            return false;
        };
        if let Some(ids) = self.tokens_by_channel.get_mut(&token.channel) {
            ids.remove(&(Arc::clone(&token.name), Arc::clone(&token.id)));
            if ids.is_empty() {
                self.tokens_by_channel.remove(&token.channel);
            }
        }
        true
    }

    fn put_drain(&mut self, drain: &Arc<Drain>) -> bool {
        if self.drains.get(&drain.id) == Some(drain) {
            return false;
        }
        self.drop_drain(drain.id);
        let of = Arc::clone(&drain.channel);
        self.drains_by_channel
            .entry(of)
            .or_default()
            .insert(drain.id);
        let token = Arc::clone(&drain.token);
        self.drains_by_token.insert(token, drain.id);
        self.drains.insert(drain.id, Arc::clone(drain));
        true
    }

    fn drop_drain(&mut self, id: u64) -> bool {
        let Some(drain) = self.drains.remove(&id) else {
            return false;
        };
        self.drains_by_token.remove(&drain.token);
        if let Some(ids) = self.drains_by_channel.get_mut(&drain.channel) {
            ids.remove(&id);
            if ids.is_empty() {
                self.drains_by_channel.remove(&drain.channel);
            }
        }
        true
    }

    /// Ended sessions go as new ones come, a few at a time.
    fn put_session(&mut self, session: &Session) {
        let now = std::time::SystemTime::now();
        for _ in 0..SWEEP {
            let Some(oldest) = self.session_order.front() else {
                break;
            };
            match self.sessions.get(oldest) {
                Some(there) if there.expires > now => break,
                Some(ended) => {
                    self.session_bytes -= ended.body.len();
                    self.sessions.remove(oldest);
                }
                None => (),
            }
            self.session_order.pop_front();
        }
        self.session_bytes += session.body.len();
        let key = Arc::clone(&session.id);
        match self.sessions.insert(key, session.clone()) {
            Some(before) => self.session_bytes -= before.body.len(),
            None => self.session_order.push_back(Arc::clone(&session.id)),
        }
    }
}
