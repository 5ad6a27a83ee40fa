//! Log lines as agents write them, from their bytes straight to JSON. Reading each into maps
//! and strings first took most of the time of an answer.

use std::str::from_utf8;

use logweir_proto::fields::fields;

use super::{base64, scalar};

/// Keys of an envelope's fields: number and wire type.
mod key {
    pub(super) const TIMESTAMP: u64 = 1 << 3;
    pub(super) const SOURCE_ID: u64 = 2 << 3 | 2;
    pub(super) const LOG: u64 = 4 << 3 | 2;
    pub(super) const INSTANCE_ID: u64 = 8 << 3 | 2;
    pub(super) const TAG: u64 = 9 << 3 | 2;
    /// Key of a tag, payload of a log.
    pub(super) const FIRST: u64 = 1 << 3 | 2;
    /// Value of a tag.
    pub(super) const SECOND: u64 = 2 << 3 | 2;
    /// Type of a log.
    pub(super) const TYPE: u64 = 2 << 3;
}

/// What an envelope says, borrowed from it. It is used again for the next one.
#[derive(Default)]
pub(super) struct Plain<'a> {
    timestamp: i64,
    source_id: &'a str,
    instance_id: &'a str,
    tags: Vec<(&'a str, &'a str)>,
    payload: &'a [u8],
    is_error: bool,
}

impl<'a> Plain<'a> {
    /// Appends a log line. False if it is none, or not as agents write it: nothing is appended
    /// then, and whoever reads all that there is has to look at it.
    pub(super) fn write(&mut self, envelope: &'a [u8], out: &mut Vec<u8>) -> bool {
        if self.read(envelope).is_none() {
            return false;
        }
        out.extend_from_slice(b"{\"timestamp\":");
        scalar::whole(self.timestamp, out);
        out.extend_from_slice(b",\"source_id\":");
        scalar::string(self.source_id, out);
        out.extend_from_slice(b",\"instance_id\":");
        scalar::string(self.instance_id, out);
        out.extend_from_slice(b",\"deprecated_tags\":{},\"tags\":{");
        for (index, (name, value)) in self.tags.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            scalar::string(name, out);
            out.push(b':');
            scalar::string(value, out);
        }
        out.extend_from_slice(b"},\"log\":{\"payload\":\"");
        base64(self.payload, out);
        out.extend_from_slice(match self.is_error {
            true => b"\",\"type\":\"ERR\"}}",
            false => b"\",\"type\":\"OUT\"}}",
        });
        true
    }

    fn read(&mut self, envelope: &'a [u8]) -> Option<()> {
        let mut tags = std::mem::take(&mut self.tags);
        tags.clear();
        *self = Self {
            tags,
            ..Self::default()
        };
        let (mut logs, mut end) = (0, 0);
        for field in fields(envelope) {
            end = field.end;
            match field.key {
                key::TAG => self.tags.push(tag(field.bytes())?),
                key::TIMESTAMP => self.timestamp = field.varint().cast_signed(),
                key::SOURCE_ID => self.source_id = from_utf8(field.bytes()).ok()?,
                key::INSTANCE_ID => self.instance_id = from_utf8(field.bytes()).ok()?,
                key::LOG => {
                    (self.payload, self.is_error) = log(field.bytes())?;
                    logs += 1;
                }
                _ => return None,
            }
        }
        // Two are one whose parts are merged.
        if end != envelope.len() || logs != 1 {
            return None;
        }
        let sorted = |tags: &[(&str, &str)]| tags.is_sorted_by(|a, b| a.0 < b.0);
        if !sorted(&self.tags) {
            self.tags.sort_unstable();
            // Of a tag that is there twice the last one holds.
            return sorted(&self.tags).then_some(());
        }
        Some(())
    }
}

/// Key and value, or one of them.
fn tag(entry: &[u8]) -> Option<(&str, &str)> {
    let (mut name, mut value, mut end) = (None, None, 0);
    for field in fields(entry) {
        end = field.end;
        let place = match field.key {
            key::FIRST => &mut name,
            key::SECOND => &mut value,
            _ => return None,
        };
        if place.replace(from_utf8(field.bytes()).ok()?).is_some() {
            return None;
        }
    }
    (end == entry.len()).then(|| (name.unwrap_or_default(), value.unwrap_or_default()))
}

/// Payload and type, or one of them.
fn log(body: &[u8]) -> Option<(&[u8], bool)> {
    let (mut payload, mut is_error, mut end) = (None, None, 0);
    for field in fields(body) {
        end = field.end;
        match field.key {
            key::FIRST if payload.is_none() => payload = Some(field.bytes()),
            key::TYPE if is_error.is_none() && field.varint() < 2 => {
                is_error = Some(field.varint() == 1);
            }
            _ => return None,
        }
    }
    (end == body.len()).then(|| (payload.unwrap_or_default(), is_error.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use logweir_proto::v2;
    use prost::Message as _;

    use super::super::{decode, envelope};
    use super::*;

    fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        envelope(&decode(bytes)?, &mut out);
        Some(out)
    }

    fn usual() -> v2::Envelope {
        let tags = [("a", "1\n"), ("b\"", ""), ("", "ü")];
        v2::Envelope {
            timestamp: -5,
            source_id: "s".into(),
            instance_id: "\t".into(),
            tags: tags.map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
            message: Some(v2::envelope::Message::Log(v2::Log {
                payload: vec![0, 255, b'a'].into(),
                r#type: 1,
            })),
            ..v2::Envelope::default()
        }
    }

    #[test]
    fn a_usual_line_is_written_as_one_that_was_decoded() {
        let bytes = usual().encode_to_vec();
        let mut out = Vec::new();
        assert!(Plain::default().write(&bytes, &mut out));
        assert_eq!(out, decoded(&bytes).unwrap());
    }

    /// Every envelope of a few bytes' difference: what is written is what a decoder reads.
    #[test]
    fn what_is_written_is_what_a_decoder_reads() {
        let bytes = usual().encode_to_vec();
        let mut plain = Plain::default();
        let changed: Vec<Vec<u8>> = (0..bytes.len())
            .flat_map(|at| (0..=255).map(move |byte| (at, byte)))
            .map(|(at, byte)| {
                let mut changed = bytes.clone();
                changed[at] = byte;
                changed
            })
            .chain((0..bytes.len()).map(|end| bytes[..end].to_vec()))
            .chain((0..bytes.len()).map(|from| [&bytes[..], &bytes[from..]].concat()))
            .collect();
        let mut written = 0;
        for bytes in &changed {
            let mut out = Vec::new();
            if plain.write(bytes, &mut out) {
                let decoded = decoded(bytes).map(String::from_utf8);
                assert_eq!(Some(String::from_utf8(out)), decoded, "{bytes:?}");
                written += 1;
            }
        }
        assert!(written > 1000, "{written}");
    }

    #[test]
    fn tags_come_sorted_and_those_that_are_twice_are_left_to_others() {
        let tag = |name: &[u8]| [b"\x4a\x06\x0a\x01", name, b"\x12\x01v"].concat();
        let log = b"\x22\x03\x0a\x01x".to_vec();
        let mut plain = Plain::default();
        let mut out = Vec::new();
        let unsorted = [tag(b"b"), log.clone(), tag(b"a")].concat();
        assert!(plain.write(&unsorted, &mut out));
        assert_eq!(out, decoded(&unsorted).unwrap());
        let twice = [tag(b"a"), log, tag(b"a")].concat();
        assert!(!plain.write(&twice, &mut out));
    }
}
