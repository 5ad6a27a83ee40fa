//! Finds out who wants each frame of a batch, and hands every reader its frames.

mod convert;
mod match_v1;

use std::sync::Arc;

use bytes::Bytes;
use logweir_proto::{
    frames::frames,
    peek::{Peek, peek},
};

use crate::{
    admit::{self, Admitted, Unclean, span},
    exchange::Exchange,
    generation::Generation,
    index::{Index, Wants},
    queue::Span,
    selector::What,
    shard::Group,
    tap::Seen,
};
use convert::Conversion;

/// Bytes of a frame, to guess how many there are in a batch.
const TYPICAL_FRAME: usize = 256;

/// Publishes batches; holds the scratch space of one ingress stream.
pub struct Publisher {
    exchange: Arc<Exchange>,
    v2: Scratch,
    v1: Scratch,
    conversion: Conversion,
    overflowed: bool,
}

/// What is known of the batch at hand. Kept from batch to batch for its memory.
#[derive(Default)]
struct Scratch {
    spans: Vec<Span>,
    /// Slots of the readers that want every frame.
    whole: Vec<u32>,
    /// A reader's slot and the position of a frame that it wants. May hold one twice.
    wishes: Vec<(u32, u32)>,
    /// For each frame: whether anybody wants it.
    matched: Vec<bool>,
    /// The load that this batch will add to members of shard groups, by slot.
    assigned: Vec<(u32, usize)>,
    /// Positions for the reader at hand.
    positions: Vec<u32>,
    /// Turns ties between equally loaded members of a shard group.
    turn: u64,
}

impl Publisher {
    pub(crate) fn new(exchange: Arc<Exchange>) -> Self {
        Self {
            exchange,
            v2: Scratch::default(),
            v1: Scratch::default(),
            conversion: Conversion::default(),
            overflowed: false,
        }
    }

    /// Whether a reader's queue has overflowed under what was published since this was
    /// last asked. Whoever publishes on and on should let the readers have their turn:
    /// else all there is of the processor goes into what is dropped.
    pub fn overflowed(&mut self) -> bool {
        std::mem::take(&mut self.overflowed)
    }

    /// Routes every envelope of an `EnvelopeBatch`. What is malformed is counted
    /// and dropped alone; invalid UTF-8 is replaced; the rest goes on untouched, and
    /// converted to the readers of V1 that want it.
    pub fn publish(&mut self, batch: &Bytes) -> Admitted {
        let index = self.exchange.index();
        let cleaned;
        let (batch, seen, admitted) = match self.v2.route(&index, batch) {
            Ok(seen) => (batch, seen, self.v2.all()),
            Err(Unclean) => {
                let (clean, mut admitted) = admit::cleaned(Generation::V2, batch);
                cleaned = clean;
                // What was cleaned is clean.
                let seen = self.v2.route(&index, &cleaned).unwrap_or_default();
                admitted.envelopes = self.v2.spans.len() as u64 + admitted.malformed;
                (&cleaned, seen, admitted)
            }
        };
        let converted = if index.v1.is_empty() {
            None
        } else {
            self.carry_to_v1(&index, batch)
        };
        let unmatched = self.v2.unmatched();
        self.exchange.count_in(batch.len(), unmatched, admitted);
        self.overflowed |= self.v2.deliver(&self.exchange, &index, batch);
        index.show(&seen);
        if let Some(frames) = converted {
            self.overflowed |= self.v1.deliver(&self.exchange, &index, &frames);
        }
        admitted
    }

