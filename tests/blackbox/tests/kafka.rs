//! Nozzles to a real Kafka broker.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use logweir_blackbox::{
    certificates::{Authority, Validity},
    drains::{count, drain_until, lost},
    envelopes::{batch, log, payload},
    process::logweir,
    receivers::{Broker, BrokerSettings, Record, Secured},
    stream::Producer,
    syslog_sink::SyslogSink,
    system::System,
};
use logweir_proto::v2;
use nix::sys::signal::Signal;
use prost::Message;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::interval,
};

/// Tests do not wait for as long as operators would.
const IMPATIENT: &str = "[delivery]\nretry_max = \"300ms\"\nanswer_timeout = \"2s\"\n";

/// A nozzle to a topic, with further lines of its table.
fn nozzle(name: &str, port: u16, topic: &str, lines: &str) -> String {
    let mut table = format!("[[nozzles]]\nname = {name:?}\nkinds = [\"log\"]\n");
    // Into a string, nothing fails.
    let _ = writeln!(
        table,
        "[nozzles.kafka]\nbrokers = [\"127.0.0.1:{port}\"]\ntopic = {topic:?}\n{lines}"
    );
    table
}

/// A log of so many hours from now.
fn log_at(hours: i64, source: &str, text: &str) -> v2::Envelope {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.expect("a clock").as_secs().cast_signed() + hours * 3600;
    v2::Envelope {
        timestamp: seconds * 1_000_000_000,
        ..log(source, text)
    }
}

/// So many logs of each of five sources, from a number on, in turn.
fn lines(first: usize, count: usize) -> Vec<v2::Envelope> {
    let numbers = first..first + count;
    let each = |number| {
        (0..5).map(move |source| log_at(0, &format!("app-{source}"), &format!("{number}")))
    };
    numbers.flat_map(each).collect()
}

/// Text that no compression makes small.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b' ' + u8::try_from((state >> 58) % 64).expect("small"))
    };
    std::iter::repeat_with(next).take(length).collect()
}

async fn emit(system: &System, envelopes: &[v2::Envelope]) {
    let producer = Producer::open(&system.dial("ingress").await);
    for some in envelopes.chunks(100) {
        producer.send(&batch(some)).await;
    }
    producer.finish().await.expect("taken");
}

/// The nozzle once it has delivered or lost so many.
async fn settled(system: &System, name: &str, envelopes: usize) -> Value {
    let all = |nozzle: &Value| count(nozzle, "written") + lost(nozzle) == envelopes as u64;
    drain_until(system, name, "all are settled", all).await
}

fn text_of(json: &Record) -> String {
    let value: Value = serde_json::from_slice(&json.value).expect("JSON");
    assert_eq!(value["source_id"], json.key);
    let payload = value["log"]["payload"].as_str().expect("a payload");
    let text = STANDARD.decode(payload).expect("base64");
    String::from_utf8(text).expect("text")
}

/// Texts by source, each in the order of its partition; a source is in one partition alone.
fn by_source(records: &[Record]) -> BTreeMap<String, Vec<String>> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut places: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for record in records {
        let text = text_of(record);
        texts.entry(record.key.clone()).or_default().push(text);
        places
            .entry(&record.key)
            .or_default()
            .insert(record.partition);
    }
    assert!(places.values().all(|all| all.len() == 1), "{places:?}");
    texts
}

