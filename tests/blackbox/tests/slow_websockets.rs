//! Slow WebSocket readers: told in their own stream how much they lost, in the words that
//! nozzles look for.

use std::time::Duration;

use logweir_blackbox::{
    envelopes::{batch, log},
    patience::eventually,
    stream::Producer,
    system::System,
    websocket::{WebSocket, text},
};
use logweir_proto::v1;

const APP: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
const PRIMES: &str = "00112233-4455-4677-8899-aabbccddeeff";
/// Envelopes that the flood holds, more than a small queue and all windows do.
const SENT: u64 = 60_000;
/// A small queue, a place to name, and patience with clients that are only slow.
const SMALL: &str = "[router.queue]\nenvelopes = 1000\n\
    [router.place]\ndeployment = \"cf\"\nindex = \"7\"\n\
    [traffic_controller.queue]\nenvelopes = 1000\n\
    [traffic_controller.sessions]\nwrite_deadline = \"2m\"\npong_deadline = \"2m\"\n";

/// Floods the stream at `path` while nobody reads it, then reads it to where all that was
/// sent is accounted for: what came, and what `told` finds in other envelopes.
async fn flood(path: &str, told: impl Fn(&v1::Envelope) -> Option<u64>) {
    let system = System::start_with(SMALL).await;
    let producer = Producer::open(&system.dial("ingress").await);
    let mut slow = WebSocket::open(system.door("http"), path, "")
        .await
        .expect("a WebSocket");
    let source = if path.starts_with("/apps") {
        APP
    } else {
        PRIMES
    };
    eventually("the slow reader stands", async || {
        producer.send(&batch(&[log(source, "probe")])).await;
        let wait = Duration::from_millis(50);
        tokio::time::timeout(wait, slow.logs_to("probe")).await.ok()
    })
    .await;
    let padding = "x".repeat(500);
    let lines: Vec<_> = (0..100).map(|_| log(APP, &padding)).collect();
    let lines = batch(&lines);
    for _ in 0..SENT / 100 {
        producer.send(&lines).await;
    }
    producer.finish().await.expect("all of it is taken");

    let (mut got, mut lost) = (0, 0);
    while got + lost < SENT {
        let envelope = slow.envelope().await;
        if text(&envelope).as_deref() == Some(&padding) {
            got += 1;
        } else if let Some(count) = told(&envelope) {
            lost += count;
        }
    }
    assert_eq!(got + lost, SENT, "{got} arrived, {lost} told");
    assert!(got > 0 && lost > 0, "{got} arrived, {lost} told");
}

#[tokio::test]
async fn a_slow_firehose_gets_the_counter_that_nozzles_look_for() {
    flood("/firehose/nozzle", |envelope| {
        let counter = envelope.counter_event.as_ref()?;
        if counter.name.as_deref() != Some(b"TruncatingBuffer.DroppedMessages") {
            return None;
        }
        assert_eq!(envelope.origin.as_deref(), Some(&b"doppler"[..]));
        assert_eq!(envelope.deployment.as_deref(), Some(&b"cf"[..]));
        assert_eq!(envelope.index.as_deref(), Some(&b"7"[..]));
        assert!(counter.total >= counter.delta);
        counter.delta
    })
    .await;
}

#[tokio::test]
async fn a_slow_app_stream_gets_a_line_that_people_read() {
    flood(&format!("/apps/{APP}/stream"), |envelope| {
        let log = envelope.log_message.as_ref()?;
        if log.source_type.as_deref() != Some(b"LGR") {
            return None;
        }
        let line = text(envelope)?;
        let words = "Log message output is too high. ";
        let count = line.strip_prefix(words)?.split(' ').next()?;
        assert!(line.contains(" messages dropped (Total "), "{line}");
        assert_eq!(log.app_id.as_deref(), Some(APP.as_bytes()));
        count.parse().ok()
    })
    .await;
}
