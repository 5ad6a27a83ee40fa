//! Who may read: UAA, CAPI and local tokens (spec 6.2).

mod authorizer;
mod cache;
mod call;
mod capi;
mod config;
#[cfg(test)]
pub(crate) mod stub;
mod tokens;
mod uaa;

pub use authorizer::{AuthError, Authorizer, Denial, Readable, Refusal};
pub use config::{AuthConfig, CapiConfig, LocalToken, UaaConfig};
