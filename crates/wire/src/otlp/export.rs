//! Envelopes into log records, metrics and spans (spec agents-and-drains §1.3).

use std::collections::BTreeMap;

use logweir_proto::v2::{self, envelope::Message};
use prost::Message as _;

use super::{
    attributes::attribute,
    logs::{ERROR, INFO, severity_text},
    messages::{
        AnyValue, CUMULATIVE, Data, KeyValue, KeyValueList, LogRecord, Metric, Number, NumberPoint,
        OfResource, OfScope, Points, Request, Span, SpanStatus, Value,
    },
    spans::{INTERNAL, SERVER},
    uri,
};

/// Tags that are no attributes: they are fields, or only of use between Loggregator's parts.
const NO_ATTRIBUTES: [&str; 5] = [
    "instance_id",
    "source_id",
    "__v1_type",
    "span_id",
    "trace_id",
];

/// What an envelope becomes.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Of Log and Event envelopes.
    Log(LogRecord),
    /// Of Counter and Gauge envelopes.
    Metrics(Vec<Metric>),
    /// Of Timer envelopes.
    Span(Span),
}

/// Why an envelope becomes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// A timer of the client's side of a request: the server's says the same.
    ClientTimer,
    /// A timer without the ids of a span and its trace.
    NoSpan,
    /// An envelope without a message, or a gauge without values.
    Nothing,
}

impl LeftOut {
    /// How many there are.
    pub const COUNT: usize = 3;

    /// Every reason, in the order of [`LeftOut::index`].
    pub const ALL: [LeftOut; LeftOut::COUNT] =
        [LeftOut::ClientTimer, LeftOut::NoSpan, LeftOut::Nothing];

    /// Position in arrays of counts by reason.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name in metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientTimer => "client_timer",
            Self::NoSpan => "no_span",
            Self::Nothing => "nothing",
        }
    }
}

/// What an envelope is in OTLP. `now` in Unix nanoseconds is when it was seen.
///
/// # Errors
/// It has no place there, and is not an error of anybody.
pub fn item(envelope: v2::Envelope, now: i64) -> Result<Item, LeftOut> {
    match envelope.message {
        None => Err(LeftOut::Nothing),
        Some(Message::Log(ref log)) => {
            let body = Value::Text(String::from_utf8_lossy(&log.payload).into_owned().into());
            let severity = match v2::log::Type::try_from(log.r#type) {
                Ok(v2::log::Type::Out) => INFO,
                Ok(v2::log::Type::Err) => ERROR,
                Err(_) => 0,
            };
            Ok(Item::Log(LogRecord {
                severity_number: severity,
                severity_text: severity_text(severity).into(),
                ..record(&envelope, body, now)
            }))
        }
        Some(Message::Event(ref event)) => {
            let values = vec![
                attribute("title", &event.title),
                attribute("body", &event.body),
            ];
            let body = Value::KeyValues(KeyValueList { values });
            Ok(Item::Log(record(&envelope, body, now)))
        }
        Some(Message::Counter(ref counter)) => {
            #[allow(clippy::cast_possible_wrap)] // the sign is cut off
            let total = (counter.total & (u64::MAX >> 1)) as i64;
            let points = Points {
                aggregation_temporality: CUMULATIVE,
                is_monotonic: true,
                ..points(&envelope, Number::Int(total))
            };
            Ok(Item::Metrics(vec![Metric {
                name: counter.name.clone().into(),
                unit: Vec::new(),
                data: Some(Data::Sum(points)),
            }]))
        }
        Some(Message::Gauge(ref gauge)) if gauge.metrics.is_empty() => Err(LeftOut::Nothing),
        Some(Message::Gauge(ref gauge)) => {
            let each = gauge.metrics.iter().map(|(name, gauge)| Metric {
                name: name.clone().into(),
                unit: gauge.unit.clone().into(),
                data: Some(Data::Gauge(points(&envelope, Number::Double(gauge.value)))),
            });
            Ok(Item::Metrics(each.collect()))
        }
        Some(Message::Timer(ref timer)) => span(&envelope, timer).map(Item::Span),
    }
}

