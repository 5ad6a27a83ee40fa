//! Batches of datagrams through the rules and onward, as runs of frames.

use std::sync::Arc;

use bytes::BytesMut;
use logweir_proto::frames::push_frame;
use logweir_route::{
    Admitted, Chunk, Exchange, Feeder, Publisher,
    queue::{CHUNK_BYTES, CHUNK_ENVELOPES},
};

use super::{
    counts::{Batch, Counts},
    rules::{Reason, Rules},
};

/// Where the envelopes of a door go.
pub(crate) enum Onward {
    /// The V1 queue towards routers.
    Routers(Feeder),
    /// The exchange of this process, as V1.
    Exchange(Box<Publisher>),
    /// The V2 queue towards the agent of the machine.
    Agent(Feeder),
}

/// Everything between a socket and a queue. Never waits.
pub(super) struct Intake {
    rules: Rules,
    exchange: Arc<Exchange>,
    onward: Onward,
    counts: Arc<Counts>,
    /// The envelope at hand, as it goes on.
    envelope: BytesMut,
    chunk: Building,
    /// What was taken since the last was handed on.
    batch: Batch,
}

impl Intake {
    /// `exchange` keeps the books; `onward` is where envelopes go.
    pub(super) fn new(
        rules: Rules,
        exchange: Arc<Exchange>,
        onward: Onward,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            rules,
            exchange,
            onward,
            counts,
            envelope: BytesMut::new(),
            chunk: Building::default(),
            batch: Batch::default(),
        }
    }

    /// Takes what one system call received. Nothing need go on before
    /// [`Intake::send_on`].
    pub(super) fn take<'a>(&mut self, datagrams: impl Iterator<Item = &'a [u8]>) {
        for datagram in datagrams {
            self.batch.datagrams += 1;
            self.batch.bytes += datagram.len() as u64;
            if let Err(reason) = self.add(datagram) {
                self.batch.rejected[reason.index()] += 1;
            }
        }
    }

    /// Hands on what was taken, counts it, and tells how many datagrams it was and of how
    /// many bytes.
    pub(super) fn send_on(&mut self) -> (u64, u64) {
        let batch = std::mem::take(&mut self.batch);
        self.chunk.send_on(&mut self.onward);
        self.counts.add(&batch);
        let rejected = batch.rejected_total();
        // The exchange of this process counts what it is given itself; here only what
        // does not get that far.
        let (envelopes, bytes) = match self.onward {
            Onward::Exchange(_) => (rejected, 0),
            Onward::Routers(_) | Onward::Agent(_) => (batch.datagrams, batch.bytes),
        };
        let admitted = Admitted {
            envelopes,
            malformed: rejected,
            ..Admitted::default()
        };
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.exchange.count_in(bytes, 0, admitted);
        (batch.datagrams, batch.bytes)
    }

    fn add(&mut self, datagram: &[u8]) -> Result<(), Reason> {
        let envelope = &mut self.envelope;
        envelope.clear();
        match self.onward {
            Onward::Agent(_) => self.rules.apply_v2(datagram, envelope)?,
            Onward::Routers(_) | Onward::Exchange(_) => self.rules.apply(datagram, envelope)?,
        }
        if self.chunk.is_full_with(envelope) {
            self.chunk.send_on(&mut self.onward);
        }
        self.chunk.push(envelope);
        Ok(())
    }
}

/// The frames that go on next, within the bounds of a chunk.
#[derive(Default)]
struct Building {
    frames: BytesMut,
    envelopes: u32,
    /// Bytes of the last one: the next gets as much room at once.
    last: usize,
}

impl Building {
    fn is_full_with(&self, envelope: &[u8]) -> bool {
        self.envelopes == CHUNK_ENVELOPES || self.frames.len() + envelope.len() > CHUNK_BYTES
    }

    fn push(&mut self, envelope: &[u8]) {
        if self.envelopes == 0 {
            self.frames.reserve(self.last);
        }
        push_frame(&mut self.frames, envelope);
        self.envelopes += 1;
    }

    fn send_on(&mut self, onward: &mut Onward) {
        if self.envelopes == 0 {
            return;
        }
        let frames = std::mem::take(&mut self.frames).freeze();
        let envelopes = std::mem::take(&mut self.envelopes);
        self.last = frames.len();
        match onward {
            Onward::Routers(feeder) | Onward::Agent(feeder) => {
                feeder.push(Chunk {
                    frames,
                    envelopes,
                    deprecated_tags: false,
                });
            }
            Onward::Exchange(publisher) => {
                publisher.publish_v1(&frames);
            }
        }
    }
}
