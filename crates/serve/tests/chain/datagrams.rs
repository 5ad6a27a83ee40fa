//! V1 datagrams through an agent's `Pusher` streams, and through a UDP forwarder.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use logweir_client::{Reader, selector};
use logweir_proto::{
    peek::Kind,
    v1::{self, envelope::EventType, log_message::MessageType},
};
use logweir_serve::{
    agent::{self, AgentConfig},
    context::Started,
    settings::QueueConfig,
    udp_forwarder::{self, UdpForwarderConfig},
};
use prost::Message;

use crate::{
    Chain, PATIENCE,
    agent::until,
    batch, chain,
    hosts::{Hosts, any, context},
    text,
};

fn datagram(line: &str) -> Vec<u8> {
    let text = |text: &str| Some(bytes::Bytes::copy_from_slice(text.as_bytes()));
    v1::Envelope {
        origin: text("emitter"),
        event_type: Some(EventType::LogMessage.into()),
        log_message: Some(v1::LogMessage {
            message: text(line),
            message_type: Some(MessageType::Out.into()),
            timestamp: Some(7),
            app_id: text("app"),
            ..v1::LogMessage::default()
        }),
        ..v1::Envelope::default()
    }
    .encode_to_vec()
}

fn sender(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(any()).unwrap();
    socket.connect(address).unwrap();
    socket
}

/// Emits probes until one arrives: the whole way is open then.
async fn open(udp: &UdpSocket, reader: &mut Reader) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        udp.send(&datagram("probe")).unwrap();
        let probe = tokio::time::timeout(Duration::from_millis(100), batch(reader)).await;
        if probe.is_ok() {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no probe came through"
        );
    }
}

/// What a ledger says of one hop, after a word.
fn number(ledger: &str, after: &str) -> u64 {
    let rest = ledger.split(after).nth(1).unwrap_or_default();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// Sends numbered lines, no faster than `door` reads them, and waits for all of them.
async fn every_line_comes_once(udp: &UdpSocket, reader: &mut Reader, door: &Started, hop: &str) {
    const COUNT: usize = 10_000;
    let ingress = || number(&door.ledger(), &format!("{hop}: ingress "));
    let before = ingress();
    for line in 0..COUNT {
        udp.send(&datagram(&format!("line {line}"))).unwrap();
        if line % 50 == 0 {
            let read = before + line as u64;
            until("the door reads on", || ingress() >= read).await;
        }
    }
    let mut seen = BTreeSet::new();
    while seen.len() < COUNT {
        for envelope in batch(reader).await.batch {
            assert_eq!(envelope.tags["origin"], "emitter");
            let text = text(&envelope);
            if text != "probe" {
                assert!(seen.insert(text.clone()), "{text} came twice");
            }
        }
    }
}

async fn agent_with_udp(chain: &Chain) -> Started {
    let routers = chain.routers.iter();
    let config = AgentConfig {
        listen: any(),
        udp: Some(any()),
        tls: chain.hosts.tls(),
        routers: routers
            .map(|router| router.address("grpc").unwrap().to_string())
            .collect(),
        ..Default::default()
    };
    agent::start(config, &chain.context).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_come_through_an_agent_and_two_routers_once() {
    let chain = chain(QueueConfig::default()).await;
    let agent = agent_with_udp(&chain).await;
    let udp = sender(agent.address("udp").unwrap());
    let mut reader = chain.reader(vec![selector("app", Kind::Log)]);
    open(&udp, &mut reader).await;
    every_line_comes_once(&udp, &mut reader, &agent, "agent v1").await;
    for router in &chain.routers {
        assert!(
            number(&router.ledger(), "ingress ") > 1_000,
            "one router got little"
        );
    }
    assert!(
        chain.context.shutdown.clone().finish(PATIENCE).await,
        "a task did not end"
    );
    assert!(
        agent.ledger().contains("dropped 0 + queued 0"),
        "{}",
        agent.ledger()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_come_through_a_udp_forwarder_once() {
    let chain = chain(QueueConfig::default()).await;
    let config = UdpForwarderConfig {
        listen: any(),
        agent: chain.agent.address("grpc").unwrap().to_string(),
        tls: chain.hosts.tls(),
        ..Default::default()
    };
    let forwarder = udp_forwarder::start(config, &chain.context).await.unwrap();
    let udp = sender(forwarder.address("udp").unwrap());
    let mut reader = chain.reader(vec![selector("app", Kind::Log)]);
    open(&udp, &mut reader).await;
    every_line_comes_once(&udp, &mut reader, &forwarder, "udp forwarder").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_router_is_counted_and_the_newest_kept() {
    let hosts = Hosts::new();
    let context = context();
    let nowhere = UdpSocket::bind(any()).unwrap().local_addr().unwrap();
    let config = AgentConfig {
        listen: any(),
        udp: Some(any()),
        tls: hosts.tls(),
        routers: vec![nowhere.to_string()],
        queue: QueueConfig {
            bytes: 64 << 10,
            envelopes: 1_000,
        },
        ..Default::default()
    };
    let agent = agent::start(config, &context).await.unwrap();
    let udp = sender(agent.address("udp").unwrap());
    let line = datagram(&"x".repeat(1000));
    for sent in 1..=500_u64 {
        udp.send(&line).unwrap();
        let ledger = || number(&agent.ledger(), "agent v1: ingress ");
        until("the datagram is read", || ledger() == sent).await;
    }
    let ledger = agent.ledger();
    let of = |word| number(ledger.split("agent v1:").nth(1).unwrap(), word);
    let (offered, dropped, queued) = (of("offered "), of(" + dropped "), of(" + queued "));
    assert_eq!(offered, 500, "{ledger}");
    assert_eq!(of("egress ") + dropped + queued, 500, "{ledger}");
    assert!(dropped > 300 && queued > 10, "{ledger}");
    assert!(
        context
            .shutdown
            .clone()
            .finish(Duration::from_millis(100))
            .await
            || agent.ledger().contains("for shutdown"),
        "{}",
        agent.ledger()
    );
}
