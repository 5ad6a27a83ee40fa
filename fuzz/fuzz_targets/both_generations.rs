//! Any batch goes through an exchange of both generations without a panic, in either
//! lane; what readers get is valid in theirs, and nothing is counted twice or not at all.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use logweir_proto::{frames::frames, peek::peek, peek_v1::peek_v1, v2};
use logweir_route::{
    Converter, Exchange, ExchangeLimits, QueueLimits, SubscribeRequest, SubscribeV1, Subscription,
};
use logweir_wire::convert::{ToV1, v1_to_v2, v2_to_v1};
use prost::Message as _;

const LIMITS: QueueLimits = QueueLimits { bytes: 1 << 24, envelopes: 1 << 20, frame: 1 << 20 };

const CONVERTER: Converter = Converter {
    to_v1: |envelope, each| matches!(v2_to_v1(envelope, &ToV1::default(), each), Ok(None)),
    to_v2: |payload, out| v1_to_v2(payload, out).is_ok(),
};

fn every_kind() -> v2::EgressBatchRequest {
    use v2::selector::Message;
    let kinds = [
        Message::Log(v2::LogSelector {}),
        Message::Counter(v2::CounterSelector::default()),
        Message::Gauge(v2::GaugeSelector::default()),
        Message::Timer(v2::TimerSelector {}),
        Message::Event(v2::EventSelector {}),
    ];
    let selectors = kinds.map(|message| v2::Selector { message: Some(message), ..Default::default() });
    v2::EgressBatchRequest { selectors: selectors.into(), ..Default::default() }
}

fn drain(reader: &Subscription, mut each: impl FnMut(&[u8])) -> u64 {
    let mut delivered = 0;
    while let Some(taken) = reader.try_take() {
        let chunk = taken.chunk.map(|chunk| chunk.frames).unwrap_or_default();
        for frame in frames(&chunk) {
            each(frame.expect("queues hold whole frames").envelope);
            delivered += 1;
        }
    }
    delivered
}

fuzz_target!(|batch: Vec<u8>| {
    let batch = Bytes::from(batch);
    for as_v1 in [true, false] {
        let limits = ExchangeLimits { queue: LIMITS, total_bytes: 1 << 28 };
        let exchange = Exchange::of_both(limits, CONVERTER);
        let v2 = exchange.subscribe(SubscribeRequest::from_wire(&every_kind()));
        let v1 = exchange.subscribe_v1(SubscribeV1::default());
        let app = exchange.subscribe_v1(SubscribeV1 { app: Some("system".into()), ..Default::default() });
        let mut publisher = exchange.publisher();
        let admitted = if as_v1 { publisher.publish_v1(&batch) } else { publisher.publish(&batch) };
        let good = admitted.envelopes - admitted.malformed;
        let of_v2 = drain(&v2, |envelope| {
            peek(envelope).expect("a valid V2 envelope");
            v2::Envelope::decode(envelope).expect("one that decoders take");
        });
        let of_v1 = drain(&v1, |envelope| {
            peek_v1(envelope).expect("a valid V1 envelope");
        });
        drain(&app, |envelope| {
            assert_eq!(peek_v1(envelope).unwrap().app_id().as_deref(), Some("system"));
        });
        assert!(of_v2 <= good);
        assert!(!as_v1 || of_v1 == good, "V1 readers get all that is V1");
        let stats = exchange.stats();
        assert!(stats.queues.balanced());
        assert_eq!(stats.ingress.ingress, admitted.envelopes);
    }
});
