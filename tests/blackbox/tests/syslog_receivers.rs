//! Drains to the syslog daemons that people run, over TCP, TLS and TLS with certificates on
//! both sides: what arrives is what was sent, to the byte.

use std::collections::BTreeMap;

use logweir_blackbox::{
    certificates::{Authority, Validity},
    drains::{Declared, config, count, drain_until},
    envelopes::{batch, log},
    receivers::{Kind, Message, Security, SyslogReceiver},
    stream::Producer,
    system::System,
};
use logweir_proto::v2::{self, envelope::Message as Body};

/// 2026-03-04T05:06:07.123456789Z.
const TIME: i64 = 1_772_600_767_123_456_789;

/// The drain to a receiver and the receiver, as secure as asked.
struct Way {
    receiver: SyslogReceiver,
    drain: Declared,
    _authority: Authority,
}

#[derive(Clone, Copy)]
enum Secure {
    Plain,
    Tls,
    Mutual,
}

async fn way(kind: Kind, secure: Secure) -> Way {
    let authority = Authority::create();
    let server = authority.issue("receiver", Validity::Now);
    let security = match secure {
        Secure::Plain => Security::Plain,
        Secure::Tls => Security::Tls(server),
        Secure::Mutual => Security::Mutual(server, authority.ca()),
    };
    let receiver = SyslogReceiver::start(kind, &security).await;
    let port = receiver.port;
    let tls = || {
        let url = format!("syslog-tls://localhost:{port}?drain-data=all");
        Declared::new(&url).trusting(&authority.ca())
    };
    let drain = match secure {
        Secure::Plain => Declared::new(&format!("syslog://127.0.0.1:{port}?drain-data=all")),
        Secure::Tls => tls(),
        Secure::Mutual => tls().as_client(&authority.issue("drain", Validity::Now)),
    };
    Way {
        receiver,
        drain,
        _authority: authority,
    }
}

fn envelope(source: &str, instance: &str, tags: &[(&str, &str)], message: Body) -> v2::Envelope {
    let tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    v2::Envelope {
        timestamp: TIME,
        source_id: source.into(),
        instance_id: instance.into(),
        tags: tags.collect(),
        message: Some(message),
        ..v2::Envelope::default()
    }
}

fn text(payload: &[u8], kind: i32) -> Body {
    Body::Log(v2::Log {
        payload: payload.to_vec().into(),
        r#type: kind,
    })
}

fn gauge(metrics: &[(&str, f64, &str)]) -> Body {
    let metrics = metrics.iter().map(|(name, value, unit)| {
        let value = v2::GaugeValue {
            value: *value,
            unit: (*unit).to_owned(),
        };
        ((*name).to_owned(), value)
    });
    Body::Gauge(v2::Gauge {
        metrics: metrics.collect::<BTreeMap<_, _>>(),
    })
}

