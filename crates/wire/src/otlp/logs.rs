//! Log records into Log and Event envelopes.

use logweir_proto::v2::{self, envelope::Message};

use super::{
    attributes::{Tags, lossy, text},
    import::Intake,
    messages::{AnyValue, KeyValue, LogRecord, Value},
    refusal::Refusal,
    spans::hex,
};

/// From this severity number on it is an error.
pub(super) const ERROR: i32 = 17;
/// The severity number of what an app writes to its standard output.
pub(super) const INFO: i32 = 9;

pub(super) fn take(log: LogRecord, above: &Tags, into: &mut Intake<'_>) -> Result<(), Refusal> {
    into.has_room()?;
    let timestamp = match log.time_unix_nano {
        0 => into.time(log.observed_time_unix_nano),
        time => into.time(time),
    };
    let mut tags = above.with(log.attributes);
    for (name, id) in [("trace_id", log.trace_id), ("span_id", log.span_id)] {
        if !id.is_empty() {
            tags.or_add(name, hex(&id));
        }
    }
    if !log.event_name.is_empty() {
        tags.or_add("event_name", lossy(log.event_name));
    }
    let (number, words) = (log.severity_number, lossy(log.severity_text));
    // What `export` writes says no more than the type of the log.
    if words != severity_text(number) {
        if number != 0 {
            tags.or_add("severity_number", number.to_string());
        }
        if !words.is_empty() {
            tags.or_add("severity_text", words);
        }
    } else if !matches!(number, 0 | INFO | ERROR) {
        tags.or_add("severity_number", number.to_string());
    }
    let is_error = match tags.0.get("log.iostream").map(String::as_str) {
        Some("stderr") => true,
        Some("stdout") => false,
        _ => number >= ERROR,
    };
    let message = match log.body.map_or(Body::Bytes(Vec::new()), body) {
        Body::Event(title, body) if number == 0 => Message::Event(v2::Event { title, body }),
        Body::Event(title, body) => {
            let whole = serde_json::json!({ "title": title, "body": body });
            Message::Log(payload(whole.to_string().into(), is_error))
        }
        Body::Bytes(bytes) => Message::Log(payload(bytes, is_error)),
    };
    into.push(timestamp, tags, message);
    Ok(())
}

fn payload(bytes: Vec<u8>, is_error: bool) -> v2::Log {
    let r#type = match is_error {
        true => v2::log::Type::Err,
        false => v2::log::Type::Out,
    };
    v2::Log {
        payload: bytes.into(),
        r#type: r#type.into(),
    }
}

/// The text that `export` gives the severities it knows.
pub(super) fn severity_text(number: i32) -> &'static str {
    match number {
        0 => "SEVERITY_NUMBER_UNSPECIFIED",
        INFO => "SEVERITY_NUMBER_INFO",
        ERROR => "SEVERITY_NUMBER_ERROR",
        _ => "",
    }
}

/// What a body is.
enum Body {
    Bytes(Vec<u8>),
    /// Title and body, as `export` writes an Event envelope.
    Event(String, String),
}

fn body(body: AnyValue) -> Body {
    match body.value {
        Some(Value::Text(bytes) | Value::Bytes(bytes)) => Body::Bytes(bytes),
        Some(Value::KeyValues(list)) => match event(&list.values) {
            Some((title, body)) => Body::Event(title, body),
            None => {
                let value = Some(Value::KeyValues(list));
                Body::Bytes(text(Some(AnyValue { value })).into())
            }
        },
        value => Body::Bytes(text(Some(AnyValue { value })).into()),
    }
}

fn event(values: &[KeyValue]) -> Option<(String, String)> {
    let [first, second] = values else {
        return None;
    };
    let said = |one: &KeyValue| match one.value.as_ref()?.value.as_ref()? {
        Value::Text(text) => Some(lossy(text.clone())),
        _ => None,
    };
    match (&first.key[..], &second.key[..]) {
        (b"title", b"body") => Some((said(first)?, said(second)?)),
        (b"body", b"title") => Some((said(second)?, said(first)?)),
        _ => None,
    }
}
