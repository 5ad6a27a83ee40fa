//! An agent whose routers misbehave or are not there.

use std::{net::SocketAddr, time::Duration};

use logweir_client::{EmitOptions, Emitter};
use logweir_serve::{
    agent::{self, AgentConfig},
    context::{ServeContext, Started},
};

use crate::{
    PATIENCE,
    hosts::{Hosts, any, context},
    stub_router::StubRouter,
};

struct Agent {
    hosts: Hosts,
    context: ServeContext,
    started: Started,
}

async fn agent(hosts: Hosts, routers: &[SocketAddr]) -> Agent {
    let context = context();
    let config = AgentConfig {
        listen: any(),
        tls: hosts.tls(),
        routers: routers.iter().map(SocketAddr::to_string).collect(),
        connections: 2,
        resolve_interval: Duration::from_millis(500),
        stall_timeout: Duration::from_millis(500),
        ..Default::default()
    };
    let started = agent::start(config, &context).await.unwrap();
    Agent {
        hosts,
        context,
        started,
    }
}

impl Agent {
    fn emitter(&self) -> Emitter {
        let address = self.started.address("grpc").unwrap();
        let endpoint = self.hosts.endpoint(address, "metron");
        Emitter::connect(endpoint, EmitOptions::default()).unwrap()
    }

    async fn emit(&self, source: &str, count: u64) {
        let emitter = self.emitter();
        let line = "x".repeat(1000);
        for number in 0..count {
            emitter.source(source).log(line.clone());
            if number % 500 == 0 {
                emitter.flush(PATIENCE).await.unwrap();
            }
        }
        emitter.flush(PATIENCE).await.unwrap();
    }

    fn balance(&self) -> Balance {
        let text = self.started.ledger();
        let number = |after: &str| -> u64 {
            let rest = text.split(after).nth(1).unwrap_or("0");
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap_or(0)
        };
        let lost = |cause: &str| -> u64 {
            let line = text
                .lines()
                .find(|line| line.ends_with(&format!(" for {cause}")));
            line.map_or(0, |line| line.split(' ').nth(2).unwrap().parse().unwrap())
        };
        let balance = Balance {
            ingress: number("ingress "),
            offered: number("offered "),
            taken: number("egress "),
            dropped: number(" + dropped "),
            queued: number(" + queued "),
            connection_lost: lost("connection_lost"),
            shutdown: lost("shutdown"),
        };
        let sum = balance.taken + balance.dropped + balance.queued;
        assert_eq!(balance.offered, sum, "{text}");
        balance
    }
}

#[derive(Debug)]
struct Balance {
    ingress: u64,
    offered: u64,
    taken: u64,
    dropped: u64,
    queued: u64,
    connection_lost: u64,
    shutdown: u64,
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_stops_reading_is_left_and_what_it_held_is_counted() {
    let hosts = Hosts::new();
    let good = StubRouter::start(&hosts, any(), true).await;
    let stalled = StubRouter::start(&hosts, any(), false).await;
    let agent = agent(hosts, &[good.address, stalled.address]).await;
    until("both have a connection", || {
        good.stats.open() > 0 && stalled.stats.open() > 0
    })
    .await;
    agent.emit("app", 5_000).await;
    until("the stalled router is left", || {
        let balance = agent.balance();
        balance.connection_lost > 0 && stalled.stats.open() == 0
    })
    .await;
    let before = agent.balance();
    assert_eq!(before.dropped, before.connection_lost);
    // The last but one chunk and what lay in its buffers: unread, but handed over.
    let handed_over = before.taken - good.envelopes("app");
    assert!(handed_over < 4_000, "{handed_over} of {before:?}");
    agent.emit("later", 2_000).await;
    until("all of it arrives where it is read", || {
        good.envelopes("later") == 2_000
    })
    .await;
    assert_eq!(stalled.stats.open(), 0);
    assert!(agent.context.shutdown.clone().finish(PATIENCE).await);
    let after = agent.balance();
    assert_eq!((after.ingress, after.queued), (7_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_router_and_with_nothing_to_flush_a_stop_is_quick() {
    let hosts = Hosts::new();
    let gone = StubRouter::start(&hosts, any(), true).await;
    assert!(gone.shutdown.clone().finish(PATIENCE).await);
    let agent = agent(hosts, &[gone.address]).await;
    let begun = tokio::time::Instant::now();
    assert!(agent.context.shutdown.clone().finish(PATIENCE).await);
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_router_took_by_the_deadline_is_counted_as_lost_at_shutdown() {
    let hosts = Hosts::new();
    let gone = StubRouter::start(&hosts, any(), true).await;
    assert!(gone.shutdown.clone().finish(PATIENCE).await);
    let agent = agent(hosts, &[gone.address]).await;
    agent.emit("app", 1_000).await;
    until("all of it is there", || agent.balance().offered == 1_000).await;
    let patience = Duration::from_secs(1);
    assert!(!agent.context.shutdown.clone().finish(patience).await);
    let balance = agent.balance();
    assert_eq!(
        (balance.shutdown, balance.queued),
        (1_000, 0),
        "{balance:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_comes_back_gets_its_lanes_again() {
    let hosts = Hosts::new();
    let stays = StubRouter::start(&hosts, any(), true).await;
    let goes = StubRouter::start(&hosts, any(), true).await;
    let agent = agent(hosts, &[stays.address, goes.address]).await;
    until("both have a connection", || {
        stays.stats.open() == 1 && goes.stats.open() == 1
    })
    .await;
    assert!(goes.shutdown.clone().finish(PATIENCE).await);
    until("the other has both", || stays.stats.open() == 2).await;
    agent.emit("app", 100).await;
    until("nothing is lost", || stays.envelopes("app") == 100).await;
    let back = StubRouter::start(&agent.hosts, goes.address, true).await;
    until("it has its lane again", || {
        back.stats.open() == 1 && stays.stats.open() == 1
    })
    .await;
    agent.emit("app", 1_000).await;
    until("both carry", || {
        back.envelopes("app") > 0 && back.envelopes("app") + stays.envelopes("app") == 1_100
    })
    .await;
    assert!(agent.context.shutdown.clone().finish(PATIENCE).await);
}
