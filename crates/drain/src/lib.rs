//! Drains: where an app's envelopes go outside. The grammar of their URLs, what they filter,
//! the bindings that name them, and the delivery.
//!
//! | to do this | look at |
//! |---|---|
//! | read a drain's URL, and what its requests look like | [`url`] |
//! | read the URL of a Logplex channel's drain | [`logplex_url`] |
//! | know which envelopes a drain takes | [`filter`] |
//! | read and write bindings as CAPI and the binding cache exchange them | [`binding`] |
//! | turn bindings into drains, and see what changed | [`plan`] |
//! | keep drains away from addresses | [`block_list`], [`reach`] |
//! | deliver | [`delivery`] |
//! | keep on disk what is not delivered | [`spool`] |
//! | tell an app about its drain | [`notice`] |
//! | speak with Kafka's brokers | [`kafka`] |
//! | know the names of apps | [`names`] |
//! | lead envelopes to files and databases of the operator | [`nozzle`] |

pub mod binding;
pub mod block_list;
mod channel;
pub mod credentials;
pub mod delivery;
mod drain;
mod exit;
pub mod filter;
pub mod headers;
pub mod kafka;
pub mod logplex_url;
pub mod names;
pub mod notice;
pub mod nozzle;
pub mod plan;
pub mod reach;
pub mod secret;
pub mod spool;
pub mod url;

pub use channel::ChannelDrain;
pub use drain::{Drain, Scope};
pub use exit::Exit;
