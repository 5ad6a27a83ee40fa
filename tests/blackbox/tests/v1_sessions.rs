//! What V1 sessions carry: filters, shares, the app's own metrics, and the last word to a
//! client that did not keep up.

use std::{collections::BTreeSet, time::Duration};

use logweir_blackbox::{
    envelopes::{batch, log},
    http::{self, sum},
    patience::{eventually, patience},
    stream::{Producer, Reader},
    system::System,
    websocket::{WebSocket, opcode, text},
};
use logweir_proto::{v1, v2};

const APP: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

async fn open(system: &System, path: &str) -> WebSocket {
    WebSocket::open(system.door("http"), path, "")
        .await
        .expect("a WebSocket")
}

async fn producer(system: &System) -> Producer {
    Producer::open(&system.dial("ingress").await)
}

fn counter(source: &str, name: &str) -> v2::Envelope {
    let message = v2::Counter {
        name: name.into(),
        delta: 1,
        total: 0,
    };
    v2::Envelope {
        message: Some(v2::envelope::Message::Counter(message)),
        ..log(source, "")
    }
}

/// The text of a log, or the name of a counter.
fn label(envelope: &v1::Envelope) -> String {
    let counter = envelope
        .counter_event
        .as_ref()
        .and_then(|one| one.name.as_deref());
    let counter = counter.map(|name| String::from_utf8_lossy(name).into_owned());
    text(envelope).or(counter).unwrap_or_default()
}

/// What a session shows of `all`, which end with a log and a counter that every session
/// but a filtered one sees; the process's own metrics are left out.
async fn shown(producer: &Producer, socket: &mut WebSocket, last: &[&str]) -> Vec<String> {
    let all = [
        log(APP, "line"),
        counter(APP, "own"),
        log("other", "other line"),
        counter("other", "other counter"),
        log(APP, "last line"),
        counter(APP, "last counter"),
    ];
    let known: Vec<String> = ["line", "own", "other line", "other counter"]
        .into_iter()
        .chain(["last line", "last counter"])
        .map(str::to_owned)
        .collect();
    producer.send(&batch(&all)).await;
    let mut left: BTreeSet<_> = last.iter().copied().collect();
    let mut got = Vec::new();
    while !left.is_empty() {
        let label = label(&socket.envelope().await);
        left.remove(label.as_str());
        if known.contains(&label) {
            got.push(label);
        }
    }
    got.retain(|label| !label.starts_with("last"));
    got.sort();
    got
}

#[tokio::test]
async fn the_query_of_a_firehose_chooses_what_it_shows() {
    let system = System::start().await;
    let producer = producer(&system).await;
    let everything = ["line", "other counter", "other line", "own"];
    let (log, counter) = ("last line", "last counter");
    for (query, last, expected) in [
        ("", &[log, counter][..], &everything[..]),
        ("?", &[log, counter], &everything),
        ("?filter-type=bogus", &[log, counter], &everything),
        ("?filter-type=all", &[log, counter], &everything),
        ("?filter-type=logs", &[log], &["line", "other line"]),
        (
            "?filter-type=metrics",
            &[counter],
            &["other counter", "own"],
        ),
        (
            "?filter-type=logs&filter-type=metrics",
            &[log],
            &["line", "other line"],
        ),
        (
            "?source_id=f47ac10b-58cc-4372-a567-0e02b2c3d479",
            &[log, counter],
            &["line", "own"],
        ),
        (
            "?source_id=other&filter-type=logs&source_id=f47ac10b-58cc-4372-a567-0e02b2c3d479",
            &[log],
            &["line", "other line"],
        ),
    ] {
        let mut socket = open(&system, &format!("/firehose/nozzle{query}")).await;
        let got = shown(&producer, &mut socket, last).await;
        assert_eq!(got, expected, "{query}");
    }
}

#[tokio::test]
async fn an_app_stream_shows_the_apps_own_metrics_to_who_asks() {
    let system = System::start().await;
    let producer = producer(&system).await;
    let (log, counter) = ("last line", "last counter");
    for (query, last, expected) in [
        ("", &[log][..], &["line"][..]),
        ("?", &[log], &["line"]),
        ("?filter-type=logs", &[log], &["line"]),
        ("?filter-type=all", &[log, counter], &["line", "own"]),
        ("?filter-type=metrics", &[counter], &["own"]),
    ] {
        let mut socket = open(&system, &format!("/apps/{APP}/stream{query}")).await;
        let got = shown(&producer, &mut socket, last).await;
        assert_eq!(got, expected, "{query}");
    }
}

#[tokio::test]
async fn firehoses_of_one_name_share_and_others_get_all() {
    let system = System::start().await;
    let producer = producer(&system).await;
    let mut sharing = [
        open(&system, "/firehose/pool?filter-type=logs").await,
        open(&system, "/firehose/pool?filter-type=logs").await,
    ];
    let mut alone = open(&system, "/firehose/alone?filter-type=logs").await;
    let lines = 400;
    for n in 0..lines {
        producer.send(&batch(&[log(APP, n.to_string())])).await;
    }
    let mut shares = [Vec::new(), Vec::new()];
    for _ in 0..lines {
        let [one, other] = &mut sharing;
        let (at, envelope) = tokio::select! {
            envelope = one.envelope() => (0, envelope),
            envelope = other.envelope() => (1, envelope),
        };
        shares[at].extend(text(&envelope));
    }
    let all: BTreeSet<_> = shares.iter().flatten().collect();
    assert_eq!(all.len(), lines, "each line once");
    assert!(
        shares.iter().all(|share| share.len() > lines / 10),
        "{shares:?}"
    );
    let last = (lines - 1).to_string();
    assert_eq!(alone.logs_to(&last).await.len(), lines);
}

