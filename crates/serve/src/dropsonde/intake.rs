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
    Exchange(Publisher),
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
    frames: BytesMut,
    envelopes: u32,
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
            frames: BytesMut::new(),
            envelopes: 0,
        }
    }

    /// Takes what one system call received.
    pub(super) fn take<'a>(&mut self, datagrams: impl Iterator<Item = &'a [u8]>) {
        let mut batch = Batch::default();
        for datagram in datagrams {
            batch.datagrams += 1;
            batch.bytes += datagram.len() as u64;
            if let Err(reason) = self.add(datagram) {
                batch.rejected[reason.index()] += 1;
            }
        }
        self.send_on();
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
    }

    fn add(&mut self, datagram: &[u8]) -> Result<(), Reason> {
        let envelope = &mut self.envelope;
        envelope.clear();
        match self.onward {
            Onward::Agent(_) => self.rules.apply_v2(datagram, envelope)?,
            Onward::Routers(_) | Onward::Exchange(_) => self.rules.apply(datagram, envelope)?,
        }
        if self.envelopes == CHUNK_ENVELOPES || self.frames.len() + envelope.len() > CHUNK_BYTES {
            let (frames, envelopes) = (std::mem::take(&mut self.frames), self.envelopes);
            hand_over(&mut self.onward, frames, envelopes);
            self.envelopes = 0;
        }
        push_frame(&mut self.frames, envelope);
        self.envelopes += 1;
        Ok(())
    }

    fn send_on(&mut self) {
        let frames = std::mem::take(&mut self.frames);
        hand_over(
            &mut self.onward,
            frames,
            std::mem::take(&mut self.envelopes),
        );
    }
}

fn hand_over(onward: &mut Onward, frames: BytesMut, envelopes: u32) {
    if envelopes == 0 {
        return;
    }
    let frames = frames.freeze();
    match onward {
        Onward::Routers(feeder) | Onward::Agent(feeder) => feeder.push(Chunk {
            frames,
            envelopes,
            deprecated_tags: false,
        }),
        Onward::Exchange(publisher) => {
            publisher.publish_v1(&frames);
        }
    }
}
