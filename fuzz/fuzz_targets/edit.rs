//! Edits leave an envelope an envelope, and change nothing but what they are for.

#![no_main]

use std::collections::BTreeMap;

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use logweir_proto::edit::{self, DefaultTags};
use logweir_proto::peek::peek;
use logweir_proto::v2::{self, envelope::Message};
use prost::Message as _;

fn edited(edit: impl FnOnce(&mut BytesMut)) -> v2::Envelope {
    let mut out = BytesMut::new();
    edit(&mut out);
    peek(&out).expect("an edited envelope is accepted");
    v2::Envelope::decode(&*out).expect("and decoded")
}

/// By text: NaN is not equal to itself.
fn assert_same(left: &v2::Envelope, right: &v2::Envelope) {
    assert_eq!(format!("{left:?}"), format!("{right:?}"));
}

fuzz_target!(|envelope: &[u8]| {
    let defaults: BTreeMap<_, _> =
        ["a", "", "origin"].map(|name| (name.to_owned(), "default".to_owned())).into();
    let tags = DefaultTags::new(&defaults);
    if peek(envelope).is_err() {
        // Only: no panic.
        let mut out = BytesMut::new();
        edit::tag_for_agent(envelope, &tags, Some("app"), &mut out);
        edit::to_preferred(envelope, &mut out);
        edit::to_deprecated(envelope, &mut out);
        edit::with_counter_total(envelope, 7, &mut out);
        let _ = (edit::default_source_id(envelope), edit::counter(envelope));
        return;
    }
    let before = v2::Envelope::decode(envelope).expect("peek accepted it");

    let mut tagged = edited(|out| edit::tag_for_agent(envelope, &tags, Some("app"), out));
    assert_eq!(tagged.source_id, "app");
    for name in before.deprecated_tags.keys().chain(before.tags.keys()).chain(defaults.keys()) {
        assert!(tagged.tags.contains_key(name));
    }
    tagged.source_id.clone_from(&before.source_id);
    tagged.tags.clone_from(&before.tags);
    assert_same(&tagged, &before);

    let mut preferred = edited(|out| edit::to_preferred(envelope, out));
    assert!(preferred.deprecated_tags.is_empty());
    preferred.deprecated_tags.clone_from(&before.deprecated_tags);
    preferred.tags.clone_from(&before.tags);
    assert_same(&preferred, &before);

    let mut deprecated = edited(|out| edit::to_deprecated(envelope, out));
    assert!(deprecated.tags.is_empty());
    deprecated.deprecated_tags.clone_from(&before.deprecated_tags);
    deprecated.tags.clone_from(&before.tags);
    assert_same(&deprecated, &before);

    let mut summed = edited(|out| edit::with_counter_total(envelope, 7, out));
    if let (Some(Message::Counter(now)), Some(Message::Counter(then))) =
        (&mut summed.message, &before.message)
    {
        assert_eq!(now.total, 7);
        now.total = then.total;
    }
    assert_same(&summed, &before);
    let _ = edit::default_source_id(envelope);
});