#[tokio::test]
async fn a_stream_begins_with_as_many_lines_as_it_asks_for() {
    let system = System::start().await;
    let producer = producer(&system).await;
    let mut live = open(&system, &format!("/apps/{APP}/stream")).await;
    for n in 0..50 {
        producer.send(&batch(&[log(APP, n.to_string())])).await;
    }
    live.logs_to("49").await;
    let mut socket = open(&system, &format!("/apps/{APP}/stream?recent=3")).await;
    producer.send(&batch(&[log(APP, "50")])).await;
    assert_eq!(socket.logs_to("50").await, ["47", "48", "49", "50"]);
}

/// How many envelopes a notice speaks of.
fn told(envelope: &v1::Envelope) -> Option<u64> {
    let counter = envelope.counter_event.as_ref()?;
    let ours = envelope.origin.as_deref() == Some(b"doppler")
        && counter.name.as_deref() == Some(b"TruncatingBuffer.DroppedMessages");
    counter.delta.filter(|_| ours)
}

#[tokio::test]
async fn the_last_word_to_a_slow_consumer_says_how_much_it_lost() {
    let config = "[traffic_controller.sessions]\nwrite_deadline = \"3s\"\n\
        [router.queue]\nenvelopes = 1000\n[router.self_metrics]\ninterval = \"0s\"\n\
        [rlp.self_metrics]\ninterval = \"0s\"\n[traffic_controller.self_metrics]\ninterval = \"0s\"\n";
    let system = System::start_with(config).await;
    let producer = producer(&system).await;
    let mut events = Reader::open(&system.dial("grpc").await, &events());
    let mut slow = open(&system, "/firehose/slow").await;
    let padding = "x".repeat(1000);
    let lines: Vec<_> = (0..100).map(|_| log(APP, &padding)).collect();
    let flood = batch(&lines);
    let batches = 200;
    for _ in 0..batches {
        producer.send(&flood).await;
    }
    producer.finish().await.expect("all of it is taken");
    // It gives up on the client, and tries for a second to tell it so.
    eventually("the session gives up", async || {
        let page = system.metrics().await;
        let labels = ["cause=\"reader_gone\""];
        (sum(&page, "logweir_dropped", &labels) > 0.0).then_some(())
    })
    .await;
    let (envelopes, closed) = slow.ending().await;
    let reason = "Client could not keep up; disconnected by slow consumer detection.";
    assert_eq!(closed, Some((1008, reason.to_owned())));
    let lost: u64 = envelopes.iter().filter_map(told).sum();
    let got = envelopes.iter().filter(|one| text(one).is_some()).count();
    let sent = batches * lines.len();
    assert_eq!(
        got + usize::try_from(lost).expect("a count"),
        sent,
        "{got} came"
    );
    assert!(lost > 0 && got > 0, "{got} came, {lost} were told");
    let page = system.metrics().await;
    assert_eq!(
        sum(&page, "doppler_proxy_slow_consumer", &[]).to_string(),
        "1"
    );
    let of = |name: &str| sum(&page, name, &[]);
    let accounted = of("logweir_taken") + of("logweir_dropped") + of("logweir_queued");
    let open = of("logweir_offered") - accounted;
    assert!(open.abs() < 0.5, "the books are {open} apart:\n{page}");
    let announced = events.next().await.expect("an event");
    let Some(v2::envelope::Message::Event(event)) = &announced[0].message else {
        panic!("{announced:?}");
    };
    assert_eq!(
        event.title,
        "Traffic Controller has disconnected slow consumer"
    );
    assert!(
        event.body.starts_with("Remote Address: 127.0.0.1:"),
        "{}",
        event.body
    );
    assert!(
        event.body.contains("\nPath: /firehose/slow\n"),
        "{}",
        event.body
    );
}

/// A request for the traffic controller's events.
fn events() -> v2::EgressBatchRequest {
    v2::EgressBatchRequest {
        selectors: vec![v2::Selector {
            source_id: "traffic_controller".into(),
            message: Some(v2::selector::Message::Event(v2::EventSelector {})),
        }],
        use_preferred_tags: true,
        ..v2::EgressBatchRequest::default()
    }
}

#[tokio::test]
async fn a_session_too_many_is_told_to_come_back() {
    let system = System::start_with("[traffic_controller.sessions]\nmax = 1\n").await;
    let first = open(&system, "/firehose/x").await;
    let refused = WebSocket::open(system.door("http"), "/firehose/x", "").await;
    let refused = refused.err().expect("a refusal");
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    drop(first);
    eventually("its place is free", async || {
        WebSocket::open(system.door("http"), "/firehose/x", "")
            .await
            .ok()
    })
    .await;
}

#[tokio::test]
async fn odd_paths_are_moved_or_not_there() {
    let system = System::start().await;
    for (path, expected) in [
        ("//firehose/x", 301),
        ("/apps/../firehose/x", 301),
        ("/firehose/a%2Fb", 404),
        ("/firehose/", 404),
        ("/firehose/x/", 404),
        ("/apps/x/stream/", 404),
        ("/firehose/x", 400),
    ] {
        let (status, _) = http::get(system.door("http"), path).await;
        assert_eq!(status, expected, "{path}");
    }
}

#[tokio::test]
async fn an_idle_session_says_nothing_but_its_ping() {
    let system = System::start().await;
    let mut idle = open(&system, &format!("/apps/{APP}/stream")).await;
    let first = idle.next().await.expect("a ping at once");
    assert_eq!(first.opcode, opcode::PING);
    idle.send(opcode::PONG, b"").await.expect("sent");
    let quiet = tokio::time::timeout(patience(Duration::from_millis(300)), idle.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}
