//! Queues and connections for each destination, begun and ended as they come and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use logweir_net::{
    dial::Dialer,
    resolve::{Resolver, Target},
    shutdown::Shutdown,
};
use logweir_proto::peek::Kind;
use logweir_route::{
    Exchange, QueueStats, SubscribeRequest,
    selector::{Selector, What},
};
use tokio_util::sync::CancellationToken;

use super::files::{Destination, Protocol};
use crate::{
    agent::{Call, Links, LinksOptions, with_waiting},
    metrics::Snapshot,
    otlp_export::{Collector, OtelConfig},
};

/// How often a destination's name is looked up again.
const RESOLVE_EVERY: Duration = Duration::from_secs(10);

/// What all destinations share.
pub(super) struct Fanout {
    exchange: Arc<Exchange>,
    dialer: Dialer,
    stall_timeout: Duration,
    /// What collectors get, and what dials them.
    otel: (OtelConfig, Dialer),
    shutdown: Shutdown,
    running: Mutex<BTreeMap<Destination, Running>>,
}

struct Running {
    exit: Exit,
    /// Gives the destination up.
    end: CancellationToken,
    /// Of the losses in its queue, those that were logged.
    logged: u64,
}

/// What carries the envelopes.
enum Exit {
    Links(Arc<Links>),
    Collector(Collector),
}

impl Exit {
    /// The balance, what waits for a connection included.
    fn stats(&self) -> QueueStats {
        match self {
            Self::Links(links) => {
                let waiting = links.waiting();
                with_waiting(links.stats(), waiting)
            }
            Self::Collector(collector) => collector.stats(),
        }
    }

    /// Envelopes and bytes that have left the queues.
    fn waiting(&self) -> (u64, u64) {
        match self {
            Self::Links(links) => links.waiting(),
            Self::Collector(collector) => collector.waiting(),
        }
    }
}

impl Fanout {
    pub(super) fn new(
        exchange: &Arc<Exchange>,
        dialer: Dialer,
        stall_timeout: Duration,
        otel: (OtelConfig, Dialer),
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        Arc::new(Self {
            exchange: Arc::clone(exchange),
            dialer,
            stall_timeout,
            otel,
            shutdown: shutdown.clone(),
            running: Mutex::default(),
        })
    }

    /// These destinations from now on. One that is not among them any more is given up with
    /// what waits for it; the others notice nothing.
    pub(super) fn set(&self, wanted: BTreeMap<Destination, Target>) {
        let mut running = self.running();
        let known: BTreeSet<Destination> = running.keys().cloned().collect();
        for gone in known.iter().filter(|own| !wanted.contains_key(*own)) {
            if let Some(old) = running.remove(gone) {
                tracing::info!("the destination {} is gone", gone.address);
                old.end.cancel();
            }
        }
        for (destination, target) in wanted {
            if !known.contains(&destination) {
                let address = &destination.address;
                tracing::info!("the destination {address} gets every envelope");
                let begun = self.begin(&destination, target);
                running.insert(destination, begun);
            }
        }
    }

    fn begin(&self, destination: &Destination, target: Target) -> Running {
        let end = self.shutdown.abort.child_token();
        let shutdown = Shutdown {
            abort: end.clone(),
            ..self.shutdown.clone()
        };
        let exit = match destination.protocol {
            Protocol::Loggregator => Exit::Links(self.links(target, &shutdown)),
            Protocol::OpenTelemetry => {
                let (config, dialer) = &self.otel;
                let address = &destination.address;
                let exchange = &self.exchange;
                Exit::Collector(Collector::start(
                    exchange, dialer, &target, address, config, &shutdown,
                ))
            }
        };
        Running {
            exit,
            end,
            logged: 0,
        }
    }

    fn links(&self, target: Target, shutdown: &Shutdown) -> Arc<Links> {
        const KINDS: [Kind; 5] = [
            Kind::Log,
            Kind::Counter,
            Kind::Gauge,
            Kind::Timer,
            Kind::Event,
        ];
        let everything = KINDS.into_iter().map(|kind| Selector {
            source: None,
            what: What::Any(kind),
        });
        let queue = self.exchange.subscribe(SubscribeRequest {
            selectors: everything.collect(),
            ..SubscribeRequest::default()
        });
        Links::start(
            self.dialer.clone(),
            Resolver::new(),
            LinksOptions {
                call: Call::BatchSender,
                hop: "forwarder agent",
                place: Arc::default(),
                next: "destination",
                tiers: [Vec::new(), vec![target]],
                connections: 1,
                resolve_interval: RESOLVE_EVERY,
                stall_timeout: self.stall_timeout,
                recycle_after: 0,
            },
            queue,
            shutdown,
        )
    }

    /// Says what destinations lost since this was last asked.
    pub(super) fn log_losses(&self) {
        for (destination, running) in self.running().iter_mut() {
            let lost = running.exit.stats().dropped_total();
            let fresh = lost.saturating_sub(running.logged);
            if fresh > 0 {
                running.logged = lost;
                tracing::warn!("Dropped {fresh} logs for url {}", destination.address);
            }
        }
    }

    /// The balance of each destination, with what waits for its connection.
    pub(super) fn balances(&self) -> Vec<(Destination, QueueStats)> {
        let running = self.running();
        let each = running.iter();
        let each = each.map(|(destination, running)| (destination.clone(), running.exit.stats()));
        each.collect()
    }

    /// What collectors took of each signal.
    pub(super) fn report_collectors(&self, to: &mut Snapshot) {
        for (destination, running) in self.running().iter() {
            if let Exit::Collector(collector) = &running.exit {
                collector.report(&destination.address, to);
            }
        }
    }

    /// What waits for connections: envelopes and bytes that have left the queues.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let running = self.running();
        let each = running.values().map(|running| running.exit.waiting());
        each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Destination, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
