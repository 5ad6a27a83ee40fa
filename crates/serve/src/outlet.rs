//! Envelopes that this process makes itself, on their way to a sink in runs of frames.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use logweir_proto::{frames::push_frame, v2};
use logweir_route::{
    Feeder,
    queue::{CHUNK_BYTES, CHUNK_ENVELOPES},
};
use prost::Message;

use crate::grpc::Sink;

/// Makes a sink for each door, connection or scrape target.
pub(crate) type OpenSink = Arc<dyn Fn() -> Box<dyn Sink> + Send + Sync>;

/// Gathers envelopes within the bounds of a chunk. Never waits.
pub(crate) struct Outlet {
    sink: Box<dyn Sink>,
    frames: BytesMut,
    envelopes: u32,
    /// An envelope at hand.
    envelope: Vec<u8>,
}

impl Outlet {
    pub(crate) fn new(sink: Box<dyn Sink>) -> Self {
        Self {
            sink,
            frames: BytesMut::new(),
            envelopes: 0,
            envelope: Vec::new(),
        }
    }

    /// Adds an envelope's bytes.
    pub(crate) fn push(&mut self, envelope: &[u8]) {
        let full =
            self.envelopes == CHUNK_ENVELOPES || self.frames.len() + envelope.len() > CHUNK_BYTES;
        if full {
            self.send_on();
        }
        push_frame(&mut self.frames, envelope);
        self.envelopes += 1;
    }

    /// Adds an envelope.
    pub(crate) fn push_envelope(&mut self, envelope: &v2::Envelope) {
        let mut bytes = std::mem::take(&mut self.envelope);
        bytes.clear();
        // A vector has room for anything.
        let _ = envelope.encode(&mut bytes);
        self.push(&bytes);
        self.envelope = bytes;
    }

    /// Hands on what was gathered.
    pub(crate) fn send_on(&mut self) {
        if self.envelopes > 0 {
            self.envelopes = 0;
            self.sink.accept(self.frames.split().freeze());
        }
    }
}

impl Sink for Feeder {
    fn accept(&mut self, batch: Bytes) {
        self.feed(batch);
    }
}
