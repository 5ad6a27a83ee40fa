//! Messages of RFC 5424 as Log Cache's syslog server takes them into envelopes (spec
//! log-cache §6.2).
//!
//! | envelope | message |
//! |---|---|
//! | source id | APP-NAME |
//! | instance id | PROCID without its brackets, after the last slash |
//! | timestamp | TIMESTAMP, or when it came |
//! | tags | parameters of `tags…`; of elements that are nothing else as `ID.NAME` |
//! | message | the first of `counter…`, `gauge…`, `timer…`, `event…`, else MSG as a log |
//! | log type | ERR for the priority 11 |

mod go_number;

use std::collections::BTreeMap;

use bytes::Bytes;
use logweir_proto::{
    put,
    v2::{Counter, Envelope, Event, Gauge, GaugeValue, Log, Timer, envelope::Message as Body, log},
};
use prost::Message as _;

use super::strict::{self, Element, Malformed, Message};

/// The priority of what was written to standard error: user, err.
const ERR: u8 = 11;

/// Why a message became no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not well-formed.
    #[error("no message of RFC 5424: {0}")]
    Malformed(#[from] Malformed),
    /// It names no source.
    #[error("a message without APP-NAME, which becomes the source id")]
    NoApp,
    /// It names no instance.
    #[error("a message without PROCID, which becomes the instance id")]
    NoProcess,
    /// There is neither a metric nor a line in it.
    #[error("a message without MSG and without a metric")]
    Empty,
    /// It says it is a metric, but what makes one is missing or unreadable.
    #[error("a message with {kind} whose {parameter} is missing or not readable")]
    BadMetric {
        /// What its structured data begins with.
        kind: &'static str,
        /// Its parameter.
        parameter: &'static str,
    },
}

/// How lines are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// Without white space on both sides.
    WhiteSpace,
    /// Without one newline at the end.
    Newline,
}

/// Keys of an envelope's gauge and of its members: number and wire type.
const GAUGE: u64 = 6 << 3 | 2;
const FIRST: u64 = 1 << 3 | 2;
const SECOND: u64 = 2 << 3 | 2;
const SECOND_DOUBLE: u64 = 2 << 3 | 1;

/// Appends the envelope of a message without framing to `out`. `received` is when it came,
/// Unix time in nanoseconds.
///
/// # Errors
/// [`Refusal`]; `out` is as it was.
pub fn envelope(
    message: &[u8],
    received: i64,
    trim: Trim,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let mut envelope = read(message, received, trim)?;
    let gauge = match &mut envelope.message {
        Some(Body::Gauge(gauge)) => std::mem::take(&mut gauge.metrics),
        _ => BTreeMap::new(),
    };
    // A vector has room for anything.
    let _ = envelope.encode(out);
    for (name, reading) in gauge {
        put_reading(out, &name, &reading);
    }
    Ok(())
}

/// Appends a gauge, which is merged with what is there. The generated code would lose the
/// sign of a zero.
fn put_reading(out: &mut Vec<u8>, name: &str, GaugeValue { unit, value }: &GaugeValue) {
    let mut reading = Vec::new();
    put::bytes(&mut reading, FIRST, unit.as_bytes());
    put::double(&mut reading, SECOND_DOUBLE, *value);
    let entry = put::bytes_len(FIRST, name.len()) + put::bytes_len(SECOND, reading.len());
    put::head(out, GAUGE, put::bytes_len(FIRST, entry));
    put::head(out, FIRST, entry);
    put::bytes(out, FIRST, name.as_bytes());
    put::bytes(out, SECOND, &reading);
}

fn read(message: &[u8], received: i64, trim: Trim) -> Result<Envelope, Refusal> {
    let message = strict::parse(message)?;
    let source_id = message.app.ok_or(Refusal::NoApp)?.to_owned();
    let instance_id = instance(message.process.ok_or(Refusal::NoProcess)?);
    let mut tags = BTreeMap::new();
    let mut metric = None;
    for element in &message.elements {
        let body = match body(element) {
            Kind::Metric(read) => {
                if metric.is_none() {
                    metric = Some(read?);
                }
                continue;
            }
            Kind::Tags => "",
            Kind::Other => element.id,
        };
        tags.extend(element.parameters.iter().map(|(name, value)| {
            let name = match body {
                "" => (*name).to_owned(),
                id => format!("{id}.{name}"),
            };
            (name, value.clone().into_owned())
        }));
    }
    let body = match metric {
        Some(metric) => metric,
        None => line(&message, trim)?,
    };
    Ok(Envelope {
        timestamp: message.timestamp.unwrap_or(received),
        source_id,
        instance_id: instance_id.to_owned(),
        tags,
        message: Some(body),
        ..Envelope::default()
    })
}

