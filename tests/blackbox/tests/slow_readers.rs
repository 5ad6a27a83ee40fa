//! Slow readers: told in their own stream how much they lost, to the envelope, and the
//! books of the process agree.

use logweir_blackbox::{
    envelopes::{batch, log, logs_of, told},
    http::sum,
    patience::eventually,
    stream::{Producer, Reader},
    system::System,
};

/// Envelopes that the flood holds, more than a small queue and all windows do.
const SENT: usize = 60_000;

#[tokio::test]
async fn a_slow_reader_is_told_exactly_what_it_lost() {
    let config = "[router.queue]\nenvelopes = 1000\n[rlp.queue]\nenvelopes = 1000\n";
    let system = System::start_with(config).await;
    // Its connection is its own, so that it holds up nobody else.
    let slow_connection = system.dial("grpc").await;
    let mut request = logs_of("flood");
    // Probes have an id of their own: lost ones are not of the sum.
    request.selectors.extend(logs_of("probes").selectors);
    let mut slow = Reader::open(&slow_connection, &request);
    let producer = Producer::open(&system.dial("ingress").await);
    eventually("the slow reader stands", async || {
        producer.send(&batch(&[log("probes", "probe")])).await;
        let wait = std::time::Duration::from_millis(50);
        tokio::time::timeout(wait, slow.next()).await.ok()
    })
    .await
    .expect("the stream lives");

    let padding = "x".repeat(500);
    let lines: Vec<_> = (0..100).map(|_| log("flood", &padding)).collect();
    let flood = batch(&lines);
    for _ in 0..SENT / 100 {
        producer.send(&flood).await;
    }
    producer.finish().await.expect("all of it is taken");

    let (mut got, mut lost) = (0, 0);
    while got + lost < SENT {
        for envelope in slow.next().await.expect("the stream lives") {
            match told(&envelope) {
                _ if envelope.source_id != "flood" => {}
                Some(count) => lost += usize::try_from(count).expect("a count"),
                None => got += 1,
            }
        }
    }
    assert_eq!(got + lost, SENT, "{got} arrived, {lost} told");
    assert!(lost > 0 && got > 0, "{got} arrived, {lost} told");
    let page = system.metrics().await;
    // Over all roles: a loss is on the page once.
    let labels = ["source_id=\"flood\"", "cause=\"queue_full\""];
    let counted = sum(&page, "logweir_source_dropped", &labels);
    assert_eq!(
        format!("{counted}"),
        format!("{lost}"),
        "told, and on the metrics page:\n{page}"
    );
}

#[tokio::test]
async fn the_books_balance_on_the_metrics_page() {
    let system = System::start().await;
    let (producer, mut reader) = system.pair("app").await;
    let lines: Vec<_> = (0..500).map(|n| log("app", n.to_string())).collect();
    for chunk in lines.chunks(50) {
        producer.send(&batch(chunk)).await;
    }
    producer.send(&batch(&[log("app", "last")])).await;
    assert_eq!(system.read_to(&mut reader, "last").await.len(), 501);
    eventually("offered = taken + dropped + queued", async || {
        let page = system.metrics().await;
        let of = |name: &str| sum(&page, name, &[]);
        let offered = of("logweir_offered");
        let accounted = of("logweir_taken") + of("logweir_dropped") + of("logweir_queued");
        (offered >= 501.0 && (offered - accounted).abs() < 0.5).then_some(())
    })
    .await;
}
