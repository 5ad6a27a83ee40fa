//! Who may read: UAA, CAPI and local tokens (spec 6.2).

pub(crate) mod authorizer;
pub(crate) mod cache;
pub(crate) mod call;
pub(crate) mod capi;
mod config;
pub(crate) mod jwt;
pub(crate) mod pages;
#[cfg(test)]
pub(crate) mod stub;
pub(crate) mod token_keys;
mod tokens;
mod uaa;

pub use authorizer::{AuthError, Authorizer, Denial, Readable, Refusal};
pub use config::{AuthConfig, CapiConfig, LocalToken, UaaConfig};
