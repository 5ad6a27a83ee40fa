//! The gateway from outside: bytes to a real door, a reverse log proxy of gRPC behind it.

#![allow(clippy::unwrap_used)] // a failed unwrap here is a failed test

mod client;
mod door;
mod golden;
mod local;
mod refusals;
mod status;
mod streams;
mod stub_rlp;
