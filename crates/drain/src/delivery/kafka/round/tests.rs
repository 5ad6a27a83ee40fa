#![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

use std::{sync::Arc, time::Duration};

use logweir_proto::v2;
use logweir_route::Chunk;
use proptest::prelude::*;
use prost::Message;
use tokio::time::Instant;

use super::*;
use crate::{
    delivery::batch::Form,
    nozzle::{KafkaSettings, Nozzle, Takes, To, Value},
};

const NOW: i64 = 1_790_000_000_000;

fn cut(partitions: usize, bytes: usize) -> Cut {
    Cut {
        partitions,
        bytes,
        compression: Compression::None,
        now: NOW,
    }
}

/// An envelope of this source for each length.
fn batch(envelopes: impl Iterator<Item = (String, usize)>) -> Batch {
    let to = To::Kafka(KafkaSettings {
        brokers: Vec::new(),
        topic: "logs".to_owned(),
        value: Value::Protobuf,
        compression: Compression::None,
        linger: Duration::ZERO,
        batch_bytes: 1,
        tls: None,
        sasl: None,
    });
    let nozzle = Nozzle::new("k", Takes::default(), false, to).unwrap();
    let form = Form::of(&Arc::new(nozzle).into(), None);
    let log = |length| {
        v2::envelope::Message::Log(v2::Log {
            payload: vec![b'x'; length].into(),
            ..v2::Log::default()
        })
    };
    let all: Vec<_> = envelopes
        .map(|(source_id, length)| v2::Envelope {
            source_id,
            message: Some(log(length)),
            ..v2::Envelope::default()
        })
        .collect();
    let chunk = Chunk {
        envelopes: u32::try_from(all.len()).unwrap(),
        frames: v2::EnvelopeBatch { batch: all }.encode_to_vec().into(),
        deprecated_tags: false,
    };
    let mut batch = Batch::default();
    batch.add(chunk, &form, Instant::now());
    batch
}

fn messages(pieces: &VecDeque<Piece>) -> Vec<usize> {
    let all = pieces.iter().flat_map(|piece| &piece.messages);
    all.copied().collect()
}

#[tokio::test]
async fn sources_keep_to_their_partition_and_settled_messages_are_left_out() {
    let mut batch = batch((0..12).map(|one| (format!("app-{}", one % 4), 10)));
    batch.take(5);
    batch.lose(0, 1);
    let round = Round::of(&batch, cut(3, 1 << 20));
    assert!(round.fits(3) && !round.is_settled());
    let mut seen = Vec::new();
    for (place, pieces) in &round.pieces {
        let own = messages(pieces);
        assert!(own.is_sorted(), "{own:?}");
        for at in &own {
            let key = format!("app-{}", at % 4);
            let expected = partition::of_key(key.as_bytes(), 3);
            assert_eq!(usize::try_from(*place).unwrap(), expected);
        }
        seen.extend(own);
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
}

#[tokio::test]
async fn only_what_was_sent_is_answered() {
    let batch = batch((0..4).map(|_| ("app".to_owned(), 10)));
    let mut round = Round::of(&batch, cut(1, 1));
    assert!(round.pop_sent(0).is_none(), "nothing was sent");
    assert!(round.pop_sent(7).is_none(), "there is no such partition");
    for left in [3, 2, 1, 0] {
        let pieces = round.pieces.get_mut(&0).unwrap();
        pieces.front_mut().unwrap().sequence = Some(0);
        let first = round.pop_sent(0).unwrap();
        assert_eq!(first.messages, [3 - left]);
        let rest = round.pieces.get(&0).map_or(0, VecDeque::len);
        assert_eq!(rest, left);
    }
    assert!(round.is_settled());
    assert!(round.fits(0), "nothing fits everywhere");
}

proptest! {
    /// However large messages are, no piece is larger than it may be unless it is alone, and
    /// cutting a piece at half of its size makes smaller ones of the same messages.
    #[test]
    fn pieces_are_as_large_as_they_may_be(
        lengths in prop::collection::vec(0_usize..400, 1..40),
        bytes in 1_usize..1000,
    ) {
        let batch = batch(lengths.iter().map(|length| ("app".to_owned(), *length)));
        let all: Vec<usize> = (0..lengths.len()).collect();
        let whole = cut(1, bytes);
        let pieces = whole.pieces(&batch, &all);
        prop_assert_eq!(messages(&pieces), all);
        for piece in &pieces {
            prop_assert!(piece.plain <= bytes || piece.messages.len() == 1);
            prop_assert_eq!(usize::try_from(piece.sealed.count()).unwrap(), piece.messages.len());
            if piece.messages.len() > 1 {
                let halves = cut(1, piece.plain / 2).pieces(&batch, &piece.messages);
                prop_assert!(halves.len() > 1);
                prop_assert_eq!(messages(&halves), piece.messages.clone());
            }
        }
    }
}
