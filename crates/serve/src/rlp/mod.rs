//! The reverse log proxy: reads from every router on behalf of its readers.

mod config;

pub use config::RlpConfig;
