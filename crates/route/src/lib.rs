//! Publish and subscribe that drops: selectors, the subscription index, shard
//! groups, chunk queues and the loss ledger. No I/O, no clock: time comes in as
//! an argument.
//!
//! The way of a batch: [`Publisher::publish`] walks its frames once, asks the
//! index who wants each, and appends them to the
//! [`ChunkQueue`](queue::ChunkQueue) of each subscriber. A queue that is full
//! drops its oldest chunk, counts it by [`Cause`] and by source, and hands the
//! loss to the reader with the next chunk it takes.

pub mod admit;
pub mod counters;
pub mod exchange;
mod generation;
mod in_flight;
mod index;
pub mod ledger;
pub mod notice;
pub mod notice_v1;
mod publisher;
pub mod queue;
pub mod selector;
mod shard;
mod subscription;
mod tap;
mod v1;

pub use admit::Admitted;
pub use exchange::{Exchange, ExchangeLimits, ExchangeStats, IngressStats, SubscribeRequest};
pub use generation::Generation;
pub use in_flight::InFlight;
pub use ledger::{Cause, Loss, LossTotals, QueueStats};
pub use publisher::Publisher;
pub use queue::{Chunk, ChunkQueue, QueueLimits, Taken, Terms};
pub use selector::{Selector, SelectorError};
pub use subscription::{Feeder, Subscription};
pub use tap::{Seen, Tap};
pub use v1::{Converter, SubscribeV1};
