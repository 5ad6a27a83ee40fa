//! V1 to V2.

use std::borrow::Cow;

use bytes::BytesMut;
use logweir_proto::fields::fields;
use logweir_proto::peek_v1::{self, PeekV1, SOURCE_ID, int32, key, peek_v1};
use logweir_proto::put;
use logweir_proto::v1::envelope::EventType;
use logweir_proto::v1::log_message::MessageType;

use super::ConvertError;
use super::names::{FIELD_TAGS, V1_TYPE, field_tag, text, v2, varint};

mod gauge;
mod http;
mod write;

use write::{put_instance_id, put_number, put_tag, put_text};

/// Appends the V2 form (with preferred tags) of a V1 envelope. Strings that are not
/// UTF-8 are mended with U+FFFD: V2 readers would end their stream.
///
/// # Errors
/// Bytes that are no V1 envelope; nothing is appended then.
pub fn v1_to_v2(payload: &[u8], out: &mut BytesMut) -> Result<(), ConvertError> {
    let peek = peek_v1(payload)?;
    out.reserve(payload.len() + 256);
    put_number(out, v2::TIMESTAMP, peek.timestamp.cast_unsigned());
    put_text(out, v2::SOURCE_ID, &source_id(&peek));
    let body = peek.body();
    match EventType::try_from(peek.event_type) {
        Ok(EventType::LogMessage) => log(payload, &body, out),
        Ok(EventType::HttpStartStop) => http::timer(payload, &body, out),
        Ok(EventType::ValueMetric) => gauge::value_metric(payload, &body, out),
        Ok(EventType::CounterEvent) => counter(payload, &body, out),
        Ok(EventType::ContainerMetric) => gauge::container(payload, &body, out),
        Ok(EventType::Error) => error(payload, &body, out),
        Err(_) => drop(copy_tags(payload, out, |_| false)),
    }
    field_tags(&peek, out);
    Ok(())
}

/// The app that the payload names, else the tag (also an empty one), else deployment
/// and job.
fn source_id<'a>(peek: &PeekV1<'a>) -> Cow<'a, [u8]> {
    const NO_APP: &[u8] = b"00000000-0000-0000-0000-000000000000";
    let is_request = peek.event_type == EventType::HttpStartStop as i32;
    let named = peek.named_app();
    if let Some(app) = named.filter(|app| !is_request || **app != *NO_APP) {
        return app;
    }
    match peek.source_id_tag {
        Some(source_id) => Cow::Borrowed(source_id),
        None => {
            let [deployment, job] = [peek.deployment, peek.job].map(Option::unwrap_or_default);
            Cow::Owned([deployment, b"/", job].concat())
        }
    }
}

/// The fields that become tags, empty ones too.
fn field_tags(peek: &PeekV1<'_>, out: &mut BytesMut) {
    let absent = Option::unwrap_or_default;
    let values = [
        peek.origin,
        absent(peek.deployment),
        absent(peek.job),
        absent(peek.index),
        absent(peek.ip),
    ];
    for (name, value) in FIELD_TAGS.into_iter().zip(values) {
        put_tag(out, name, value);
    }
    match EventType::try_from(peek.event_type) {
        Ok(known) => put_tag(out, V1_TYPE, known.as_str_name().as_bytes()),
        Err(_) => {
            let mut decimal = itoa::Buffer::new();
            put_tag(out, V1_TYPE, decimal.format(peek.event_type).as_bytes());
        }
    }
}

/// Copies the tags that are not replaced by fields nor `dropped`. Returns the tag
/// `instance_id`, empty if there is none.
fn copy_tags<'a>(
    payload: &'a [u8],
    out: &mut BytesMut,
    dropped: impl Fn(&[u8]) -> bool,
) -> &'a [u8] {
    let mut instance_id = &[][..];
    for field in fields(payload).filter(|field| field.key == key::TAG) {
        let entry = field.bytes();
        let (name, value) = peek_v1::tag(entry);
        if name == b"instance_id" {
            instance_id = value;
        }
        if name != SOURCE_ID && field_tag(name).is_none() && !dropped(name) {
            write::put_entry(out, entry, (name, value));
        }
    }
    instance_id
}

fn log(payload: &[u8], body: &[u8], out: &mut BytesMut) {
    const MESSAGE: u64 = text(1);
    const MESSAGE_TYPE: u64 = varint(2);
    const SOURCE_TYPE: u64 = text(5);
    const SOURCE_INSTANCE: u64 = text(6);
    let (mut message, mut source_type, mut instance) = (&[][..], &[][..], &[][..]);
    let mut is_err = false;
    for field in fields(body) {
        match field.key {
            MESSAGE => message = field.bytes(),
            MESSAGE_TYPE => {
                is_err = int32(field.varint()) == MessageType::Err as i32;
            }
            SOURCE_TYPE => source_type = field.bytes(),
            SOURCE_INSTANCE => instance = field.bytes(),
            _ => {}
        }
    }
    put_log(out, message, is_err);
    put_instance_id(out, instance);
    copy_tags(payload, out, |name| name == b"source_type");
    put_tag(out, b"source_type", source_type);
}

fn put_log(out: &mut BytesMut, message: &[u8], is_err: bool) {
    const PAYLOAD: u64 = text(1);
    const TYPE: u64 = varint(2);
    let payload_len = match message.len() {
        0 => 0,
        len => put::bytes_len(PAYLOAD, len),
    };
    put::head(out, v2::LOG, payload_len + if is_err { 2 } else { 0 });
    if !message.is_empty() {
        put::bytes(out, PAYLOAD, message);
    }
    put_number(out, TYPE, u64::from(is_err));
}

fn counter(payload: &[u8], body: &[u8], out: &mut BytesMut) {
    const NAME: u64 = text(1);
    const DELTA: u64 = varint(2);
    const TOTAL: u64 = varint(3);
    let (mut name, mut delta, mut total) = (&[][..], 0, 0);
    for field in fields(body) {
        match field.key {
            NAME => name = field.bytes(),
            DELTA => delta = field.varint(),
            TOTAL => total = field.varint(),
            _ => {}
        }
    }
    let mut counter = BytesMut::with_capacity(body.len() + 16);
    put_text(&mut counter, NAME, name);
    put_number(&mut counter, DELTA, delta);
    put_number(&mut counter, TOTAL, total);
    put::bytes(out, v2::COUNTER, &counter);
    let instance_id = copy_tags(payload, out, |name| name == b"instance_id");
    put_instance_id(out, instance_id);
}

fn error(payload: &[u8], body: &[u8], out: &mut BytesMut) {
    const SOURCE: u64 = text(1);
    const CODE: u64 = varint(2);
    const MESSAGE: u64 = text(3);
    let (mut source, mut code, mut message) = (&[][..], 0, &[][..]);
    for field in fields(body) {
        match field.key {
            SOURCE => source = field.bytes(),
            CODE => code = int32(field.varint()),
            MESSAGE => message = field.bytes(),
            _ => {}
        }
    }
    put_log(out, message, false);
    copy_tags(payload, out, |name| matches!(name, b"source" | b"code"));
    put_tag(out, b"source", source);
    put_tag(out, b"code", itoa::Buffer::new().format(code).as_bytes());
}
