//! The records of a request in JSON: lower camel case, ids in hexadecimal, 64-bit numbers as
//! text or numbers, enumerations as numbers. Unknown keys are passed over, null is absent.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json};

use super::messages::{
    AnyValue, ArrayValue, Buckets, ExponentialPoint, HistogramPoint, KeyValue, KeyValueList,
    LogRecord, Number, NumberPoint, Quantile, Resource, Scope, Span, SpanStatus, SummaryPoint,
    Value,
};

/// The members of an object.
struct Fields<'a>(&'a Map<String, Json>);

impl<'a> Fields<'a> {
    fn of(value: &'a Json) -> Option<Self> {
        value.as_object().map(Self)
    }

    fn get(&self, name: &str) -> &'a Json {
        self.0.get(name).unwrap_or(&Json::Null)
    }

    fn text(&self, name: &str) -> Option<Vec<u8>> {
        match self.get(name) {
            Json::Null => Some(Vec::new()),
            Json::String(text) => Some(text.clone().into_bytes()),
            _ => None,
        }
    }

    fn id(&self, name: &str) -> Option<Vec<u8>> {
        hex(&self.text(name)?)
    }

    fn unsigned(&self, name: &str) -> Option<u64> {
        unsigned(self.get(name))
    }

    fn small(&self, name: &str) -> Option<u32> {
        u32::try_from(self.unsigned(name)?).ok()
    }

    fn signed(&self, name: &str) -> Option<i32> {
        i32::try_from(signed(self.get(name))?).ok()
    }

    fn double(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Json::Null => Some(0.0),
            value => double(value),
        }
    }

    /// Whether there is one, and which.
    fn optional(&self, name: &str) -> Option<Option<f64>> {
        match self.get(name) {
            Json::Null => Some(None),
            value => double(value).map(Some),
        }
    }

    fn list<T>(&self, name: &str, read: impl Fn(&'a Json) -> Option<T>) -> Option<Vec<T>> {
        match self.get(name) {
            Json::Null => Some(Vec::new()),
            Json::Array(values) => values.iter().map(read).collect(),
            _ => None,
        }
    }

    fn member<T>(&self, name: &str, read: impl Fn(&'a Json) -> Option<T>) -> Option<Option<T>> {
        match self.get(name) {
            Json::Null => Some(None),
            value => read(value).map(Some),
        }
    }

    fn attributes(&self) -> Option<Vec<KeyValue>> {
        self.list("attributes", key_value)
    }
}

pub(super) fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

fn unsigned(value: &Json) -> Option<u64> {
    match value {
        Json::Null => Some(0),
        Json::String(text) => text.parse().ok(),
        value => value.as_u64(),
    }
}

fn signed(value: &Json) -> Option<i64> {
    match value {
        Json::Null => Some(0),
        Json::String(text) => text.parse().ok(),
        value => value.as_i64(),
    }
}

fn double(value: &Json) -> Option<f64> {
    match value {
        Json::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => text.parse().ok().filter(|value: &f64| value.is_finite()),
        },
        value => value.as_f64(),
    }
}

/// A number, or one of `names` behind `prefix`, which stands for its position.
pub(super) fn enumeration(value: &Json, prefix: &str, names: &[&str]) -> Option<i32> {
    let Json::String(text) = value else {
        return i32::try_from(signed(value)?).ok();
    };
    let name = text.strip_prefix(prefix)?;
    let at = names.iter().position(|known| *known == name)?;
    i32::try_from(at).ok()
}

pub(super) fn resource(value: &Json) -> Option<Resource> {
    let attributes = Fields::of(value)?.attributes()?;
    Some(Resource { attributes })
}

pub(super) fn scope(value: &Json) -> Option<Scope> {
    let fields = Fields::of(value)?;
    Some(Scope {
        name: fields.text("name")?,
        version: fields.text("version")?,
        attributes: fields.attributes()?,
    })
}

fn key_value(value: &Json) -> Option<KeyValue> {
    let fields = Fields::of(value)?;
    Some(KeyValue {
        key: fields.text("key")?,
        value: fields.member("value", any_value)?,
    })
}

fn any_value(value: &Json) -> Option<AnyValue> {
    let mut found = AnyValue::default();
    for (kind, value) in value.as_object()? {
        let value = match (kind.as_str(), value) {
            (_, Json::Null) => continue,
            ("stringValue", Json::String(text)) => Value::Text(text.clone().into_bytes()),
            ("boolValue", Json::Bool(value)) => Value::Bool(*value),
            ("intValue", value) => Value::Int(signed(value)?),
            ("doubleValue", value) => Value::Double(double(value)?),
            ("bytesValue", Json::String(text)) => Value::Bytes(STANDARD.decode(text).ok()?),
            ("arrayValue", value) => Value::Array(ArrayValue {
                values: Fields::of(value)?.list("values", any_value)?,
            }),
            ("kvlistValue", value) => Value::KeyValues(KeyValueList {
                values: Fields::of(value)?.list("values", key_value)?,
            }),
            ("stringValue" | "boolValue" | "bytesValue", _) => return None,
            _ => continue,
        };
        found.value = Some(value);
    }
    Some(found)
}