    /// Routes every envelope of a run of V1 frames: a `BatchResponse`, or any number of
    /// `EnvelopeData` one after another. What is malformed is counted and dropped
    /// alone. Readers of V1 get the very bytes, those of V2 the conversion.
    pub fn publish_v1(&mut self, batch: &Bytes) -> Admitted {
        let index = self.exchange.index();
        let (batch, admitted) = match self.v1.route_v1(&index, batch) {
            Ok(()) => (batch.clone(), self.v1.all()),
            Err(Unclean) => {
                let (clean, mut admitted) = admit::cleaned(Generation::V1, batch);
                let _ = self.v1.route_v1(&index, &clean);
                admitted.envelopes = self.v1.spans.len() as u64 + admitted.malformed;
                (clean, admitted)
            }
        };
        let converted = match index.v2_kinds() {
            0 => None,
            wanted => self.convert_to_v2(&batch, wanted),
        };
        let converted = converted.as_ref().and_then(|frames| {
            let seen = self.v2.route(&index, frames).ok()?;
            self.match_origins();
            Some((frames, seen))
        });
        let unmatched = self.v1.unmatched();
        self.exchange.count_in(batch.len(), unmatched, admitted);
        self.overflowed |= self.v1.deliver(&self.exchange, &index, &batch);
        if let Some((frames, seen)) = converted {
            self.overflowed |= self.v2.deliver(&self.exchange, &index, frames);
            index.show(&seen);
        }
        admitted
    }
}

impl Scratch {
    /// What was admitted when all of it was clean.
    fn all(&self) -> Admitted {
        Admitted {
            envelopes: self.spans.len() as u64,
            ..Admitted::default()
        }
    }

    /// How many envelopes nobody wants.
    fn unmatched(&self) -> u64 {
        self.matched.iter().filter(|matched| !**matched).count() as u64
    }

    fn clear(&mut self) {
        self.spans.clear();
        self.whole.clear();
        self.wishes.clear();
        self.matched.clear();
        self.assigned.clear();
    }

    /// Hands every reader its frames. True if a queue overflowed.
    fn deliver(&mut self, exchange: &Exchange, index: &Index, batch: &Bytes) -> bool {
        let mut overflowed = false;
        let Self {
            spans,
            whole,
            wishes,
            positions,
            ..
        } = self;
        for slot in whole.iter() {
            if let Some(reader) = index.members.get(*slot) {
                overflowed |= exchange.record_drops(&reader.queue.push_all(batch, spans));
            }
        }
        // A thousand readers of one app each are found here by sorting a hundred
        // pairs; a list for each reader would be a thousand cold places in memory.
        wishes.sort_unstable();
        wishes.dedup();
        // Their queues are cold too, and a lock lets the processor wait for one at a
        // time only: a look at each before lets it fetch them together.
        let members = wishes.iter().map(|(slot, _)| index.members.get(*slot));
        std::hint::black_box(
            members
                .flatten()
                .map(|member| member.queue.load())
                .sum::<usize>(),
        );
        for of_reader in wishes.chunk_by(|one, other| one.0 == other.0) {
            let slot = of_reader[0].0;
            if whole.contains(&slot) {
                continue;
            }
            let Some(reader) = index.members.get(slot) else {
                continue;
            };
            let dropped = if of_reader.len() == spans.len() {
                reader.queue.push_all(batch, spans)
            } else {
                positions.clear();
                positions.extend(of_reader.iter().map(|(_, position)| *position));
                reader.queue.push_some(batch, spans, positions)
            };
            overflowed |= exchange.record_drops(&dropped);
        }
        overflowed
    }

