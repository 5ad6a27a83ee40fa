//! A reverse log proxy whose routers are not there, and come back.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use logweir_client::{EmitOptions, Emitter, ReadRequest, Reader, selector};
use logweir_proto::peek::Kind;
use logweir_serve::{
    context::{ServeContext, Started},
    rlp::{self, RlpConfig},
    router::{self, RouterConfig},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    PATIENCE,
    agent::until,
    batch,
    hosts::{Hosts, any, context},
};

/// Something at a router's address that hangs up on whoever comes, and counts them.
pub(crate) async fn hanging_up() -> (SocketAddr, Arc<AtomicU64>, JoinHandle<()>) {
    let listener = TcpListener::bind(any()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let task = tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            drop(tcp);
        }
    });
    (address, calls, task)
}

async fn proxy(hosts: &Hosts, router: SocketAddr) -> (ServeContext, Started) {
    let context = context();
    let config = RlpConfig {
        listen: any(),
        tls: hosts.tls(),
        routers: vec![router.to_string()],
        ..Default::default()
    };
    let started = rlp::start(config, &context).await.unwrap();
    (context, started)
}

fn reader(hosts: &Hosts, rlp: &Started) -> Reader {
    let address = rlp.address("grpc").unwrap();
    let endpoint = hosts.endpoint(address, "reverselogproxy");
    let request = ReadRequest::new(vec![selector("app", Kind::Log)]);
    Reader::connect(endpoint, request).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_is_down_is_not_dialled_for_each_reader_and_serves_all_once_back() {
    let hosts = Hosts::new();
    let (address, calls, down) = hanging_up().await;
    let (rlp_context, rlp) = proxy(&hosts, address).await;
    let mut readers: Vec<Reader> = (0..40).map(|_| reader(&hosts, &rlp)).collect();
    until("the router is tried again and again", || {
        calls.load(Ordering::Relaxed) >= 12
    })
    .await;
    // Four connections and their pauses, whatever the number of readers.
    let before = calls.load(Ordering::Relaxed);
    let begun = tokio::time::Instant::now();
    tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>())
        .await
        .unwrap_err();
    let more = calls.load(Ordering::Relaxed) - before;
    assert!(more <= 40, "{more} calls in {:?}", begun.elapsed());
    down.abort();
    let _ = down.await;

    let router_context = context();
    let config = RouterConfig {
        listen: address,
        tls: hosts.tls(),
        ..Default::default()
    };
    let router = router::start(config, &router_context).await.unwrap();
    let endpoint = hosts.endpoint(address, "doppler");
    let emitter = Emitter::connect(endpoint, EmitOptions::default()).unwrap();
    for reader in &mut readers {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            emitter.source("app").log("line");
            let got = tokio::time::timeout(Duration::from_millis(100), batch(reader)).await;
            if got.is_ok() {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "nothing came");
        }
    }
    drop(readers);
    assert!(rlp_context.shutdown.clone().finish(PATIENCE).await);
    drop(emitter);
    assert!(router_context.shutdown.clone().finish(PATIENCE).await);
    assert!(router.ledger().contains("+ queued 0"));
}
