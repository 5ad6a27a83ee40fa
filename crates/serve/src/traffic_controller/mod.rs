//! The traffic controller: V1 envelopes for those who came before gRPC, over
//! WebSockets and plain HTTP (spec V1, section 4).
//!
//! [`TrafficController`] knows the paths and guards them, [`Source`] says where
//! envelopes come from, a session writes them to one WebSocket.

mod access;
mod config;
mod cookie;
mod endpoints;
mod filter;
mod handler;
mod history;
mod info;
mod legacy;
mod route;
mod session;
mod socket;
mod source;
mod start;
mod upstream;

pub use crate::front::cef::SecurityLog;
pub use config::{SessionConfig, TrafficControllerConfig};
pub use cookie::{CookieConfig, SameSite};
pub use handler::{Options, TrafficController};
pub use info::Info;
pub use source::{BoxFrames, Class, Finite, Frames, Source, Wanted};
pub use start::start;
pub(crate) use start::{Door, IDENTITY, controller};
pub use upstream::ZoneConfig;
