//! One record of a request, still as it was written.

use logweir_proto::fields::fields;
use prost::Message;
use serde_json::Value;

use super::{
    json,
    messages::{
        DELTA, ExponentialPoint, HistogramPoint, LogRecord, NumberPoint, Span, SummaryPoint,
    },
    refusal::Refusal,
    walk::{array, members, object},
};

/// Largest record that is read, in bytes.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// A log record, a metric, a data point or a span.
#[derive(Clone, Copy)]
pub(super) enum Leaf<'a> {
    Protobuf(&'a [u8]),
    Json(&'a str),
}

/// A metric without its points.
pub(super) struct Metric<'a> {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) kind: Kind,
    pub(super) points: Points<'a>,
}

/// What the points of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Sum { monotonic: bool, delta: bool },
    Histogram { delta: bool },
    Exponential { delta: bool },
    Summary,
}

/// The points of a metric, unread.
pub(super) enum Points<'a> {
    Protobuf(&'a [u8]),
    Json(Vec<&'a serde_json::value::RawValue>),
}

impl<'a> Leaf<'a> {
    pub(super) fn log_record(self) -> Result<LogRecord, Refusal> {
        self.read(json::log_record)
    }

    pub(super) fn span(self) -> Result<Span, Refusal> {
        self.read(json::span)
    }

    pub(super) fn number(self) -> Result<NumberPoint, Refusal> {
        self.read(json::number_point)
    }

    pub(super) fn histogram(self) -> Result<HistogramPoint, Refusal> {
        self.read(json::histogram_point)
    }

    pub(super) fn exponential(self) -> Result<ExponentialPoint, Refusal> {
        self.read(json::exponential_point)
    }

    pub(super) fn summary(self) -> Result<SummaryPoint, Refusal> {
        self.read(json::summary_point)
    }

    fn read<T: Message + Default>(self, json: fn(&Value) -> Option<T>) -> Result<T, Refusal> {
        if self.len() > MOST_BYTES {
            return Err(Refusal::TooLarge);
        }
        match self {
            Self::Protobuf(bytes) => T::decode(bytes).map_err(|_| Refusal::Malformed),
            Self::Json(text) => {
                let value: Value = serde_json::from_str(text).map_err(|_| Refusal::Malformed)?;
                json(&value).ok_or(Refusal::Malformed)
            }
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Protobuf(bytes) => bytes.len(),
            Self::Json(text) => text.len(),
        }
    }

    /// A metric: its points may be many, and are left unread. None of a metric that has
    /// no points at all.
    pub(super) fn metric(self) -> Result<Option<Metric<'a>>, Refusal> {
        match self {
            Self::Protobuf(bytes) => protobuf_metric(bytes),
            Self::Json(text) => json_metric(text),
        }
    }
}

impl<'a> Points<'a> {
    /// Shows each of them.
    pub(super) fn each(&self, mut each: impl FnMut(Leaf<'a>)) {
        match self {
            // They were walked before.
            Self::Protobuf(data) => {
                let _ = members(data, 1, |point| {
                    each(Leaf::Protobuf(point));
                    Ok(())
                });
            }
            Self::Json(points) => points
                .iter()
                .for_each(|point| each(Leaf::Json(point.get()))),
        }
    }
}

fn protobuf_metric(bytes: &[u8]) -> Result<Option<Metric<'_>>, Refusal> {
    members(bytes, 1, |_| Ok(())).map_err(|_| Refusal::Malformed)?;
    let (mut name, mut unit, mut data) = (String::new(), String::new(), None);
    for field in fields(bytes) {
        let text = || String::from_utf8_lossy(field.bytes()).into_owned();
        match (field.key >> 3, field.key & 7) {
            (1, 2) => name = text(),
            (3, 2) => unit = text(),
            // The last member of a oneof is the one that counts.
            (number @ (5 | 7 | 9 | 10 | 11), 2) => data = Some((number, field.bytes())),
            (1 | 3 | 5 | 7 | 9 | 10 | 11, _) => return Err(Refusal::Malformed),
            _ => {}
        }
    }
    let Some((number, data)) = data else {
        return Ok(None);
    };
    members(data, 1, |_| Ok(())).map_err(|_| Refusal::Malformed)?;
    // What does not say that it is a delta is taken for a total.
    let (mut temporality, mut monotonic) = (0, false);
    for field in fields(data) {
        match field.key {
            0x10 => temporality = i32::try_from(field.varint()).unwrap_or_default(),
            0x18 => monotonic = field.varint() != 0,
            _ => {}
        }
    }
    let kind = match number {
        5 => Kind::Gauge,
        7 => Kind::Sum {
            monotonic,
            delta: temporality == DELTA,
        },
        9 => Kind::Histogram {
            delta: temporality == DELTA,
        },
        10 => Kind::Exponential {
            delta: temporality == DELTA,
        },
        _ => Kind::Summary,
    };
    Ok(Some(Metric {
        name,
        unit,
        kind,
        points: Points::Protobuf(data),
    }))
}

fn json_metric(text: &str) -> Result<Option<Metric<'_>>, Refusal> {
    let malformed = |_| Refusal::Malformed;
    let metric = object(text).map_err(malformed)?;
    let known = [
        "gauge",
        "sum",
        "histogram",
        "exponentialHistogram",
        "summary",
    ];
    let found = known
        .into_iter()
        .find_map(|key| Some((key, metric.get(key)?)))
        .filter(|(_, data)| data.get() != "null");
    let Some((key, data)) = found else {
        return Ok(None);
    };
    let data = object(data.get()).map_err(malformed)?;
    let small = |key: &str| -> Result<Value, Refusal> {
        let raw = data.get(key).map_or("null", |raw| raw.get());
        serde_json::from_str(raw).map_err(|_| Refusal::Malformed)
    };
    let temporality = json::enumeration(
        &small("aggregationTemporality")?,
        "AGGREGATION_TEMPORALITY_",
        &["UNSPECIFIED", "DELTA", "CUMULATIVE"],
    )
    .ok_or(Refusal::Malformed)?;
    let monotonic = match small("isMonotonic")? {
        Value::Null => false,
        Value::Bool(monotonic) => monotonic,
        _ => return Err(Refusal::Malformed),
    };
    let kind = match key {
        "gauge" => Kind::Gauge,
        "sum" => Kind::Sum {
            monotonic,
            delta: temporality == DELTA,
        },
        "histogram" => Kind::Histogram {
            delta: temporality == DELTA,
        },
        "exponentialHistogram" => Kind::Exponential {
            delta: temporality == DELTA,
        },
        _ => Kind::Summary,
    };
    let text = |key: &str| -> Result<String, Refusal> {
        let raw = metric.get(key).map_or("null", |raw| raw.get());
        let text: Option<String> = serde_json::from_str(raw).map_err(|_| Refusal::Malformed)?;
        Ok(text.unwrap_or_default())
    };
    Ok(Some(Metric {
        name: text("name")?,
        unit: text("unit")?,
        kind,
        points: Points::Json(array(&data, "dataPoints").map_err(malformed)?),
    }))
}
