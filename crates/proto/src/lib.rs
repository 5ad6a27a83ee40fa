//! Wire types of Loggregator V2, and what the data path does with an envelope's
//! bytes without decoding it: frames, peek and edits. No I/O, no clock.

pub mod edit;
mod fields;
pub mod frames;
pub mod peek;
mod reader;
pub mod sanitize;
mod schema;
pub mod service;

/// Generated from `proto/loggregator_v2.proto` by `cargo xtask codegen`.
#[allow(missing_docs, unreachable_pub)]
#[allow(clippy::all, clippy::pedantic)]
pub mod v2 {
    include!("gen/loggregator.v2.rs");
}
