//! Every role in one process, over one exchange in memory.

mod config;

pub use config::RunConfig;
