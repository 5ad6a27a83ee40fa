//! Timers to `HttpStartStop`.

use bytes::BytesMut;
use logweir_proto::fields::fields;
use logweir_proto::v1::envelope::EventType;
use logweir_proto::v1::{Method, PeerType};
use logweir_proto::{put, uuid};

use super::envelope::number;
use super::{NoV1, Sink};
use crate::convert::names::{is_http_tag, text, v1, varint};

pub(super) fn timer(sink: &mut Sink<'_, '_>) -> Option<NoV1> {
    let envelope = sink.envelope;
    let Some(request_id) = uuid::parse(envelope.tag(b"request_id")) else {
        return Some(NoV1::TimerWithoutRequestId);
    };
    let (start, stop) = read(&envelope.body);
    // The originals emit 0 for a name that they do not know; Java readers refuse that.
    let peer_type = name(envelope.tag(b"peer_type"), PeerType::from_str_name);
    let method = name(envelope.tag(b"method"), Method::from_str_name);
    let mut body = BytesMut::with_capacity(envelope.len + 64);
    put::number(&mut body, varint(1), start);
    put::number(&mut body, varint(2), stop);
    put_uuid(&mut body, text(3), request_id);
    let peer_type = peer_type.unwrap_or(PeerType::Server);
    put::number(&mut body, varint(4), u64::from(peer_type as u32));
    let method = method.unwrap_or(Method::Get);
    put::number(&mut body, varint(5), u64::from(method as u32));
    put::bytes(&mut body, text(6), envelope.tag(b"uri"));
    put::bytes(&mut body, text(7), envelope.tag(b"remote_address"));
    put::bytes(&mut body, text(8), envelope.tag(b"user_agent"));
    put::number(&mut body, varint(9), envelope.int32(b"status_code"));
    put::number(&mut body, varint(10), envelope.int64(b"content_length"));
    if let Some(app) = uuid::parse(envelope.source_id) {
        put_uuid(&mut body, text(12), app);
    }
    let index: i32 = number(envelope.instance_id).unwrap_or_default();
    put::number(&mut body, varint(13), i64::from(index).cast_unsigned());
    put::bytes(&mut body, text(14), envelope.tag(b"routing_instance_id"));
    for address in envelope.tag(b"forwarded").split(|byte| *byte == b'\n') {
        put::bytes(&mut body, text(15), address);
    }
    let tail = sink.tail(false, is_http_tag);
    sink.send(EventType::HttpStartStop, v1::HTTP_START_STOP, &body, &tail);
    None
}

/// Start and stop of a timer.
fn read(body: &[u8]) -> (u64, u64) {
    const START: u64 = varint(2);
    const STOP: u64 = varint(3);
    let mut found = (0, 0);
    for field in fields(body) {
        match field.key {
            START => found.0 = field.varint(),
            STOP => found.1 = field.varint(),
            _ => {}
        }
    }
    found
}

fn name<E>(text: &[u8], by_name: fn(&str) -> Option<E>) -> Option<E> {
    by_name(std::str::from_utf8(text).ok()?)
}

fn put_uuid(out: &mut BytesMut, key: u64, (low, high): (u64, u64)) {
    let len = put::number_len(varint(1), low) + put::number_len(varint(2), high);
    put::head(out, key, len);
    put::number(out, varint(1), low);
    put::number(out, varint(2), high);
}
