//! The load: log envelopes of 256 bytes of payload with 8 tags and an instance id,
//! encoded once; time and number are patched in place for each batch.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use bytes::{BufMut, Bytes, BytesMut};
use logweir_proto::{frames::push_frame, v2};
use prost::Message;

use crate::line::Form;

/// Envelopes of one full batch, as the peers send them.
pub(crate) const BATCH: usize = 100;
/// Length of a gRPC message prefix.
const PREFIX: usize = 5;
/// Number of the stream that only opens the way before a measurement.
pub(crate) const PRIMING: u8 = u8::MAX;
/// A time whose varint has the nine bytes that every time from 1972 to 2262 has.
const SOME_TIME: i64 = 1 << 60;

/// Offsets of one envelope in its template.
struct Spot {
    time: usize,
    number: usize,
    end: usize,
}

/// A full batch, ready framed as a gRPC message.
struct Page {
    bytes: BytesMut,
    spots: Vec<Spot>,
    form: Form,
}

/// The messages of one producer: pages in turn, as many as its sources fill.
pub(crate) struct Template {
    pages: Vec<Page>,
    next: usize,
}

impl Page {
    fn new(sources: &[String], stream: u8, form: Form) -> Result<Self> {
        let mut bytes = BytesMut::new();
        bytes.put_bytes(0, PREFIX);
        let mut spots = Vec::with_capacity(BATCH);
        for source in sources.iter().cycle().take(BATCH) {
            push_frame(
                &mut bytes,
                &envelope(source, form.payload(stream)).encode_to_vec(),
            );
            let start = spots.last().map_or(PREFIX, |spot: &Spot| spot.end);
            let magic = find(&bytes[start..], form.magic()).context("payload not found")?;
            let time = find(&bytes[start..], &time_field()).context("time not found")?;
            spots.push(Spot {
                time: start + time + 1,
                number: start + magic + form.number_at(),
                end: bytes.len(),
            });
        }
        Ok(Self { bytes, spots, form })
    }

    /// See [`Template::message`].
    fn message(&mut self, count: usize, now: u64, number: u64) -> Bytes {
        for (spot, number) in self.spots.iter().take(count).zip(number..) {
            patch_time(&mut self.bytes[spot.time..spot.time + 9], now);
            self.form.patch(&mut self.bytes[spot.number..], number, now);
        }
        let end = self.spots[count.clamp(1, BATCH) - 1].end;
        let length = u32::try_from(end - PREFIX).unwrap_or(u32::MAX);
        self.bytes[1..PREFIX].copy_from_slice(&length.to_be_bytes());
        Bytes::copy_from_slice(&self.bytes[..end])
    }
}

impl Template {
    /// Logs of the given sources in turn, marked as coming from producer `stream`.
    pub(crate) fn new(sources: &[String], stream: u8) -> Result<Self> {
        Self::of(Form::Bytes, sources, stream)
    }

    /// The same with marks in this form.
    pub(crate) fn of(form: Form, sources: &[String], stream: u8) -> Result<Self> {
        let pages = sources
            .chunks(BATCH)
            .map(|sources| Page::new(sources, stream, form));
        Ok(Self {
            pages: pages.collect::<Result<_>>()?,
            next: 0,
        })
    }

    /// Mean bytes of an envelope in its batch.
    pub(crate) fn envelope_bytes(&self) -> usize {
        let bytes: usize = self
            .pages
            .iter()
            .map(|page| page.bytes.len() - PREFIX)
            .sum();
        bytes / (BATCH * self.pages.len().max(1))
    }

    /// The message of the next page's first `count` envelopes (at most a full batch),
    /// made at `now` (Unix nanoseconds) and numbered from `number` on.
    pub(crate) fn message(&mut self, count: usize, now: u64, number: u64) -> Bytes {
        let page = self.next % self.pages.len().max(1);
        self.next += 1;
        self.pages
            .get_mut(page)
            .map_or_else(Bytes::new, |page| page.message(count, now, number))
    }
}

/// Writes a time (Unix nanoseconds) as the varint of nine bytes that it is.
pub(crate) fn patch_time(bytes: &mut [u8], now: u64) {
    for (index, byte) in bytes.iter_mut().enumerate() {
        let more = if index < 8 { 0x80 } else { 0 };
        *byte = low7(now >> (7 * index)) | more;
    }
}

fn low7(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7F
}

/// A time as it is in an envelope before it is patched, with its key.
pub(crate) fn time_field() -> Vec<u8> {
    v2::Envelope {
        timestamp: SOME_TIME,
        ..Default::default()
    }
    .encode_to_vec()
}

/// Where `needle` begins.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