/// `0` of `[APP/PROC/WEB/0]`.
fn instance(process: &str) -> &str {
    let bare = process.trim_matches(['[', ']']);
    bare.rsplit('/').next().unwrap_or(bare)
}

/// What an element is, by the first letters of its id.
enum Kind {
    Tags,
    Metric(Result<Body, Refusal>),
    Other,
}

fn body(element: &Element<'_>) -> Kind {
    let is = |kind| element.id.starts_with(kind);
    if is("tags") {
        Kind::Tags
    } else if is("counter") {
        Kind::Metric(counter(element))
    } else if is("gauge") {
        Kind::Metric(gauge(element))
    } else if is("timer") {
        Kind::Metric(timer(element))
    } else if is("event") {
        Kind::Metric(Ok(event(element)))
    } else {
        Kind::Other
    }
}

fn text(element: &Element<'_>, parameter: &str) -> String {
    element.get(parameter).unwrap_or_default().to_owned()
}

fn counter(element: &Element<'_>) -> Result<Body, Refusal> {
    let number = |parameter| {
        let kind = "counter";
        let number = go_number::unsigned(element.get(parameter).unwrap_or_default());
        number.ok_or(Refusal::BadMetric { kind, parameter })
    };
    Ok(Body::Counter(Counter {
        name: text(element, "name"),
        delta: number("delta")?,
        total: number("total")?,
    }))
}

fn gauge(element: &Element<'_>) -> Result<Body, Refusal> {
    let kind = "gauge";
    let wrong = |parameter| Refusal::BadMetric { kind, parameter };
    let unit = element.get("unit").ok_or_else(|| wrong("unit"))?;
    let value = go_number::float(element.get("value").unwrap_or_default());
    let reading = GaugeValue {
        unit: unit.to_owned(),
        value: value.ok_or_else(|| wrong("value"))?,
    };
    Ok(Body::Gauge(Gauge {
        metrics: [(text(element, "name"), reading)].into(),
    }))
}

fn timer(element: &Element<'_>) -> Result<Body, Refusal> {
    let number = |parameter| {
        let kind = "timer";
        let number = element.get(parameter).and_then(|text| text.parse().ok());
        number.ok_or(Refusal::BadMetric { kind, parameter })
    };
    Ok(Body::Timer(Timer {
        name: text(element, "name"),
        start: number("start")?,
        stop: number("stop")?,
    }))
}

fn event(element: &Element<'_>) -> Body {
    Body::Event(Event {
        title: text(element, "title"),
        body: text(element, "body"),
    })
}

fn line(message: &Message<'_>, trim: Trim) -> Result<Body, Refusal> {
    let text = message.text.ok_or(Refusal::Empty)?;
    let payload = match trim {
        Trim::WhiteSpace => without_space(text),
        Trim::Newline => text.strip_suffix(b"\n").unwrap_or(text),
    };
    let kind = match message.priority {
        ERR => log::Type::Err,
        _ => log::Type::Out,
    };
    Ok(Body::Log(Log {
        payload: Bytes::copy_from_slice(payload),
        r#type: kind.into(),
    }))
}

/// Without Unicode's white space on both sides; bytes that are no UTF-8 are none.
fn without_space(mut text: &[u8]) -> &[u8] {
    let is_space = |bytes: &[u8]| {
        let letter = std::str::from_utf8(bytes).ok();
        letter.is_some_and(|letter| letter.chars().all(char::is_whitespace))
    };
    // A letter of white space has up to three bytes.
    while let Some(length) = (1..=text.len().min(3)).find(|length| is_space(&text[..*length])) {
        text = &text[length..];
    }
    let from_end = |text: &[u8], length: usize| text.len() - length;
    while let Some(length) =
        (1..=text.len().min(3)).find(|length| is_space(&text[from_end(text, *length)..]))
    {
        text = &text[..from_end(text, length)];
    }
    text
}

#[cfg(test)]
mod tests;
