use std::sync::Arc;

use logweir_net::{
    resolve::Resolver,
    shutdown::Shutdown,
    tls::{Alpn, ClientTls, Verify},
};
use logweir_route::{Exchange, ExchangeLimits, QueueLimits, SubscribeRequest};

use super::*;
use crate::{
    drain::{Drain, Scope},
    url::{DrainUrl, UrlDefaults},
};

fn courier() -> Courier {
    let tls = ClientTls::load(None, None, Verify::None, &[], Alpn::Http1).expect("TLS");
    let with = Arc::new(Delivery {
        internal_tls: tls.clone(),
        insecure_tls: tls.clone(),
        reach: Arc::default(),
        tls,
        block_list: BlockList::default(),
        resolver: Resolver::new(),
        settings: Settings::default(),
        spool: None,
        names: None,
        reporter: Reporter::nobody(),
        shutdown: Shutdown::new(),
    });
    let queue = QueueLimits {
        bytes: 1 << 20,
        envelopes: 10_000,
        frame: 1 << 20,
    };
    let exchange = Exchange::new(ExchangeLimits {
        queue,
        total_bytes: 1 << 20,
    });
    let url = DrainUrl::parse("https://127.0.0.1/", &UrlDefaults::default()).expect("a URL");
    let drain = Arc::new(Drain::new(Scope::Aggregate, url));
    let queue = Arc::new(exchange.subscribe(SubscribeRequest::default()));
    Courier::new(drain.into(), queue, Arc::new(Shared::new()), with)
}

/// Ten thousand of them wait in one process.
#[tokio::test]
async fn the_task_of_an_idle_drain_is_small() {
    let task = Box::new(courier()).run();
    let bytes = size_of::<Courier>() + size_of_val(&task);
    assert!(bytes <= 1280, "{bytes} bytes");
}
