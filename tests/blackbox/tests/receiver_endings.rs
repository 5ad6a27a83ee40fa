//! Receivers that are restarted, that are down, that stand still, or that a drain must not
//! trust: what arrives and what is told lost is together what was sent.

use std::{collections::BTreeMap, path::Path};

use logweir_blackbox::{
    certificates::{Authority, Validity},
    drains::{Declared, config, count, drain, drain_until, drains, lost},
    envelopes::{batch, log, logs_of, payload},
    patience::eventually,
    receivers::{Kind, Message, Security, SyslogReceiver},
    stream::{Producer, Reader},
    system::System,
};
use logweir_proto::v2;
use serde_json::Value;

/// Queues that fill soon, and notices that do not keep a test waiting.
const SMALL: &str = "[router.queue]\nbytes = 1048576\n[delivery]\nnotice_interval = \"1s\"\n";

/// Logs of a batch.
const BATCH: usize = 100;

/// Sends logs `from..to` of `source`, of `size` bytes and more, each with its number.
async fn send(producer: &Producer, source: &str, numbers: std::ops::Range<u64>, size: usize) {
    let filler = "x".repeat(size);
    let all: Vec<u64> = numbers.collect();
    for some in all.chunks(BATCH) {
        let logs: Vec<_> = some
            .iter()
            .map(|number| log(source, format!("#{number} {filler}")))
            .collect();
        producer.send(&batch(&logs)).await;
    }
}

/// How often each number arrived.
fn numbers(messages: &[Message]) -> BTreeMap<u64, u64> {
    let mut seen = BTreeMap::new();
    for message in messages {
        let text = message.text.trim_start();
        let number = text
            .strip_prefix('#')
            .and_then(|rest| rest.split(' ').next());
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            *seen.entry(number).or_default() += 1;
        }
    }
    seen
}

/// Runs of numbers below `sent` that did not arrive.
fn gaps(seen: &BTreeMap<u64, u64>, sent: u64) -> usize {
    let missing = |number: u64| !seen.contains_key(&number);
    (0..sent)
        .filter(|number| missing(*number) && (*number == 0 || !missing(number - 1)))
        .count()
}

/// Everything that was sent has left the drain, this way or that.
fn settled(sent: u64) -> impl Fn(&Value) -> bool {
    move |drain| {
        let waits = count(drain, "queued") + count(drain, "in_hand");
        waits == 0 && count(drain, "written") + lost(drain) == sent
    }
}

fn plain(receiver: &SyslogReceiver) -> Declared {
    Declared::new(&format!("syslog://127.0.0.1:{}", receiver.port))
}

async fn down_and_up_again(kind: Kind) {
    let mut receiver = SyslogReceiver::start(kind, &Security::Plain).await;
    let port = format!(":{}", receiver.port);
    let system = System::start_with(&config(SMALL, &[plain(&receiver)])).await;
    let producer = Producer::open(&system.dial("ingress").await);
    send(&producer, "app", 0..200, 100).await;
    receiver
        .until("what is sent first", |all| all.len() >= 200)
        .await;
    receiver.stop().await;
    let gone = |drain: &Value| drain["state"] != "connected";
    drain_until(&system, &port, "the end is noticed", gone).await;
    // Three times what the queue holds.
    send(&producer, "app", 200..12_200, 200).await;
    drain_until(&system, &port, "all are in the ledger", |drain| {
        let waits = count(drain, "queued") + count(drain, "in_hand");
        count(drain, "written") + waits + lost(drain) == 12_200
    })
    .await;
    receiver.resume().await;
    let after = drain_until(&system, &port, "all have left", settled(12_200)).await;
    let lost = lost(&after);
    assert!(lost > 0, "{after:#}");
    let arrived = receiver
        .until("the rest", |all| all.len() as u64 + lost >= 12_200)
        .await;
    let arrived = numbers(&arrived);
    assert_eq!(arrived.len() as u64 + lost, 12_200);
    assert!(arrived.values().all(|times| *times == 1));
    // The oldest of those that waited went.
    assert!(arrived.contains_key(&12_199));
}

#[tokio::test]
async fn a_restarted_rsyslog_gets_all_that_is_not_told_lost() {
    down_and_up_again(Kind::Rsyslog).await;
}

#[tokio::test]
async fn a_restarted_syslog_ng_gets_all_that_is_not_told_lost() {
    down_and_up_again(Kind::SyslogNg).await;
}

