//! Syslog over TCP, TLS and UDP: framed this way and that, whole and in pieces, good and
//! bad.

use logweir_blackbox::{
    certificates::{Authority, Identity, Validity},
    datagrams::sender,
    envelopes::{self, payload},
    http::sum,
    patience::{eventually, within},
    process::Process,
    stream::{Producer, Reader},
    system::System,
    tls,
};
use logweir_proto::v2::{self, envelope::Message, log};
use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};

const DRAINED: &str = "<14>1 2026-11-21T08:00:00.5Z org.space.app 3b1f [APP/PROC/WEB/2] - \
    [tags@47450 app_name=\"weir\" source_type=\"APP/PROC/WEB\"] over TCP\n";

fn counted(message: &str) -> String {
    format!("{} {message}", message.len())
}

async fn connect(system: &System) -> TcpStream {
    let door = system.door("syslog");
    within("a connection", TcpStream::connect(door))
        .await
        .expect("a connection")
}

/// Reads until a log says `last`, and gives what all logs said.
async fn texts_to(reader: &mut Reader, last: &str) -> Vec<String> {
    let all = reader
        .until(|all| all.iter().any(|one| payload(one) == last))
        .await;
    let logs = all
        .iter()
        .filter(|one| matches!(one.message, Some(Message::Log(_))));
    logs.map(payload).collect()
}

fn is_error(envelope: &v2::Envelope) -> bool {
    match &envelope.message {
        Some(Message::Log(log)) => log.r#type == i32::from(log::Type::Err),
        _ => false,
    }
}

#[tokio::test]
async fn messages_of_a_drain_come_back_as_they_were() {
    let system = System::start().await;
    let mut reader = system.reader().await;
    let mut tcp = connect(&system).await;
    let gauge = "<14>1 2026-11-21T08:00:00Z h 3b1f [2] - [gauge@47450 name=\"cpu\" \
                 value=\"0.5\" unit=\"percentage\"] \n";
    let stream = counted(DRAINED) + &counted(gauge) + &counted(&DRAINED.replace("<14>", "<11>"));
    tcp.write_all(stream.as_bytes()).await.expect("written");
    let came = reader.until(|all| all.len() >= 3).await;
    let [first, second, third] = &came[..] else {
        panic!("{came:#?}");
    };
    assert_eq!((&*first.source_id, &*first.instance_id), ("3b1f", "2"));
    assert_eq!(first.timestamp, 1_795_248_000_500_000_000);
    assert_eq!(first.tags["app_name"], "weir");
    assert_eq!(first.tags["source_type"], "APP/PROC/WEB");
    assert_eq!(payload(first), "over TCP");
    assert!(!is_error(first) && is_error(third));
    let Some(Message::Gauge(gauge)) = &second.message else {
        panic!("{second:?}");
    };
    let cpu = &gauge.metrics["cpu"];
    assert_eq!((cpu.value, &*cpu.unit), (0.5, "percentage"));
}

#[tokio::test]
async fn lines_of_any_sender_become_logs() {
    let system = System::start().await;
    let mut reader = system.reader().await;
    let mut tcp = connect(&system).await;
    let lines = "<34>Oct 11 22:14:15 mymachine su: 'su root' failed\r\n\n<13>app[7]: short\n\
                 no priority at all\n<14>1 - - - - - - nobody's\nthe last";
    tcp.write_all(lines.as_bytes()).await.expect("written");
    tcp.shutdown().await.expect("closed");
    let udp = sender(system.door("syslog_udp"));
    let all = reader
        .until(|all| all.iter().any(|one| payload(one) == "the last"))
        .await;
    let found: Vec<_> = all
        .iter()
        .map(|one| (&*one.source_id, payload(one), is_error(one)))
        .collect();
    assert_eq!(
        found,
        [
            ("su", "'su root' failed".into(), true),
            ("app", "short".into(), false),
            ("syslog", "no priority at all".into(), false),
            ("syslog", "nobody's".into(), false),
            ("syslog", "the last".into(), false),
        ]
    );
    assert_eq!(all[0].tags["hostname"], "mymachine");
    assert_eq!(all[1].instance_id, "7");
    udp.send(DRAINED.replace("TCP", "UDP").as_bytes())
        .expect("sent");
    assert_eq!(texts_to(&mut reader, "over UDP").await, ["over UDP"]);
}

/// Logs two lines by the handler of Python's own library, which ends each with a NUL.
const PYTHON: &str = "
import logging, logging.handlers, socket, sys
text, door, kind = sys.argv[1:]
host, port = door.split(':')
kind = socket.SOCK_STREAM if kind == 'syslog' else socket.SOCK_DGRAM
handler = logging.handlers.SysLogHandler((host, int(port)), socktype=kind)
handler.ident = 'shop[7]: '
log = logging.getLogger()
log.addHandler(handler)
log.error(text)
log.error(text + ' again')
handler.close()
";

