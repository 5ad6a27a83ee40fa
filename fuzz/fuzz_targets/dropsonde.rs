//! A datagram is refused, or is tagged and converted to what every reader can decode.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use logweir_proto::peek::peek;
use logweir_proto::peek_v1::peek_v1;
use logweir_proto::{v1, v2};
use logweir_wire::convert::v1_to_v2;
use logweir_wire::dropsonde::{self, Defaults};
use prost::Message as _;

/// What an agent does not touch.
fn untouched(mut envelope: v1::Envelope) -> String {
    for field in [
        &mut envelope.deployment,
        &mut envelope.job,
        &mut envelope.index,
        &mut envelope.ip,
    ] {
        *field = None;
    }
    envelope.tags.retain(|tag| tag.key.as_deref() != Some(b"source_id"));
    if let Some(counter) = &mut envelope.counter_event {
        counter.total = None;
    }
    format!("{envelope:?}")
}

/// A decoder may refuse what Go takes for an unknown field.
fn decode(envelope: &[u8]) -> Option<v1::Envelope> {
    match v1::Envelope::decode(envelope) {
        Ok(envelope) => Some(envelope),
        Err(error) => {
            assert!(error.to_string().contains("wire type"), "{error}");
            None
        }
    }
}

fn converted(envelope: &[u8]) -> v2::Envelope {
    let mut out = BytesMut::new();
    v1_to_v2(envelope, &mut out).expect("peek accepted it");
    peek(&out).expect("a conversion is an envelope");
    v2::Envelope::decode(out).expect("that decoders accept")
}

fuzz_target!(|datagram: &[u8]| {
    let Ok(peek) = peek_v1(datagram) else {
        let mut out = BytesMut::new();
        assert!(v1_to_v2(datagram, &mut out).is_err() && out.is_empty());
        assert!(dropsonde::check(datagram).is_err());
        return;
    };
    let (_, _, _) = (peek.app_id(), peek.source(), peek.body());
    let before = decode(datagram);
    let v2 = converted(datagram);
    assert_eq!(v2.timestamp, peek.timestamp);
    assert_eq!(v2.message.is_some(), (4..=9).contains(&peek.event_type));
    assert!(!v2.tags.contains_key("source_id"));

    let Ok(checked) = dropsonde::check(datagram) else { return };
    let counter = dropsonde::counter(datagram, &checked);
    let total = counter.as_ref().map(|counter| counter.total.wrapping_add(counter.delta));
    let mut out = BytesMut::new();
    let defaults = Defaults::new("deployment", "", "index", "10.0.0.1");
    dropsonde::tag(datagram, &checked, &defaults, total, &mut out);
    let tagged = dropsonde::check(&out).expect("a tagged envelope is accepted");
    assert!([tagged.deployment, tagged.job, tagged.index, tagged.ip].iter().all(Option::is_some));
    assert_eq!(tagged.source_id_tag, Some(dropsonde::source_id(&checked)));
    assert_eq!(tagged.app_id(), checked.app_id());
    if let Some(counter) = counter {
        let again = dropsonde::counter(&out, &tagged).expect("still a counter");
        assert_eq!(Some(again.total), total);
        assert_eq!((again.name, again.key), (counter.name, counter.key));
    }
    if let (Some(before), Some(after)) = (before, decode(&out)) {
        assert_eq!(untouched(after), untouched(before));
    }
    converted(&out);
});
