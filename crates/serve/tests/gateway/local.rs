//! A gateway before the exchange of its own process.

use std::sync::Arc;

use logweir_net::shutdown::Shutdown;
use logweir_route::{Exchange, ExchangeLimits, QueueLimits};
use logweir_serve::{
    front::Readiness,
    gateway::Upstream,
    grpc::{self, Readers, ReadersOptions},
};

use crate::{
    client::{Client, PATIENCE, eventually},
    door::{Setup, serve, stream},
    stub_rlp::log,
};

fn exchange() -> Arc<Exchange> {
    let queue = QueueLimits {
        bytes: 1 << 20,
        envelopes: 1_000,
        frame: 1 << 20,
    };
    Exchange::new(ExchangeLimits {
        queue,
        total_bytes: 1 << 24,
    })
}

fn readers(exchange: &Arc<Exchange>, max_streams: usize) -> Arc<Readers> {
    let options = ReadersOptions {
        max_streams,
        message_bytes: 1 << 20,
        hop: "logweir",
    };
    Readers::new(exchange.clone(), grpc::Upstream::Exchange, options)
}

#[tokio::test]
async fn a_stop_lets_the_exchange_flush_first() {
    let (exchange, shutdown) = (exchange(), Shutdown::new());
    let upstream = Upstream::Local(readers(&exchange, 10));
    let setup = Setup::default();
    let (addr, _) = serve(upstream, setup, &Readiness::new(), &shutdown).await;
    let mut answer = Client::send(addr, "GET", "/v2/read?log&source_id=a", &[]).await;
    assert_eq!(answer.status, 200);
    let ending = tokio::spawn(shutdown.clone().finish(PATIENCE));
    shutdown.stop.cancelled().await;
    // What a producer sends while the process drains still arrives.
    exchange.publisher().publish(&log("hi"));
    exchange.publisher().publish(&log("ho"));
    exchange.end();
    let body = answer.rest().await;
    assert!(
        body.contains("\"payload\":\"aGk=\"") && body.contains("\"payload\":\"aG8=\""),
        "{body}"
    );
    assert!(ending.await.unwrap(), "the stream did not end");
    let stats = exchange.stats().queues;
    assert_eq!((stats.offered, stats.taken), (2, 2));
}

#[tokio::test]
async fn limits_of_the_process_are_a_503() {
    let (exchange, shutdown) = (exchange(), Shutdown::new());
    let setup = Setup {
        stream: stream(500, 60_000),
        ..Setup::default()
    };
    let upstream = Upstream::Local(readers(&exchange, 1));
    let (addr, _) = serve(upstream, setup, &Readiness::new(), &shutdown).await;
    let first = Client::send(addr, "GET", "/v2/read?log", &[]).await;
    assert_eq!(first.status, 200);
    assert_eq!(
        Client::send(addr, "GET", "/v2/read?log", &[]).await.status,
        503
    );
    drop(first);
    eventually("the end of the stream", || {
        exchange.stats().subscriptions == 0
    })
    .await;
    assert_eq!(
        Client::send(addr, "GET", "/v2/read?log", &[]).await.status,
        200
    );
}
