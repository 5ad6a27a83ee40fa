//! A bounded memory of what was logged last. No I/O, no clock: envelopes are bytes that
//! were looked into elsewhere, and time comes in as an argument.

mod recent;
mod source;

pub use recent::{Recent, RecentLimits, RecentStats};
