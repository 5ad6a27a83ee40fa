//! Whether an envelope is what a query wants, and what of it. The bytes were checked when
//! they came in.

use logweir_proto::fields::{Field, fields};
use regex::Regex;

use super::entry::put_varint;
use crate::{query::Query, types::Types};

/// Keys of fields: number and wire type.
mod key {
    /// Of an envelope.
    pub(super) const LOG: u64 = 4 << 3 | 2;
    pub(super) const COUNTER: u64 = 5 << 3 | 2;
    pub(super) const GAUGE: u64 = 6 << 3 | 2;
    pub(super) const TIMER: u64 = 7 << 3 | 2;
    /// A log's payload, the name of a counter or timer, a metric of a gauge, the name of
    /// a metric.
    pub(super) const FIRST: u64 = 1 << 3 | 2;
}

/// What of an envelope is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nothing,
    All,
    /// This instead.
    Part(Vec<u8>),
}

/// Types that a query can find anything of.
pub(crate) fn types(query: &Query, of: Types) -> bool {
    const NAMED: Types = Types::COUNTER.with(Types::GAUGE).with(Types::TIMER);
    query.types.intersects(of)
        && (query.names.is_none() || NAMED.intersects(of))
        && (query.search.is_none() || Types::LOG.intersects(of))
}

/// What of an envelope a query wants.
pub(crate) fn wanted(query: &Query, of: Types, envelope: &[u8]) -> Wanted {
    if let Some(search) = &query.search {
        let payload = text(envelope, key::LOG);
        if !payload.is_some_and(|payload| search.is_match(payload)) {
            return Wanted::Nothing;
        }
    }
    let Some(names) = &query.names else {
        return Wanted::All;
    };
    if of == Types::GAUGE {
        return gauge(envelope, names);
    }
    let named = text(envelope, key::COUNTER).or_else(|| text(envelope, key::TIMER));
    let named = named.and_then(|name| std::str::from_utf8(name).ok());
    match named.is_some_and(|name| names.is_match(name)) {
        true => Wanted::All,
        false => Wanted::Nothing,
    }
}

/// The first field of the last message with this key; empty if the message has none.
fn text(envelope: &[u8], key: u64) -> Option<&[u8]> {
    let message = fields(envelope).filter(|field| field.key == key).last()?;
    let text = fields(message.bytes()).filter(|field| field.key == key::FIRST);
    Some(text.last().map_or(&[][..], Field::bytes))
}

/// A gauge with those of its metrics whose names match.
fn gauge(envelope: &[u8], names: &Regex) -> Wanted {
    let (mut out, mut kept, mut left) = (Vec::with_capacity(envelope.len()), 0, 0);
    for field in fields(envelope) {
        let whole = &envelope[field.start..field.end];
        if field.key != key::GAUGE {
            out.extend_from_slice(whole);
            continue;
        }
        let message = field.bytes();
        let mut metrics = Vec::with_capacity(message.len());
        for metric in fields(message) {
            if metric.key == key::FIRST {
                let name = fields(metric.bytes()).filter(|field| field.key == key::FIRST);
                if !names.is_match(name.last().map_or("", Field::text)) {
                    left += 1;
                    continue;
                }
                kept += 1;
            }
            metrics.extend_from_slice(&message[metric.start..metric.end]);
        }
        put_varint(&mut out, key::GAUGE);
        put_varint(&mut out, metrics.len() as u64);
        out.extend_from_slice(&metrics);
    }
    match (kept, left) {
        (0, _) => Wanted::Nothing,
        (_, 0) => Wanted::All,
        _ => Wanted::Part(out),
    }
}
