//! A V2 envelope as slices of its bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use logweir_proto::fields::fields;
use logweir_proto::peek_v1::{int32, plain_tag, tag};

use crate::convert::names::{double, field_tag, text, v2, varint};

/// A tag, or a deprecated one as text.
pub(super) struct Tag<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: Cow<'a, [u8]>,
    /// The bytes that it came in, if V1 can have them as they are.
    pub(super) entry: Option<&'a [u8]>,
    /// Its place if V1 has it as a field, as [`field_tag`] tells.
    pub(super) field: Option<usize>,
}

pub(super) struct Envelope<'a> {
    /// Length of the whole envelope.
    pub(super) len: usize,
    pub(super) timestamp: i64,
    pub(super) source_id: &'a [u8],
    pub(super) instance_id: &'a [u8],
    /// Deprecated tags included, as text and only where there is no tag of the name.
    pub(super) tags: Vec<Tag<'a>>,
    /// Where in `tags` those are that V1 has as fields, of a repeated name the last.
    fields: [Option<usize>; 6],
    /// The key of the oneof member that is set, or 0.
    pub(super) member: u64,
    /// Its bytes, parts joined.
    pub(super) body: Cow<'a, [u8]>,
}

impl<'a> Envelope<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let mut envelope = Self {
            len: bytes.len(),
            timestamp: 0,
            source_id: &[],
            instance_id: &[],
            tags: Vec::with_capacity(16),
            fields: [None; 6],
            member: 0,
            body: Cow::Borrowed(&[]),
        };
        let mut has_deprecated_tags = false;
        for field in fields(bytes) {
            match field.key {
                v2::TAG => {
                    let entry = field.bytes();
                    let plain = plain_tag(entry);
                    let (name, value) = plain.unwrap_or_else(|| tag(entry));
                    envelope.tags.push(Tag {
                        name,
                        value: Cow::Borrowed(value),
                        entry: plain.map(|_| entry),
                        field: field_tag(name),
                    });
                }
                v2::TIMESTAMP => envelope.timestamp = field.varint().cast_signed(),
                v2::SOURCE_ID => envelope.source_id = field.bytes(),
                v2::INSTANCE_ID => envelope.instance_id = field.bytes(),
                v2::DEPRECATED_TAG => has_deprecated_tags = true,
                // Parts of one member merge; another member replaces it.
                member if member == envelope.member => {
                    envelope.body.to_mut().extend_from_slice(field.bytes());
                }
                v2::LOG | v2::COUNTER | v2::GAUGE | v2::TIMER | v2::EVENT => {
                    envelope.member = field.key;
                    envelope.body = Cow::Borrowed(field.bytes());
                }
                _ => {}
            }
        }
        if has_deprecated_tags {
            let mut merged = deprecated_tags(bytes);
            merged.extend(envelope.tags.into_iter().map(|tag| (tag.name, tag)));
            envelope.tags = merged.into_values().collect();
        }
        for (place, tag) in envelope.tags.iter().enumerate() {
            if let Some(field) = tag.field {
                envelope.fields[field] = Some(place);
            }
        }
        envelope
    }

    /// The value of a tag, empty if it is missing. Of a repeated name the last counts.
    pub(super) fn tag(&self, wanted: &[u8]) -> &[u8] {
        let found = self.tags.iter().rev().find(|tag| tag.name == wanted);
        found.map_or(&[], |tag| &tag.value)
    }

    /// As [`Envelope::tag`], by its place in [`field_tag`].
    pub(super) fn field(&self, place: usize) -> &[u8] {
        self.fields[place].map_or(&[], |place| &self.tags[place].value)
    }

    /// A tag's value as an `int64` on the wire, 0 if it is no number.
    pub(super) fn int64(&self, wanted: &[u8]) -> u64 {
        number::<i64>(self.tag(wanted)).map_or(0, i64::cast_unsigned)
    }

    /// As [`Envelope::int64`], for an `int32`: the low 32 bits, as the originals take them.
    pub(super) fn int32(&self, wanted: &[u8]) -> u64 {
        i64::from(int32(self.int64(wanted))).cast_unsigned()
    }
}

/// A decimal number, with a sign or not.
pub(super) fn number<N: FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The deprecated tags as text, of repeated names the last. Values that are not set
/// are left out.
fn deprecated_tags(bytes: &[u8]) -> BTreeMap<&[u8], Tag<'_>> {
    const NAME: u64 = text(1);
    const VALUE: u64 = text(2);
    const TEXT: u64 = text(1);
    const INTEGER: u64 = varint(2);
    const DECIMAL: u64 = double(3);
    let mut found = BTreeMap::new();
    for entry in fields(bytes).filter(|field| field.key == v2::DEPRECATED_TAG) {
        let (mut name, mut value) = (&[][..], None);
        for field in fields(entry.bytes()) {
            match field.key {
                NAME => name = field.bytes(),
                VALUE => {
                    for member in fields(field.bytes()) {
                        match member.key {
                            TEXT => value = Some(Cow::Borrowed(member.bytes())),
                            INTEGER => {
                                let number = member.varint().cast_signed().to_string();
                                value = Some(Cow::Owned(number.into_bytes()));
                            }
                            DECIMAL => {
                                value = Some(Cow::Owned(decimal(member.double()).into_bytes()));
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        match value {
            Some(value) => {
                let tag = Tag {
                    name,
                    value,
                    entry: None,
                    field: field_tag(name),
                };
                found.insert(name, tag);
            }
            None => drop(found.remove(name)),
        }
    }
    found
}

/// Six digits after the point, as Go's `%f`.
fn decimal(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.6}")
    } else if value.is_nan() {
        "NaN".to_owned()
    } else {
        (if value > 0.0 { "+Inf" } else { "-Inf" }).to_owned()
    }
}
