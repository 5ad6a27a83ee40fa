//! The binary: arguments, configuration, telemetry, wiring.

fn main() {}