    /// Finds out who wants each V2 frame. What was seen of the envelopes on the way is
    /// left, if anybody wants to be shown it.
    fn route<'a>(&mut self, index: &Index, batch: &'a [u8]) -> Result<Vec<Seen<'a>>, Unclean> {
        self.clear();
        let mut kinds = 0;
        // Readers that want whole kinds of every source are matched once for the
        // batch below; the others frame by frame.
        let lane = &index.v2;
        let every = &*lane.every;
        let by_frame = !every.named.is_empty() || !every.groups.is_empty();
        let everything = every.kinds.iter().fold(0, |all, (_, kinds)| all | kinds);
        let mut seen = Vec::new();
        let noted = lane.has_sources() || !index.taps.is_empty();
        if noted {
            seen.reserve(batch.len() / TYPICAL_FRAME + 1);
        }
        for frame in frames(batch) {
            let frame = frame.map_err(|_| Unclean)?;
            let envelope = peek(frame.envelope).map_err(|_| Unclean)?;
            let span = span(&frame, &envelope)?;
            kinds |= span.kind;
            let by_kind = everything & span.kind != 0;
            let by_name = by_frame && {
                let at = self.spans.len();
                self.match_names(index, every, &envelope, span, at)
            };
            self.matched.push(by_kind || by_name);
            if noted {
                seen.push(Seen::of(frame.envelope, &envelope));
            }
            self.spans.push(span);
        }
        if lane.has_sources() {
            self.match_sources(index, &seen)?;
        }
        self.match_batch(every, kinds);
        Ok(seen)
    }

    /// Notes everybody who wants a frame by its source. With very many sources each
    /// look-up waits for memory several times; in loops of their own the processor
    /// waits for many at once.
    fn match_sources(&mut self, index: &Index, seen: &[Seen<'_>]) -> Result<(), Unclean> {
        let own: Vec<_> = seen.iter().map(|one| index.v2.of(one.source_id)).collect();
        for (at, wants) in own.into_iter().enumerate() {
            let Some(wants) = wants else { continue };
            let span = self.spans[at];
            let before = self.wishes.len();
            let of_kind = wants.kinds.iter();
            let of_kind = of_kind.filter(|(_, kinds)| kinds & span.kind != 0);
            self.wishes
                .extend(of_kind.map(|(slot, _)| (*slot, position(at))));
            let mut matched = self.wishes.len() > before;
            if !wants.named.is_empty() || !wants.groups.is_empty() {
                let envelope = peek(seen[at].envelope).map_err(|_| Unclean)?;
                matched |= self.match_names(index, wants, &envelope, span, at);
            }
            self.matched[at] |= matched;
        }
        Ok(())
    }

    /// Notes who wants a frame by metric names, and whose turn it is in shard groups.
    fn match_names(
        &mut self,
        index: &Index,
        wants: &Wants<What>,
        envelope: &Peek<'_>,
        span: Span,
        at: usize,
    ) -> bool {
        let before = self.wishes.len();
        let named = wants.named_for(envelope);
        self.wishes.extend(named.map(|slot| (slot, position(at))));
        for (what, group) in &wants.groups {
            if what.matches(envelope) {
                let slot = group
                    .decided(envelope)
                    .unwrap_or_else(|| self.least_loaded(index, group, span));
                self.wishes.push((slot, position(at)));
            }
        }
        self.wishes.len() > before
    }

    /// Notes everybody who wants kinds of every source.
    fn match_batch<W>(&mut self, every: &Wants<W>, batch: u8) {
        for (slot, kinds) in &every.kinds {
            if kinds & batch == batch {
                self.whole.push(*slot);
            } else if kinds & batch != 0 {
                let wanted = (0_u32..).zip(&self.spans);
                let wanted = wanted.filter(|(_, span)| span.kind & kinds != 0);
                self.wishes
                    .extend(wanted.map(|(position, _)| (*slot, position)));
            }
        }
    }

    /// The member of a shard group with the least in its queue, what this batch adds
    /// included.
    fn least_loaded(&mut self, index: &Index, group: &Group, span: Span) -> u32 {
        let count = group.members.len();
        let first = self.drawn(count);
        let turned = (0..count).map(|step| group.members[(first + step) % count]);
        let load = |slot: &u32| {
            let waiting = index.members.get(*slot).map_or(0, |own| own.queue.load());
            waiting + self.assigned(*slot)
        };
        let chosen = turned.min_by_key(load).unwrap_or_default();
        match self.assigned.iter_mut().find(|(slot, _)| *slot == chosen) {
            Some((_, bytes)) => *bytes += span.bytes(),
            None => self.assigned.push((chosen, span.bytes())),
        }
        chosen
    }

    /// Where to begin among members with equal loads: multiples of the golden ratio, which
    /// fall evenly however many of them are left out. A mere count would give a group the
    /// same member again and again where an envelope has as many groups as that has members.
    fn drawn(&mut self, count: usize) -> usize {
        self.turn = self.turn.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let part = u128::from(self.turn) * count as u128;
        usize::try_from(part >> 64).unwrap_or(0)
    }

    fn assigned(&self, slot: u32) -> usize {
        self.assigned
            .iter()
            .find(|(own, _)| *own == slot)
            .map_or(0, |(_, bytes)| *bytes)
    }
}

/// Batches are far smaller than 4 Gi frames.
fn position(spans: usize) -> u32 {
    u32::try_from(spans).unwrap_or(u32::MAX)
}
