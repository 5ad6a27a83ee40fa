//! What a drain holds that has nothing to do, before it ever delivered anything and after:
//! `cargo run --release -p logweir-drain --example idle_cost`. Needs two descriptors for each
//! drain that is connected at a time.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use logweir_drain::{
    Drain, Exit, Scope,
    block_list::BlockList,
    delivery::{self, Delivery, DrainHandle, DrainState, Reporter, Settings},
    url::{DrainUrl, UrlDefaults},
};
use logweir_net::{
    resolve::Resolver,
    shutdown::Shutdown,
    tls::{Alpn, ClientTls, Verify},
};
use logweir_proto::v2::{self, envelope::Message as Body};
use logweir_route::{Exchange, ExchangeLimits, QueueLimits};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, sink},
    net::TcpListener,
    time::sleep,
};

const DRAINS: usize = 10_000;

/// Drains that are connected at a time.
const AT_ONCE: usize = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let limits = ExchangeLimits {
        queue: QueueLimits {
            bytes: 16 << 20,
            envelopes: 65_536,
            frame: 10 << 20,
        },
        total_bytes: 512 << 20,
    };
    let exchange = Exchange::new(limits);
    let tls = ClientTls::load(None, None, Verify::None, &[], Alpn::Http1).unwrap();
    let delivery = Arc::new(Delivery {
        internal_tls: tls.clone(),
        insecure_tls: tls.clone(),
        reach: Arc::default(),
        tls,
        block_list: BlockList::default(),
        resolver: Resolver::new(),
        settings: Settings {
            idle: Duration::from_millis(200),
            ..Settings::default()
        },
        spool: None,
        names: None,
        reporter: Reporter::nobody(),
        shutdown: Shutdown::new(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 512];
                while let Ok(1..) = stream.read(&mut buffer).await {}
                let _ = tokio::io::copy(&mut stream, &mut sink()).await;
            });
        }
    });
    let mut before = rss();
    let mut step = |what: &str| {
        let now = rss();
        let each = (now - before) / f64::from(u32::try_from(DRAINS).unwrap());
        println!(
            "{what:<28} {now:>10.0} KiB {:>8.0} bytes a drain",
            each * 1024.0
        );
        before = now;
    };
    step("begin");
    let drains: Vec<Arc<Drain>> = (0..DRAINS)
        .map(|number| {
            let url = format!("syslog://{address}");
            let url = DrainUrl::parse(&url, &UrlDefaults::default()).unwrap();
            let scope = Scope::App {
                id: app(number),
                hostname: "org.space.app".to_owned(),
            };
            Arc::new(Drain::new(scope, url))
        })
        .collect();
    step("drains");
    let queues: Vec<_> = drains
        .iter()
        .map(|drain| exchange.subscribe(Exit::from(drain.clone()).request()))
        .collect();
    step("subscriptions");
    let handles: Vec<DrainHandle> = drains
        .into_iter()
        .zip(queues)
        .map(|(drain, queue)| delivery::start(drain, queue, &delivery))
        .collect();
    sleep(Duration::from_secs(1)).await;
    step("tasks");
    let mut publisher = exchange.publisher();
    for (first, some) in handles.chunks(AT_ONCE).enumerate() {
        for number in 0..some.len() {
            publisher.publish(&log(&app(first * AT_ONCE + number)).into());
        }
        while some.iter().any(|one| {
            let status = one.status();
            status.written == 0 || status.state != DrainState::Idle
        }) {
            sleep(Duration::from_millis(20)).await;
        }
    }
    step("idle again after a message");
}

fn app(number: usize) -> String {
    format!("b3015d69-09cd-476d-aace-{number:012}")
}

fn log(app: &str) -> Vec<u8> {
    let log = v2::Log {
        payload: vec![b'x'; 256].into(),
        r#type: 0,
    };
    let envelope = v2::Envelope {
        timestamp: 1,
        source_id: app.to_owned(),
        message: Some(Body::Log(log)),
        ..v2::Envelope::default()
    };
    let batch = vec![envelope];
    v2::EnvelopeBatch { batch }.encode_to_vec()
}

/// Resident memory of this process, in KiB.
fn rss() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
