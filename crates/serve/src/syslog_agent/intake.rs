//! What comes in goes on as it is, but for envelopes without a source id.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::{Bytes, BytesMut};
use logweir_proto::{
    edit::{DefaultTags, default_source_id, tag_for_agent},
    frames::{Frame, frames, push_frame},
    peek::peek,
};
use logweir_route::Publisher;

use crate::grpc::Sink;

/// The sink of one stream of producers.
pub(super) struct Intake {
    publisher: Publisher,
    /// Envelopes that got their source id from an origin tag.
    mapped: Arc<AtomicU64>,
}

impl Intake {
    pub(super) fn new(publisher: Publisher, mapped: Arc<AtomicU64>) -> Self {
        Self { publisher, mapped }
    }
}

impl Sink for Intake {
    fn accept(&mut self, batch: Bytes) {
        let nameless = frames(&batch).flatten().any(|frame| is_nameless(&frame));
        if !nameless {
            self.publisher.publish(&batch);
            return;
        }
        let (named, mapped) = with_source_ids(&batch);
        self.mapped.fetch_add(mapped, Relaxed);
        self.publisher.publish(&named);
    }

    fn overflowed(&mut self) -> bool {
        self.publisher.overflowed()
    }
}

fn is_nameless(frame: &Frame<'_>) -> bool {
    peek(frame.envelope).is_ok_and(|seen| seen.source_id.is_empty())
}

/// The batch with source ids from origin tags, and how many there were. What is malformed
/// stays, to be counted behind.
fn with_source_ids(batch: &Bytes) -> (Bytes, u64) {
    let none = DefaultTags::new(&BTreeMap::new());
    let mut out = BytesMut::with_capacity(batch.len() + 256);
    let (mut mapped, mut end) = (0, 0);
    for frame in frames(batch).flatten() {
        end = frame.start + frame.bytes.len();
        let source = is_nameless(&frame).then(|| default_source_id(frame.envelope));
        match source.flatten() {
            Some(source) => {
                let mut envelope = BytesMut::new();
                tag_for_agent(frame.envelope, &none, Some(&source), &mut envelope);
                push_frame(&mut out, &envelope);
                mapped += 1;
            }
            None => out.extend_from_slice(frame.bytes),
        }
    }
    out.extend_from_slice(&batch[end..]);
    (out.freeze(), mapped)
}

#[cfg(test)]
mod tests {
    use logweir_proto::v2;
    use prost::Message;

    use super::*;

    #[test]
    fn an_origin_tag_becomes_the_source_id_and_all_else_stays() {
        let envelope = |source: &str, origin: Option<&str>| v2::Envelope {
            source_id: source.into(),
            tags: origin
                .map(|origin| ("origin".to_owned(), origin.to_owned()))
                .into_iter()
                .collect(),
            message: Some(v2::envelope::Message::Event(v2::Event::default())),
            ..v2::Envelope::default()
        };
        let mut batch = BytesMut::new();
        for one in [
            envelope("app", Some("rep")),
            envelope("", Some("rep")),
            envelope("", None),
        ] {
            push_frame(&mut batch, &one.encode_to_vec());
        }
        batch.extend_from_slice(b"\x0a\x7f");
        let (named, mapped) = with_source_ids(&batch.freeze());
        assert_eq!(mapped, 1);
        let read: Vec<_> = frames(&named)
            .map_while(Result::ok)
            .map(|frame| v2::Envelope::decode(frame.envelope).expect("an envelope"))
            .collect();
        let expected = [
            envelope("app", Some("rep")),
            envelope("rep", Some("rep")),
            envelope("", None),
        ];
        assert_eq!(read, expected);
        assert!(named.ends_with(b"\x0a\x7f"));
    }
}
