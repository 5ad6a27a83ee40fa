//! Reads proto JSON back, tolerantly: both spellings of field names, numbers as
//! strings or numbers, unknown fields and nulls passed over.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use logweir_proto::v2::{self, envelope::Message, value::Data};
use serde_json::{Map, Value};

/// Why text is not an envelope batch.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not JSON.
    #[error("envelope batch is not json: {0}")]
    Syntax(#[from] serde_json::Error),
    /// JSON, but a field holds something else than it should.
    #[error("field {field} of an envelope is not {expected}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// Reads `{"batch":[…]}`.
///
/// # Errors
/// [`ParseError`] naming the first thing that does not fit.
pub fn parse_batch(json: &[u8]) -> Result<v2::EnvelopeBatch, ParseError> {
    let value: Value = serde_json::from_slice(json)?;
    let batch = match get(object(&value, "(batch)")?, &["batch"]) {
        None => Vec::new(),
        Some(Value::Array(envelopes)) => {
            envelopes.iter().map(envelope).collect::<Result<_, _>>()?
        }
        Some(_) => return wrong("batch", "a list"),
    };
    Ok(v2::EnvelopeBatch { batch })
}

fn wrong<T>(field: &'static str, expected: &'static str) -> Result<T, ParseError> {
    Err(ParseError::Field { field, expected })
}

/// The first of the names that is there and not null.
fn get<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names
        .iter()
        .find_map(|name| object.get(*name))
        .filter(|value| !value.is_null())
}

fn object<'a>(value: &'a Value, field: &'static str) -> Result<&'a Map<String, Value>, ParseError> {
    value
        .as_object()
        .map_or_else(|| wrong(field, "an object"), Ok)
}

fn envelope(value: &Value) -> Result<v2::Envelope, ParseError> {
    let fields = object(value, "(envelope)")?;
    Ok(v2::Envelope {
        timestamp: integer(fields, "timestamp")?,
        source_id: text(get(fields, &["source_id", "sourceId"]), "source_id")?,
        instance_id: text(get(fields, &["instance_id", "instanceId"]), "instance_id")?,
        deprecated_tags: entries(
            get(fields, &["deprecated_tags", "deprecatedTags"]),
            "deprecated_tags",
            typed_value,
        )?,
        tags: entries(get(fields, &["tags"]), "tags", |value| {
            text(Some(value), "tags")
        })?,
        message: message(fields)?,
    })
}

fn message(envelope: &Map<String, Value>) -> Result<Option<Message>, ParseError> {
    let member = |name: &'static str| {
        get(envelope, &[name])
            .map(|value| object(value, name))
            .transpose()
    };
    Ok(Some(if let Some(log) = member("log")? {
        Message::Log(v2::Log {
            payload: payload(log)?.into(),
            r#type: log_type(log)?,
        })
    } else if let Some(counter) = member("counter")? {
        Message::Counter(v2::Counter {
            name: text(get(counter, &["name"]), "name")?,
            delta: integer(counter, "delta")?,
            total: integer(counter, "total")?,
        })
    } else if let Some(gauge) = member("gauge")? {
        let metrics = entries(get(gauge, &["metrics"]), "metrics", |value| {
            let reading = object(value, "metrics")?;
            Ok(v2::GaugeValue {
                unit: text(get(reading, &["unit"]), "unit")?,
                value: double(get(reading, &["value"]), "value")?,
            })
        })?;
        Message::Gauge(v2::Gauge { metrics })
    } else if let Some(timer) = member("timer")? {
        Message::Timer(v2::Timer {
            name: text(get(timer, &["name"]), "name")?,
            start: integer(timer, "start")?,
            stop: integer(timer, "stop")?,
        })
    } else if let Some(event) = member("event")? {
        Message::Event(v2::Event {
            title: text(get(event, &["title"]), "title")?,
            body: text(get(event, &["body"]), "body")?,
        })
    } else {
        return Ok(None);
    }))
}

fn typed_value(value: &Value) -> Result<v2::Value, ParseError> {
    let member = object(value, "deprecated_tags")?;
    let data = if let Some(value) = get(member, &["text"]) {
        Some(Data::Text(text(Some(value), "text")?))
    } else if member.contains_key("integer") {
        Some(Data::Integer(integer(member, "integer")?))
    } else if let Some(value) = get(member, &["decimal"]) {
        Some(Data::Decimal(double(Some(value), "decimal")?))
    } else {
        None
    };
    Ok(v2::Value { data })
}

fn entries<C, V>(
    value: Option<&Value>,
    field: &'static str,
    read: impl Fn(&Value) -> Result<V, ParseError>,
) -> Result<C, ParseError>
where
    C: FromIterator<(String, V)> + Default,
{
    match value {
        None => Ok(C::default()),
        Some(value) => object(value, field)?
            .iter()
            .map(|(name, value)| Ok((name.clone(), read(value)?)))
            .collect(),
    }
}

fn text(value: Option<&Value>, field: &'static str) -> Result<String, ParseError> {
    match value {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => wrong(field, "a string"),
    }
}

/// A whole number, as a string or as a number; zero if it is missing.
fn integer<N>(object: &Map<String, Value>, field: &'static str) -> Result<N, ParseError>
where
    N: std::str::FromStr + Default,
{
    let parsed = match get(object, &[field]) {
        None => return Ok(N::default()),
        Some(Value::String(digits)) => digits.parse().ok(),
        Some(Value::Number(number)) => number.to_string().parse().ok(),
        Some(_) => None,
    };
    parsed.map_or_else(|| wrong(field, "a 64-bit number"), Ok)
}

fn double(value: Option<&Value>, field: &'static str) -> Result<f64, ParseError> {
    let parsed = match value {
        None => Some(0.0),
        // Rust's parser knows "NaN", "Infinity" and "-Infinity".
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_f64(),
    };
    parsed.map_or_else(|| wrong(field, "a number"), Ok)
}

fn log_type(log: &Map<String, Value>) -> Result<i32, ParseError> {
    match get(log, &["type"]) {
        Some(Value::String(name)) if v2::log::Type::from_str_name(name).is_none() => {
            wrong("type", "OUT, ERR or a number")
        }
        Some(Value::String(name)) => {
            Ok(v2::log::Type::from_str_name(name).map_or(0, |known| known as i32))
        }
        _ => integer(log, "type"),
    }
}

/// Base64 in either alphabet, with or without padding.
fn payload(log: &Map<String, Value>) -> Result<Vec<u8>, ParseError> {
    const TOLERANT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let encoded = text(get(log, &["payload"]), "payload")?;
    let alphabet = if encoded.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    GeneralPurpose::new(alphabet, TOLERANT)
        .decode(encoded)
        .or_else(|_| wrong("payload", "base64"))
}
