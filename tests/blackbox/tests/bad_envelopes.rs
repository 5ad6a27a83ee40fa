//! Envelopes as they should not be: what is wrong is counted and told, the stream
//! lives on, and nothing else is lost.

use logweir_blackbox::{
    envelopes::{
        batch, batch_of_size, log, payload, raw_batch, told, with_bad_tag, with_unknown_field,
    },
    http::sum,
    patience::eventually,
    stream::Producer,
    system::System,
};
use logweir_proto::service;
use prost::Message;
use tonic::Code;

/// Names that our own counters have on the metrics page.
const DROPPED: &str = "logweir_dropped";

async fn counted(system: &System, cause: &str, at_least: f64) {
    let label = format!("cause=\"{cause}\"");
    eventually(
        &format!("{at_least} drops counted with {label}"),
        async || {
            let page = system.metrics().await;
            (sum(&page, DROPPED, &[&label]) >= at_least).then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn malformed_envelopes_are_counted_and_their_neighbours_arrive() {
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    let truncated = {
        let mut bytes = log("app", "cut off").encode_to_vec();
        bytes.truncate(bytes.len() - 1);
        bytes
    };
    let wrong_type = b"\x08\x01\x10\x05".to_vec();
    let good = |text: &str| log("app", text).encode_to_vec();
    producer
        .send(&raw_batch([
            good("before"),
            truncated,
            wrong_type,
            good("after"),
        ]))
        .await;
    producer.send(&batch(&[log("app", "last")])).await;
    let texts: Vec<_> = system
        .read_to(&mut reader, "last")
        .await
        .iter()
        .map(payload)
        .collect();
    assert_eq!(texts, ["before", "after", "last"]);
    counted(&system, "malformed", 2.0).await;
}

#[tokio::test]
async fn a_batch_that_is_cut_off_keeps_what_was_whole() {
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    let whole = batch(&[log("app", "whole"), log("app", "cut off")]);
    producer.send(&whole[..whole.len() - 1]).await;
    producer.send(b"\xff\xff\xff\xff no protobuf at all").await;
    producer.send(&batch(&[log("app", "last")])).await;
    let texts: Vec<_> = system
        .read_to(&mut reader, "last")
        .await
        .iter()
        .map(payload)
        .collect();
    assert_eq!(texts, ["whole", "last"]);
    counted(&system, "malformed", 1.0).await;
}

#[tokio::test]
async fn strings_that_are_not_utf8_are_mended() {
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    producer
        .send(&raw_batch([
            with_bad_tag("app", "mended"),
            log("app", "last").encode_to_vec(),
        ]))
        .await;
    // The reader decodes strictly: what leaves is valid.
    let got = system.read_to(&mut reader, "last").await;
    let mended = got
        .iter()
        .find(|envelope| payload(envelope) == "mended")
        .expect("it arrives");
    assert_eq!(mended.tags["bad"], "a\u{FFFD}b");
}

#[tokio::test]
async fn an_envelope_of_no_bytes_harms_nobody() {
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    producer.send(b"").await;
    producer
        .send(&raw_batch([
            Vec::new(),
            log("app", "after").encode_to_vec(),
            Vec::new(),
        ]))
        .await;
    producer.send(&batch(&[log("app", "last")])).await;
    let texts: Vec<_> = system
        .read_to(&mut reader, "last")
        .await
        .iter()
        .map(payload)
        .collect();
    assert_eq!(texts, ["after", "last"]);
}

#[tokio::test]
async fn an_envelope_larger_than_the_reader_takes_is_told() {
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    producer.send(&batch_of_size("app", 9 << 20)).await;
    producer.send(&batch(&[log("app", "last")])).await;
    let mut got = system.read_to(&mut reader, "last").await;
    while !got.iter().any(|envelope| told(envelope).is_some()) {
        got.extend(reader.next().await.expect("the stream lives"));
    }
    assert_eq!(got.iter().filter_map(told).sum::<u64>(), 1);
    let notice = got
        .iter()
        .find(|envelope| told(envelope).is_some())
        .expect("a notice");
    assert_eq!(notice.tags["cause"], "too_large");
    counted(&system, "too_large", 1.0).await;
}

#[tokio::test]
async fn a_large_envelope_arrives_whole() {
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    let large = "y".repeat(3 << 20);
    producer
        .send(&batch(&[log("app", &large), log("app", "last")]))
        .await;
    let texts: Vec<_> = system
        .read_to(&mut reader, "last")
        .await
        .iter()
        .map(payload)
        .collect();
    assert!(
        texts == [large.as_str(), "last"],
        "{} logs arrived",
        texts.len()
    );
}

#[tokio::test]
async fn a_message_of_10_mib_is_taken_and_one_byte_more_is_refused() {
    const LIMIT: usize = 10 << 20;
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    let h2 = system.dial("ingress").await;

    let at_limit = Producer::open_at(&h2, service::SEND);
    at_limit.send(&batch_of_size("other", LIMIT)).await;
    assert_eq!(at_limit.finish().await.expect("is taken").len(), 0);

    let above = Producer::open(&h2);
    above.send(&batch_of_size("other", LIMIT + 1)).await;
    let status = above.refused().await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    let text = format!(
        "grpc: received message larger than max ({} vs. {LIMIT})",
        LIMIT + 1
    );
    assert_eq!(status.message(), text);

    // Another stream of the same connection, and another connection, never noticed.
    let same = Producer::open(&h2);
    same.send(&batch(&[log("app", "same connection")])).await;
    let texts: Vec<_> = system
        .read_to(&mut reader, "same connection")
        .await
        .iter()
        .map(payload)
        .collect();
    assert_eq!(texts, ["same connection"]);
    producer.send(&batch(&[log("app", "last")])).await;
    system.read_to(&mut reader, "last").await;
}

#[tokio::test]
async fn unknown_fields_pass_through() {
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    let envelope = with_unknown_field(&log("app", "from the future"), "unheard of");
    producer.send(&raw_batch([envelope])).await;
    loop {
        let got = reader.next_raw().await;
        let found = |part: &[u8]| {
            got.iter()
                .any(|envelope| envelope.windows(part.len()).any(|window| window == part))
        };
        if found(b"from the future") {
            assert!(found(b"unheard of"), "the unknown field is gone");
            return;
        }
    }
}

#[tokio::test]
async fn a_half_closed_stream_is_answered_with_ok() {
    let system = System::start().await;
    let (_producer, mut reader) = system.pair("app").await;
    let h2 = system.dial("ingress").await;
    for (path, message) in [
        (service::BATCH_SENDER, batch(&[log("app", "batch")])),
        (service::SENDER, log("app", "single").encode_to_vec().into()),
        (service::SEND, batch(&[log("app", "unary")])),
    ] {
        let stream = Producer::open_at(&h2, path);
        stream.send(&message).await;
        let answer = stream.finish().await;
        assert_eq!(answer.map(|bytes| bytes.len()).ok(), Some(0), "{path}");
    }
    let mut texts: Vec<String> = Vec::new();
    while texts.len() < 3 {
        let got = reader.next().await.expect("the stream lives");
        texts.extend(got.iter().map(payload).filter(|text| text != "probe"));
    }
    assert_eq!(texts, ["batch", "single", "unary"]);
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let system = System::start().await;
    let h2 = system.dial("ingress").await;
    let stream = Producer::open_at(&h2, "/loggregator.v2.Ingress/Nothing");
    let status = stream.finish().await.expect_err("no such method");
    assert_eq!(status.code(), Code::Unimplemented);
}
