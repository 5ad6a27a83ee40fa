//! The six payloads of a V1 envelope: which fields they have, and which are required.
//! Nothing says that there is only one of them, and parts of one merge.

use super::{App, key};
use crate::reader::{ENVELOPE_DEPTH, FIXED64, LEN, Reader, Reason, VARINT};

pub(super) const TAG_NAME: u64 = 1 << 3 | 2;
pub(super) const TAG_VALUE: u64 = 2 << 3 | 2;

/// Keys of the fields that tell the app.
const LOG_APP_ID: u64 = 4 << 3 | 2;
const CONTAINER_APP_ID: u64 = 1 << 3 | 2;
const REQUEST_ID: u64 = 3 << 3 | 2;
const HTTP_APP_ID: u64 = 12 << 3 | 2;
const UUID_LOW: u64 = 1 << 3;
const UUID_HIGH: u64 = 2 << 3;

/// The required fields of a message by number, each with its wire type.
type Required = [(u64, u64)];

const HTTP: &Required = &[
    (1, VARINT),
    (2, VARINT),
    (3, LEN),
    (4, VARINT),
    (5, VARINT),
    (6, LEN),
    (7, LEN),
    (8, LEN),
    (9, VARINT),
    (10, VARINT),
];
const LOG: &Required = &[(1, LEN), (2, VARINT), (3, VARINT)];
const VALUE: &Required = &[(1, LEN), (2, FIXED64), (3, LEN)];
const COUNTER: &Required = &[(1, LEN), (2, VARINT)];
const ERROR: &Required = &[(1, LEN), (2, VARINT), (3, LEN)];
const CONTAINER: &Required = &[
    (1, LEN),
    (2, VARINT),
    (3, FIXED64),
    (4, VARINT),
    (5, VARINT),
];
const UUID: &Required = &[(1, VARINT), (2, VARINT)];

/// By the order of the payloads' keys.
const REQUIRED: [u16; 6] = [
    all(HTTP),
    all(LOG),
    all(VALUE),
    all(COUNTER),
    all(ERROR),
    all(CONTAINER),
];

/// Bits of the required fields.
const fn all(required: &Required) -> u16 {
    let mut bits = 0;
    let mut i = 0;
    while i < required.len() {
        bits |= 1 << required[i].0;
        i += 1;
    }
    bits
}

/// Bits by key of a field below 16, so that a field of another wire type is no bit.
const fn table(required: &Required) -> [u16; 128] {
    let mut bits = [0; 128];
    let mut i = 0;
    while i < required.len() {
        let (number, wire_type) = required[i];
        #[allow(clippy::cast_possible_truncation)] // below 128
        let key = (number << 3 | wire_type) as usize;
        bits[key] = 1 << number;
        i += 1;
    }
    bits
}

static TABLES: [[u16; 128]; 6] = [
    table(HTTP),
    table(LOG),
    table(VALUE),
    table(COUNTER),
    table(ERROR),
    table(CONTAINER),
];
static UUID_TABLE: [u16; 128] = table(UUID);

/// What was seen of one payload.
#[derive(Clone, Copy, Default)]
pub(super) struct Body<'a> {
    /// How many parts; 2 stands for more.
    pub(super) parts: u8,
    /// The last of them.
    pub(super) last: &'a [u8],
    /// Bits of the required fields that are there.
    seen: u16,
}

/// A UUID in an `HttpStartStop`.
#[derive(Clone, Copy, Default)]
struct Uuid {
    present: bool,
    seen: u16,
    halves: [u64; 2],
}

/// What was seen of all payloads.
#[derive(Default)]
pub(super) struct Bodies<'a> {
    bodies: [Body<'a>; 6],
    log_app: &'a [u8],
    container_app: &'a [u8],
    request: Uuid,
    http_app: Uuid,
}

/// The place of a payload by its key.
fn index(body_key: u64) -> usize {
    usize::try_from((body_key - key::FIRST_BODY) >> 3).map_or(0, |index| index.min(5))
}

impl<'a> Bodies<'a> {
    /// Checks a part of a payload.
    #[inline]
    pub(super) fn part(&mut self, body_key: u64, part: &'a [u8]) -> Result<(), Reason> {
        let index = index(body_key);
        let seen = match index {
            0 => {
                let (request, app) = (&mut self.request, &mut self.http_app);
                walk(
                    part,
                    &TABLES[0],
                    ENVELOPE_DEPTH - 1,
                    |key, value| match key {
                        REQUEST_ID => request.part(value),
                        HTTP_APP_ID => app.part(value),
                        _ => Ok(()),
                    },
                )?
            }
            1 => named(part, &TABLES[1], LOG_APP_ID, &mut self.log_app)?,
            5 => named(part, &TABLES[5], CONTAINER_APP_ID, &mut self.container_app)?,
            _ => walk(part, &TABLES[index], ENVELOPE_DEPTH - 1, |_, _| Ok(()))?,
        };
        let body = &mut self.bodies[index];
        body.parts = (body.parts + 1).min(2);
        body.last = part;
        body.seen |= seen;
        Ok(())
    }

    /// Every payload that is there has what it must, also those that do not count.
    pub(super) fn check_required(&self) -> Result<(), Reason> {
        let lacks = |(body, required): (&Body<'_>, &u16)| body.parts > 0 && body.seen != *required;
        if self.bodies.iter().zip(&REQUIRED).any(lacks)
            || [self.request, self.http_app].iter().any(Uuid::lacks)
        {
            return Err("a required field is missing");
        }
        Ok(())
    }

    pub(super) fn of(&self, body_key: u64) -> Body<'a> {
        self.bodies[index(body_key)]
    }

    pub(super) fn app(&self, body_key: u64) -> App<'a> {
        match index(body_key) {
            0 if self.http_app.present => {
                let [low, high] = self.http_app.halves;
                App::Uuid(low, high)
            }
            1 => App::Named(self.log_app),
            5 => App::Named(self.container_app),
            _ => App::System,
        }
    }
}

impl Uuid {
    fn part(&mut self, value: Reader<'_>) -> Result<(), Reason> {
        let mut value = value;
        self.present = true;
        let halves = &mut self.halves;
        let part = value.bytes()?;
        self.seen |= walk(part, &UUID_TABLE, ENVELOPE_DEPTH - 2, |key, mut value| {
            match key {
                UUID_LOW => halves[0] = value.varint()?,
                UUID_HIGH => halves[1] = value.varint()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(())
    }

    fn lacks(&self) -> bool {
        self.present && self.seen != const { all(UUID) }
    }
}

/// Walks a part and keeps the text of one field.
fn named<'a>(
    part: &'a [u8],
    table: &[u16; 128],
    wanted: u64,
    text: &mut &'a [u8],
) -> Result<u16, Reason> {
    walk(part, table, ENVELOPE_DEPTH - 1, |key, mut value| {
        if key == wanted {
            *text = value.bytes()?;
        }
        Ok(())
    })
}

/// Walks a message and gives each field, its value unread, to `on`. The bits of the
/// required fields that are there.
#[inline]
fn walk<'a>(
    message: &'a [u8],
    table: &[u16; 128],
    depth: u32,
    mut on: impl FnMut(u64, Reader<'a>) -> Result<(), Reason>,
) -> Result<u16, Reason> {
    let mut reader = Reader::new(message);
    let mut seen = 0;
    while !reader.rest.is_empty() {
        let key = reader.varint()?;
        let value = reader;
        reader.skip(key, depth)?;
        if let Some(bit) = usize::try_from(key).ok().and_then(|key| table.get(key)) {
            seen |= bit;
        }
        on(key, value)?;
    }
    Ok(seen)
}
