//! The message of an envelope, and the metrics in it.

use logweir_proto::fields::{Field, fields};

use super::identity::Around;
use crate::types::Types;

/// Keys of fields: number and wire type.
mod key {
    /// Of an envelope.
    pub(super) const COUNTER: u64 = 5 << 3 | 2;
    pub(super) const GAUGE: u64 = 6 << 3 | 2;
    pub(super) const TIMER: u64 = 7 << 3 | 2;
    /// The name of a counter or timer, a metric of a gauge, the first half of its entry.
    pub(super) const FIRST: u64 = 1 << 3 | 2;
    /// The second half of an entry.
    pub(super) const SECOND: u64 = 2 << 3 | 2;
    /// The start of a timer.
    pub(super) const START: u64 = 2 << 3;
    /// The total of a counter, the stop of a timer.
    pub(super) const THIRD: u64 = 3 << 3;
    /// The unit of a gauge's metric, and its value.
    pub(super) const UNIT: u64 = 1 << 3 | 2;
    pub(super) const VALUE: u64 = 2 << 3 | 1;
}

/// The message of an envelope.
#[derive(Clone, Copy)]
pub(super) enum Message<'e> {
    Counter(&'e [u8]),
    Gauge(&'e [u8]),
    Timer(&'e [u8]),
}

/// One value under one name.
#[derive(Clone, Copy)]
pub(super) struct Value<'e> {
    pub(super) name: &'e [u8],
    pub(super) types: Types,
    pub(super) unit: &'e [u8],
    pub(super) value: f64,
}

impl<'e> Message<'e> {
    /// The message that a field of an envelope is, if it is one that has values.
    pub(super) fn of(field: Field<'e>) -> Option<Self> {
        match field.key {
            key::COUNTER => Some(Self::Counter(field.bytes())),
            key::GAUGE => Some(Self::Gauge(field.bytes())),
            key::TIMER => Some(Self::Timer(field.bytes())),
            _ => None,
        }
    }

    /// The first that is whole in the start of an envelope, and what is around it. `end` is
    /// the number of what follows that start.
    pub(super) fn first(start: &'e [u8], end: usize) -> Option<(Self, Around<'e>)> {
        if let Some((message, after)) = Self::usual(start) {
            let before = &[];
            return Some((message, Around { before, after, end }));
        }
        fields(start).find_map(|field| {
            let around = Around {
                before: start.get(..field.start)?,
                after: start.get(field.end..)?,
                end,
            };
            Self::of(field).map(|message| (message, around))
        })
    }

    /// A message as most encoders write it: first, in less than 128 bytes.
    fn usual(start: &'e [u8]) -> Option<(Self, &'e [u8])> {
        let [key, length @ 0..0x80, rest @ ..] = start else {
            return None;
        };
        let (message, after) = rest.split_at_checked(usize::from(*length))?;
        let message = match u64::from(*key) {
            key::COUNTER => Self::Counter(message),
            key::GAUGE => Self::Gauge(message),
            key::TIMER => Self::Timer(message),
            _ => return None,
        };
        Some((message, after))
    }

    /// Calls `each` for every value, until it fails.
    pub(super) fn each<E>(self, mut each: impl FnMut(Value<'e>) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Counter(counter) => each(of_counter(counter)),
            Self::Timer(timer) => each(of_timer(timer)),
            Self::Gauge(gauge) => {
                let mut metrics = fields(gauge).filter(|field| field.key == key::FIRST);
                metrics.try_for_each(|metric| each(of_gauge(metric.bytes())))
            }
        }
    }
}

fn of_counter(counter: &[u8]) -> Value<'_> {
    let (mut name, mut total) = (&[][..], 0);
    for field in fields(counter) {
        match field.key {
            key::FIRST => name = field.bytes(),
            key::THIRD => total = field.varint(),
            _ => {}
        }
    }
    Value {
        name,
        types: Types::COUNTER,
        unit: &[],
        value: total as f64,
    }
}

fn of_timer(timer: &[u8]) -> Value<'_> {
    let (mut name, mut start, mut stop) = (&[][..], 0, 0);
    for field in fields(timer) {
        match field.key {
            key::FIRST => name = field.bytes(),
            key::START => start = field.varint().cast_signed(),
            key::THIRD => stop = field.varint().cast_signed(),
            _ => {}
        }
    }
    Value {
        name,
        types: Types::TIMER,
        unit: b"nanoseconds",
        value: stop.wrapping_sub(start) as f64,
    }
}

/// A metric as every encoder writes it, without a look at each field: name, then unit and
/// value.
fn of_usual_gauge(entry: &[u8]) -> Option<Value<'_>> {
    let [0x0A, length @ 0..0x80, rest @ ..] = entry else {
        return None;
    };
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let [0x12, length @ 0..0x80, inner @ ..] = rest else {
        return None;
    };
    let [0x0A, unit_length @ 0..0x80, rest @ ..] = inner else {
        return None;
    };
    let (unit, rest) = rest.split_at_checked(usize::from(*unit_length))?;
    let (0x11, value) = rest.split_first().map(|(key, value)| (*key, value))? else {
        return None;
    };
    let value = f64::from_le_bytes(value.try_into().ok()?);
    (inner.len() == usize::from(*length)).then_some(Value {
        name,
        types: Types::GAUGE,
        unit,
        value,
    })
}

fn of_gauge(entry: &[u8]) -> Value<'_> {
    if let Some(usual) = of_usual_gauge(entry) {
        return usual;
    }
    let mut found = Value {
        name: &[],
        types: Types::GAUGE,
        unit: &[],
        value: 0.0,
    };
    for field in fields(entry) {
        match field.key {
            key::FIRST => found.name = field.bytes(),
            key::SECOND => {
                for part in fields(field.bytes()) {
                    match part.key {
                        key::UNIT => found.unit = part.bytes(),
                        key::VALUE => found.value = part.double(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    found
}
