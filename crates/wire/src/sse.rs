//! The gateway's event stream: what is written (spec loggregator-v2 §6.4) and an
//! incremental parser for its readers.

use std::io::Write as _;

use crate::json::{self, Written};

mod parser;

pub use parser::{Event, Parser};

/// Appends one event with the envelopes of a batch.
pub fn batch_event(batch: &[u8], out: &mut Vec<u8>) -> Written {
    out.extend_from_slice(b"data: ");
    let written = json::envelope_batch(batch, out);
    out.extend_from_slice(b"\n\n");
    written
}

/// Appends the sign of life of a quiet stream.
pub fn heartbeat_event(unix_seconds: u64, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "event: heartbeat\ndata: {unix_seconds}\n\n");
}

/// Appends the notice after which the stream ends by design.
pub fn closing_event(out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: closing\ndata: closing due to stream timeout\n\n");
}
