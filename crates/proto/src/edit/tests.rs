use prost::Message as _;

use super::*;
use crate::v2;

fn edited(edit: impl FnOnce(&mut BytesMut)) -> (BytesMut, v2::Envelope) {
    let mut out = BytesMut::new();
    edit(&mut out);
    let envelope = v2::Envelope::decode(&*out).unwrap();
    (out, envelope)
}

fn defaults(tags: &[(&str, &str)]) -> DefaultTags {
    DefaultTags::new(
        &tags
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect(),
    )
}

/// One tag `k=v` in four parts of unusual encoding, then an unknown field.
const ODD: &[u8] = b"\xca\x00\x09\x12\x01v\x0a\x01x\x0a\x01k\xa8\x06\x05";

#[test]
fn tagging_appends_a_block_to_the_same_bytes() {
    let tags = defaults(&[("job", "j"), ("ip", "1.2.3.4")]);
    let (bytes, envelope) = edited(|out| tag_for_agent(ODD, &tags, None, out));
    assert!(bytes.starts_with(ODD));
    assert_eq!(envelope.tags.len(), 3);
    assert_eq!(envelope.tags["job"], "j");
}

#[test]
fn a_tag_that_is_there_is_kept() {
    let tags = defaults(&[("k", "other"), ("z", "added")]);
    let (_, envelope) = edited(|out| tag_for_agent(ODD, &tags, Some("app"), out));
    assert_eq!(
        (envelope.tags["k"].as_str(), envelope.tags["z"].as_str()),
        ("v", "added")
    );
    assert_eq!(envelope.source_id, "app");
}

#[test]
fn source_id_comes_from_origin_tags() {
    let envelope = |source_id: &str, tag: bool, deprecated: Option<v2::value::Data>| {
        let mut envelope = v2::Envelope {
            source_id: source_id.into(),
            ..Default::default()
        };
        if tag {
            envelope.tags.insert("origin".into(), "tag".into());
        }
        if let Some(data) = deprecated {
            envelope
                .deprecated_tags
                .insert("origin".into(), v2::Value { data: Some(data) });
        }
        default_source_id(&envelope.encode_to_vec())
    };
    let text = || Some(v2::value::Data::Text("old".into()));
    assert_eq!(envelope("app", true, text()), None);
    assert_eq!(envelope("", true, text()).unwrap(), "tag");
    assert_eq!(envelope("", false, text()).unwrap(), "old");
    assert_eq!(
        envelope("", false, Some(v2::value::Data::Integer(3))).unwrap(),
        ""
    );
    assert_eq!(envelope("", false, None), None);
}

#[test]
fn a_total_replaces_totals_in_every_part() {
    let split = b"\x2a\x07\x0a\x01c\x10\x02\x18\x63\x2a\x02\x18\x62\xa8\x06\x05";
    let (bytes, envelope) = edited(|out| with_counter_total(split, 300, out));
    let Some(v2::envelope::Message::Counter(c)) = envelope.message else {
        panic!("no counter")
    };
    assert_eq!((c.name.as_str(), c.delta, c.total), ("c", 2, 300));
    assert_eq!(counter(peek(&bytes).unwrap().message), ("c", 2, 300));
    assert!(
        bytes.starts_with(b"\xa8\x06\x05"),
        "the unknown field stays"
    );
    let (_, envelope) = edited(|out| with_counter_total(split, 0, out));
    let Some(v2::envelope::Message::Counter(c)) = envelope.message else {
        panic!("no counter")
    };
    assert_eq!(c.total, 0);
}

#[test]
fn an_envelope_that_is_no_counter_keeps_its_bytes() {
    let (bytes, _) = edited(|out| with_counter_total(ODD, 1, out));
    assert_eq!(bytes, ODD);
}

#[test]
fn preferred_tags_leave_an_envelope_without_deprecated_tags_alone() {
    let (bytes, _) = edited(|out| to_preferred(ODD, out));
    assert_eq!(bytes, ODD);
}

#[test]
fn of_a_repeated_deprecated_tag_the_last_counts_also_when_unset() {
    // { "a": text x } then { "a": unset }; then tag a=y
    let envelope =
        b"\x1a\x08\x0a\x01a\x12\x03\x0a\x01x\x1a\x05\x0a\x01a\x12\x00\x4a\x06\x0a\x01a\x12\x01y";
    let (_, preferred) = edited(|out| to_preferred(envelope, out));
    assert_eq!(preferred.tags["a"], "y");
    assert!(preferred.deprecated_tags.is_empty());
    let (_, tagged) = edited(|out| tag_for_agent(envelope, &DefaultTags::default(), None, out));
    assert_eq!(tagged.tags["a"], "");
    assert_eq!(tagged.deprecated_tags.len(), 1);
}

#[test]
fn tags_become_text_values() {
    let (bytes, envelope) = edited(|out| to_deprecated(ODD, out));
    assert!(envelope.tags.is_empty());
    assert_eq!(
        envelope.deprecated_tags["k"].data,
        Some(v2::value::Data::Text("v".into()))
    );
    assert!(
        bytes.starts_with(b"\xa8\x06\x05"),
        "the unknown field stays"
    );
}
