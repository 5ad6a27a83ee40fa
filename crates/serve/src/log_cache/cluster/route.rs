//! A batch, taken apart by who keeps its sources.

use bytes::{Bytes, BytesMut};
use logweir_cache::Put;
use logweir_proto::{frames::frames, peek::peek};
use logweir_route::{
    Admitted, Chunk, Generation,
    admit::admit,
    queue::{CHUNK_BYTES, CHUNK_ENVELOPES},
};

use super::{Cluster, Place, View};
use crate::log_cache::local::put_of;

/// Neighbours in a batch that one node keeps.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    /// The node's place in the list.
    place: usize,
    start: usize,
    end: usize,
    envelopes: u64,
}

impl Cluster {
    /// Queues what other nodes keep, and keeps what this one does. Never waits.
    pub(crate) fn keep(&self, batch: &Bytes) {
        let view = self.view.load();
        if view.is_alone() {
            self.local.keep(batch);
            return;
        }
        let mut own = Vec::new();
        let Some(runs) = runs(&view, batch, |put| own.push(put)) else {
            return self.spread(batch, &mut |own| {
                self.local.keep(own);
            });
        };
        self.hand_on(&view, batch, &runs, Admitted::default(), &mut |bytes| {
            self.local.keep_seen(bytes, &own);
        });
    }

    /// Whether this node owns all of a batch.
    pub(crate) fn keeps(&self, batch: &[u8]) -> bool {
        let view = self.view.load();
        runs(&view, batch, |_| {}).is_some_and(|runs| match &runs[..] {
            [] => true,
            [only] => matches!(view.places[only.place], Place::Here),
            _ => false,
        })
    }

    /// The same where `here` does what is to be done with what is this node's own.
    pub(crate) fn spread(&self, batch: &Bytes, here: &mut dyn FnMut(&Bytes)) {
        let view = self.view.load();
        if let Some(runs) = runs(&view, batch, |_| {}) {
            return self.hand_on(&view, batch, &runs, Admitted::default(), here);
        }
        let (clean, admitted) = admit(Generation::V2, batch.clone(), &mut Vec::new());
        let runs = runs(&view, &clean, |_| {}).unwrap_or_default();
        self.hand_on(&view, &clean, &runs, admitted, here);
    }

    fn hand_on(
        &self,
        view: &View,
        batch: &Bytes,
        runs: &[Run],
        admitted: Admitted,
        here: &mut dyn FnMut(&Bytes),
    ) {
        if let [only] = runs
            && matches!(view.places[only.place], Place::Here)
        {
            here(batch);
        } else {
            self.split(view, batch, runs, here);
        }
        self.exchange.count_in(
            0,
            0,
            Admitted {
                envelopes: 0,
                ..admitted
            },
        );
    }

    fn split(&self, view: &View, batch: &Bytes, runs: &[Run], here: &mut dyn FnMut(&Bytes)) {
        let mut parts: Vec<(BytesMut, u64)> = Vec::new();
        parts.resize_with(view.places.len(), Default::default);
        for run in runs {
            let (bytes, envelopes) = &mut parts[run.place];
            bytes.extend_from_slice(&batch[run.start..run.end]);
            *envelopes += run.envelopes;
        }
        for (place, (bytes, envelopes)) in view.places.iter().zip(parts) {
            if envelopes == 0 {
                continue;
            }
            let bytes = bytes.freeze();
            match place {
                Place::Here => here(&bytes),
                Place::There(peer) => {
                    let admitted = Admitted {
                        envelopes,
                        ..Admitted::default()
                    };
                    self.exchange.count_in(bytes.len(), 0, admitted);
                    for chunk in pieces(&bytes) {
                        peer.feeder.push(chunk);
                    }
                }
            }
        }
    }
}

/// Who keeps what; none if there is anything in the batch that cannot be passed on. `own` gets
/// what this node keeps.
fn runs<'a>(view: &View, batch: &'a [u8], mut own: impl FnMut(Put<'a>)) -> Option<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for frame in frames(batch) {
        let frame = frame.ok()?;
        let seen = peek(frame.envelope).ok()?;
        let place = view.index(seen.source_id);
        if matches!(view.places[place], Place::Here) {
            own(put_of(frame.envelope, &seen));
        }
        let end = frame.start + frame.bytes.len();
        match runs.last_mut() {
            Some(run) if run.place == place && run.end == frame.start => {
                run.end = end;
                run.envelopes += 1;
            }
            _ => runs.push(Run {
                place,
                start: frame.start,
                end,
                envelopes: 1,
            }),
        }
    }
    Some(runs)
}

/// Cuts checked frames into chunks that a queue takes.
fn pieces(batch: &Bytes) -> impl Iterator<Item = Chunk> {
    let mut frames = frames(batch).flatten().peekable();
    std::iter::from_fn(move || {
        let start = frames.peek()?.start;
        let (mut end, mut envelopes) = (start, 0);
        while let Some(frame) = frames.next_if(|frame| {
            let length = frame.start + frame.bytes.len() - start;
            envelopes == 0 || (envelopes < CHUNK_ENVELOPES && length <= CHUNK_BYTES)
        }) {
            end = frame.start + frame.bytes.len();
            envelopes += 1;
        }
        Some(Chunk {
            frames: batch.slice(start..end),
            envelopes,
            deprecated_tags: false,
        })
    })
}

#[cfg(test)]
mod tests {
    use logweir_proto::frames::push_frame;

    use super::*;

    #[test]
    fn chunks_stay_within_their_bounds() {
        let mut batch = BytesMut::new();
        let large = vec![0; CHUNK_BYTES];
        for envelope in [&large[..], b"a", b"b"] {
            push_frame(&mut batch, envelope);
        }
        for _ in 0..CHUNK_ENVELOPES {
            push_frame(&mut batch, b"c");
        }
        let batch = batch.freeze();
        let chunks: Vec<_> = pieces(&batch).collect();
        let envelopes: Vec<_> = chunks.iter().map(|chunk| chunk.envelopes).collect();
        assert_eq!(envelopes, [1, CHUNK_ENVELOPES, 2]);
        let all: Vec<u8> = chunks
            .iter()
            .flat_map(|chunk| chunk.frames.to_vec())
            .collect();
        assert_eq!(all, batch);
    }
}