#[tokio::test]
async fn records_keep_the_order_of_their_source_however_they_are_written() {
    let settings = BrokerSettings {
        lines: vec!["message.max.bytes=30000".to_owned()],
        secured: None,
    };
    let broker = Broker::start(&settings).await;
    let of = |name, lines| nozzle(name, broker.port, name, lines);
    let config = [
        IMPATIENT.to_owned(),
        of("lz4", "compression = \"lz4\""),
        of("gzip", "compression = \"gzip\"\nlinger = \"0s\""),
        of("plain", "compression = \"none\""),
        of("bytes", "format = \"protobuf\""),
    ];
    let system = System::start_with(&config.join("\n")).await;
    let mut sent = lines(0, 400);
    // Larger than the topic takes, and no compression helps; from a time that it refuses; and
    // of nobody.
    sent.insert(700, log_at(0, "app-1", &noise(40_000)));
    sent.insert(900, log_at(24 * 365, "app-2", "later"));
    sent.push(log_at(0, "", "whose?"));
    emit(&system, &sent).await;
    for name in ["lz4", "gzip", "plain", "bytes"] {
        let nozzle = settled(&system, &format!("/{name}"), sent.len()).await;
        assert_eq!(count(&nozzle, "written"), 2001, "{nozzle:#}");
        assert_eq!(count(&nozzle["lost"], "too_large"), 1, "{nozzle:#}");
        assert_eq!(count(&nozzle["lost"], "refused"), 1, "{nozzle:#}");
        let records = broker.records(name).await;
        assert_eq!(records.len(), 2001);
        let (nobodys, records): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.key == "null");
        assert_eq!(nobodys.len(), 1);
        if name == "bytes" {
            let mut texts = BTreeMap::<_, Vec<_>>::new();
            for record in &records {
                let envelope = v2::Envelope::decode(&*record.value).expect("an envelope");
                assert_eq!(envelope.source_id, record.key);
                texts
                    .entry(envelope.source_id.clone())
                    .or_default()
                    .push(payload(&envelope));
            }
            assert_eq!(texts, expected(400));
        } else {
            assert_eq!(by_source(&records), expected(400), "{name}");
        }
    }
}