/// The log envelope of the load: an instance id and 8 tags.
pub(crate) fn envelope(source: &str, payload: Vec<u8>) -> v2::Envelope {
    let tags = [
        ("app_id", source),
        ("app_name", "checkout-frontend"),
        ("space_id", "5b7a0e4f-93cb-4d0e-a1cb-7f0c3d0f4a11"),
        ("space_name", "production"),
        ("organization_id", "0c1f1f5e-2b9e-4f26-8d0a-5d8f2b7f9a55"),
        ("organization_name", "retail"),
        ("process_type", "web"),
        ("source_type", "APP/PROC/WEB"),
    ];
    v2::Envelope {
        timestamp: SOME_TIME,
        source_id: source.into(),
        instance_id: "3".into(),
        tags: tags
            .into_iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect::<BTreeMap<_, _>>(),
        message: Some(v2::envelope::Message::Log(v2::Log {
            payload: payload.into(),
            r#type: v2::log::Type::Out.into(),
        })),
        ..Default::default()
    }
}

/// What a reader learns from one envelope of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// When it was sent, Unix nanoseconds.
    pub(crate) time: u64,
    /// Which producer sent it.
    pub(crate) stream: u8,
    /// Its number in that producer's stream, from 0.
    pub(crate) number: u64,
}

/// Reads the mark of an envelope; none if it is not of the load.
pub(crate) fn mark(envelope: &[u8]) -> Option<Mark> {
    // Field 1, the time, and field 4, the log.
    marked(envelope, 0x08, 0x22)
}

/// The same with the keys of the fields that hold the time and the log, whose first field
/// is the payload.
pub(crate) fn marked(envelope: &[u8], time_key: u64, log_key: u64) -> Option<Mark> {
    let mut rest = envelope;
    let mut time = 0;
    let mut payload = None;
    while !rest.is_empty() {
        match varint(&mut rest)? {
            key if key == time_key => time = varint(&mut rest)?,
            key if key == log_key => {
                let mut log = delimited(&mut rest)?;
                if varint(&mut log)? == 0x0A {
                    payload = Some(delimited(&mut log)?);
                }
            }
            key => match key & 7 {
                0 => drop(varint(&mut rest)?),
                2 => drop(delimited(&mut rest)?),
                _ => return None,
            },
        }
    }
    let payload = payload?.strip_prefix(Form::Bytes.magic())?;
    let (stream, payload) = payload.split_first()?;
    let number = u64::from_le_bytes(payload.first_chunk().copied()?);
    Some(Mark {
        time,
        stream: *stream,
        number,
    })
}

/// How many envelopes a notice says were lost: a log with the tags `source_type=LGR` and
/// `dropped`. 0 for anything else.
pub(crate) fn told(envelope: &[u8]) -> u64 {
    let Ok(envelope) = v2::Envelope::decode(envelope) else {
        return 0;
    };
    let tag = |name: &str| envelope.tags.get(name).map(String::as_str);
    match (tag("source_type"), tag("dropped")) {
        (Some("LGR"), Some(count)) => count.parse().unwrap_or_default(),
        _ => 0,
    }
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn delimited<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_batch_decodes_to_what_was_patched() {
        let sources = vec!["app-1".to_owned(), "app-2".to_owned()];
        let mut template = Template::new(&sources, 7).unwrap();
        let now = 1_790_000_000_123_456_789;
        for count in [1, 37, BATCH] {
            let message = template.message(count, now, 500);
            assert_eq!(message[0], 0);
            let length = u32::try_from(message.len() - 5).unwrap();
            assert_eq!(message[1..5], length.to_be_bytes());
            let batch = v2::EnvelopeBatch::decode(&message[5..]).unwrap();
            assert_eq!(batch.batch.len(), count);
            for (index, envelope) in batch.batch.iter().enumerate() {
                assert_eq!(envelope.timestamp, now as i64);
                assert_eq!(envelope.source_id, sources[index % 2]);
                assert_eq!(envelope.tags.len(), 8);
                let expected = Mark {
                    time: now,
                    stream: 7,
                    number: 500 + index as u64,
                };
                assert_eq!(mark(&envelope.encode_to_vec()), Some(expected));
            }
        }
        assert!((500..650).contains(&template.envelope_bytes()));
    }

    #[test]
    fn every_source_has_its_turn() {
        let sources: Vec<_> = (0..250).map(|n| format!("app-{n}")).collect();
        let mut template = Template::new(&sources, 0).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let message = template.message(BATCH, 1 << 60, 0);
            let batch = v2::EnvelopeBatch::decode(&message[5..]).unwrap();
            seen.extend(batch.batch.into_iter().map(|envelope| envelope.source_id));
        }
        assert_eq!(seen.len(), sources.len());
    }

    #[test]
    fn a_notice_says_how_many_were_lost() {
        let tags = [("source_type", "LGR"), ("dropped", "1200")];
        let notice = v2::Envelope {
            tags: tags.map(|(k, v)| (k.into(), v.into())).into(),
            ..Default::default()
        };
        assert_eq!(told(&notice.encode_to_vec()), 1200);
    }

    #[test]
    fn other_envelopes_have_no_mark() {
        let counter = v2::Envelope {
            message: Some(v2::envelope::Message::Counter(v2::Counter::default())),
            ..Default::default()
        };
        assert_eq!(mark(&counter.encode_to_vec()), None);
        assert_eq!(mark(b""), None);
        assert_eq!(told(&counter.encode_to_vec()), 0);
        assert_eq!(mark(b"\x22\x7f"), None);
    }
}
