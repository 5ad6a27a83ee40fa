//! Drains against receivers that do what receivers do: read, stop reading, close, refuse, lie.
#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

mod channel;
mod endings;
mod https;
mod https_batch;
mod nozzle;
mod receiver;
mod rig;
mod spool;
mod tcp;
mod tls;
mod udp;
mod web;