fn expected(count: usize) -> BTreeMap<String, Vec<String>> {
    let texts: Vec<_> = (0..count).map(|number| number.to_string()).collect();
    let sources = (0..5).map(|source| format!("app-{source}"));
    sources.map(|source| (source, texts.clone())).collect()
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_the_broker_ends_dies_and_stands_still_under_load() {
    let mut broker = Broker::start(&BrokerSettings::default()).await;
    let config = format!("{IMPATIENT}{}", nozzle("load", broker.port, "load", ""));
    let system = System::start_with(&config).await;
    let producer = Producer::open(&system.dial("ingress").await);
    let mut sent = 0;
    let written = async |atleast: u64| {
        let enough = |nozzle: &Value| count(nozzle, "written") >= atleast;
        let nozzle = drain_until(&system, "/load", "more is delivered", enough).await;
        count(&nozzle, "written")
    };
    let load = async {
        let mut pace = interval(Duration::from_millis(10));
        loop {
            pace.tick().await;
            producer.send(&batch(&lines(sent, 1))).await;
            sent += 1;
        }
    };
    let trouble = async {
        written(500).await;
        broker.stop().await;
        let waits = |nozzle: &Value| count(nozzle, "queued") > 500;
        drain_until(&system, "/load", "more waits", waits).await;
        broker.resume().await;
        let before = written(1).await;
        let before = written(before + 1000).await;
        broker.kill().await;
        drain_until(&system, "/load", "it fails", |nozzle| {
            nozzle["state"] == "failing"
        })
        .await;
        broker.resume().await;
        let before = written(before + 1000).await;
        // What it has read by then it takes, though nobody waits for its answer any more.
        broker.freeze();
        drain_until(&system, "/load", "no answer is waited for", |nozzle| {
            let error = nozzle["last_error"]["message"].as_str();
            error.is_some_and(|error| error.contains("no answer to a request"))
        })
        .await;
        broker.thaw();
        written(before + 1000).await;
    };
    tokio::select! {
        () = load => {}
        () = trouble => {}
    }
    producer.finish().await.expect("taken");
    let nozzle = settled(&system, "/load", sent * 5).await;
    assert_eq!(lost(&nozzle), 0, "{nozzle:#}");
    assert_eq!(by_source(&broker.records("load").await), expected(sent));
}

#[tokio::test]
async fn partitions_are_followed_to_their_next_leader() {
    let settings = BrokerSettings {
        lines: ["session.timeout.ms=2000", "heartbeat.interval.ms=200"]
            .map(|line| format!("broker.{line}"))
            .into(),
        secured: None,
    };
    let first = Broker::start(&settings).await;
    let mut second = first.joined_by(&settings).await;
    first.create("pair", 4, 2).await;
    let config = format!("{IMPATIENT}{}", nozzle("pair", first.port, "pair", ""));
    let system = System::start_with(&config).await;
    emit(&system, &lines(0, 100)).await;
    settled(&system, "/pair", 500).await;
    second.kill().await;
    emit(&system, &lines(100, 100)).await;
    let nozzle = settled(&system, "/pair", 1000).await;
    assert_eq!(lost(&nozzle), 0, "{nozzle:#}");
    assert!(count(&nozzle, "connections") > 1, "{nozzle:#}");
    assert_eq!(by_source(&first.records("pair").await), expected(200));
}

#[tokio::test]
async fn what_is_missing_is_waited_for() {
    let settings = BrokerSettings {
        lines: vec!["auto.create.topics.enable=false".to_owned()],
        secured: None,
    };
    let mut broker = Broker::prepare(&settings).await;
    let config = format!("{IMPATIENT}{}", nozzle("late", broker.port, "late", ""));
    let system = System::start_with(&config).await;
    emit(&system, &lines(0, 100)).await;
    let says = async |part: &str| {
        drain_until(&system, "/late", part, |nozzle| {
            let error = nozzle["last_error"]["message"].as_str();
            nozzle["state"] == "failing" && error.is_some_and(|error| error.contains(part))
        })
        .await
    };
    says("Connection refused").await;
    broker.resume().await;
    let nozzle = says("UNKNOWN_TOPIC_OR_PARTITION (3) about the topic `late`").await;
    assert_eq!((count(&nozzle, "written"), lost(&nozzle)), (0, 0));
    broker.create("late", 2, 1).await;
    settled(&system, "/late", 500).await;
    assert_eq!(by_source(&broker.records("late").await), expected(100));
}

#[tokio::test]
async fn what_a_killed_process_had_on_disk_is_there_once_the_broker_is() {
    let mut broker = Broker::prepare(&BrokerSettings::default()).await;
    let kept = nozzle("kept", broker.port, "kept", "")
        .replace("[nozzles.kafka]", "spool = true\n[nozzles.kafka]");
    let mut system = System::start_with(&format!("{IMPATIENT}{kept}")).await;
    emit(&system, &lines(0, 100)).await;
    let waits = |nozzle: &Value| count(&nozzle["spool"], "waiting") == 500;
    drain_until(&system, "/kept", "all is on disk", waits).await;
    system.killed(broker.resume()).await;
    let empty =
        |nozzle: &Value| count(&nozzle["spool"], "waiting") == 0 && count(nozzle, "written") == 500;
    let nozzle = drain_until(&system, "/kept", "all is delivered", empty).await;
    assert_eq!(lost(&nozzle), 0);
    assert_eq!(by_source(&broker.records("kept").await), expected(100));
}

#[tokio::test]
async fn a_broker_knows_us_by_certificate_and_password() {
    const PASSWORD: &str = "open-sesame";
    let authority = Authority::create();
    let settings = BrokerSettings {
        lines: Vec::new(),
        secured: Some(Secured {
            identity: authority.issue("broker", Validity::Now),
            ca: authority.ca(),
            user: "weir".to_owned(),
            password: PASSWORD.to_owned(),
        }),
    };
    let broker = Broker::start(&settings).await;
    let client = authority.issue("weir", Validity::Now);
    let password = authority.ca().with_file_name("password");
    fs::write(&password, "a-wrong-one\n").expect("written");
    let login = |sasl: &str| {
        format!(
            "tls = true\nca = {ca:?}\ncert = {cert:?}\nkey = {key:?}\nsasl = {sasl:?}\n\
             user = \"weir\"\npassword_file = {password:?}",
            ca = authority.ca(),
            cert = client.cert,
            key = client.key,
        )
    };
    let mechanisms = ["plain", "scram-sha-256", "scram-sha-512"];
    let mut config = IMPATIENT.to_owned();
    for sasl in mechanisms {
        config += &nozzle(sasl, broker.port, sasl, &login(sasl));
    }
    // One that speaks no TLS, and one that has no certificate.
    config += &nozzle("bare", broker.port, "bare", "");
    let ca = format!("tls = true\nca = {:?}", authority.ca());
    config += &nozzle("nobody", broker.port, "nobody", &ca);
    let system = System::start_with(&config).await;
    emit(&system, &lines(0, 100)).await;
    let says = async |name: &str, part: &str| {
        drain_until(&system, &format!("/{name}"), part, |nozzle| {
            let error = nozzle["last_error"]["message"].as_str();
            error.is_some_and(|error| error.contains(part))
        })
        .await;
    };
    for sasl in mechanisms {
        says(sasl, "SASL_AUTHENTICATION_FAILED (58)").await;
    }
    says("nobody", "TLS with the receiver failed").await;
    says(
        "bare",
        "TLS with the receiver failed: the broker speaks nothing else",
    )
    .await;

    fs::write(&password, format!("{PASSWORD}\n")).expect("written");
    system.process.signal(Signal::SIGHUP);
    for sasl in mechanisms {
        // What comes before the new password is taken goes with the old one.
        let anew = |nozzle: &Value| {
            let error = nozzle["last_error"]["message"].as_str();
            !error.is_some_and(|error| error.contains("SASL"))
        };
        drain_until(&system, &format!("/{sasl}"), "it begins anew", anew).await;
        let wrote = |nozzle: &Value| count(nozzle, "written") > 0;
        emit(&system, &[log_at(0, "after", "the password is right")]).await;
        drain_until(&system, &format!("/{sasl}"), "it is let in", wrote).await;
        let records = broker.records(sasl).await;
        assert!(records.iter().any(|record| record.key == "after"));
    }
    let mut shown = logweir(["drain", "list", "--data-dir"]);
    let shown = shown.arg(system.data.path()).output().await.expect("runs");
    let mut seen = String::from_utf8_lossy(&shown.stdout).into_owned();
    seen += &system.metrics().await;
    seen += &system.process.stderr().join("\n");
    assert!(seen.contains("scram-sha-512"), "{seen}");
    assert!(!seen.contains(PASSWORD) && !seen.contains("a-wrong-one"));
}

#[tokio::test]
async fn a_broker_that_says_nothing_or_nonsense_costs_the_others_nothing() {
    const SENT: usize = 2000;
    let hole = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nonsense = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
    let sink = SyslogSink::start().await;
    let config = [
        IMPATIENT.to_owned(),
        format!("[[drains]]\nurl = {:?}\n", sink.url("")),
        nozzle("hole", port(&hole), "hole", ""),
        nozzle("nonsense", port(&nonsense), "nonsense", ""),
    ];
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = nonsense.accept().await {
            let _ = stream.read(&mut [0; 512]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let system = System::start_with(&config.join("\n")).await;
    emit(&system, &lines(0, SENT / 5)).await;
    let drain = drain_until(&system, "syslog://", "all are delivered", |drain| {
        count(drain, "written") == SENT as u64
    })
    .await;
    assert_eq!((lost(&drain), count(&drain, "queued")), (0, 0), "{drain:#}");
    for (name, part) in [
        ("/hole", "no answer to a request"),
        ("/nonsense", "no answer of a Kafka broker"),
    ] {
        let nozzle = drain_until(&system, name, part, |nozzle| {
            let error = nozzle["last_error"]["message"].as_str();
            error.is_some_and(|error| error.contains(part))
        })
        .await;
        assert_eq!(count(&nozzle, "queued"), SENT as u64, "nothing is taken");
    }
}