/// A message as it should be: PRI, what follows the time, text.
type Wanted = (&'static str, &'static str, &'static str);

/// Every kind of envelope, with the messages that it makes (spec agents-and-drains §4).
fn kinds() -> Vec<(v2::Envelope, Vec<Wanted>)> {
    let app = [
        ("app_name", "shop"),
        ("organization_name", "acme"),
        ("source_type", "APP/PROC/WEB"),
        ("space_name", "dev"),
    ];
    let long_key = "a_key_that_is_longer_than_what_the_rfc_allows";
    let timer = v2::Timer {
        name: "http".into(),
        start: 10,
        stop: 20,
    };
    let counter = v2::Counter {
        name: "req".into(),
        delta: 3,
        total: u64::MAX,
    };
    let event = v2::Event {
        title: "t".into(),
        body: "a \"b\" ] \\ c".into(),
    };
    vec![
        (
            envelope("guid", "0", &app, text(b"hello", 0)),
            vec![(
                "14",
                "acme.dev.shop guid [APP/PROC/WEB/0] - [tags@47450 app_name=\"shop\" organization_name=\"acme\" source_type=\"APP/PROC/WEB\" space_name=\"dev\"]",
                "hello",
            )],
        ),
        (
            envelope("guid", "3", &[("source_type", "RTR")], text(b"boom\n", 1)),
            vec![(
                "11",
                "- guid [RTR/3] - [tags@47450 source_type=\"RTR\"]",
                "boom",
            )],
        ),
        (
            envelope("guid", "", &[], text(b"of no type", 7)),
            vec![("14", "- guid [] - -", "of no type")],
        ),
        (
            envelope("guid", "", &[], text(b"two\nlines\tand\r\0a NUL", 0)),
            vec![("14", "- guid [] - -", "two\nlines\tand\ra NUL")],
        ),
        (
            envelope(
                "a source",
                "an instance",
                &[("a key", "v\u{e9}\"]\\")],
                text(b"blanks", 0),
            ),
            vec![(
                "14",
                "- a-source [/an-instance] - [tags@47450 a_key=\"v\u{e9}\\\"\\]\\\\\"]",
                "blanks",
            )],
        ),
        (
            envelope("guid", "", &[(long_key, "long")], text(b"a long key", 0)),
            vec![(
                "14",
                "- guid [] - [tags@47450 a_key_that_is_longer_than_what_the_rfc_allows=\"long\"]",
                "a long key",
            )],
        ),
        (
            envelope(
                "guid",
                "0",
                &[("origin", "rep")],
                gauge(&[
                    ("memory", 1_048_576.0, "bytes"),
                    ("cpu", 0.25, "percentage"),
                ]),
            ),
            vec![
                (
                    "14",
                    "- guid [0] - [gauge@47450 name=\"cpu\" value=\"0.25\" unit=\"percentage\"][tags@47450 origin=\"rep\"]",
                    "",
                ),
                (
                    "14",
                    "- guid [0] - [gauge@47450 name=\"memory\" value=\"1.048576e+06\" unit=\"bytes\"][tags@47450 origin=\"rep\"]",
                    "",
                ),
            ],
        ),
        (envelope("guid", "0", &[], gauge(&[])), vec![]),
        (
            envelope("guid", "", &[], Body::Counter(counter)),
            vec![(
                "14",
                "- guid [] - [counter@47450 name=\"req\" total=\"18446744073709551615\" delta=\"3\"]",
                "",
            )],
        ),
        (
            envelope("guid", "0", &[], Body::Timer(timer)),
            vec![(
                "14",
                "- guid [0] - [timer@47450 name=\"http\" start=\"10\" stop=\"20\"]",
                "",
            )],
        ),
        (
            envelope("guid", "0", &[], Body::Event(event)),
            vec![(
                "14",
                "- guid [0] - [event@47450 title=\"t\" body=\"a \\\"b\\\" \\] \\\\ c\"]",
                "",
            )],
        ),
    ]
}

/// What a receiver should have made of a message.
fn understood((pri, middle, text): &Wanted, kind: Kind) -> Message {
    let mut fields = middle.splitn(5, ' ').map(str::to_owned);
    let mut next = || fields.next().expect("a field");
    let end = if text.is_empty() { " " } else { "" };
    let space = if text.is_empty() { "" } else { " " };
    let hostname = match (kind, next()) {
        // It puts the sender's address in.
        (Kind::SyslogNg, absent) if absent == "-" => "127.0.0.1".to_owned(),
        (_, hostname) => hostname,
    };
    Message {
        pri: (*pri).to_owned(),
        timestamp: "2026-03-04T05:06:07.123456+00:00".into(),
        hostname,
        app_name: next(),
        procid: next(),
        msgid: next(),
        data: next(),
        text: (*text).to_owned(),
        raw: (kind == Kind::Rsyslog).then(|| {
            format!("<{pri}>1 2026-03-04T05:06:07.123456+00:00 {middle}{space}{text}{end}")
        }),
    }
}

async fn every_kind_arrives(kind: Kind, secure: Secure) {
    let way = way(kind, secure).await;
    let system = System::start_with(&config("", &[way.drain])).await;
    let producer = Producer::open(&system.dial("ingress").await);
    let kinds = kinds();
    for (envelope, _) in &kinds {
        producer.send(&batch(std::slice::from_ref(envelope))).await;
    }
    let wanted: Vec<_> = kinds.iter().flat_map(|(_, messages)| messages).collect();
    let messages = way
        .receiver
        .until("every message", |all| all.len() >= wanted.len())
        .await;
    for (message, wanted) in messages.iter().zip(&wanted) {
        assert_eq!(*message, understood(wanted, kind));
    }
    assert_eq!(messages.len(), wanted.len());
    drain_until(&system, "syslog", "all are counted", |drain| {
        count(drain, "written") == kinds.len() as u64
    })
    .await;
}

#[tokio::test]
async fn rsyslog_understands_every_kind_over_tcp() {
    every_kind_arrives(Kind::Rsyslog, Secure::Plain).await;
}

#[tokio::test]
async fn rsyslog_understands_every_kind_over_tls() {
    every_kind_arrives(Kind::Rsyslog, Secure::Tls).await;
}

#[tokio::test]
async fn rsyslog_understands_every_kind_over_mutual_tls() {
    every_kind_arrives(Kind::Rsyslog, Secure::Mutual).await;
}

#[tokio::test]
async fn syslog_ng_understands_every_kind_over_tcp() {
    every_kind_arrives(Kind::SyslogNg, Secure::Plain).await;
}

#[tokio::test]
async fn syslog_ng_understands_every_kind_over_tls() {
    every_kind_arrives(Kind::SyslogNg, Secure::Tls).await;
}

#[tokio::test]
async fn syslog_ng_understands_every_kind_over_mutual_tls() {
    every_kind_arrives(Kind::SyslogNg, Secure::Mutual).await;
}

/// Around the sizes at which senders and receivers change their ways.
const SIZES: [usize; 5] = [65_535, 65_536, 65_537, 102_400, 1];

async fn large_logs_arrive_whole(kind: Kind, secure: Secure) {
    let way = way(kind, secure).await;
    let system = System::start_with(&config("", &[way.drain])).await;
    let producer = Producer::open(&system.dial("ingress").await);
    for size in SIZES {
        producer
            .send(&batch(&[log("large", vec![b'x'; size])]))
            .await;
    }
    let messages = way
        .receiver
        .until("every log", |all| all.len() >= SIZES.len())
        .await;
    let sizes: Vec<_> = messages.iter().map(|message| message.text.len()).collect();
    assert_eq!(sizes, SIZES);
    let whole = |message: &Message| message.text.bytes().all(|byte| byte == b'x');
    assert!(messages.iter().all(whole));
}

#[tokio::test]
async fn large_logs_arrive_whole_at_rsyslog() {
    large_logs_arrive_whole(Kind::Rsyslog, Secure::Plain).await;
    large_logs_arrive_whole(Kind::Rsyslog, Secure::Tls).await;
}

#[tokio::test]
async fn large_logs_arrive_whole_at_syslog_ng() {
    large_logs_arrive_whole(Kind::SyslogNg, Secure::Plain).await;
    large_logs_arrive_whole(Kind::SyslogNg, Secure::Tls).await;
}
