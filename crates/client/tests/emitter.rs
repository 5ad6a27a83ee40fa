//! The emitter against peers that take, stall, hang up and come back.
#![allow(clippy::unwrap_used, reason = "a failed unwrap here is a failed test")]

mod stub;

use std::{collections::BTreeMap, time::Duration};

use logweir_client::{
    ConnectionState, EmitOptions, Emitter, Endpoint, TlsFiles,
    v2::{self, envelope::Message},
};
use stub::{Manner, Peer};
use tonic::Status;

const PATIENCE: Duration = Duration::from_secs(20);

fn emitter(peer: &Peer) -> Emitter {
    Emitter::connect(peer.endpoint(), EmitOptions::default()).unwrap()
}

async fn connected(emitter: &Emitter) {
    let state = emitter.state_is(|state| matches!(state, ConnectionState::Connected(_)));
    tokio::time::timeout(PATIENCE, state).await.unwrap();
}

fn payloads(envelopes: &[v2::Envelope]) -> Vec<String> {
    envelopes
        .iter()
        .filter_map(|envelope| match &envelope.message {
            Some(Message::Log(log)) => Some(String::from_utf8(log.payload.to_vec()).unwrap()),
            _ => None,
        })
        .collect()
}

fn balanced(emitter: &Emitter) {
    let stats = emitter.stats();
    let sum = stats.sent + stats.in_flight + stats.queued + stats.dropped_total();
    assert_eq!(stats.emitted, sum, "{stats:?}");
}

