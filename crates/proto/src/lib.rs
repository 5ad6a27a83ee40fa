//! Wire types of Loggregator V2, of V1 (dropsonde) and of 2013, and what the data path does with an envelope's
//! bytes without decoding it: frames, peek and edits. No I/O, no clock.

pub mod decimal;
pub mod edit;
pub mod fields;
pub mod frames;
pub mod peek;
pub mod peek_v1;
pub mod put;
mod reader;
pub mod sanitize;
mod schema;
pub mod service;
pub mod uuid;

/// Generated from `proto/loggregator_v2.proto` by `cargo xtask codegen`.
#[allow(missing_docs, unreachable_pub)]
#[allow(clippy::all, clippy::pedantic)]
pub mod v2 {
    include!("gen/loggregator.v2.rs");
}

/// Generated from `proto/dropsonde_v1.proto`.
#[allow(missing_docs, unreachable_pub)]
#[allow(clippy::all, clippy::pedantic)]
pub mod v1 {
    include!("gen/events.rs");
}

/// Generated from `proto/plumbing_v1.proto`: the V1 services of a router.
#[allow(missing_docs, unreachable_pub)]
#[allow(clippy::all, clippy::pedantic)]
pub mod plumbing {
    include!("gen/plumbing.rs");
}

/// Generated from `proto/logmessage_2013.proto`.
#[allow(missing_docs, unreachable_pub)]
#[allow(clippy::all, clippy::pedantic)]
pub mod logmessage {
    include!("gen/logmessage.rs");
}

/// Generated from `proto/logcache_v1.proto`: the services of Log Cache.
#[allow(missing_docs, unreachable_pub)]
#[allow(clippy::all, clippy::pedantic)]
pub mod logcache {
    include!("gen/logcache.v1.rs");
}

/// Generated from `proto/logweir_cache_v1.proto`: what our nodes answer beyond them.
#[allow(missing_docs, unreachable_pub)]
#[allow(clippy::all, clippy::pedantic)]
pub mod cache {
    include!("gen/logweir.cache.v1.rs");
}
