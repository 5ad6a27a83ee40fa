//! A datagram of 2013 is refused or becomes a V1 envelope and itself again; no signature
//! is taken that was not made; multipart bodies come apart without a panic.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use logweir_proto::logmessage::LogMessage;
use logweir_wire::legacy::{self, LegacyError, Secret};
use logweir_wire::{dropsonde, multipart};
use prost::Message as _;

fuzz_target!(|datagram: &[u8]| {
    let _ = multipart::parts("multipart/x-protobuf; boundary=b", datagram);
    let secret = Secret::new("the fuzzer does not know it");
    assert!(matches!(
        legacy::read(datagram, Some(&secret)),
        Err(LegacyError::Malformed | LegacyError::Unsigned | LegacyError::BadSignature)
    ));
    let Ok(message) = legacy::read(datagram, None) else { return };
    let mut envelope = BytesMut::new();
    legacy::to_v1(&message, &mut envelope);
    dropsonde::check(&envelope).expect("a whole envelope");
    let mut back = BytesMut::new();
    assert!(legacy::from_v1(&envelope, &mut back));
    let back = LogMessage::decode(back).expect("a log message");
    assert_eq!(back.message, message.message);
    assert_eq!(back.message_type, message.message_type);
    assert_eq!(back.timestamp, message.timestamp);
    assert_eq!(back.app_id, message.app_id);
    assert_eq!(back.source_id(), message.source_id());
});
