//! A Redis server, spoken to by the `redis` crate over connections of ours: with our resolver,
//! our TLS and our deadlines.
//!
//! | to do this | look at |
//! |---|---|
//! | name a server | [`RedisUrl`] |
//! | ask it something | [`Redis::call`], [`Redis::calls`] |
//! | hear what is published | [`Redis::subscribe`] |

mod client;
mod error;
mod link;
mod subscriber;
mod transport;
mod url;
mod value;

pub use client::Redis;
pub use error::RedisError;
pub use subscriber::{Message, Subscriber};
pub use url::{RedisUrl, RedisUrlError};
pub use value::Value;
