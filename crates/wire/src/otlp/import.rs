//! A request into envelopes.

use logweir_proto::v2;
use prost::Message;

use super::{
    Encoding, Signal,
    attributes::{Tags, Whose},
    leaf::Leaf,
    logs, metrics,
    refusal::Refusal,
    spans,
    walk::{Malformed, walk},
};

/// What a request does not say.
#[derive(Clone, Copy, Debug)]
pub struct Defaults<'a> {
    /// Source id of what names no source.
    pub source_id: &'a str,
    /// Unix nanoseconds, for what has no time.
    pub now: i64,
    /// Most bytes of envelopes that one request becomes; what would come after is refused.
    pub most_bytes: usize,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Log records, data points or spans that were taken.
    pub accepted: u64,
    /// Those that were refused, in the order of [`Refusal::ALL`].
    pub refused: [u64; Refusal::COUNT],
    /// Envelopes made.
    pub envelopes: u64,
    /// Events and links of spans, which have no place in an envelope.
    pub left_out: u64,
}

impl Outcome {
    /// All that were refused.
    pub fn refused_total(&self) -> u64 {
        self.refused.iter().sum()
    }
}

/// Takes a request and gives the bytes of each envelope to `emit`.
///
/// # Errors
/// A request whose frame cannot be read; then nothing was emitted.
pub fn import(
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
    defaults: &Defaults<'_>,
    emit: &mut dyn FnMut(&[u8]),
) -> Result<Outcome, Malformed> {
    walk(signal, encoding, body, &mut |_, _| {})?;
    let mut into = Intake {
        defaults,
        emit,
        room: defaults.most_bytes,
        envelope: Vec::new(),
        outcome: Outcome::default(),
    };
    walk(signal, encoding, body, &mut |above, leaf| {
        into.leaf(signal, above, leaf);
    })?;
    Ok(into.outcome)
}

/// Where envelopes go.
pub(super) struct Intake<'a> {
    pub(super) defaults: &'a Defaults<'a>,
    emit: &'a mut dyn FnMut(&[u8]),
    /// Bytes that may still come.
    room: usize,
    envelope: Vec<u8>,
    pub(super) outcome: Outcome,
}

impl Intake<'_> {
    fn leaf(&mut self, signal: Signal, above: &Tags, leaf: Leaf<'_>) {
        match signal {
            Signal::Logs => {
                let taken = leaf
                    .log_record()
                    .and_then(|log| logs::take(log, above, self));
                self.count(taken);
            }
            Signal::Metrics => metrics::take(leaf, above, self),
            Signal::Traces => {
                let taken = leaf.span().and_then(|span| spans::take(span, above, self));
                self.count(taken);
            }
        }
    }

    /// Counts one record.
    pub(super) fn count(&mut self, taken: Result<(), Refusal>) {
        match taken {
            Ok(()) => self.outcome.accepted += 1,
            Err(refusal) => self.outcome.refused[refusal.index()] += 1,
        }
    }

    /// Whether another record finds room.
    pub(super) fn has_room(&self) -> Result<(), Refusal> {
        match self.room {
            0 => Err(Refusal::TooMuch),
            _ => Ok(()),
        }
    }

    /// The time of a record, `0` being none.
    pub(super) fn time(&self, nanos: u64) -> i64 {
        match nanos {
            0 => self.defaults.now,
            nanos => i64::try_from(nanos).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn push(&mut self, timestamp: i64, tags: Tags, message: v2::envelope::Message) {
        let Whose {
            source_id,
            instance_id,
            tags,
        } = tags.whose(self.defaults.source_id);
        let envelope = v2::Envelope {
            timestamp,
            source_id,
            instance_id,
            tags,
            message: Some(message),
            ..v2::Envelope::default()
        };
        self.envelope.clear();
        // A vector has room for anything.
        let _ = envelope.encode(&mut self.envelope);
        self.room = self.room.saturating_sub(self.envelope.len());
        self.outcome.envelopes += 1;
        (self.emit)(&self.envelope);
    }
}