#[tokio::test]
async fn an_app_is_told_of_every_log_that_its_receiver_does_not_get() {
    let mut receiver = SyslogReceiver::start(Kind::Rsyslog, &Security::Plain).await;
    let port = format!(":{}", receiver.port);
    let declared = plain(&receiver).of("app");
    let system = System::start_with(&config(SMALL, &[declared])).await;
    let (producer, mut reader) = system.pair("app").await;
    receiver.stop().await;
    let sending = send(&producer, "app", 0..12_000, 200);
    let mut notices = read_notices(&mut reader, sending, 12_000).await;
    receiver.resume().await;
    // Losses are told when the drain moves again, and by then nothing more is lost.
    let after = drain_until(&system, &port, "nothing waits", |drain| {
        count(drain, "queued") + count(drain, "in_hand") == 0 && lost(drain) > 0
    })
    .await;
    let all_lost = lost(&after);
    let sum = |notices: &[v2::Envelope]| notices.iter().filter_map(number_told).sum::<u64>();
    while sum(&notices) < all_lost {
        notices.extend(reader.next().await.expect("the stream goes on"));
    }
    assert_eq!(sum(&notices), all_lost);
    let shown: Vec<String> = notices.iter().map(payload).collect();
    // Which attempt is told depends on when the connection ended.
    let url = format!(" to syslog://127.0.0.1{port}: ");
    let is_failure = |text: &String| text.starts_with("Failed to ") && text.contains(&url);
    assert!(shown.iter().any(is_failure), "{shown:#?}");
}

/// Sends, and reads until all logs of the load have come; gives what else came.
async fn read_notices(
    reader: &mut Reader,
    sending: impl Future<Output = ()>,
    load: usize,
) -> Vec<v2::Envelope> {
    let reading = async {
        let (mut came, mut others) = (0, Vec::new());
        while came < load {
            for envelope in reader.next().await.expect("the stream goes on") {
                match payload(&envelope).starts_with('#') {
                    true => came += 1,
                    false => others.push(envelope),
                }
            }
        }
        others
    };
    tokio::join!(sending, reading).1
}

/// How many logs a notice says a drain's receiver did not get.
fn number_told(envelope: &v2::Envelope) -> Option<u64> {
    let text = payload(envelope);
    let (number, rest) = text.split_once(' ')?;
    rest.starts_with("messages lost for application app in user provided syslog drain")
        .then(|| number.parse().ok())?
}

async fn restarted_under_load(kind: Kind, tls: bool) {
    const RESTARTS: usize = 3;
    let authority = Authority::create();
    let identity = authority.issue("receiver", Validity::Now);
    let security = match tls {
        true => Security::Tls(identity),
        false => Security::Plain,
    };
    let mut receiver = SyslogReceiver::start(kind, &security).await;
    let port = format!(":{}", receiver.port);
    let declared = match tls {
        true => Declared::new(&format!("syslog-tls://localhost:{}", receiver.port))
            .trusting(&authority.ca()),
        false => plain(&receiver),
    };
    let system = System::start_with(&config("", &[declared])).await;
    let producer = Producer::open(&system.dial("ingress").await);
    let mut sent = 0;
    for round in 0..=RESTARTS {
        send(&producer, "app", sent..sent + 2000, 100).await;
        sent += 2000;
        let wanted = 500 * (1 + round);
        receiver
            .until("some arrive", |all| numbers(all).len() >= wanted)
            .await;
        if round < RESTARTS {
            let (_, ()) = tokio::join!(
                receiver.restart(),
                send(&producer, "app", sent..sent + 2000, 100)
            );
            sent += 2000;
        }
    }
    let after = drain_until(&system, &port, "all have left", settled(sent)).await;
    assert_eq!(lost(&after), 0, "{after:#}");
    let last = |all: &[Message]| numbers(all).contains_key(&(sent - 1));
    let arrived = receiver.until("the last", last).await;
    let seen = numbers(&arrived);
    // TCP tells nobody what a receiver had not read when it ended: at most that is missing,
    // in one piece for each time.
    assert!(gaps(&seen, sent) <= RESTARTS, "{} gaps", gaps(&seen, sent));
    assert!(seen.len() as u64 >= sent / 2, "{} of {sent}", seen.len());
}

#[tokio::test]
async fn restarts_of_rsyslog_cost_what_it_had_not_read() {
    restarted_under_load(Kind::Rsyslog, false).await;
    restarted_under_load(Kind::Rsyslog, true).await;
}

#[tokio::test]
async fn restarts_of_syslog_ng_cost_what_it_had_not_read() {
    restarted_under_load(Kind::SyslogNg, false).await;
    restarted_under_load(Kind::SyslogNg, true).await;
}

