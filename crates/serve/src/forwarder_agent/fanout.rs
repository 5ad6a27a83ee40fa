//! One queue and one connection for each destination, begun and ended as they come and go.

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

use crate::agent::{Call, Links, LinksOptions, with_waiting};

/// How often a destination's name is looked up again.
const RESOLVE_EVERY: Duration = Duration::from_secs(10);

/// What all destinations share.
pub(super) struct Fanout {
    exchange: Arc<Exchange>,
    dialer: Dialer,
    stall_timeout: Duration,
    shutdown: Shutdown,
    running: Mutex<BTreeMap<String, Running>>,
}

struct Running {
    links: Arc<Links>,
    /// Gives the destination up.
    end: CancellationToken,
    /// Of the losses in its queue, those that were logged.
    logged: u64,
}

impl Fanout {
    pub(super) fn new(
        exchange: &Arc<Exchange>,
        dialer: Dialer,
        stall_timeout: Duration,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        Arc::new(Self {
            exchange: Arc::clone(exchange),
            dialer,
            stall_timeout,
            shutdown: shutdown.clone(),
            running: Mutex::default(),
        })
    }

    /// These destinations from now on. One that is not among them any more is given up with
    /// what waits for it; the others notice nothing.
    pub(super) fn set(&self, wanted: BTreeMap<String, Target>) {
        let mut running = self.running();
        let known: BTreeSet<String> = running.keys().cloned().collect();
        for gone in known.iter().filter(|own| !wanted.contains_key(*own)) {
            if let Some(old) = running.remove(gone) {
                tracing::info!("the destination {gone} is gone");
                old.end.cancel();
            }
        }
        for (address, target) in wanted {
            if !known.contains(&address) {
                tracing::info!("the destination {address} gets every envelope");
                let begun = self.begin(target);
                running.insert(address, begun);
            }
        }
    }

    fn begin(&self, target: Target) -> Running {
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
        let end = self.shutdown.abort.child_token();
        let links = Links::start(
            self.dialer.clone(),
            Resolver::new(),
            LinksOptions {
                call: Call::BatchSender,
                hop: "forwarder agent",
                next: "destination",
                tiers: [Vec::new(), vec![target]],
                connections: 1,
                resolve_interval: RESOLVE_EVERY,
                stall_timeout: self.stall_timeout,
                recycle_after: 0,
            },
            queue,
            &Shutdown {
                abort: end.clone(),
                ..self.shutdown.clone()
            },
        );
        Running {
            links,
            end,
            logged: 0,
        }
    }

    /// Says what destinations lost since this was last asked.
    pub(super) fn log_losses(&self) {
        for (address, running) in self.running().iter_mut() {
            let lost = running.links.stats().dropped_total();
            let fresh = lost.saturating_sub(running.logged);
            if fresh > 0 {
                running.logged = lost;
                tracing::warn!("Dropped {fresh} logs for url {address}");
            }
        }
    }

    /// The balance of each destination, with what waits for its connection.
    pub(super) fn balances(&self) -> Vec<(String, QueueStats)> {
        let running = self.running();
        let each = running.iter().map(|(address, running)| {
            let waiting = running.links.waiting();
            let stats = with_waiting(running.links.stats(), waiting);
            (address.clone(), stats)
        });
        each.collect()
    }

    /// What waits for connections: envelopes and bytes that have left the queues.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let running = self.running();
        let each = running.values().map(|running| running.links.waiting());
        each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
