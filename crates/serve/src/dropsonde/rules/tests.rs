use logweir_proto::v1;
use prost::Message;

use super::*;

/// The specification's log envelope (loggregator-v1 §11).
const LOG: &str = "0a0364656110053080b8edc5ef9fee941342410a0568656c6c6f10011880b8edc5ef9fee94132224663437616331\
                   30622d353863632d343337322d613536372d3065303262326333643437392a03415050320130";
/// Its counter: name `reqs`, delta 3.
const COUNTER: &str = "0a03646561100752080a04726571731003";
/// Its `LogMessage` of 2013, and the signature of its text with the secret `mysecret`.
const MESSAGE_2013: &str = "0a0568656c6c6f10011880f0da8bdfbfdca9262204617070313201304203417070";
const SIGNATURE: &str = "000102030405060708090a0b0c0d0e0f2198ce1f3806bf089a794e83a9a6660559949c4344c24cf189edb120\
                         c5c88741f824b4f705641e8872ea24f3826b1c2a";

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

fn config() -> DropsondeConfig {
    DropsondeConfig {
        deployment: "cf".into(),
        job: "router".into(),
        index: "7".into(),
        ..DropsondeConfig::default()
    }
}

fn apply(rules: &mut Rules, datagram: &[u8]) -> Result<v1::Envelope, Reason> {
    let mut out = BytesMut::new();
    rules.apply(datagram, &mut out)?;
    Ok(v1::Envelope::decode(out.freeze()).unwrap())
}

fn text(field: Option<bytes::Bytes>) -> Option<String> {
    field.map(|text| String::from_utf8(text.to_vec()).unwrap())
}

#[test]
fn an_envelope_gets_its_source_and_the_fields_that_it_lacks() {
    let mut rules = Rules::dropsonde(&config(), true);
    let envelope = apply(&mut rules, &bytes(LOG)).unwrap();
    assert_eq!(text(envelope.deployment), Some("cf".into()));
    // An empty setting is set too.
    assert_eq!(text(envelope.ip), Some(String::new()));
    let tag = &envelope.tags[0];
    let tag = (tag.key().to_vec(), tag.value().to_vec());
    assert_eq!(tag, (b"source_id".to_vec(), b"dea".to_vec()));
    let log = envelope.log_message.unwrap();
    assert_eq!(log.message(), b"hello");
}

#[test]
fn counters_leave_with_a_total_where_totals_are_kept() {
    let total = |rules: &mut Rules| {
        let envelope = apply(rules, &bytes(COUNTER)).unwrap();
        envelope.counter_event.unwrap().total
    };
    let mut agent = Rules::dropsonde(&config(), true);
    assert_eq!((total(&mut agent), total(&mut agent)), (Some(3), Some(6)));
    let mut forwarder = Rules::dropsonde(&config(), false);
    assert_eq!(total(&mut forwarder), None);
}

#[test]
fn what_is_not_taken_has_a_reason() {
    let mut rules = Rules::dropsonde(&config(), true);
    let mut of = |datagram: &[u8]| apply(&mut rules, datagram).unwrap_err();
    assert_eq!(of(b""), Reason::Unmarshal);
    assert_eq!(of(&bytes(LOG)[..40]), Reason::Unmarshal);
    // Without an event type, which is required.
    assert_eq!(of(b"\x0a\x01o"), Reason::Unmarshal);
    // The log message's number, and no log message.
    assert_eq!(of(b"\x0a\x01o\x10\x05"), Reason::NoEvent);
    // `HttpStart`, given up in 2016, and a number that was never given out.
    assert_eq!(of(b"\x0a\x01o\x10\x02"), Reason::UnknownType);
    assert_eq!(of(b"\x0a\x01o\x10\x63"), Reason::UnknownType);
}

#[test]
fn the_door_of_2013_takes_messages_and_signed_envelopes() {
    let mut signed = bytes("0a046170703112");
    signed.push(64);
    signed.extend(bytes(SIGNATURE));
    signed.extend(bytes("1a21"));
    signed.extend(bytes(MESSAGE_2013));
    let mut open = Rules::legacy(&config(), &LegacyConfig::default());
    for datagram in [bytes(MESSAGE_2013), signed.clone()] {
        let envelope = apply(&mut open, &datagram).unwrap();
        assert_eq!(envelope.origin(), b"legacy");
        let log = envelope.log_message.unwrap();
        assert_eq!((log.app_id(), log.message()), (&b"app1"[..], &b"hello"[..]));
    }
    let with = |secret: &str| {
        let secret = secret.into();
        let listen = LegacyConfig::default().listen;
        Rules::legacy(&config(), &LegacyConfig { listen, secret })
    };
    let mut guarded = with("mysecret");
    assert!(apply(&mut guarded, &signed).is_ok());
    let unsigned = apply(&mut guarded, &bytes(MESSAGE_2013));
    assert_eq!(unsigned, Err(Reason::Unsigned));
    let wrong = apply(&mut with("another"), &signed);
    assert_eq!(wrong, Err(Reason::BadSignature));
    assert_eq!(apply(&mut guarded, b"\xff"), Err(Reason::Unmarshal));
}
