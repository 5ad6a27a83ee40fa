//! Spans into Timer envelopes.

use logweir_proto::v2::{self, envelope::Message};

use super::{
    attributes::{Tags, lossy},
    import::Intake,
    messages::Span,
    refusal::Refusal,
};

/// `SPAN_KIND_INTERNAL`.
pub(super) const INTERNAL: i32 = 1;
/// `SPAN_KIND_SERVER`.
pub(super) const SERVER: i32 = 2;

pub(super) fn take(span: Span, above: &Tags, into: &mut Intake<'_>) -> Result<(), Refusal> {
    into.has_room()?;
    let mut tags = above.with(span.attributes);
    let ids = [
        ("trace_id", span.trace_id),
        ("span_id", span.span_id),
        ("parent_span_id", span.parent_span_id),
    ];
    // An id is what the span is; an attribute of that name is not.
    for (name, id) in ids {
        if !id.is_empty() {
            tags.add(name, hex(&id));
        }
    }
    if !span.trace_state.is_empty() {
        tags.or_add("trace_state", lossy(span.trace_state));
    }
    match span.kind {
        SERVER => tags.or_add("peer_type", "Server"),
        3 => tags.or_add("span.kind", "client"),
        4 => tags.or_add("span.kind", "producer"),
        5 => tags.or_add("span.kind", "consumer"),
        _ => {}
    }
    if let Some(status) = span.status {
        match status.code {
            1 => tags.or_add("otel.status_code", "OK"),
            2 => tags.or_add("otel.status_code", "ERROR"),
            _ => {}
        }
        if !status.message.is_empty() {
            tags.or_add("otel.status_description", lossy(status.message));
        }
    }
    into.outcome.left_out += (span.events.len() + span.links.len()) as u64;
    let timer = v2::Timer {
        name: lossy(span.name),
        start: nanos(span.start_time_unix_nano),
        stop: nanos(span.end_time_unix_nano),
    };
    // When it was known, as producers of timers say.
    let timestamp = into.time(span.end_time_unix_nano);
    into.push(timestamp, tags, Message::Timer(timer));
    Ok(())
}

fn nanos(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    let pairs = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    pairs.collect()
}
