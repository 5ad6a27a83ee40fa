//! The binary: arguments, configuration, telemetry, wiring.

mod config;
mod console;
mod logging;
mod role;
mod signals;

fn main() {}
