//! The gateway: `/v2/read` as server-sent events.

mod config;

pub use config::{GatewayConfig, HttpsFiles, StreamConfig};
