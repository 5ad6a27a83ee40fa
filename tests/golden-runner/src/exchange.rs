//! The exchange that a router runs, with room for everything.

use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use logweir_proto::frames::{frames, push_frame};
use logweir_proto::v2::EgressBatchRequest;
use logweir_route::{Exchange, ExchangeLimits, QueueLimits, SubscribeRequest, Subscription};

const ROOM: usize = 1 << 30;

/// How many copies of each envelope each subscription gets, published one at a time
/// to all of them.
pub(crate) fn copies(
    requests: &[EgressBatchRequest],
    envelopes: &[Bytes],
) -> Result<Vec<Vec<usize>>> {
    let queue = QueueLimits {
        bytes: ROOM,
        envelopes: u64::MAX,
        frame: ROOM,
    };
    let exchange = Exchange::new(ExchangeLimits {
        queue,
        total_bytes: ROOM,
    });
    let subscriptions: Vec<Subscription> = requests
        .iter()
        .map(|request| exchange.subscribe(SubscribeRequest::from_wire(request)))
        .collect();
    let mut publisher = exchange.publisher();
    envelopes
        .iter()
        .map(|envelope| {
            let mut batch = BytesMut::new();
            push_frame(&mut batch, envelope);
            publisher.publish(&batch.freeze());
            subscriptions
                .iter()
                .map(|reader| taken(reader, envelope))
                .collect()
        })
        .collect()
}

/// Copies of the envelope in a reader's queue; anything else there is an error.
fn taken(reader: &Subscription, envelope: &[u8]) -> Result<usize> {
    let mut copies = 0;
    while let Some(taken) = reader.try_take() {
        ensure!(taken.loss.is_none(), "the exchange lost envelopes");
        for frame in frames(&taken.chunk.context("an empty take")?.frames) {
            ensure!(
                frame?.envelope == envelope,
                "another envelope was delivered"
            );
            copies += 1;
        }
    }
    Ok(copies)
}
