//! The gateway from outside: bytes to a real door, a reverse log proxy of gRPC behind it.

mod client;
mod door;
mod golden;
mod local;
mod refusals;
mod status;
mod streams;
mod stub_rlp;
