//! The UDP doors: every event in and out as V2, what the kernel drops is told, and a stop
//! loses nothing that has arrived.

use logweir_blackbox::{
    datagrams::sender,
    envelopes::everything,
    events,
    http::sum,
    patience::{eventually, within},
    process::{Process, role},
    stream::Reader,
    system::System,
};
use logweir_proto::v2::{self, envelope::Message as Body};
use nix::sys::signal::Signal;
use prost::Message;
use tempfile::TempDir;

/// Emits one event of each type to `door` and gives the V2 envelopes that come of them,
/// in that order.
async fn one_of_each(system: &System, door: &str) -> Vec<v2::Envelope> {
    let mut reader = Reader::open(&system.dial("grpc").await, &everything());
    let udp = sender(door);
    let own = |envelope: &v2::Envelope| {
        envelope.tags.get("origin").map(String::as_str) == Some("emitter")
    };
    eventually("the way is open", async || {
        let probe = events::value("probe", 1.0);
        udp.send(&probe.encode_to_vec()).expect("sent");
        let wait = std::time::Duration::from_millis(50);
        let came = tokio::time::timeout(wait, reader.next()).await.ok()?;
        came.expect("the stream lives")
            .iter()
            .any(own)
            .then_some(())
    })
    .await;
    for event in [
        events::log("a line"),
        events::request(),
        events::value("latency", 0.25),
        events::counter("requests", 3),
        events::counter("requests", 4),
        events::container(),
        events::error("the last"),
    ] {
        udp.send(&event.encode_to_vec()).expect("sent");
    }
    let is_probe = |envelope: &v2::Envelope| match &envelope.message {
        Some(Body::Gauge(gauge)) => gauge.metrics.contains_key("probe"),
        _ => false,
    };
    let last = |envelope: &v2::Envelope| envelope.tags.contains_key("code");
    let mut came = reader.until(|all| all.iter().any(last)).await;
    came.retain(|envelope| own(envelope) && !is_probe(envelope));
    came
}

