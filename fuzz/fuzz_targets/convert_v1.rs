//! A V2 envelope becomes whole and legal V1 envelopes, or there is a reason.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use logweir_proto::peek::{PeekError, peek};
use logweir_proto::v1::{self, Method, PeerType};
use logweir_proto::v2::{self, envelope::Message};
use logweir_wire::convert::{ToV1, v1_to_v2, v2_to_v1};
use logweir_wire::{dropsonde, legacy};
use prost::Message as _;

fuzz_target!(|envelope: &[u8]| {
    let mut all = Vec::new();
    let mut metrics = 0;
    let none = v2_to_v1(envelope, &ToV1::default(), &mut |bytes| {
        dropsonde::check(bytes).expect("whole");
        let one = v1::Envelope::decode(bytes).expect("legal");
        metrics += one.value_metric.iter().len() + 5 * one.container_metric.iter().len();
        if let Some(request) = &one.http_start_stop {
            Method::try_from(request.method.expect("required")).expect("a method");
            PeerType::try_from(request.peer_type.expect("required")).expect("a peer type");
        }
        let mut out = BytesMut::new();
        v1_to_v2(bytes, &mut out).expect("it comes back");
        peek(&out).expect("as an envelope");
        out.clear();
        assert_eq!(legacy::from_v1(bytes, &mut out), one.log_message.is_some());
        all.push(one);
    });
    let malformed = matches!(peek(envelope), Err(PeekError::Malformed(_)));
    let Ok(none) = none else {
        assert!(malformed && all.is_empty());
        return;
    };
    assert!(!malformed);
    assert_eq!(none.is_some(), all.is_empty());
    let Ok(envelope) = v2::Envelope::decode(envelope) else { return };
    for one in &all {
        assert_eq!(one.timestamp, Some(envelope.timestamp));
    }
    if let Some(Message::Gauge(gauge)) = &envelope.message {
        // The instance's index is a field of a container metric, not a metric of its own.
        let index = usize::from(gauge.metrics.contains_key("instance_index"));
        let named = gauge.metrics.len();
        assert!(metrics == named || metrics + index == named);
    }
});
