//! The agent's tagging: deprecated tags over tags, then the agent's own tags
//! where they are missing.

use std::collections::BTreeMap;
use std::ops::Range;

use super::*;
use crate::reader::{ENVELOPE_DEPTH, LEN, Reader};

/// The tags that an agent adds to every envelope that lacks them, encoded once.
#[derive(Clone, Debug, Default)]
pub struct DefaultTags {
    /// All tags as map entries, one after another.
    block: Vec<u8>,
    /// Name and place in the block of each.
    entries: Vec<(String, Range<usize>)>,
    /// A bit for each length of a name (63 and more share one): most tags of an
    /// envelope are told apart from ours by it.
    name_lens: u64,
}

impl DefaultTags {
    /// Encodes the tags.
    pub fn new(tags: &BTreeMap<String, String>) -> Self {
        let mut block = BytesMut::new();
        let mut entries = Vec::with_capacity(tags.len());
        let mut name_lens = 0;
        for (name, value) in tags {
            let start = block.len();
            tags::put_tag(&mut block, name, value);
            entries.push((name.clone(), start..block.len()));
            name_lens |= len_bit(name.len());
        }
        Self {
            block: block.to_vec(),
            entries,
            name_lens,
        }
    }

    /// Whether an envelope has all of them, with whatever values, under either map.
    pub fn are_in(&self, envelope: &[u8]) -> bool {
        let mut scan = scan(envelope, self);
        if scan.has_deprecated_tags {
            let names = tags::deprecated_tags(envelope);
            names
                .keys()
                .for_each(|name| scan.note(self, name.as_bytes()));
        }
        scan.present.len() == self.entries.len()
    }

    /// The index of the tag of that name.
    #[inline]
    fn position(&self, name: &[u8]) -> Option<usize> {
        if self.name_lens & len_bit(name.len()) == 0 {
            return None;
        }
        self.entries
            .iter()
            .position(|(known, _)| known.as_bytes() == name)
    }

    /// Appends the tags whose indices are not among `present`.
    fn put_missing(&self, present: &[usize], out: &mut BytesMut) {
        if present.is_empty() {
            return out.extend_from_slice(&self.block);
        }
        for (index, (_, range)) in self.entries.iter().enumerate() {
            if !present.contains(&index) {
                out.extend_from_slice(&self.block[range.clone()]);
            }
        }
    }
}

fn len_bit(len: usize) -> u64 {
    1 << len.min(63)
}

/// Appends the envelope as an agent sends it on: `source_id` replaced if given,
/// every deprecated tag copied over the tags as text (and kept), every default
/// tag added that is then missing.
pub fn tag_for_agent(
    envelope: &[u8],
    defaults: &DefaultTags,
    source_id: Option<&str>,
    out: &mut BytesMut,
) {
    out.reserve(envelope.len() + defaults.block.len());
    out.extend_from_slice(envelope);
    if let Some(source_id) = source_id {
        put_bytes(out, key::SOURCE_ID, source_id.as_bytes());
    }
    let mut scan = scan(envelope, defaults);
    if scan.has_deprecated_tags {
        for (name, value) in tags::deprecated_tags(envelope) {
            scan.note(defaults, name.as_bytes());
            match value {
                TypedValue::Unset => tags::put_tag(out, name, ""),
                TypedValue::Text(text) => tags::put_tag(out, name, text),
                TypedValue::Integer(number) => tags::put_tag(out, name, &number.to_string()),
                TypedValue::Decimal(number) => {
                    tags::put_tag(out, name, &crate::decimal::plain(number));
                }
            }
        }
    }
    defaults.put_missing(&scan.present, out);
}

/// Which default tags an envelope has. Usually none, which allocates nothing.
#[derive(Default)]
struct Scan {
    present: Vec<usize>,
    has_deprecated_tags: bool,
}

impl Scan {
    #[inline]
    fn note(&mut self, defaults: &DefaultTags, name: &[u8]) {
        if let Some(index) = defaults.position(name)
            && !self.present.contains(&index)
        {
            self.present.push(index);
        }
    }
}

fn scan(envelope: &[u8], defaults: &DefaultTags) -> Scan {
    let mut scan = Scan::default();
    let mut reader = Reader::new(envelope);
    while !reader.rest.is_empty() {
        let Ok(key) = reader.varint() else { break };
        if key & 7 == LEN {
            let Ok(value) = reader.bytes() else { break };
            match key {
                key::TAG => scan.note(defaults, tags::tag_name(value)),
                key::DEPRECATED_TAG => scan.has_deprecated_tags = true,
                _ => {}
            }
        } else if reader.skip(key, ENVELOPE_DEPTH).is_err() {
            break;
        }
    }
    scan
}
