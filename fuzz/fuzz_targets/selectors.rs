//! Any request is decoded, checked, subscribed and fed without a panic, and every
//! envelope is delivered at most once.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use logweir_proto::frames::frames;
use logweir_proto::v2::EgressBatchRequest;
use logweir_route::selector::validate;
use logweir_route::{Exchange, ExchangeLimits, QueueLimits, SubscribeRequest};
use prost::Message as _;

const LIMITS: QueueLimits = QueueLimits { bytes: 1 << 20, envelopes: 10_000, frame: 1 << 16 };

fuzz_target!(|input: (&[u8], Vec<u8>)| {
    let (request, batch) = input;
    let Ok(mut request) = EgressBatchRequest::decode(request) else { return };
    let valid = validate(&mut request).is_ok();
    let exchange = Exchange::new(ExchangeLimits { queue: LIMITS, total_bytes: 1 << 20 });
    let reader = exchange.subscribe(SubscribeRequest::from_wire(&request));
    let admitted = exchange.publisher().publish(&Bytes::from(batch));
    let mut delivered = 0;
    while let Some(taken) = reader.try_take() {
        delivered += taken.chunk.map_or(0, |chunk| frames(&chunk.frames).count() as u64);
    }
    assert!(delivered <= admitted.envelopes - admitted.malformed);
    assert!(valid || request.selectors.iter().any(|s| s.message.is_some()) || delivered == 0);
    let queues = exchange.stats().queues;
    assert!(queues.balanced());
});
