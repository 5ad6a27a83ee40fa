//! To an OpenTelemetry collector: logs, metrics and traces, each with a queue, a connection
//! and retries of its own, so that what goes wrong with one is nothing to the others.
//!
//! [`pipe`] is the task of one signal, [`batch`] makes its requests.

mod batch;
mod config;
mod counts;
mod pipe;

use std::sync::Arc;

use logweir_net::{
    dial::{DialSettings, Dialer},
    resolve::{Resolver, Target},
    shutdown::Shutdown,
    tls::ClientTls,
};
use logweir_proto::peek::Kind;
use logweir_route::{
    Exchange, QueueStats, SubscribeRequest,
    selector::{Selector, What},
};
use logweir_wire::otlp::Signal;

pub use config::OtelConfig;

use crate::{agent::with_waiting, metrics::Snapshot};
use pipe::Pipe;

/// A collector and what it gets.
pub(crate) struct Collector {
    pipes: Vec<Arc<Pipe>>,
}

/// A dialler for collectors. They end the connection of a client that pings more often than
/// every five minutes, so calls have deadlines instead.
pub(crate) fn dialer(tls: &ClientTls, name: &str) -> Dialer {
    let settings = DialSettings {
        keepalive_interval: std::time::Duration::from_secs(600),
        ..DialSettings::default()
    };
    Dialer::new(Some(tls.clone()), name.to_owned(), settings)
}

impl Collector {
    /// Starts a task for each signal that the settings ask for. They end once the exchange
    /// has ended and their queues are empty, or when `shutdown` aborts.
    pub(crate) fn start(
        exchange: &Arc<Exchange>,
        dialer: &Dialer,
        target: &Target,
        address: &str,
        config: &OtelConfig,
        shutdown: &Shutdown,
    ) -> Self {
        let wanted = [
            (config.logs, Signal::Logs, &[Kind::Log, Kind::Event][..]),
            (
                config.metrics,
                Signal::Metrics,
                &[Kind::Counter, Kind::Gauge],
            ),
            (config.traces, Signal::Traces, &[Kind::Timer]),
        ];
        let mut pipes = Vec::new();
        for (wanted, signal, kinds) in wanted {
            if !wanted {
                continue;
            }
            let selectors = kinds.iter().map(|kind| Selector {
                source: None,
                what: What::Any(*kind),
            });
            let queue = exchange.subscribe(SubscribeRequest {
                selectors: selectors.collect(),
                ..SubscribeRequest::default()
            });
            let pipe = Pipe::new(signal, queue, address, config);
            let way = pipe::Way {
                dialer: dialer.clone(),
                resolver: Resolver::new(),
                target: target.clone(),
            };
            let task = Arc::clone(&pipe);
            let abort = shutdown.abort.clone();
            shutdown.tracker.spawn(async move {
                if abort.run_until_cancelled(task.run(way)).await.is_none() {
                    task.give_up();
                }
            });
            pipes.push(pipe);
        }
        Self { pipes }
    }

    /// The balance of its queues, what is under way counted as waiting.
    pub(crate) fn stats(&self) -> QueueStats {
        let mut all = QueueStats::default();
        for pipe in &self.pipes {
            let waiting = pipe.waiting();
            all.add(&with_waiting(pipe.stats(), waiting));
        }
        all
    }

    /// Envelopes and bytes that left the queues and are under way.
    pub(crate) fn waiting(&self) -> (u64, u64) {
        let each = self.pipes.iter().map(|pipe| pipe.waiting());
        each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// What became of each signal.
    pub(crate) fn report(&self, destination: &str, to: &mut Snapshot) {
        for pipe in &self.pipes {
            pipe.report(destination, to);
        }
    }
}
