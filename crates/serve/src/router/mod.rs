//! The router: takes envelopes from agents and hands them to subscribers.

mod config;

pub use config::RouterConfig;
