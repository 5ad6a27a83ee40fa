//! The gateway: `/v2/read` as server-sent events (spec 6).
//!
//! [`Query`] says what a reader asks for, [`Upstream`] opens it at a reverse log
//! proxy or at the exchange of this process, [`Gateway`] guards and answers.

mod config;
mod errors;
mod events;
mod handler;
mod query;
mod seats;
mod start;
mod upstream;

pub use config::{GatewayConfig, HttpsFiles, StreamConfig};
pub use errors::ReadError;
pub(crate) use events::{EventFigures, Events};
pub use handler::Gateway;
pub(crate) use handler::streaming;
pub use query::{MAX_SELECTORS, Query, QueryError};
pub(crate) use seats::Seats;
pub use start::start;
pub(crate) use start::{Https, guard};
pub use upstream::{BatchStream, RemoteRlp, Upstream};
