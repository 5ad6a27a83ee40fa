use logweir_proto::v1;
use prost::Message as _;

use super::*;

/// A counter `reqs` of `dea` with delta 3, from the protocol page's test vectors.
const COUNTER: &[u8] = b"\x0a\x03dea\x10\x07\x52\x08\x0a\x04reqs\x10\x03";
const MINIMAL_LOG: &[u8] = b"\x0a\x01o\x10\x05\x42\x06\x0a\x00\x10\x01\x18\x00";

fn defaults() -> Defaults {
    Defaults::new("dep", "job", "", "10.0.0.1")
}

fn tagged(datagram: &[u8], total: Option<u64>) -> v1::Envelope {
    let mut out = BytesMut::new();
    let peek = check(datagram).unwrap();
    tag(datagram, &peek, &defaults(), total, &mut out);
    check(&out).unwrap();
    v1::Envelope::decode(out.freeze()).unwrap()
}

fn tags(envelope: &v1::Envelope) -> Vec<(&[u8], &[u8])> {
    let tags = envelope.tags.iter();
    tags.map(|tag| {
        (
            tag.key.as_deref().unwrap_or_default(),
            tag.value.as_deref().unwrap_or_default(),
        )
    })
    .collect()
}

#[test]
fn what_lacks_its_payload_is_invalid_and_what_is_cut_is_no_envelope() {
    for (datagram, event_type) in [
        (&b"\x0a\x01o\x10\x02"[..], 2),
        (b"\x0a\x01o\x10\x63", 99),
        (b"\x0a\x01o\x10\x00", 0),
        // A counter where a value metric should be.
        (b"\x0a\x01o\x10\x06\x52\x05\x0a\x01n\x10\x01", 6),
    ] {
        assert_eq!(
            check(datagram).unwrap_err(),
            Rejected::Invalid { event_type }
        );
    }
    for len in 0..COUNTER.len() {
        // After the event type it is whole, but without a payload.
        let whole = len == 7;
        let error = check(&COUNTER[..len]).unwrap_err();
        assert_eq!(error == Rejected::Invalid { event_type: 7 }, whole, "{len}");
    }
}

#[test]
fn absent_fields_are_filled_in_and_empty_ones_kept() {
    let envelope = tagged(MINIMAL_LOG, None);
    assert_eq!(envelope.deployment.as_deref(), Some(&b"dep"[..]));
    assert_eq!(envelope.index.as_deref(), Some(&b""[..]));
    assert_eq!(tags(&envelope), [(SOURCE_ID, &b"o"[..])]);

    let with_empty_job = [MINIMAL_LOG, b"\x72\x00"].concat();
    assert_eq!(tagged(&with_empty_job, None).job.as_deref(), Some(&b""[..]));
}

#[test]
fn an_empty_source_id_is_replaced_and_another_kept() {
    let with = |tag: &[u8]| tagged(&[MINIMAL_LOG, tag].concat(), None);
    let empty = with(b"\x8a\x01\x0d\x0a\x09source_id\x12\x00");
    assert_eq!(tags(&empty), [(SOURCE_ID, &b"o"[..])]);
    let own = with(b"\x8a\x01\x0e\x0a\x09source_id\x12\x01s");
    assert_eq!(tags(&own), [(SOURCE_ID, &b"s"[..])]);
}

#[test]
fn unknown_fields_and_strings_that_are_not_utf8_stay() {
    let mut out = BytesMut::new();
    let datagram = [
        MINIMAL_LOG,
        b"\xf8\x06\x01\x8a\x01\x07\x0a\x01k\x12\x02\xff\xfe",
    ]
    .concat();
    tag(
        &datagram,
        &check(&datagram).unwrap(),
        &defaults(),
        None,
        &mut out,
    );
    assert!(out.starts_with(&datagram));
}

#[test]
fn a_new_total_replaces_the_old_one_and_the_delta_stays() {
    let envelope = tagged(COUNTER, Some(7));
    let counter = envelope.counter_event.unwrap();
    assert_eq!((counter.delta, counter.total), (Some(3), Some(7)));
    let with_total = [&COUNTER[..7], b"\x52\x0a\x0a\x04reqs\x10\x03\x18\x09"].concat();
    let counter = tagged(&with_total, Some(0)).counter_event.unwrap();
    assert_eq!((counter.delta, counter.total), (Some(3), Some(0)));
    assert_eq!(tagged(MINIMAL_LOG, Some(7)).counter_event, None);
}

#[test]
fn a_counter_is_the_same_whatever_the_order_of_its_tags() {
    let tag = |name: u8, value: u8| [0x8A, 1, 6, 0x0A, 1, name, 0x12, 1, value];
    let of = |tags: &[[u8; 9]]| {
        let datagram = [COUNTER, &tags.concat()].concat();
        let found = counter(&datagram, &check(&datagram).unwrap()).unwrap();
        assert_eq!(
            (&*found.name, found.delta, found.total),
            (&b"reqs"[..], 3, 0)
        );
        found.key
    };
    let (a, b) = (tag(b'a', b'1'), tag(b'b', b'2'));
    assert_eq!(of(&[a, b]), of(&[b, a]));
    assert_eq!(of(&[tag(b'a', b'0'), a]), of(&[a]));
    assert_ne!(of(&[a, b]), of(&[a]));
    assert_ne!(of(&[a]), of(&[tag(b'a', b'2')]));
    let log = check(MINIMAL_LOG).unwrap();
    assert_eq!(counter(MINIMAL_LOG, &log), None);
}
