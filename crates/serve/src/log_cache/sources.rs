//! What is known of sources, in the order of their names, as the bytes in which nodes tell
//! each other.

use std::cmp::Ordering;

use bytes::{Bytes, BytesMut};
use logweir_cache::Store;
use logweir_proto::{
    logcache::{MetaInfo, MetaResponse},
    put,
};
use prost::Message;

/// Keys of a `MetaResponse`, its entries and a `MetaInfo`: number and wire type.
mod key {
    pub(super) const ENTRY: u8 = 1 << 3 | 2;
    pub(super) const NAME: u8 = 1 << 3 | 2;
    pub(super) const INFO: u8 = 2 << 3 | 2;
    /// Count, expired, oldest and newest timestamp.
    pub(super) const NUMBERS: [u8; 4] = [1 << 3, 2 << 3, 3 << 3, 4 << 3];
}

/// What an entry takes beside its name, at most.
const ENTRY_BYTES: usize = 60;
/// What a number takes with its key, at most.
const NUMBER_BYTES: usize = 11;

/// What is known of some sources: the bytes of a `MetaResponse`, no name twice, in order.
/// Ten thousand of them in a map took most of the time of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Bytes);

impl Sources {
    /// Those of a store.
    pub fn of_store(store: &Store) -> Self {
        let sources = store.meta();
        let bytes = sources.name_bytes() + sources.len() * ENTRY_BYTES;
        let mut out = BytesMut::with_capacity(bytes);
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for (name, meta) in sources.iter() {
            let info = MetaInfo {
                count: whole(meta.count),
                expired: whole(meta.expired),
                oldest_timestamp: meta.oldest,
                newest_timestamp: meta.newest,
            };
            push(&mut out, name, info);
        }
        Self(out.freeze())
    }

    /// Those of an answer.
    ///
    /// # Errors
    /// The bytes are none.
    pub(super) fn of_answer(answer: Bytes) -> Result<Self, prost::DecodeError> {
        if is_usual(&answer) {
            return Ok(Self(answer));
        }
        // As the peers' maps have it.
        let sources = MetaResponse::decode(answer)?.meta;
        let mut out = BytesMut::new();
        for (name, info) in &sources {
            push(&mut out, name, *info);
        }
        Ok(Self(out.freeze()))
    }

    /// About how many bytes they are in JSON.
    pub(super) fn json_bytes(&self) -> usize {
        self.0.len() * 5 / 2
    }

    /// The bytes of a `MetaResponse`.
    pub(super) fn into_answer(self) -> Bytes {
        self.0
    }

    /// Name and figures of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, MetaInfo)> {
        Entries { rest: &self.0 }
    }

    /// Both together. A source that both have has what they know together.
    #[must_use]
    pub(super) fn with(self, others: &Self) -> Self {
        if self.0.is_empty() || others.0.is_empty() {
            return if self.0.is_empty() {
                others.clone()
            } else {
                self
            };
        }
        let mut out = BytesMut::with_capacity(self.0.len() + others.0.len());
        let (mut ours, mut theirs) = (self.iter().peekable(), others.iter().peekable());
        while let (Some((own, _)), Some((other, _))) = (ours.peek(), theirs.peek()) {
            let (mine, yours) = match own.cmp(other) {
                Ordering::Less => (ours.next(), None),
                Ordering::Greater => (None, theirs.next()),
                Ordering::Equal => (ours.next(), theirs.next()),
            };
            match (mine, yours) {
                (Some((name, mine)), Some((_, yours))) => {
                    push(&mut out, name, together(mine, yours));
                }
                (Some((name, info)), None) | (None, Some((name, info))) => {
                    push(&mut out, name, info);
                }
                (None, None) => {}
            }
        }
        for (name, info) in ours.chain(theirs) {
            push(&mut out, name, info);
        }
        Self(out.freeze())
    }
}

fn together(one: MetaInfo, other: MetaInfo) -> MetaInfo {
    MetaInfo {
        count: one.count.saturating_add(other.count),
        expired: one.expired.saturating_add(other.expired),
        oldest_timestamp: one.oldest_timestamp.min(other.oldest_timestamp),
        newest_timestamp: one.newest_timestamp.max(other.newest_timestamp),
    }
}

/// Appends an entry. What is 0 is not said.
fn push(out: &mut BytesMut, name: &str, info: MetaInfo) {
    let numbers = [
        info.count,
        info.expired,
        info.oldest_timestamp,
        info.newest_timestamp,
    ];
    let mut bytes = [0; 4 * NUMBER_BYTES];
    let mut length = 0;
    for (key, number) in key::NUMBERS.into_iter().zip(numbers) {
        if number != 0 {
            bytes[length] = key;
            length += 1;
            length += put_varint(&mut bytes[length..], number.cast_unsigned());
        }
    }
    let info = &bytes[..length];
    let mut head = [0; 3 * NUMBER_BYTES];
    let whole = put::bytes_len(key::NAME.into(), name.len()) + 2 + info.len();
    let mut at = 0;
    for (key, length) in [(key::ENTRY, whole), (key::NAME, name.len())] {
        head[at] = key;
        at += 1;
        at += put_varint(&mut head[at..], length as u64);
    }
    out.extend_from_slice(&head[..at]);
    out.extend_from_slice(name.as_bytes());
    // Four numbers are less than 128 bytes.
    out.extend_from_slice(&[key::INFO, u8::try_from(info.len()).unwrap_or(0)]);
    out.extend_from_slice(info);
}

