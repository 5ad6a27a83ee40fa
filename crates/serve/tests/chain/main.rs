//! The roles as one chain in one process, over real sockets and mutual TLS:
//! producer → agent → two routers → reverse log proxy → reader.

#![allow(clippy::unwrap_used)] // a failed unwrap here is a failed test

mod agent;
mod datagrams;
mod hosts;
mod rlp;
mod router;
mod stub_router;

use std::{collections::BTreeSet, time::Duration};

use hosts::{Hosts, any, context};
use logweir_client::{EmitOptions, Emitter, Event, ReadRequest, Reader, selector};
use logweir_proto::{peek::Kind, v2};
use logweir_serve::{
    agent::{self as agent_role, AgentConfig},
    context::{ServeContext, Started},
    rlp::{self as rlp_role, RlpConfig},
    router::{self as router_role, RouterConfig},
    settings::QueueConfig,
};

const PATIENCE: Duration = Duration::from_secs(30);

struct Chain {
    hosts: Hosts,
    context: ServeContext,
    routers: Vec<Started>,
    agent: Started,
    rlp: Started,
}

async fn chain(queue: QueueConfig) -> Chain {
    let hosts = Hosts::new();
    let context = context();
    let mut routers = Vec::new();
    for _ in 0..2 {
        let config = RouterConfig {
            listen: any(),
            tls: hosts.tls(),
            queue: queue.clone(),
            ..Default::default()
        };
        routers.push(router_role::start(config, &context).await.unwrap());
    }
    let addresses: Vec<String> = routers
        .iter()
        .map(|router| router.address("grpc").unwrap().to_string())
        .collect();
    let config = AgentConfig {
        listen: any(),
        tls: hosts.tls(),
        routers: addresses.clone(),
        ..Default::default()
    };
    let agent = agent_role::start(config, &context).await.unwrap();
    let config = RlpConfig {
        listen: any(),
        tls: hosts.tls(),
        routers: addresses,
        queue,
        ..Default::default()
    };
    let rlp = rlp_role::start(config, &context).await.unwrap();
    Chain {
        hosts,
        context,
        routers,
        agent,
        rlp,
    }
}

impl Chain {
    fn emitter(&self) -> Emitter {
        let address = self.agent.address("grpc").unwrap();
        Emitter::connect(
            self.hosts.endpoint(address, "metron"),
            EmitOptions::default(),
        )
        .unwrap()
    }

    fn reader(&self, selectors: Vec<v2::Selector>) -> Reader {
        let address = self.rlp.address("grpc").unwrap();
        let endpoint = self.hosts.endpoint(address, "reverselogproxy");
        Reader::connect(endpoint, ReadRequest::new(selectors)).unwrap()
    }
}

async fn batch(reader: &mut Reader) -> v2::EnvelopeBatch {
    loop {
        let event = tokio::time::timeout(PATIENCE, reader.next())
            .await
            .expect("nothing came");
        if let Event::Batch(batch) = event.expect("the reader ended").unwrap() {
            return batch;
        }
    }
}

fn text(envelope: &v2::Envelope) -> String {
    match &envelope.message {
        Some(v2::envelope::Message::Log(log)) => String::from_utf8(log.payload.to_vec()).unwrap(),
        other => panic!("{other:?} is no log"),
    }
}

/// Emits probes until one arrives: the whole way is open then.
async fn open(emitter: &Emitter, reader: &mut Reader) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        emitter.source("app").log("probe");
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

#[tokio::test(flavor = "multi_thread")]
async fn every_envelope_comes_through_once() {
    let chain = chain(QueueConfig::default()).await;
    let emitter = chain.emitter();
    let mut reader = chain.reader(vec![selector("app", Kind::Log)]);
    open(&emitter, &mut reader).await;
    const COUNT: usize = 20_000;
    for number in 0..COUNT {
        emitter.source("app").log(format!("line {number}"));
        if number % 1000 == 0 {
            emitter.flush(PATIENCE).await.unwrap();
        }
    }
    let mut seen = BTreeSet::new();
    while seen.len() < COUNT {
        for envelope in batch(&mut reader).await.batch {
            let text = text(&envelope);
            if text != "probe" {
                assert!(seen.insert(text.clone()), "{text} came twice");
            }
        }
    }
    for router in &chain.routers {
        let ledger = router.ledger();
        assert!(ledger.contains("dropped 0 + queued"), "{ledger}");
        assert!(
            !ledger.contains("ingress 0 "),
            "one router got nothing: {ledger}"
        );
    }
    assert!(
        chain.context.shutdown.clone().finish(PATIENCE).await,
        "a task did not end"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_told_exactly_what_it_lost() {
    let queue = QueueConfig {
        bytes: 256 << 10,
        envelopes: 2_000,
    };
    let chain = chain(queue).await;
    let emitter = chain.emitter();
    let mut reader = chain.reader(vec![selector("app", Kind::Log)]);
    open(&emitter, &mut reader).await;
    const COUNT: u64 = 60_000;
    let line = "x".repeat(1000);
    for number in 0..COUNT {
        emitter.source("app").log(line.clone());
        if number % 500 == 0 {
            emitter.flush(PATIENCE).await.unwrap();
        }
    }
    emitter.flush(PATIENCE).await.unwrap();
    emitter.source("app").log("the last line");
    let (mut received, mut lost, mut probes) = (0, 0, 0);
    let mut last = false;
    while received + lost < COUNT || !last {
        for envelope in batch(&mut reader).await.batch {
            if let Some(count) = envelope.tags.get("dropped") {
                assert_eq!(envelope.tags["source_type"], "LGR");
                assert_eq!(envelope.source_id, "app");
                lost += count.parse::<u64>().unwrap();
                continue;
            }
            match text(&envelope).as_str() {
                "probe" => probes += 1,
                "the last line" => last = true,
                _ => received += 1,
            }
        }
    }
    assert!(lost > 0, "nothing was lost, so nothing was shown");
    // Probes may be among the lost: that is all by which the sum may be larger.
    assert!(
        received + lost <= COUNT + 100,
        "{received} + {lost} (and {probes} probes)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_select_nothing_are_refused_with_the_peers_words() {
    let chain = chain(QueueConfig::default()).await;
    for (selectors, words) in [
        (vec![], "Selectors cannot be empty"),
        (
            vec![v2::Selector::default()],
            "Selectors must have a Message",
        ),
    ] {
        let mut reader = chain.reader(selectors);
        let refused = loop {
            match tokio::time::timeout(PATIENCE, reader.next()).await.unwrap() {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error.to_string(),
                None => panic!("no error"),
            }
        };
        assert!(refused.contains(words), "{refused}");
    }
}
