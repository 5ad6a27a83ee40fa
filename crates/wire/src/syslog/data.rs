//! Structured data: tags, and the metric or event of a message that is no log.

use std::io::Write as _;

use logweir_proto::decimal;
use logweir_proto::fields::fields;
use logweir_proto::peek::Kind;

use super::view::{FIRST, SECOND, Tag, View, pair, sort_last_wins};
use super::{MAX_GAUGE, Style, Written, header};

const SECOND_NUMBER: u64 = 2 << 3;
const SECOND_DOUBLE: u64 = 2 << 3 | 1;
const THIRD_NUMBER: u64 = 3 << 3;

/// Appends the messages of what is no log.
pub(super) fn metric(
    view: &View<'_>,
    kind: Kind,
    body: &[u8],
    style: &Style,
    out: &mut Vec<u8>,
    ends: &mut Vec<usize>,
    written: &mut Written,
) {
    let metrics = match kind {
        Kind::Gauge => metrics(body),
        _ => Vec::new(),
    };
    if kind == Kind::Gauge && metrics.is_empty() {
        return;
    }
    let start = out.len();
    out.extend_from_slice(b"<14>1 ");
    header::put(view, style, false, out, written);
    let head = start..out.len();
    match kind {
        Kind::Gauge => gauge(&metrics[0], out, written),
        Kind::Counter => numbers(body, &COUNTER, out, written),
        Kind::Timer => numbers(body, &TIMER, out, written),
        _ => event(body, out, written),
    }
    let tail = out.len();
    if style.metadata && !view.tags.is_empty() {
        tags(&view.tags, out, written);
    }
    out.extend_from_slice(b" \n");
    let tail = tail..out.len();
    ends.push(out.len());
    written.messages = 1;
    for (at, metric) in metrics.iter().enumerate().skip(1) {
        // Three times the texts is room for every escape or replacement.
        let longest = head.len() + tail.len() + 3 * (metric.name.len() + metric.unit.len()) + 100;
        if out.len() - start + longest > MAX_GAUGE {
            written.left_out = metrics.len() - at;
            return;
        }
        out.extend_from_within(head.clone());
        gauge(metric, out, written);
        out.extend_from_within(tail.clone());
        ends.push(out.len());
        written.messages += 1;
    }
}

/// Appends the tags as an element, sorted by the names that are written.
pub(super) fn tags(tags: &[Tag<'_>], out: &mut Vec<u8>, written: &mut Written) {
    out.extend_from_slice(b"[tags@47450");
    if tags
        .iter()
        .all(|(name, _)| name.iter().all(|byte| fits(*byte)))
    {
        for (name, value) in tags {
            out.push(b' ');
            out.extend_from_slice(name);
            put_value(value, out, written);
        }
    } else {
        let mut mended: Vec<_> = tags
            .iter()
            .map(|(name, value)| (mended_name(name, written), *value))
            .collect();
        mended.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, value) in mended {
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
            put_value(value, out, written);
        }
    }
    out.push(b']');
}

/// One metric of a gauge.
struct Metric<'a> {
    name: &'a [u8],
    unit: &'a [u8],
    value: f64,
}

/// The metrics of a gauge, sorted by name.
fn metrics(body: &[u8]) -> Vec<Metric<'_>> {
    let mut metrics: Vec<Metric<'_>> = fields(body)
        .filter(|field| field.key == FIRST)
        .map(|field| metric_entry(field.bytes()))
        .collect();
    sort_last_wins(&mut metrics, |metric| metric.name);
    metrics
}

fn metric_entry(entry: &[u8]) -> Metric<'_> {
    let mut metric = Metric {
        name: &[],
        unit: &[],
        value: 0.0,
    };
    for field in fields(entry) {
        match field.key {
            FIRST => metric.name = field.bytes(),
            // A value in parts merges.
            SECOND => {
                for member in fields(field.bytes()) {
                    match member.key {
                        FIRST => metric.unit = member.bytes(),
                        SECOND_DOUBLE => metric.value = member.double(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    metric
}

fn gauge(metric: &Metric<'_>, out: &mut Vec<u8>, written: &mut Written) {
    out.extend_from_slice(b"[gauge@47450 name");
    put_value(metric.name, out, written);
    out.extend_from_slice(b" value=\"");
    decimal::put_shortest(out, metric.value);
    out.extend_from_slice(b"\" unit");
    put_value(metric.unit, out, written);
    out.push(b']');
}

/// An element of a name and two numbers.
struct Numbers {
    id: &'static [u8],
    /// Parameter, key of the field, whether it is signed; in their order.
    parameters: [(&'static str, u64, bool); 2],
}

const COUNTER: Numbers = Numbers {
    id: b"[counter@47450 name",
    parameters: [
        ("total", THIRD_NUMBER, false),
        ("delta", SECOND_NUMBER, false),
    ],
};

const TIMER: Numbers = Numbers {
    id: b"[timer@47450 name",
    parameters: [("start", SECOND_NUMBER, true), ("stop", THIRD_NUMBER, true)],
};

fn numbers(body: &[u8], element: &Numbers, out: &mut Vec<u8>, written: &mut Written) {
    let mut name: &[u8] = &[];
    let mut values = [0; 2];
    for field in fields(body) {
        if field.key == FIRST {
            name = field.bytes();
        }
        for (value, (_, key, _)) in values.iter_mut().zip(element.parameters) {
            if field.key == key {
                *value = field.varint();
            }
        }
    }
    out.extend_from_slice(element.id);
    put_value(name, out, written);
    for (value, (parameter, _, signed)) in values.into_iter().zip(element.parameters) {
        // Writing to a Vec cannot fail.
        let _ = match signed {
            true => write!(out, " {parameter}=\"{}\"", value.cast_signed()),
            false => write!(out, " {parameter}=\"{value}\""),
        };
    }
    out.push(b']');
}

fn event(body: &[u8], out: &mut Vec<u8>, written: &mut Written) {
    let (title, body) = pair(body);
    out.extend_from_slice(b"[event@47450 title");
    put_value(title, out, written);
    out.extend_from_slice(b" body");
    put_value(body, out, written);
    out.push(b']');
}

/// True for what may be in a parameter's name. Names longer than the RFC's 32 bytes and
/// the empty one pass, as they do with the original.
fn fits(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'=' | b']' | b'"')
}

/// A parameter's name in which each character that does not fit is `_`.
fn mended_name(name: &[u8], written: &mut Written) -> String {
    let text = String::from_utf8_lossy(name);
    written.sanitised += usize::from(!text.bytes().all(fits));
    text.chars()
        .map(|character| match u8::try_from(character) {
            Ok(byte) if fits(byte) => character,
            _ => '_',
        })
        .collect()
}

/// Appends `="…"` with a backslash before `"`, `\` and `]`, nothing else.
fn put_value(value: &[u8], out: &mut Vec<u8>, written: &mut Written) {
    out.extend_from_slice(b"=\"");
    match std::str::from_utf8(value) {
        Ok(_) => put_escaped(value, out),
        Err(_) => {
            put_escaped(String::from_utf8_lossy(value).as_bytes(), out);
            written.sanitised += 1;
        }
    }
    out.push(b'"');
}

fn put_escaped(value: &[u8], out: &mut Vec<u8>) {
    let mut plain = 0;
    for (at, byte) in value.iter().enumerate() {
        if matches!(byte, b'"' | b'\\' | b']') {
            out.extend_from_slice(&value[plain..at]);
            out.push(b'\\');
            plain = at;
        }
    }
    out.extend_from_slice(&value[plain..]);
}