fn put_varint(out: &mut [u8], mut value: u64) -> usize {
    let mut at = 0;
    while value >= 0x80 {
        out[at] = value.to_le_bytes()[0] | 0x80;
        value >>= 7;
        at += 1;
    }
    out[at] = value.to_le_bytes()[0];
    at + 1
}

/// Entries as [`push`] writes them, up to what is none. Whatever is not read here is left to a
/// decoder: most of an answer's time went into reading it.
struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Bytes with this key before their length.
    fn bytes(rest: &mut &'a [u8], key: u8) -> Option<&'a [u8]> {
        *rest = rest.strip_prefix(&[key])?;
        let length = usize::try_from(varint(rest)?).ok()?;
        let (bytes, after) = rest.split_at_checked(length)?;
        *rest = after;
        Some(bytes)
    }

    fn entry(&mut self) -> Option<(&'a str, MetaInfo)> {
        let mut rest = self.rest;
        let mut entry = Self::bytes(&mut rest, key::ENTRY)?;
        let name = std::str::from_utf8(Self::bytes(&mut entry, key::NAME)?).ok()?;
        let mut info = Self::bytes(&mut entry, key::INFO)?;
        if !entry.is_empty() {
            return None;
        }
        let mut numbers = [0; 4];
        for (key, number) in key::NUMBERS.into_iter().zip(&mut numbers) {
            if let Some(after) = info.strip_prefix(&[key]) {
                info = after;
                *number = varint(&mut info)?.cast_signed();
            }
        }
        let [count, expired, oldest_timestamp, newest_timestamp] = numbers;
        let all = MetaInfo {
            count,
            expired,
            oldest_timestamp,
            newest_timestamp,
        };
        info.is_empty().then(|| {
            self.rest = rest;
            (name, all)
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, MetaInfo);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.entry()
    }
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (at, byte) in rest.iter().take(NUMBER_BYTES - 1).enumerate() {
        // Of the tenth byte there is one bit.
        if at == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7F) << (7 * at);
        if *byte < 0x80 {
            *rest = &rest[at + 1..];
            return Some(value);
        }
    }
    None
}

/// Whether these are such entries, each after the one before.
fn is_usual(answer: &[u8]) -> bool {
    let mut entries = Entries { rest: answer };
    let mut before = None;
    for (name, _) in entries.by_ref() {
        if before.is_some_and(|before| before >= name) {
            return false;
        }
        before = Some(name);
    }
    entries.rest.is_empty()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn info(count: i64, oldest: i64, newest: i64) -> MetaInfo {
        MetaInfo {
            count,
            expired: 0,
            oldest_timestamp: oldest,
            newest_timestamp: newest,
        }
    }

    fn response(names: &[&str]) -> MetaResponse {
        let meta = names.iter().zip(1..);
        let meta = meta.map(|(name, at)| ((*name).to_owned(), info(at, -at, at)));
        MetaResponse {
            meta: meta.collect(),
        }
    }

    fn of(response: &MetaResponse) -> Sources {
        Sources::of_answer(response.encode_to_vec().into()).unwrap()
    }

    fn map(sources: &Sources) -> BTreeMap<String, MetaInfo> {
        let all = sources.iter();
        all.map(|(name, info)| (name.to_owned(), info)).collect()
    }

    #[test]
    fn they_are_the_bytes_of_a_response() {
        let response = response(&["", "a", "b\n", "süß"]);
        let sources = of(&response);
        assert_eq!(map(&sources), response.meta);
        let again = MetaResponse::decode(sources.clone().into_answer()).unwrap();
        assert_eq!(again, response);
        assert!(is_usual(&sources.0));
    }

    #[test]
    fn what_a_map_has_in_any_order_is_sorted() {
        let part = |name: &str| response(&[name]).encode_to_vec();
        let mixed = [part("b"), part("a"), part("c"), part("b")].concat();
        assert!(!is_usual(&mixed));
        let sources = Sources::of_answer(mixed.into()).unwrap();
        let names: Vec<&str> = sources.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        // An entry without figures, and one that breaks off.
        let bare = Sources::of_answer(Bytes::from_static(b"\x0a\x03\x0a\x01a")).unwrap();
        assert_eq!(map(&bare), BTreeMap::from([("a".into(), info(0, 0, 0))]));
        assert!(Sources::of_answer(Bytes::from_static(b"\x0a\x03\x0a")).is_err());
    }

    #[test]
    fn what_two_know_is_put_together() {
        let (one, other) = (of(&response(&["a", "b", "d"])), of(&response(&["b", "c"])));
        let all = map(&one.with(&other));
        let names: Vec<&String> = all.keys().collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        assert_eq!(all["b"], info(3, -2, 2));
        assert_eq!(all["c"], info(2, -2, 2));
        assert_eq!(Sources::default().with(&other), other);
        assert_eq!(other.clone().with(&Sources::default()), other);
    }

    #[test]
    fn whatever_is_taken_is_what_a_decoder_reads() {
        let bytes = response(&["a", "bc"]).encode_to_vec();
        for at in 0..bytes.len() {
            for byte in 0..=255 {
                let mut changed = bytes.clone();
                changed[at] = byte;
                let decoded = MetaResponse::decode(&changed[..]);
                let sources = Sources::of_answer(changed.into());
                match (decoded, sources) {
                    (Ok(decoded), Ok(sources)) => assert_eq!(map(&sources), decoded.meta),
                    (Err(_), Err(_)) => {}
                    (decoded, sources) => panic!("{decoded:?} {sources:?}"),
                }
            }
        }
    }
}
