//! One step from what is known to what is known next: what the store keeps and what the
//! registry takes over.

use std::sync::Arc;

use super::model::{Channel, Cred, Drain, Rods, Session, Token};

/// One step. Those that name a thing put it whole, in the place of the one that was there.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// A channel is there.
    Channel(Arc<Channel>),
    /// A channel is gone; its tokens and drains are named by themselves.
    NoChannel(Arc<str>),
    /// A token is there.
    Token(Arc<Token>),
    /// A token is gone.
    NoToken(Arc<str>),
    /// A drain is there.
    Drain(Arc<Drain>),
    /// A drain is gone.
    NoDrain(u64),
    /// A credential is there.
    Cred(Arc<Cred>),
    /// A credential is gone.
    NoCred(Arc<str>),
    /// A session is there until it ends.
    Session(Session),
    /// The control rods.
    Rods(Rods),
}