fn record(envelope: &v2::Envelope, body: Value, now: i64) -> LogRecord {
    // The peer leaves these out, and with them to which request a line belongs.
    let id = |name, bytes| id(&envelope.tags, name, bytes).unwrap_or_default();
    LogRecord {
        time_unix_nano: nanos(envelope.timestamp),
        observed_time_unix_nano: nanos(now),
        body: Some(AnyValue { value: Some(body) }),
        attributes: attributes(envelope),
        trace_id: id("trace_id", 16),
        span_id: id("span_id", 8),
        ..LogRecord::default()
    }
}

fn points(envelope: &v2::Envelope, value: Number) -> Points<NumberPoint> {
    let point = NumberPoint {
        time_unix_nano: nanos(envelope.timestamp),
        value: Some(value),
        attributes: attributes(envelope),
        flags: 0,
    };
    Points {
        data_points: vec![point],
        ..Points::default()
    }
}

fn span(envelope: &v2::Envelope, timer: &v2::Timer) -> Result<Span, LeftOut> {
    let tags = &envelope.tags;
    let peer = tags.get("peer_type").map(String::as_str);
    if peer == Some("Client") {
        return Err(LeftOut::ClientTimer);
    }
    let ids = (id(tags, "trace_id", 16), id(tags, "span_id", 8));
    let (Some(trace_id), Some(span_id)) = ids else {
        return Err(LeftOut::NoSpan);
    };
    let path = tags.get("uri").and_then(|uri| uri::path(uri));
    Ok(Span {
        trace_id,
        span_id,
        name: path.unwrap_or_else(|| timer.name.clone()).into(),
        kind: match peer {
            Some("Server") => SERVER,
            _ => INTERNAL,
        },
        start_time_unix_nano: nanos(timer.start),
        end_time_unix_nano: nanos(timer.stop),
        attributes: attributes(envelope),
        status: Some(SpanStatus::default()),
        ..Span::default()
    })
}

/// An id of so many bytes, in hexadecimal.
fn id(tags: &BTreeMap<String, String>, name: &str, bytes: usize) -> Option<Vec<u8>> {
    let text = tags.get(name).filter(|text| text.len() == 2 * bytes)?;
    super::json::hex(text.as_bytes())
}

fn attributes(envelope: &v2::Envelope) -> Vec<KeyValue> {
    let own = [
        attribute("instance_id", &envelope.instance_id),
        attribute("source_id", &envelope.source_id),
    ];
    let tags = envelope.tags.iter();
    let tags = tags.filter(|(name, _)| !NO_ATTRIBUTES.contains(&name.as_str()));
    let tags = tags.map(|(name, value)| attribute(name, value));
    own.into_iter().chain(tags).collect()
}

/// What is before 1970 has no time in OTLP.
fn nanos(time: i64) -> u64 {
    u64::try_from(time).unwrap_or_default()
}

/// A request of log records, each under a resource of its own as the peer sends them.
pub fn logs(records: Vec<LogRecord>) -> Vec<u8> {
    apart(records)
}

/// A request of metrics, all under one resource.
pub fn metrics(metrics: Vec<Metric>) -> Vec<u8> {
    let resources = vec![under_nothing(metrics)];
    Request { resources }.encode_to_vec()
}

/// A request of spans, each under a resource of its own.
pub fn spans(spans: Vec<Span>) -> Vec<u8> {
    apart(spans)
}

fn apart<T: prost::Message + Default + std::fmt::Debug>(items: Vec<T>) -> Vec<u8> {
    let each = items.into_iter().map(|item| under_nothing(vec![item]));
    let resources = each.collect();
    Request { resources }.encode_to_vec()
}

fn under_nothing<T: prost::Message + Default + std::fmt::Debug>(items: Vec<T>) -> OfResource<T> {
    let scope = OfScope { scope: None, items };
    OfResource {
        resource: None,
        scopes: vec![scope],
    }
}
