#![allow(clippy::unwrap_used)] // a failed unwrap here is a failed test

use proptest::prelude::*;

use super::*;

/// What envelopes begin with: their timestamp, their source, both or none.
fn envelope() -> impl Strategy<Value = (i64, u64, Vec<u8>)> {
    let head = (any::<i64>(), 0..3_u64, any::<bool>(), any::<bool>());
    let body = (
        prop::collection::vec(any::<u8>(), 0..40),
        prop::sample::select(vec![
            &b""[..],
            b"the same tags as most",
            b"others, but also often these",
        ]),
    );
    (head, body).prop_map(|((timestamp, gap, stamped, named), (body, tags))| {
        let mut bytes = Vec::new();
        if stamped {
            bytes.push(TIMESTAMP);
            put_varint(&mut bytes, timestamp.cast_unsigned());
        }
        if named {
            bytes.extend_from_slice(b"\x12\x03app");
        }
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(tags);
        (timestamp, gap, bytes)
    })
}

proptest! {
    #[test]
    fn what_is_appended_is_read_again(all in prop::collection::vec(envelope(), 0..30)) {
        let (mut block, mut before) = (Vec::new(), Before::default());
        let mut expected = Vec::new();
        let mut sequence = 7;
        for (timestamp, gap, bytes) in &all {
            before.append(&mut block, "app", (*timestamp, sequence), bytes);
            expected.push((*timestamp, sequence, bytes.clone()));
            sequence += 1 + gap;
        }
        let mut entries = Entries::of(&block, 7);
        let read: Vec<_> = entries
            .by_ref()
            .map(|entry| {
                let mut bytes = Vec::new();
                entry.write(&block, "app", &mut bytes);
                assert!(bytes.len() <= entry.bytes("app"));
                (entry.timestamp, entry.sequence, bytes)
            })
            .collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(entries.at(), block.len());
    }

    #[test]
    fn no_bytes_are_too_strange(block in prop::collection::vec(any::<u8>(), 0..200)) {
        for entry in Entries::of(&block, u64::MAX - 3) {
            entry.write(&block, "app", &mut Vec::new());
        }
    }
}

#[test]
fn what_the_block_knows_takes_no_room() {
    let mut tags = vec![b't'; 230];
    tags[..3].copy_from_slice(b"\x4A\xE3\x01");
    let (mut block, mut before) = (Vec::new(), Before::default());
    let mut last = 0;
    for sequence in 0..10_u64 {
        let timestamp = 1_700_000_000_000_000_000 + sequence.cast_signed() * 1000;
        let mut envelope = vec![TIMESTAMP];
        put_varint(&mut envelope, timestamp.cast_unsigned());
        envelope.extend_from_slice(b"\x12\x03app\x22\x03\x0A\x01");
        envelope.push(b'0' + u8::try_from(sequence).unwrap());
        envelope.extend_from_slice(&tags);
        last = block.len();
        before.append(&mut block, "app", (timestamp, sequence), &envelope);
    }
    assert_eq!(block.len() - last, 11);
}

#[test]
fn what_envelopes_share_is_fields_as_a_whole() {
    let (mut block, mut before) = (Vec::new(), Before::default());
    let tag = b"\x4A\x14\x0A\x03job\x12\x0Dthe same tags";
    for (sequence, instance) in [b"\x42\x0211", b"\x42\x0221", b"\x42\x0211"]
        .into_iter()
        .enumerate()
    {
        let envelope = [&instance[..], tag].concat();
        before.append(&mut block, "app", (0, sequence as u64), &envelope);
    }
    let parts: Vec<_> = Entries::of(&block, 0)
        .map(|entry| entry.body(&block))
        .collect();
    let whole = [b"\x42\x0211", &tag[..]].concat();
    assert_eq!(
        parts,
        [(&whole[..], &b""[..]), (b"\x42\x0221", tag), (b"", &whole)]
    );
}
