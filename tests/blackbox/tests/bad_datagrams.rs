//! Datagrams as they should not be: each is counted by its cause, and those after it are
//! taken.

use logweir_blackbox::{
    datagrams::{counter, log, log_2013, sender, text, with_tag},
    envelopes::{logs_of, payload},
    http::sum,
    patience::eventually,
    stream::Reader,
    system::System,
    websocket::WebSocket,
};
use logweir_proto::{logmessage, v1};
use prost::Message;

const APP: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

/// How many datagrams were refused for a reason.
async fn rejected(system: &System, reason: &str) -> f64 {
    let label = format!("reason=\"{reason}\"");
    sum(&system.metrics().await, "logweir_udp_rejected", &[&label])
}

/// A firehose that gets what the door takes.
async fn firehose(system: &System) -> WebSocket {
    let socket = WebSocket::open(system.door("http"), "/firehose/x", "");
    let mut socket = socket.await.expect("a WebSocket");
    let udp = sender(system.door("dropsonde"));
    eventually("a datagram arrives", async || {
        udp.send(&log(APP, "probe").encode_to_vec()).expect("sent");
        let wait = std::time::Duration::from_millis(50);
        tokio::time::timeout(wait, socket.logs_to("probe"))
            .await
            .ok()
    })
    .await;
    socket
}

#[tokio::test]
async fn each_bad_datagram_is_counted_by_its_cause() {
    use v1::envelope::EventType;
    let system = System::start().await;
    let mut firehose = firehose(&system).await;
    let udp = sender(system.door("dropsonde"));
    let good = log(APP, "good");
    let whole = good.encode_to_vec();
    let edited = |edit: fn(&mut v1::Envelope)| {
        let mut envelope = good.clone();
        edit(&mut envelope);
        envelope.encode_to_vec()
    };
    let mut unmarshal: Vec<Vec<u8>> = vec![
        Vec::new(),
        whole[..whole.len() - 1].to_vec(),
        b"<14>1 - - - - - - hello\n".to_vec(),
        // The origin as a varint; the type as bytes; a field number of zero; a length
        // beyond the end; a varint that never ends.
        b"\x08\x01\x10\x05".to_vec(),
        b"\x0a\x01x\x12\x015".to_vec(),
        b"\x02\x00".to_vec(),
        b"\x0a\xff\xff\xff\xff\x0fx".to_vec(),
        [&b"\x0a\x01x\x10"[..], &[0xFF; 11]].concat(),
        vec![0xFF; 65_507],
        edited(|e| e.origin = None),
        edited(|e| e.event_type = None),
        edited(|e| e.log_message.as_mut().expect("a log").message = None),
        edited(|e| e.log_message.as_mut().expect("a log").message_type = None),
        edited(|e| e.log_message.as_mut().expect("a log").timestamp = None),
    ];
    // Half of a 2014 datagram: a signature stands before the envelope.
    unmarshal.push([&[0xFF; 32], &whole[..]].concat());
    let unknown = [
        edited(|e| e.event_type = Some(0)),
        edited(|e| e.event_type = Some(1)),
        edited(|e| e.event_type = Some(2)),
        edited(|e| e.event_type = Some(3)),
        edited(|e| e.event_type = Some(10)),
        edited(|e| e.event_type = Some(-1)),
    ];
    let no_event = [
        edited(|e| e.log_message = None),
        edited(|e| e.event_type = Some(EventType::ValueMetric.into())),
        edited(|e| e.event_type = Some(EventType::HttpStartStop.into())),
    ];
    for datagram in unmarshal.iter().chain(&unknown).chain(&no_event) {
        udp.send(datagram).expect("sent");
    }
    udp.send(&whole).expect("sent");
    assert_eq!(firehose.logs_to("good").await.last().expect("one"), "good");
    for (reason, count) in [
        ("unmarshal", unmarshal.len()),
        ("unknown_type", unknown.len()),
        ("no_event", no_event.len()),
    ] {
        let found = rejected(&system, reason).await;
        assert_eq!(found.to_string(), count.to_string(), "{reason}");
    }
}

