use super::*;

/// The protocol page's test vectors.
const MESSAGE: &str = "0a0568656c6c6f10011880f0da8bdfbfdca9262204617070313201304203417070";
const SIGNATURE: &str = "000102030405060708090a0b0c0d0e0f2198ce1f3806bf089a794e83a9a6660559949c4344c24cf1\
    89edb120c5c88741f824b4f705641e8872ea24f3826b1c2a";
const V1_LOG: &str = "0a0364656110053080b8edc5ef9fee941342410a0568656c6c6f10011880b8edc5ef9fee9413\
    222466343761633130622d353863632d343337322d613536372d3065303262326333643437392a03415050320130";

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn log_envelope(signature: &[u8]) -> Vec<u8> {
    let len = u8::try_from(signature.len()).unwrap();
    let message = hex(MESSAGE);
    [
        b"\x0a\x04app1\x12",
        &[len][..],
        signature,
        b"\x1a\x21",
        &message,
    ]
    .concat()
}

fn secret() -> Secret {
    Secret::new("mysecret")
}

#[test]
fn the_signature_is_that_of_the_originals() {
    let iv = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let signature = secret().sign(b"hello", iv).unwrap();
    assert_eq!(signature, *hex(SIGNATURE));
    assert!(secret().verify(b"hello", &signature));
    assert!(!secret().verify(b"hullo", &signature));
    assert!(!Secret::new("other").verify(b"hello", &signature));
}

#[test]
fn signatures_of_odd_lengths_are_wrong_and_harmless() {
    let signature = hex(SIGNATURE);
    for len in (0..64).chain([80]) {
        let mut odd = signature.clone();
        odd.resize(len, 0);
        assert!(!secret().verify(b"hello", &odd), "{len}");
        let read = read(&log_envelope(&odd), Some(&secret()));
        assert_eq!(read, Err(LegacyError::BadSignature), "{len}");
    }
}

#[test]
fn a_secret_asks_for_signed_messages() {
    let (bare, signed) = (hex(MESSAGE), log_envelope(&hex(SIGNATURE)));
    let message = read(&bare, None).unwrap();
    assert_eq!(message.app_id.as_deref(), Some(&b"app1"[..]));
    assert_eq!(message.timestamp, Some(1_380_838_166_000_000_000));
    assert_eq!(read(&signed, None).unwrap(), message);
    assert_eq!(read(&signed, Some(&secret())).unwrap(), message);
    assert_eq!(read(&bare, Some(&secret())), Err(LegacyError::Unsigned));
    let other = Secret::new("other");
    assert_eq!(read(&signed, Some(&other)), Err(LegacyError::BadSignature));
}

#[test]
fn what_is_cut_or_lacks_a_required_field_is_malformed() {
    // Where a cut leaves the required fields, what it cuts off is optional.
    let whole = hex(MESSAGE).len() - hex("3201304203417070").len();
    for len in 0..whole {
        assert_eq!(
            read(&hex(MESSAGE)[..len], None),
            Err(LegacyError::Malformed),
            "{len}"
        );
    }
    let signed = log_envelope(&hex(SIGNATURE));
    for len in 0..signed.len() {
        assert_eq!(
            read(&signed[..len], None),
            Err(LegacyError::Malformed),
            "{len}"
        );
    }
}

#[test]
fn a_message_becomes_an_envelope_of_origin_legacy() {
    let mut out = BytesMut::new();
    to_v1(&read(&hex(MESSAGE), None).unwrap(), &mut out);
    let peek = peek_v1(&out).unwrap();
    assert_eq!(
        (peek.origin, peek.timestamp),
        (&b"legacy"[..], 1_380_838_166_000_000_000)
    );
    assert_eq!(peek.app_id().unwrap(), "app1");
    let log = v1::LogMessage::decode(&*peek.body()).unwrap();
    assert_eq!(log.source_type.as_deref(), Some(&b"App"[..]));
    assert_eq!(log.source_instance.as_deref(), Some(&b"0"[..]));
    // And back again.
    let mut back = BytesMut::new();
    assert!(from_v1(&out, &mut back));
    assert_eq!(*back, *hex(MESSAGE));
}

#[test]
fn an_old_source_number_gets_its_name() {
    for (number, name, expected) in [
        (Some(2), "", "RTR"),
        (Some(5), "Own", "Own"),
        (Some(7), "STG", "STG"),
        (None, "", ""),
    ] {
        let message = LogMessage {
            source_type: number,
            source_name: Some(Bytes::from_static(name.as_bytes())),
            ..read(&hex(MESSAGE), None).unwrap()
        };
        assert_eq!(source_type(&message).unwrap(), expected);
    }
}

#[test]
fn a_v1_log_becomes_a_message_and_nothing_else_does() {
    let mut out = BytesMut::new();
    assert!(from_v1(&hex(V1_LOG), &mut out));
    let message = LogMessage::decode(&*out).unwrap();
    assert_eq!(message.source_name.as_deref(), Some(&b"APP"[..]));
    assert_eq!(message.timestamp, Some(1_380_838_166_000_000_000));
    assert!(is_complete(&message));
    let counter = hex("0a03646561100752080a04726571731003");
    for other in [&counter[..], b"\x0a\x01o\x10\x05", b"junk"] {
        assert!(!from_v1(other, &mut BytesMut::new()));
    }
    // Without app id, source type and instance: empty, not absent.
    let mut out = BytesMut::new();
    assert!(from_v1(
        b"\x0a\x01o\x10\x05\x42\x06\x0a\x00\x10\x02\x18\x00",
        &mut out
    ));
    assert_eq!(*out, *hex("0a0010021800220032004200"));
}
