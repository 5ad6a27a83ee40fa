//! A bounded memory of what came last, per source. No I/O, no clock: envelopes are bytes
//! that were looked into elsewhere, and time comes in as an argument.

mod limits;
pub mod promql;
mod query;
pub mod record;
mod store;
mod types;

pub use limits::StoreLimits;
pub use query::{Cursor, Page, Query};
pub use store::{
    Block, Expired, Head, Home, Passing, Put, Scan, SourceMeta, Sources, Store, StoreStats, Unsaved,
};
pub use types::Types;