/// What each event must have become. `job` is what the door was told of itself.
fn check(envelopes: &[v2::Envelope], job: &str) {
    let [log, request, value, first, second, container, error] = envelopes else {
        panic!("seven envelopes, not {envelopes:#?}");
    };
    let tag =
        |envelope: &v2::Envelope, name: &str| envelope.tags.get(name).cloned().unwrap_or_default();
    for envelope in envelopes {
        assert_eq!(envelope.timestamp, 1_790_000_000_000_000_000);
        assert_eq!(tag(envelope, "job"), job);
        assert!(!envelope.tags.contains_key("source_id"));
    }
    assert_eq!((&*log.source_id, &*log.instance_id), (events::APP, "3"));
    assert_eq!(tag(log, "source_type"), "APP/PROC/WEB");
    let Some(Body::Log(line)) = &log.message else {
        panic!("{log:?}");
    };
    assert_eq!((&line.payload[..], line.r#type), (&b"a line"[..], 1));

    assert_eq!(
        (&*request.source_id, &*request.instance_id),
        (events::APP, "1")
    );
    assert_eq!(tag(request, "request_id"), events::APP);
    assert_eq!(
        [tag(request, "method"), tag(request, "status_code")],
        ["POST", "201"]
    );
    let Some(Body::Timer(timer)) = &request.message else {
        panic!("{request:?}");
    };
    assert_eq!((&*timer.name, timer.start, timer.stop), ("http", 10, 30));

    assert_eq!(value.source_id, "emitter");
    let Some(Body::Gauge(gauge)) = &value.message else {
        panic!("{value:?}");
    };
    let gauge = &gauge.metrics["latency"];
    assert_eq!((&*gauge.unit, gauge.value), ("seconds", 0.25));

    let totals = [first, second].map(|envelope| match &envelope.message {
        Some(Body::Counter(counter)) => (counter.delta, counter.total),
        other => panic!("{other:?}"),
    });
    assert_eq!(totals, [(3, 3), (4, 7)]);

    assert_eq!(
        (&*container.source_id, &*container.instance_id),
        (events::APP, "2")
    );
    let Some(Body::Gauge(gauge)) = &container.message else {
        panic!("{container:?}");
    };
    let names: Vec<_> = gauge.metrics.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["cpu", "disk", "disk_quota", "memory", "memory_quota"]
    );
    assert_eq!(gauge.metrics["cpu"].value, 12.5);

    assert_eq!(
        [tag(error, "source"), tag(error, "code")],
        ["the-source", "7"]
    );
    let Some(Body::Log(line)) = &error.message else {
        panic!("{error:?}");
    };
    assert_eq!(&line.payload[..], b"the last");
}

#[tokio::test]
async fn every_event_comes_out_as_v2() {
    let system = System::start_with("[dropsonde]\njob = \"weir\"\n").await;
    let envelopes = one_of_each(&system, system.door("dropsonde")).await;
    check(&envelopes, "weir");
}

#[tokio::test]
async fn every_event_comes_through_a_udp_forwarder_under_its_peers_name() {
    let system = System::start().await;
    let links = TempDir::new().expect("a directory");
    let file = |name| system.cert_file(name).display().to_string();
    let environment = [
        ("UDP_PORT", "0".into()),
        ("LOGGREGATOR_AGENT_ADDR", system.door("ingress").to_owned()),
        ("LOGGREGATOR_AGENT_CA_FILE_PATH", file("ca.crt")),
        ("LOGGREGATOR_AGENT_CERT_FILE_PATH", file("client.crt")),
        ("LOGGREGATOR_AGENT_KEY_FILE_PATH", file("client.key")),
        ("JOB", "forwarder".into()),
        ("METRICS_PORT", "0".into()),
        ("METRICS_CA_FILE_PATH", file("ca.crt")),
        ("METRICS_CERT_FILE_PATH", file("server.crt")),
        ("METRICS_KEY_FILE_PATH", file("server.key")),
    ];
    let mut forwarder = Process::start(role(&links, "udp-forwarder", &environment));
    let door = format!("127.0.0.1:{}", forwarder.port("udp").await);
    let envelopes = one_of_each(&system, &door).await;
    check(&envelopes, "forwarder");
    forwarder.signal(Signal::SIGTERM);
    assert_eq!(forwarder.exit_code().await, 0);
}

#[tokio::test]
async fn what_the_kernel_drops_is_counted_and_told() {
    const SENT: u32 = 2_000;
    let mut system = System::start_with("[dropsonde]\nreceive_buffer = 65536\n").await;
    let udp = sender(system.door("dropsonde"));
    let line = events::log(&"x".repeat(1000)).encode_to_vec();
    // Nobody reads.
    system.process.signal(Signal::SIGSTOP);
    for _ in 0..SENT {
        udp.send(&line).expect("sent");
    }
    system.process.signal(Signal::SIGCONT);
    let lost = eventually("every datagram is accounted for", async || {
        let page = system.metrics().await;
        let lost = sum(&page, "logweir_udp_kernel_dropped", &["door=\"dropsonde\""]);
        let read = sum(&page, "logweir_udp_datagrams", &["door=\"dropsonde\""]);
        ((lost + read - f64::from(SENT)).abs() < 0.5).then_some(lost)
    })
    .await;
    assert!(lost > 1_000.0, "{lost} of {SENT} fit in 64 KiB");
    system.process.signal(Signal::SIGTERM);
    assert_eq!(system.process.exit_code().await, 0);
    let told = format!("the kernel dropped {lost} datagrams for the dropsonde door");
    system.process.says(&told).await;
}

#[tokio::test]
async fn a_stop_reads_what_has_arrived() {
    const SENT: u32 = 500;
    let mut system = System::start().await;
    let udp = sender(system.door("dropsonde"));
    let line = events::log("a line").encode_to_vec();
    system.process.signal(Signal::SIGSTOP);
    for _ in 0..SENT {
        udp.send(&line).expect("sent");
    }
    system.process.signal(Signal::SIGTERM);
    system.process.signal(Signal::SIGCONT);
    assert_eq!(system.process.exit_code().await, 0);
    let ledger = within("a ledger", system.process.says("logweir: ingress")).await;
    let read: u32 = ledger
        .split(' ')
        .skip_while(|word| *word != "ingress")
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("a number");
    assert!(read >= SENT, "{ledger}");
}
