//! A Redis client: as much of RESP2 as Logplex needs.
//!
//! | to do this | look at |
//! |---|---|
//! | name a server | [`RedisUrl`] |
//! | ask it something | [`Redis::call`], [`Redis::calls`] |
//! | hear what is published | [`Redis::subscribe`] |

mod client;
mod connection;
mod resp;
mod subscriber;
mod url;

pub use client::{Redis, RedisError};
pub use resp::Value;
pub use subscriber::{Message, Subscriber};
pub use url::{RedisUrl, RedisUrlError};
