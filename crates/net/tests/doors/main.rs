//! Doors on port 0, and clients that behave and misbehave: each bad case has a clear
//! end, and nobody else notices.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test's rig is a failed test"
)]

mod clients;
mod endings;
mod handshakes;
mod plain;
mod reload;
mod rig;
mod streams;