#[tokio::test]
async fn odd_datagrams_that_go_taken_as_they_are() {
    let system = System::start().await;
    let mut firehose = firehose(&system).await;
    let mut reader = Reader::open(&system.dial("grpc").await, &logs_of(APP));
    let udp = sender(system.door("dropsonde"));
    eventually("the V2 reader stands", async || {
        udp.send(&log(APP, "probe").encode_to_vec()).expect("sent");
        let wait = std::time::Duration::from_millis(50);
        tokio::time::timeout(wait, reader.next()).await.ok()
    })
    .await
    .expect("the stream lives");

    // As large as a datagram gets: 65,507 bytes.
    let empty = log(APP, "").encode_to_vec().len();
    // Three lengths of one byte grow to three.
    let large = log(APP, &"L".repeat(65_507 - empty - 4));
    assert_eq!(large.encoded_len(), 65_507);
    udp.send(&large.encode_to_vec()).expect("sent");
    // Bytes that are no UTF-8, where V2 must have text.
    udp.send(&with_tag(&log(APP, "bad tag"), b"k\xff", b"\xff\xfe"))
        .expect("sent");
    let mut odd = log(APP, "");
    if let Some(log) = odd.log_message.as_mut() {
        log.message = Some(bytes::Bytes::from_static(b"\xff\x00\n\xfe"));
        log.message_type = Some(77);
        log.source_type = None;
        log.source_instance = None;
    }
    odd.timestamp = None;
    udp.send(&odd.encode_to_vec()).expect("sent");
    // A payload beside the one that counts.
    let mut two = log(APP, "two payloads");
    two.counter_event = counter("unseen", 1).counter_event;
    udp.send(&two.encode_to_vec()).expect("sent");
    udp.send(&log(APP, "end").encode_to_vec()).expect("sent");

    let mut v1_seen = Vec::new();
    loop {
        let envelope = firehose.envelope().await;
        let Some(log) = &envelope.log_message else {
            continue;
        };
        match log.message.as_deref().expect("a message") {
            b"probe" => {}
            b"end" => break,
            _ => v1_seen.push(envelope),
        }
    }
    assert_eq!(v1_seen.len(), 4, "{v1_seen:?}");
    // V1 readers get it as it came.
    assert!(
        v1_seen[1]
            .tags
            .iter()
            .any(|tag| tag.key.as_deref() == Some(b"k\xff"))
    );
    let odd = v1_seen[2].log_message.as_ref().expect("a log");
    assert_eq!(odd.message.as_deref(), Some(&b"\xff\x00\n\xfe"[..]));
    let v2_seen: Vec<_> = system
        .read_to(&mut reader, "end")
        .await
        .into_iter()
        .filter(|envelope| payload(envelope) != "probe" && payload(envelope) != "end")
        .collect();
    assert_eq!(v2_seen.len(), 4, "{v2_seen:?}");
    let bad = v2_seen[1]
        .tags
        .get("k\u{fffd}")
        .expect("a tag that is text");
    assert!(bad.chars().all(|c| c == '\u{fffd}'), "{bad:?}");
    let fine = |reason| rejected(&system, reason);
    assert_eq!(fine("unmarshal").await.to_string(), "0");
    assert_eq!(fine("unknown_type").await.to_string(), "0");
}

#[tokio::test]
async fn counters_of_datagrams_have_totals() {
    let system = System::start().await;
    let mut firehose = firehose(&system).await;
    let udp = sender(system.door("dropsonde"));
    let mut absolute = counter("requests", 1);
    if let Some(counter) = absolute.counter_event.as_mut() {
        counter.total = Some(100);
    }
    let mut other = counter("requests", 5);
    other.origin = text("other");
    for envelope in [
        counter("requests", 3),
        counter("requests", 4),
        other,
        absolute,
        counter("requests", 1),
    ] {
        udp.send(&envelope.encode_to_vec()).expect("sent");
    }
    let mut totals = Vec::new();
    while totals.len() < 5 {
        let Some(counter) = firehose.envelope().await.counter_event else {
            continue;
        };
        if counter.name.as_deref() == Some(b"requests") {
            totals.push(counter.total.expect("a total"));
        }
    }
    assert_eq!(totals, [3, 7, 5, 100, 101]);
}

#[tokio::test]
async fn the_door_of_2013_takes_what_is_signed() {
    let config = "[dropsonde.legacy]\nlisten = \"127.0.0.1:0\"\nsecret = \"mysecret\"\n";
    let system = System::start_with(config).await;
    let mut firehose = firehose(&system).await;
    let udp = sender(system.door("legacy"));
    let message = log_2013("app1", "hello");
    // Signed over `hello` with the secret above; the initialisation vector is 00..0f.
    let signature = "000102030405060708090a0b0c0d0e0f2198ce1f3806bf089a794e83a9a66605\
                     59949c4344c24cf189edb120c5c88741f824b4f705641e8872ea24f3826b1c2a";
    let signature: Vec<u8> = (0..signature.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&signature[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    let signed = |signature: &[u8]| {
        logmessage::LogEnvelope {
            routing_key: text("app1"),
            signature: Some(bytes::Bytes::copy_from_slice(signature)),
            log_message: Some(message.clone()),
        }
        .encode_to_vec()
    };
    udp.send(&message.encode_to_vec()).expect("sent");
    for cut in [0, 15, 16, 17, 63] {
        udp.send(&signed(&signature[..cut])).expect("sent");
    }
    let mut wrong = signature.clone();
    wrong[40] ^= 1;
    udp.send(&signed(&wrong)).expect("sent");
    udp.send(b"\xff\xff").expect("sent");
    udp.send(&signed(&signature)).expect("sent");
    let envelope = loop {
        let envelope = firehose.envelope().await;
        let Some(log) = &envelope.log_message else {
            continue;
        };
        if log.message.as_deref() == Some(b"hello") {
            break envelope;
        }
    };
    assert_eq!(envelope.origin.as_deref(), Some(&b"legacy"[..]));
    let log = envelope.log_message.expect("a log");
    assert_eq!(log.timestamp, Some(1_380_838_166_000_000_000));
    assert_eq!(log.source_type.as_deref(), Some(&b"App"[..]));
    for (reason, count) in [
        ("unsigned", "1"),
        ("bad_signature", "6"),
        ("unmarshal", "1"),
    ] {
        assert_eq!(
            rejected(&system, reason).await.to_string(),
            count,
            "{reason}"
        );
    }
}
