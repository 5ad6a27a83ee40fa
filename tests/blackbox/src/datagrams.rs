//! Datagrams of the tests.

use std::net::UdpSocket;

use bytes::{BufMut, Bytes};
use logweir_proto::{logmessage, v1};
use prost::Message;

/// A socket that sends to a door.
///
/// # Panics
/// When there is none.
pub fn sender(door: &str) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(door).expect("an address");
    socket
}

/// Text as the V1 types hold it.
pub fn text(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

/// A V1 log of `app`.
pub fn log(app: &str, message: &str) -> v1::Envelope {
    v1::Envelope {
        origin: text("test"),
        event_type: Some(v1::envelope::EventType::LogMessage.into()),
        timestamp: Some(1_790_000_000_000_000_000),
        log_message: Some(v1::LogMessage {
            message: text(message),
            message_type: Some(v1::log_message::MessageType::Out.into()),
            timestamp: Some(1_790_000_000_000_000_000),
            app_id: text(app),
            source_type: text("APP"),
            source_instance: text("0"),
        }),
        ..v1::Envelope::default()
    }
}

/// A counter that adds `delta`.
pub fn counter(name: &str, delta: u64) -> v1::Envelope {
    v1::Envelope {
        origin: text("test"),
        event_type: Some(v1::envelope::EventType::CounterEvent.into()),
        counter_event: Some(v1::CounterEvent {
            name: text(name),
            delta: Some(delta),
            total: None,
        }),
        ..v1::Envelope::default()
    }
}

/// A log of `app` as of 2013.
pub fn log_2013(app: &str, message: &str) -> logmessage::LogMessage {
    logmessage::LogMessage {
        message: text(message),
        message_type: Some(logmessage::log_message::MessageType::Out.into()),
        timestamp: Some(1_380_838_166_000_000_000),
        app_id: text(app),
        source_id: text("0"),
        source_name: text("App"),
        ..logmessage::LogMessage::default()
    }
}

/// An envelope with one more tag, of any bytes.
pub fn with_tag(envelope: &v1::Envelope, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = envelope.encode_to_vec();
    let tag = v1::Tag {
        key: Some(Bytes::copy_from_slice(key)),
        value: Some(Bytes::copy_from_slice(value)),
    }
    .encode_to_vec();
    // Field 17, length-delimited.
    bytes.put_slice(&[0x8A, 0x01, u8::try_from(tag.len()).expect("a short tag")]);
    bytes.extend_from_slice(&tag);
    bytes
}