#[tokio::test]
async fn a_receiver_that_stands_still_costs_only_its_own_drain() {
    const SENT: u64 = 30_000;
    let still = SyslogReceiver::start(Kind::Rsyslog, &Security::Plain).await;
    let quick = SyslogReceiver::start(Kind::SyslogNg, &Security::Plain).await;
    let declared = [plain(&still), plain(&quick)];
    let settings = SMALL.replace("1048576", "4194304");
    let system = System::start_with(&config(&settings, &declared)).await;
    let producer = Producer::open(&system.dial("ingress").await);
    still.freeze();
    let (still_port, quick_port) = (format!(":{}", still.port), format!(":{}", quick.port));
    for from in (0..SENT).step_by(3000) {
        send(&producer, "app", from..from + 3000, 600).await;
        let through = |drain: &Value| count(drain, "written") == from + 3000;
        drain_until(&system, &quick_port, "the other drain goes on", through).await;
    }
    let other = drain(&system, &quick_port).await;
    assert_eq!((lost(&other), count(&other, "connections")), (0, 1));
    quick
        .until("all at the other", |all| numbers(all).len() as u64 == SENT)
        .await;
    still.thaw();
    let after = drain_until(&system, &still_port, "all have left", settled(SENT)).await;
    let lost = lost(&after);
    assert!(lost > 0, "{after:#}");
    let arrived = still
        .until("the rest", |all| all.len() as u64 + lost >= SENT)
        .await;
    assert_eq!(numbers(&arrived).len() as u64 + lost, SENT);
}

/// The drain of `source` to a receiver, which trusts this authority alone.
fn trusting(receiver: &SyslogReceiver, source: &str, ca: &Path) -> Declared {
    let url = format!("syslog-tls://localhost:{}/?of={source}", receiver.port);
    Declared::new(&url).of(source).trusting(ca)
}

#[tokio::test]
async fn an_authority_of_one_drain_vouches_for_no_other() {
    let (ours, theirs) = (Authority::create(), Authority::create());
    let server = ours.issue("receiver", Validity::Now);
    let receiver = SyslogReceiver::start(Kind::SyslogNg, &Security::Tls(server)).await;
    let declared = [
        trusting(&receiver, "trusted", &ours.ca()),
        trusting(&receiver, "foreign", &theirs.ca()),
        Declared::new(&format!("syslog-tls://localhost:{}", receiver.port)).of("none"),
    ];
    let system = System::start_with(&config("", &declared)).await;
    let producer = Producer::open(&system.dial("ingress").await);
    // Before, between and after: the order in which drains connect changes nothing.
    for (round, source) in ["foreign", "trusted", "none", "foreign", "trusted"]
        .into_iter()
        .enumerate()
    {
        let round = round as u64;
        send(&producer, source, round..round + 1, 10).await;
        let wanted = if source == "trusted" {
            "connected"
        } else {
            "failing"
        };
        eventually("each drain does what it should", async || {
            let all = drains(&system).await;
            let of_source = |one: &&Value| one["source_id"] == source;
            let one = all.iter().find(of_source)?;
            (one["state"] == wanted).then_some(())
        })
        .await;
    }
    let messages = receiver.until("both", |all| all.len() >= 2).await;
    assert!(messages.iter().all(|one| one.app_name == "trusted"));
    for one in drains(&system).await {
        let error = one["last_error"]["message"].as_str().unwrap_or_default();
        match one["source_id"].as_str() {
            Some("trusted") => assert_eq!((error, count(&one, "written")), ("", 2)),
            _ => {
                assert!(error.contains("certificate"), "{one:#}");
                assert_eq!((count(&one, "written"), lost(&one)), (0, 0), "{one:#}");
            }
        }
    }
}

async fn without_a_certificate(kind: Kind) {
    let authority = Authority::create();
    let server = authority.issue("receiver", Validity::Now);
    let security = Security::Mutual(server, authority.ca());
    let receiver = SyslogReceiver::start(kind, &security).await;
    let declared = trusting(&receiver, "app", &authority.ca());
    let system = System::start_with(&config(SMALL, &[declared])).await;
    let producer = Producer::open(&system.dial("ingress").await);
    let mut reader = Reader::open(&system.dial("grpc").await, &logs_of("app"));
    let port = format!(":{}", receiver.port);
    send(&producer, "app", 0..1, 10).await;
    let failing = |drain: &Value| drain["state"] == "failing";
    let refused = drain_until(&system, &port, "it is refused", failing).await;
    assert_eq!(count(&refused, "written"), 0, "{refused:#}");
    let told = reader
        .until(|all| all.iter().any(|one| payload(one).starts_with("Failed to ")))
        .await;
    assert!(!told.is_empty());
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn an_app_is_told_that_its_receiver_wants_a_certificate() {
    without_a_certificate(Kind::Rsyslog).await;
    without_a_certificate(Kind::SyslogNg).await;
}
