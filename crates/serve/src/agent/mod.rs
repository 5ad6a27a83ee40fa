//! The agent of one machine: tags, sums and spreads envelopes over the routers.

mod config;

pub use config::AgentConfig;
