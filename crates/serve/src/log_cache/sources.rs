//! What is known of sources, in the order of their names, as the bytes in which nodes tell
//! each other.

use std::cmp::Ordering;

use bytes::{Bytes, BytesMut};
use logweir_cache::Store;
use logweir_proto::{
    fields::{Field, fields},
    logcache::{MetaInfo, MetaResponse},
    put,
};
use prost::Message;

/// Keys of a `MetaResponse`, its entries and a `MetaInfo`: number and wire type.
mod key {
    pub(super) const ENTRY: u64 = 1 << 3 | 2;
    pub(super) const NAME: u64 = 1 << 3 | 2;
    pub(super) const INFO: u64 = 2 << 3 | 2;
    /// Count, expired, oldest and newest timestamp.
    pub(super) const NUMBERS: [u64; 4] = [1 << 3, 2 << 3, 3 << 3, 4 << 3];
}

/// What an entry takes beside its name, at most.
const ENTRY_BYTES: usize = 60;

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

    /// The bytes of a `MetaResponse`.
    pub(super) fn into_answer(self) -> Bytes {
        self.0
    }

    /// Name and figures of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, MetaInfo)> {
        fields(&self.0).map(|entry| parts(entry.bytes()))
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

fn push(out: &mut BytesMut, name: &str, info: MetaInfo) {
    let numbers = [
        info.count,
        info.expired,
        info.oldest_timestamp,
        info.newest_timestamp,
    ];
    // What is 0 is not said.
    let numbers = key::NUMBERS.into_iter().zip(numbers);
    let numbers = numbers.map(|(key, number)| (key, number.cast_unsigned()));
    let numbers = numbers.filter(|(_, number)| *number != 0);
    let length = numbers.clone();
    let length = length.map(|(key, number)| put::number_len(key, number));
    let length: usize = length.sum();
    let whole = put::bytes_len(key::NAME, name.len()) + put::bytes_len(key::INFO, length);
    put::head(out, key::ENTRY, whole);
    put::bytes(out, key::NAME, name.as_bytes());
    put::head(out, key::INFO, length);
    for (key, number) in numbers {
        put::number(out, key, number);
    }
}

/// Of an entry as [`push`] writes it.
fn parts(entry: &[u8]) -> (&str, MetaInfo) {
    let mut parts = fields(entry);
    let name = parts.next().map_or("", Field::text);
    let mut info = MetaInfo::default();
    for number in fields(parts.next().map_or(&[][..], Field::bytes)) {
        let place = match key::NUMBERS.iter().position(|key| *key == number.key) {
            Some(0) => &mut info.count,
            Some(1) => &mut info.expired,
            Some(2) => &mut info.oldest_timestamp,
            Some(3) => &mut info.newest_timestamp,
            _ => continue,
        };
        *place = number.varint().cast_signed();
    }
    (name, info)
}

/// Whether these are entries as [`push`] writes them, each after the one before.
fn is_usual(answer: &[u8]) -> bool {
    let (mut end, mut before) = (0, None);
    for entry in fields(answer) {
        end = entry.end;
        let bytes = entry.bytes();
        let Some(name) = usual_name(bytes).filter(|_| entry.key == key::ENTRY) else {
            return false;
        };
        if before.is_some_and(|before| before >= name) {
            return false;
        }
        before = Some(name);
    }
    end == answer.len()
}

fn usual_name(entry: &[u8]) -> Option<&str> {
    let mut parts = fields(entry);
    let (name, info) = (parts.next()?, parts.next()?);
    let usual = (name.key, info.key) == (key::NAME, key::INFO) && info.end == entry.len();
    let mut end = 0;
    let known = fields(info.bytes()).all(|number| {
        end = number.end;
        key::NUMBERS.contains(&number.key)
    });
    let whole = usual && known && end == info.bytes().len();
    std::str::from_utf8(name.bytes()).ok().filter(|_| whole)
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
