//! What a message needs of an envelope, in one walk over its bytes.

use std::borrow::Cow;

use logweir_proto::fields::fields;
use logweir_proto::peek::{Kind, peek};

/// Keys of protobuf fields: number and wire type.
const TIMESTAMP: u64 = 1 << 3;
const SOURCE_ID: u64 = 2 << 3 | 2;
const LOG: u64 = 4 << 3 | 2;
const COUNTER: u64 = 5 << 3 | 2;
const GAUGE: u64 = 6 << 3 | 2;
const TIMER: u64 = 7 << 3 | 2;
const INSTANCE_ID: u64 = 8 << 3 | 2;
const TAG: u64 = 9 << 3 | 2;
const EVENT: u64 = 10 << 3 | 2;
/// Keys of the first two members of a message, if they are bytes, or numbers.
pub(super) const FIRST: u64 = 1 << 3 | 2;
pub(super) const SECOND: u64 = 2 << 3 | 2;
const SECOND_NUMBER: u64 = 2 << 3;

/// A name and its value; bytes, since the walk does not check UTF-8.
pub(super) type Tag<'a> = (&'a [u8], &'a [u8]);

/// An envelope's parts. Of a repeated field the last one counts.
pub(super) struct View<'a> {
    /// Unix time in nanoseconds.
    pub(super) timestamp: i64,
    pub(super) source_id: &'a [u8],
    pub(super) instance_id: &'a [u8],
    pub(super) kind: Option<Kind>,
    member: &'a [u8],
    /// True if the member comes in more than one part.
    parts: bool,
    /// Sorted by name, each name once.
    pub(super) tags: Vec<Tag<'a>>,
}

impl<'a> View<'a> {
    pub(super) fn of(envelope: &'a [u8]) -> Self {
        let mut view = View {
            timestamp: 0,
            source_id: &[],
            instance_id: &[],
            kind: None,
            member: &[],
            parts: false,
            tags: Vec::with_capacity(12),
        };
        for field in fields(envelope) {
            let kind = match field.key {
                TAG => {
                    view.tags.push(pair(field.bytes()));
                    continue;
                }
                TIMESTAMP => {
                    view.timestamp = field.varint().cast_signed();
                    continue;
                }
                SOURCE_ID => {
                    view.source_id = field.bytes();
                    continue;
                }
                INSTANCE_ID => {
                    view.instance_id = field.bytes();
                    continue;
                }
                LOG => Kind::Log,
                COUNTER => Kind::Counter,
                GAUGE => Kind::Gauge,
                TIMER => Kind::Timer,
                EVENT => Kind::Event,
                _ => continue,
            };
            view.parts = view.kind == Some(kind);
            view.kind = Some(kind);
            view.member = field.bytes();
        }
        sort_last_wins(&mut view.tags, |tag| tag.0);
        view
    }

    /// The bytes of the oneof member, its parts joined.
    pub(super) fn body(&self, envelope: &'a [u8]) -> Cow<'a, [u8]> {
        match self.parts {
            true => peek(envelope).map_or(Cow::Borrowed(self.member), |peek| peek.body()),
            false => Cow::Borrowed(self.member),
        }
    }

    /// The value of a tag.
    pub(super) fn tag(&self, name: &str) -> Option<&'a [u8]> {
        let found = self.tags.iter().find(|tag| tag.0 == name.as_bytes());
        found.map(|tag| tag.1)
    }
}

/// Sorts entries of a map by name and keeps of each name the last.
pub(super) fn sort_last_wins<T>(entries: &mut Vec<T>, name: impl Fn(&T) -> &[u8]) {
    if entries.is_sorted_by(|a, b| name(a) < name(b)) {
        return;
    }
    // The sort is stable and `dedup` keeps the first, so the order is turned round.
    entries.reverse();
    entries.sort_by(|a, b| name(a).cmp(name(b)));
    entries.dedup_by(|later, kept| name(later) == name(kept));
}

/// The two texts of a message with nothing else: a tag, an event.
pub(super) fn pair(message: &[u8]) -> Tag<'_> {
    let mut pair: Tag<'_> = (&[], &[]);
    for field in fields(message) {
        match field.key {
            FIRST => pair.0 = field.bytes(),
            SECOND => pair.1 = field.bytes(),
            _ => {}
        }
    }
    pair
}

/// A log's payload, and the PRI and VERSION that its type makes.
pub(super) fn log(body: &[u8]) -> (&[u8], &'static [u8]) {
    let (mut payload, mut kind): (&[u8], u64) = (&[], 0);
    for field in fields(body) {
        match field.key {
            FIRST => payload = field.bytes(),
            SECOND_NUMBER => kind = field.varint(),
            _ => {}
        }
    }
    // An enum is 32 bits wide for every decoder. The original writes a PRI of -1 for
    // types that it does not know, which receivers refuse.
    #[allow(clippy::cast_possible_truncation)]
    match kind as u32 {
        1 => (payload, b"<11>1 "),
        _ => (payload, b"<14>1 "),
    }
}