#[tokio::test]
async fn every_kind_arrives_with_its_source_and_tags() {
    let peer = Peer::start(Manner::Take).await;
    let tags = BTreeMap::from([
        ("deployment".into(), "cf".into()),
        ("own".into(), "no".into()),
    ]);
    let options = EmitOptions {
        tags,
        ..EmitOptions::default()
    };
    let emitter = Emitter::connect(peer.endpoint(), options).unwrap();
    let app = emitter.source("app").instance("3").tag("own", "yes").at(7);
    app.log("out");
    app.log_err("err");
    app.counter("hits", 2);
    app.counter_total("all", 9);
    app.gauge([("cpu", 0.5, "percentage"), ("memory", 1024.0, "bytes")]);
    app.timer("http", 5, 9);
    app.event("title", "body");
    emitter.flush(PATIENCE).await.unwrap();
    let got = peer.envelopes();
    assert_eq!(got.len(), 7);
    for envelope in &got {
        assert_eq!(envelope.source_id, "app");
        assert_eq!(envelope.instance_id, "3");
        assert_eq!(envelope.timestamp, 7);
        assert_eq!(envelope.tags["deployment"], "cf");
        assert_eq!(envelope.tags["own"], "yes");
    }
    assert!(matches!(&got[1].message, Some(Message::Log(log)) if log.r#type == 1));
    assert!(matches!(&got[2].message, Some(Message::Counter(c)) if c.delta == 2 && c.total == 0));
    assert!(matches!(&got[3].message, Some(Message::Counter(c)) if c.delta == 0 && c.total == 9));
    assert!(matches!(&got[4].message, Some(Message::Gauge(g)) if g.metrics.len() == 2));
    assert!(matches!(&got[5].message, Some(Message::Timer(t)) if t.stop == 9));
    assert!(matches!(&got[6].message, Some(Message::Event(e)) if e.body == "body"));
    assert_eq!(emitter.stats().sent, 7);
    balanced(&emitter);
}

#[tokio::test]
async fn a_burst_arrives_whole_and_in_order() {
    let peer = Peer::start(Manner::Take).await;
    let emitter = emitter(&peer);
    let app = emitter.source("app");
    for number in 0..20_000 {
        app.log(number.to_string());
    }
    emitter.close(PATIENCE).await.unwrap();
    let expected: Vec<_> = (0..20_000).map(|number| number.to_string()).collect();
    assert_eq!(payloads(&peer.envelopes()), expected);
    assert_eq!(emitter.stats().sent, 20_000);
    balanced(&emitter);
}

#[tokio::test]
async fn a_lone_envelope_arrives_without_a_flush_and_is_answered_for() {
    let peer = Peer::start(Manner::Take).await;
    let emitter = emitter(&peer);
    emitter.source("app").log("hello");
    peer.until(|peer| peer.envelopes().len() == 1).await;
    peer.until(|peer| peer.streams() >= 2).await;
    assert_eq!(emitter.stats().sent, 1);
}

#[tokio::test]
async fn the_answer_of_go_s_peers_counts_as_taken() {
    let peer = Peer::start(Manner::TakeAsGo).await;
    let emitter = emitter(&peer);
    emitter.source("app").log("hello");
    emitter.close(PATIENCE).await.unwrap();
    assert_eq!(emitter.stats().sent, 1);
    assert_eq!(emitter.stats().dropped_total(), 0);
}

#[tokio::test]
async fn what_is_emitted_before_the_peer_is_there_arrives_when_it_comes() {
    let peer = Peer::start(Manner::Take).await;
    let addr = peer.addr;
    peer.die().await;
    let emitter = Emitter::connect(
        Endpoint::new(addr.to_string(), "metron"),
        EmitOptions::default(),
    )
    .unwrap();
    emitter.source("app").log("early");
    let state = emitter
        .state_is(|state| matches!(state, ConnectionState::Waiting(_)))
        .await;
    assert!(
        format!("{state:?}").contains(&addr.to_string()),
        "{state:?}"
    );
    let peer = Peer::start_at(addr, Manner::Take).await;
    emitter.flush(PATIENCE).await.unwrap();
    assert_eq!(payloads(&peer.envelopes()), ["early"]);
}

#[tokio::test]
async fn a_full_queue_drops_the_oldest_and_tells_each_source() {
    let peer = Peer::start(Manner::Take).await;
    let addr = peer.addr;
    peer.die().await;
    let options = EmitOptions {
        queue_envelopes: 1_000,
        ..EmitOptions::default()
    };
    let emitter = Emitter::connect(Endpoint::new(addr.to_string(), "metron"), options).unwrap();
    let (a, b) = (emitter.source("a"), emitter.source("b"));
    for number in 0..5_000 {
        let source = if number % 5 == 0 { &b } else { &a };
        source.log(number.to_string());
    }
    balanced(&emitter);
    let lost = emitter.stats().dropped["queue_full"];
    assert!((3_900..=4_200).contains(&lost), "{lost}");
    let peer = Peer::start_at(addr, Manner::Take).await;
    emitter.close(PATIENCE).await.unwrap();
    let got = peer.envelopes();
    let notices: Vec<_> = got
        .iter()
        .filter(|one| one.tags.get("source_type").is_some_and(|t| t == "LGR"))
        .collect();
    let told = |source: &str| -> u64 {
        notices
            .iter()
            .filter(|notice| notice.source_id == source)
            .map(|notice| notice.tags["dropped"].parse::<u64>().unwrap())
            .sum()
    };
    assert_eq!(told("a") + told("b"), lost);
    assert_eq!(told("b"), lost / 5);
    assert!(
        notices
            .iter()
            .all(|notice| notice.tags["cause"] == "queue_full")
    );
    assert!(payloads(&got).contains(&"4999".to_owned()));
    assert_eq!(emitter.stats().sent, 5_000 - lost);
    balanced(&emitter);
}

#[tokio::test]
async fn a_stalled_peer_costs_the_caller_nothing_and_the_queue_stays_bounded() {
    let peer = Peer::start(Manner::Stall).await;
    let options = EmitOptions {
        queue_bytes: 1 << 20,
        ..EmitOptions::default()
    };
    let emitter = Emitter::connect(peer.endpoint(), options).unwrap();
    connected(&emitter).await;
    let app = emitter.source("app");
    let line = "x".repeat(1_000);
    for _ in 0..20_000 {
        app.log(line.clone());
    }
    balanced(&emitter);
    assert!(emitter.stats().queued <= 1_100, "{:?}", emitter.stats());
    let error = emitter.flush(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.waiting > 0);
    assert!(error.to_string().contains("does not take them"), "{error}");
    let _ = emitter.close(Duration::ZERO).await;
    let stats = emitter.stats();
    assert_eq!((stats.queued, stats.in_flight), (0, 0));
    balanced(&emitter);
}

#[tokio::test]
async fn what_a_broken_connection_took_is_counted_and_told() {
    let peer = Peer::start(Manner::Stall).await;
    let addr = peer.addr;
    let emitter = emitter(&peer);
    connected(&emitter).await;
    emitter.source("app").log("into the void");
    tokio::time::timeout(PATIENCE, async {
        while emitter.stats().in_flight == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    peer.die().await;
    let peer = Peer::start_at(addr, Manner::Take).await;
    peer.until(|peer| !peer.envelopes().is_empty()).await;
    let notice = &peer.envelopes()[0];
    assert_eq!(notice.source_id, "app");
    assert_eq!(notice.tags["cause"], "connection_lost");
    assert_eq!(notice.tags["dropped"], "1");
    assert_eq!(emitter.stats().dropped["connection_lost"], 1);
    balanced(&emitter);
}

#[tokio::test]
async fn a_peer_that_returns_early_is_left_and_nothing_is_sent_twice() {
    let peer = Peer::start(Manner::ReturnEarly).await;
    let emitter = emitter(&peer);
    connected(&emitter).await;
    let app = emitter.source("app");
    app.log("first");
    peer.until(|peer| peer.streams() >= 2).await;
    peer.behave(Manner::Take);
    app.log("second");
    emitter.close(PATIENCE).await.unwrap();
    let got = payloads(&peer.envelopes());
    assert_eq!(got.iter().filter(|payload| *payload == "first").count(), 1);
    balanced(&emitter);
}

#[tokio::test]
async fn a_door_that_takes_no_envelopes_is_named() {
    let peer = Peer::start(Manner::Refuse(Status::unimplemented("unknown service"))).await;
    let emitter = emitter(&peer);
    let state = emitter.state_is(|state| matches!(state, ConnectionState::Waiting(_)));
    let state = tokio::time::timeout(PATIENCE, state).await.unwrap();
    assert!(format!("{state:?}").contains("ingress door"), "{state:?}");
}

#[tokio::test]
async fn another_address_takes_over() {
    let (first, second) = (
        Peer::start(Manner::Take).await,
        Peer::start(Manner::Take).await,
    );
    let endpoint = first.endpoint().or(second.addr.to_string());
    let emitter = Emitter::connect(endpoint, EmitOptions::default()).unwrap();
    let app = emitter.source("app");
    app.log("one");
    emitter.flush(PATIENCE).await.unwrap();
    assert_eq!(payloads(&first.envelopes()), ["one"]);
    first.die().await;
    app.log("two");
    peer_got(&second, "two").await;
}

async fn peer_got(peer: &Peer, payload: &str) {
    peer.until(|peer| payloads(&peer.envelopes()).iter().any(|one| one == payload))
        .await;
}

#[tokio::test]
async fn an_envelope_beyond_any_limit_is_counted_and_told() {
    let peer = Peer::start(Manner::Take).await;
    let emitter = emitter(&peer);
    emitter.source("app").log(vec![0; 11 << 20]);
    assert_eq!(emitter.stats().dropped["too_large"], 1);
    peer.until(|peer| !peer.envelopes().is_empty()).await;
    assert_eq!(peer.envelopes()[0].tags["cause"], "too_large");
    balanced(&emitter);
}

#[tokio::test]
async fn the_last_handle_may_go_without_a_close() {
    let peer = Peer::start(Manner::Take).await;
    let emitter = emitter(&peer);
    emitter.source("app").log("bye");
    drop(emitter);
    peer_got(&peer, "bye").await;
}

#[tokio::test]
async fn a_closed_emitter_counts_what_comes_later() {
    let peer = Peer::start(Manner::Take).await;
    let emitter = emitter(&peer);
    emitter.close(PATIENCE).await.unwrap();
    emitter.source("app").log("late");
    assert_eq!(emitter.stats().dropped["shutdown"], 1);
    balanced(&emitter);
}

#[tokio::test]
async fn missing_certificates_fail_at_once_and_name_the_file() {
    let files = TlsFiles::in_dir("/nowhere".as_ref());
    let endpoint = Endpoint::new("127.0.0.1:1", "metron").tls(files);
    let error = Emitter::connect(endpoint, EmitOptions::default())
        .err()
        .unwrap();
    assert!(error.to_string().contains("/nowhere/ca.crt"), "{error}");
}
