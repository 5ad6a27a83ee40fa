//! Who may read: UAA, CAPI and local tokens.

mod config;

pub use config::{AuthConfig, CapiConfig, LocalToken, UaaConfig};
