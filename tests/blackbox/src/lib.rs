//! What the black-box tests share: the binary as a process, a whole system in one
//! process, its doors over raw gRPC and HTTP, and certificates good and bad.
//!
//! The tests themselves are in `tests/`, one file for each subject. Every wait has a
//! deadline, which `LOGWEIR_TEST_PATIENCE` multiplies.

pub mod cache;
pub mod cache_nodes;
pub mod cache_pages;
pub mod cache_peers;
pub mod capi;
pub mod certificates;
pub mod cloud;
pub mod datagrams;
pub mod drain_sink;
pub mod drains;
pub mod envelopes;
pub mod events;
pub mod fleet;
pub mod http;
pub mod logplex;
pub mod measured;
pub mod multipart;
pub mod nozzles;
pub mod otlp;
pub mod patience;
pub mod platform;
pub mod process;
pub mod receivers;
pub mod stream;
mod stub;
pub mod syslog_sink;
pub mod system;
pub mod tails;
pub mod targets;
pub mod tls;
pub mod v1;
pub mod websocket;
