//! Any V1 request is decoded, subscribed and fed by both generations without a panic;
//! what is delivered is V1, and the books balance.

#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use logweir_proto::frames::frames;
use logweir_proto::peek_v1::{Class, peek_v1};
use logweir_proto::plumbing::{
    ContainerMetricsRequest, RecentLogsRequest, SubscriptionRequest, filter,
};
use logweir_route::{Converter, Exchange, ExchangeLimits, QueueLimits, SubscribeV1};
use logweir_wire::convert::{ToV1, v1_to_v2, v2_to_v1};
use prost::Message as _;

const LIMITS: QueueLimits = QueueLimits { bytes: 1 << 20, envelopes: 10_000, frame: 1 << 16 };

fn to_v1(envelope: &[u8], each: &mut dyn FnMut(&[u8])) -> bool {
    matches!(v2_to_v1(envelope, &ToV1::default(), each), Ok(None))
}

fn to_v2(payload: &[u8], out: &mut BytesMut) -> bool {
    v1_to_v2(payload, out).is_ok()
}

/// The bytes that a length in front counts, and the rest.
fn part(input: &[u8]) -> (&[u8], &[u8]) {
    match input {
        [len, rest @ ..] => rest.split_at(rest.len().min(usize::from(*len))),
        [] => (input, input),
    }
}

fuzz_target!(|input: &[u8]| {
    let (request, rest) = part(input);
    let (pushed, sent) = part(rest);
    let _ = (RecentLogsRequest::decode(request), ContainerMetricsRequest::decode(request));
    let Ok(request) = SubscriptionRequest::decode(request) else { return };
    let limits = ExchangeLimits { queue: LIMITS, total_bytes: 1 << 20 };
    let exchange = Exchange::of_both(limits, Converter { to_v1, to_v2 });
    let wanted = request.filter.unwrap_or_default();
    let class = wanted.message.map(|of| match of {
        filter::Message::Log(_) => Class::Log,
        filter::Message::Metric(_) => Class::Metric,
    });
    let reader = exchange.subscribe_v1(SubscribeV1 {
        app: Some(wanted.app_id.clone().into()).filter(|_| !wanted.app_id.is_empty()),
        class,
        shard: request.shard_id,
        frame: None,
    });
    let mut publisher = exchange.publisher();
    publisher.publish_v1(&Bytes::copy_from_slice(pushed));
    publisher.publish(&Bytes::copy_from_slice(sent));
    while let Some(taken) = reader.try_take() {
        let Some(chunk) = taken.chunk else { continue };
        for frame in frames(&chunk.frames) {
            let frame = frame.expect("whole frames");
            let peek = peek_v1(frame.envelope).expect("whole V1 envelopes");
            assert!(class.is_none_or(|class| class == peek.class()));
            let app = peek.app_id().unwrap_or_default();
            assert!(wanted.app_id.is_empty() || wanted.app_id == app);
        }
    }
    assert!(exchange.stats().queues.balanced());
});