#[tokio::test]
async fn the_handler_of_pythons_library_is_understood() {
    let system = System::start().await;
    let mut reader = system.reader().await;
    for (text, door) in [("a stream", "syslog"), ("datagrams", "syslog_udp")] {
        let mut command = Command::new("python3");
        command.args(["-c", PYTHON, text, system.door(door), door]);
        assert_eq!(Process::start(command).exit_code().await, 0);
        let last = format!("{text} again");
        let came = reader
            .until(|all| all.iter().any(|one| payload(one) == last))
            .await;
        let found: Vec<_> = came
            .iter()
            .map(|one| {
                let (source, instance) = (&*one.source_id, &*one.instance_id);
                (source, instance, payload(one), is_error(one))
            })
            .collect();
        let expected = [text.to_owned(), last].map(|text| ("shop", "7", text, true));
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn pieces_are_put_together_however_they_arrive() {
    let system = System::start().await;
    let mut reader = system.reader().await;
    let mut tcp = connect(&system).await;
    tcp.set_nodelay(true).expect("set");
    let two = counted(DRAINED) + &counted(&DRAINED.replace("over TCP", "in pieces"));
    for piece in two.as_bytes().chunks(3) {
        tcp.write_all(piece).await.expect("written");
        tcp.flush().await.expect("flushed");
        tokio::task::yield_now().await;
    }
    assert_eq!(
        texts_to(&mut reader, "in pieces").await,
        ["over TCP", "in pieces"]
    );
}

#[tokio::test]
async fn what_is_no_message_is_counted_and_costs_its_connection_at_most() {
    let system = System::start_with("[syslog]\nmessage_bytes = 1000\n").await;
    let mut reader = system.reader().await;
    // Too long: passed over, and the connection goes on.
    let mut long = connect(&system).await;
    let stream = counted(&"x".repeat(5000)) + &counted(DRAINED);
    long.write_all(stream.as_bytes()).await.expect("written");
    assert_eq!(texts_to(&mut reader, "over TCP").await, ["over TCP"]);
    let mut lines = connect(&system).await;
    let stream = format!("{}\nnext line\n", "x".repeat(5000));
    lines.write_all(stream.as_bytes()).await.expect("written");
    assert_eq!(texts_to(&mut reader, "next line").await, ["next line"]);
    // No length where one should be: the connection is over.
    let mut broken = connect(&system).await;
    let stream = counted(DRAINED) + "this is no length";
    broken.write_all(stream.as_bytes()).await.expect("written");
    let mut rest = Vec::new();
    let ended = within("the connection ends", broken.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "{ended:?}");
    // Cut in the middle, and a metric that is none.
    let mut cut = connect(&system).await;
    let metric = counted("<14>1 - h a [1] - [counter@47450 name=\"n\"] \n");
    let stream = metric + "500 <14>1 - -";
    cut.write_all(stream.as_bytes()).await.expect("written");
    drop(cut);
    eventually("all are counted", async || {
        let page = system.metrics().await;
        let rejected = |reason| sum(&page, "logweir_syslog_rejected", &[reason]);
        let counts = [
            "reason=\"too_long\"",
            "reason=\"no_length\"",
            "reason=\"truncated\"",
            "reason=\"bad_metric\"",
        ]
        .map(rejected);
        (counts == [2.0, 1.0, 1.0, 1.0]).then_some(())
    })
    .await;
    system.process.says("where the length of a message").await;
    // NULs, invalid UTF-8 and empty datagrams hurt nobody.
    let udp = sender(system.door("syslog_udp"));
    for datagram in [&b""[..], b"\0", b"\xff\xfe", b"<", b"<999>x", b"<14>1 \xff"] {
        udp.send(datagram).expect("sent");
    }
    udp.send(b"<14>still here").expect("sent");
    texts_to(&mut reader, "still here").await;
}

#[tokio::test]
async fn silent_and_too_many_clients_make_room_for_others() {
    let config = "[syslog]\nconnections = 1\nidle_timeout = \"200ms\"\n";
    let system = System::start_with(config).await;
    let mut reader = system.reader().await;
    let mut silent = connect(&system).await;
    silent.write_all(b"<14>half").await.expect("written");
    let mut other = connect(&system).await;
    other.write_all(b"<14>whole\n").await.expect("written");
    assert_eq!(texts_to(&mut reader, "whole").await, ["half", "whole"]);
    let mut rest = Vec::new();
    let _ = within("it is closed", silent.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn clients_without_the_right_certificate_are_turned_away() {
    let authority = Authority::create();
    let server = authority.issue("syslog-door", Validity::Now);
    let config = format!(
        "[syslog.tls]\ncert = {:?}\nkey = {:?}\nca = {:?}\n",
        server.cert,
        server.key,
        authority.ca()
    );
    let system = System::start_with(&config).await;
    let mut reader = system.reader().await;
    let door = system.door("syslog");
    let client = authority.issue("client", Validity::Now);
    let send = async |identity: Option<&Identity>, text: &str| {
        let mut stream = tls::connect(door, "syslog-door", &authority.ca(), identity).await?;
        stream.write_all(counted(text).as_bytes()).await?;
        stream.shutdown().await?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await
    };
    let message = |text| DRAINED.replace("over TCP", text);
    within("sent", send(Some(&client), &message("with mine")))
        .await
        .expect("taken");
    assert_eq!(texts_to(&mut reader, "with mine").await, ["with mine"]);
    let expired = authority.issue("expired", Validity::Expired);
    let elsewhere = Authority::create();
    let stranger = elsewhere.issue("stranger", Validity::Now);
    for bad in [None, Some(&expired), Some(&stranger)] {
        let outcome = within("refused", send(bad, &message("with a bad one"))).await;
        assert!(outcome.is_err(), "{bad:?}");
    }
    let mut plain = connect(&system).await;
    plain.write_all(DRAINED.as_bytes()).await.expect("written");
    let mut rest = Vec::new();
    let _ = within("closed", plain.read_to_end(&mut rest)).await;
    within("sent", send(Some(&client), &message("the last")))
        .await
        .expect("taken");
    assert_eq!(texts_to(&mut reader, "the last").await, ["the last"]);
    let page = system.metrics().await;
    let failures = sum(&page, "logweir_tls_failures", &["door=\"syslog\""]);
    assert_eq!(failures, 4.0);
}

#[tokio::test]
async fn a_stop_reads_what_has_arrived() {
    const SENT: usize = 500;
    let mut system = System::start().await;
    let mut tcp = connect(&system).await;
    let udp = sender(system.door("syslog_udp"));
    // Accepted before the process stands still.
    tcp.write_all(counted(DRAINED).as_bytes())
        .await
        .expect("written");
    eventually("the first is taken", async || {
        let page = system.metrics().await;
        (sum(&page, "logweir_syslog_messages", &[]) >= 1.0).then_some(())
    })
    .await;
    system.process.signal(Signal::SIGSTOP);
    let many = counted(DRAINED).repeat(SENT);
    tcp.write_all(many.as_bytes()).await.expect("written");
    for _ in 0..SENT {
        udp.send(DRAINED.as_bytes()).expect("sent");
    }
    system.process.signal(Signal::SIGTERM);
    system.process.signal(Signal::SIGCONT);
    assert_eq!(system.process.exit_code().await, 0);
    let ledger = within("a ledger", system.process.says("logweir: ingress")).await;
    let read: usize = ledger
        .split(' ')
        .skip_while(|word| *word != "ingress")
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("a number");
    assert!(read > 2 * SENT, "{ledger}");
}

#[tokio::test]
async fn every_kind_of_envelope_passes_from_a_drain_to_a_door() {
    let theirs = System::start().await;
    let mut reader = theirs.reader().await;
    let door = theirs.door("syslog");
    let config = format!("[[drains]]\nurl = \"syslog://{door}?drain-data=all\"\n");
    let ours = System::start_with(&config).await;
    let own = |message| v2::Envelope {
        timestamp: 1_790_000_000_123_456_000,
        source_id: "shop".into(),
        instance_id: "4".into(),
        tags: [("zone", "a\"]\\"), ("source_type", "APP/TASK")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        message: Some(message),
        ..v2::Envelope::default()
    };
    let gauge = |name: &str, value| {
        let unit = "x/s".into();
        let metrics = [(name.to_owned(), v2::GaugeValue { unit, value })];
        Message::Gauge(v2::Gauge {
            metrics: metrics.into(),
        })
    };
    let (name, title) = ("http".to_owned(), "t".to_owned());
    let (start, stop) = (-5, 1_790_000_000_000_000_000);
    let sent = [
        gauge("rate", -1.25e-7),
        Message::Counter(v2::Counter {
            name: name.clone(),
            delta: 3,
            total: 3,
        }),
        Message::Timer(v2::Timer { name, start, stop }),
        Message::Event(v2::Event {
            title,
            body: "a \"b\" ]".into(),
        }),
        Message::Log(v2::Log {
            payload: "the last".into(),
            r#type: log::Type::Err.into(),
        }),
    ]
    .map(own);
    let producer = Producer::open(&ours.dial("ingress").await);
    producer.send(&envelopes::batch(&sent)).await;
    let came = reader
        .until(|all| all.iter().any(|one| payload(one) == "the last"))
        .await;
    assert_eq!(came, sent);
}