pub(super) fn log_record(value: &Json) -> Option<LogRecord> {
    let fields = Fields::of(value)?;
    let severity = match fields.get("severityNumber") {
        Json::String(name) => severity(name)?,
        value => enumeration(value, "", &[])?,
    };
    Some(LogRecord {
        time_unix_nano: fields.unsigned("timeUnixNano")?,
        severity_number: severity,
        severity_text: fields.text("severityText")?,
        body: fields.member("body", any_value)?,
        attributes: fields.attributes()?,
        trace_id: fields.id("traceId")?,
        span_id: fields.id("spanId")?,
        observed_time_unix_nano: fields.unsigned("observedTimeUnixNano")?,
        event_name: fields.text("eventName")?,
    })
}

/// `SEVERITY_NUMBER_WARN2` is the second of the four warnings: 14.
fn severity(name: &str) -> Option<i32> {
    const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let name = name.strip_prefix("SEVERITY_NUMBER_")?;
    if name == "UNSPECIFIED" {
        return Some(0);
    }
    let level = name.trim_end_matches(['2', '3', '4']);
    let at = LEVELS.iter().position(|known| *known == level)?;
    let step = match &name[level.len()..] {
        "" => 1,
        step => step.parse().ok().filter(|step| *step <= 4)?,
    };
    Some(4 * i32::try_from(at).ok()? + step)
}

pub(super) fn span(value: &Json) -> Option<Span> {
    let fields = Fields::of(value)?;
    let kinds = [
        "UNSPECIFIED",
        "INTERNAL",
        "SERVER",
        "CLIENT",
        "PRODUCER",
        "CONSUMER",
    ];
    let unread = |_: &Json| Some(Vec::new());
    Some(Span {
        trace_id: fields.id("traceId")?,
        span_id: fields.id("spanId")?,
        trace_state: fields.text("traceState")?,
        parent_span_id: fields.id("parentSpanId")?,
        name: fields.text("name")?,
        kind: enumeration(fields.get("kind"), "SPAN_KIND_", &kinds)?,
        start_time_unix_nano: fields.unsigned("startTimeUnixNano")?,
        end_time_unix_nano: fields.unsigned("endTimeUnixNano")?,
        attributes: fields.attributes()?,
        events: fields.list("events", unread)?,
        links: fields.list("links", unread)?,
        status: fields.member("status", status)?,
    })
}

fn status(value: &Json) -> Option<SpanStatus> {
    let fields = Fields::of(value)?;
    let codes = ["UNSET", "OK", "ERROR"];
    Some(SpanStatus {
        message: fields.text("message")?,
        code: enumeration(fields.get("code"), "STATUS_CODE_", &codes)?,
    })
}

pub(super) fn number_point(value: &Json) -> Option<NumberPoint> {
    let fields = Fields::of(value)?;
    let int = fields.member("asInt", |value| signed(value).map(Number::Int))?;
    let double = fields.member("asDouble", |value| double(value).map(Number::Double))?;
    Some(NumberPoint {
        time_unix_nano: fields.unsigned("timeUnixNano")?,
        value: int.or(double),
        attributes: fields.attributes()?,
        flags: fields.small("flags")?,
    })
}

pub(super) fn histogram_point(value: &Json) -> Option<HistogramPoint> {
    let fields = Fields::of(value)?;
    Some(HistogramPoint {
        time_unix_nano: fields.unsigned("timeUnixNano")?,
        count: fields.unsigned("count")?,
        sum: fields.optional("sum")?,
        bucket_counts: fields.list("bucketCounts", unsigned)?,
        explicit_bounds: fields.list("explicitBounds", double)?,
        attributes: fields.attributes()?,
        flags: fields.small("flags")?,
        min: fields.optional("min")?,
        max: fields.optional("max")?,
    })
}

pub(super) fn exponential_point(value: &Json) -> Option<ExponentialPoint> {
    let fields = Fields::of(value)?;
    Some(ExponentialPoint {
        attributes: fields.attributes()?,
        time_unix_nano: fields.unsigned("timeUnixNano")?,
        count: fields.unsigned("count")?,
        sum: fields.optional("sum")?,
        scale: fields.signed("scale")?,
        zero_count: fields.unsigned("zeroCount")?,
        positive: fields.member("positive", buckets)?,
        negative: fields.member("negative", buckets)?,
        flags: fields.small("flags")?,
        min: fields.optional("min")?,
        max: fields.optional("max")?,
        zero_threshold: fields.double("zeroThreshold")?,
    })
}

fn buckets(value: &Json) -> Option<Buckets> {
    let fields = Fields::of(value)?;
    Some(Buckets {
        offset: fields.signed("offset")?,
        bucket_counts: fields.list("bucketCounts", unsigned)?,
    })
}

pub(super) fn summary_point(value: &Json) -> Option<SummaryPoint> {
    let fields = Fields::of(value)?;
    Some(SummaryPoint {
        time_unix_nano: fields.unsigned("timeUnixNano")?,
        count: fields.unsigned("count")?,
        sum: fields.double("sum")?,
        quantile_values: fields.list("quantileValues", quantile)?,
        attributes: fields.attributes()?,
        flags: fields.small("flags")?,
    })
}

fn quantile(value: &Json) -> Option<Quantile> {
    let fields = Fields::of(value)?;
    Some(Quantile {
        quantile: fields.double("quantile")?,
        value: fields.double("value")?,
    })
}
