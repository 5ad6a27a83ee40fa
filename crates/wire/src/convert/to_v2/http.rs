//! `HttpStartStop` to timer.

use std::borrow::Cow;

use bytes::BytesMut;
use logweir_proto::fields::{Field, fields};
use logweir_proto::peek_v1::int32;
use logweir_proto::v1::{Method, PeerType};
use logweir_proto::{put, uuid};

use super::copy_tags;
use super::write::{put_instance_id, put_number, put_tag};
use crate::convert::names::{is_http_tag, text, v2, varint};

const NAME: &[u8] = b"http";

/// The fields as the wire has them; of an absent one its default, for enums the first.
struct Request<'a> {
    start: u64,
    stop: u64,
    id: [u64; 2],
    peer_type: i32,
    method: i32,
    uri: &'a [u8],
    remote_address: &'a [u8],
    user_agent: &'a [u8],
    status_code: i32,
    content_length: i64,
    instance_index: i32,
    instance_id: &'a [u8],
    forwarded: Vec<&'a [u8]>,
}

impl<'a> Request<'a> {
    fn read(body: &'a [u8]) -> Self {
        let mut request = Self {
            start: 0,
            stop: 0,
            id: [0; 2],
            peer_type: PeerType::Client as i32,
            method: Method::Get as i32,
            uri: &[],
            remote_address: &[],
            user_agent: &[],
            status_code: 0,
            content_length: 0,
            instance_index: 0,
            instance_id: &[],
            forwarded: Vec::new(),
        };
        fields(body).for_each(|field| request.field(field));
        request
    }

    fn field(&mut self, field: Field<'a>) {
        const REQUEST_ID: u64 = text(3);
        const URI: u64 = text(6);
        const REMOTE_ADDRESS: u64 = text(7);
        const USER_AGENT: u64 = text(8);
        const INSTANCE_ID: u64 = text(14);
        const FORWARDED: u64 = text(15);
        const START: u64 = varint(1);
        const STOP: u64 = varint(2);
        const PEER_TYPE: u64 = varint(4);
        const METHOD: u64 = varint(5);
        const STATUS_CODE: u64 = varint(9);
        const CONTENT_LENGTH: u64 = varint(10);
        const INSTANCE_INDEX: u64 = varint(13);
        const UUID_LOW: u64 = varint(1);
        const UUID_HIGH: u64 = varint(2);
        match field.key {
            START => self.start = field.varint(),
            STOP => self.stop = field.varint(),
            REQUEST_ID => {
                for half in fields(field.bytes()) {
                    match half.key {
                        UUID_LOW => self.id[0] = half.varint(),
                        UUID_HIGH => self.id[1] = half.varint(),
                        _ => {}
                    }
                }
            }
            PEER_TYPE => self.peer_type = int32(field.varint()),
            METHOD => self.method = int32(field.varint()),
            URI => self.uri = field.bytes(),
            REMOTE_ADDRESS => self.remote_address = field.bytes(),
            USER_AGENT => self.user_agent = field.bytes(),
            STATUS_CODE => self.status_code = int32(field.varint()),
            CONTENT_LENGTH => self.content_length = field.varint().cast_signed(),
            INSTANCE_INDEX => self.instance_index = int32(field.varint()),
            INSTANCE_ID => self.instance_id = field.bytes(),
            FORWARDED => self.forwarded.push(field.bytes()),
            _ => {}
        }
    }
}

pub(super) fn timer(payload: &[u8], body: &[u8], out: &mut BytesMut) {
    let request = Request::read(body);
    put_timer(&request, out);
    let mut decimal = itoa::Buffer::new();
    put_instance_id(out, decimal.format(request.instance_index).as_bytes());
    copy_tags(payload, out, is_http_tag);
    let [low, high] = request.id;
    put_tag(out, b"request_id", &uuid::text(low, high));
    let peer_type = PeerType::try_from(request.peer_type).map(|known| known.as_str_name());
    put_tag(
        out,
        b"peer_type",
        named(peer_type, request.peer_type, &mut decimal),
    );
    let method = Method::try_from(request.method).map(|known| known.as_str_name());
    put_tag(out, b"method", named(method, request.method, &mut decimal));
    put_tag(out, b"uri", request.uri);
    put_tag(out, b"remote_address", request.remote_address);
    put_tag(out, b"user_agent", request.user_agent);
    put_tag(
        out,
        b"status_code",
        decimal.format(request.status_code).as_bytes(),
    );
    put_tag(
        out,
        b"content_length",
        decimal.format(request.content_length).as_bytes(),
    );
    put_tag(out, b"routing_instance_id", request.instance_id);
    let forwarded = match &request.forwarded[..] {
        [one] => Cow::Borrowed(*one),
        several => Cow::Owned(several.join(&b'\n')),
    };
    put_tag(out, b"forwarded", &forwarded);
}

fn put_timer(request: &Request<'_>, out: &mut BytesMut) {
    const START: u64 = varint(2);
    const STOP: u64 = varint(3);
    let mut timer = BytesMut::with_capacity(32);
    put::bytes(&mut timer, text(1), NAME);
    put_number(&mut timer, START, request.start);
    put_number(&mut timer, STOP, request.stop);
    put::bytes(out, v2::TIMER, &timer);
}

/// An enum's name; of an unknown number its digits.
fn named<'a, E>(
    name: Result<&'static str, E>,
    number: i32,
    decimal: &'a mut itoa::Buffer,
) -> &'a [u8] {
    match name {
        Ok(name) => name.as_bytes(),
        Err(_) => decimal.format(number).as_bytes(),
    }
}
