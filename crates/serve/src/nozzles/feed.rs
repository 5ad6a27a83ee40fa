//! What fills the queue of a nozzle that runs apart from the exchange: a stream of a reverse log
//! proxy, opened again whenever it ends.

use std::time::Duration;

use futures_util::StreamExt;
use logweir_net::{backoff::Backoff, shutdown::Shutdown};
use logweir_proto::{
    peek::Kind,
    v2::{self, selector::Message as Wanted},
};
use logweir_route::{Feeder, Selector, SubscribeRequest, Subscription, selector::What};
use tokio_util::sync::DropGuard;
use tonic::Status;

use crate::gateway::RemoteRlp;

/// Bounds of the pause before a stream is opened again.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// A reverse log proxy, for everything that is delivered here.
#[derive(Clone)]
pub(crate) struct Feed {
    rlp: RemoteRlp,
    shutdown: Shutdown,
}

impl Feed {
    pub(crate) fn new(rlp: RemoteRlp, shutdown: Shutdown) -> Self {
        Self { rlp, shutdown }
    }

    /// Fills a queue with what was subscribed to, until what this returns is dropped.
    pub(crate) fn fill(&self, request: &SubscribeRequest, queue: &Subscription) -> DropGuard {
        let until = self.shutdown.stop.child_token();
        let guard = until.clone().drop_guard();
        let reading = read(self.rlp.clone(), to_wire(request), queue.feeder());
        let reading = async move { until.run_until_cancelled(reading).await };
        self.shutdown.tracker.spawn(reading);
        guard
    }
}

async fn read(rlp: RemoteRlp, request: v2::EgressBatchRequest, mut feeder: Feeder) {
    let mut backoff = Backoff::new(RETRY.0, RETRY.1);
    loop {
        let ended = match rlp.open(&request).await {
            Err(status) => status,
            Ok(mut batches) => loop {
                match batches.next().await {
                    Some(Ok(batch)) => {
                        feeder.feed(batch);
                        backoff.reset();
                    }
                    Some(Err(status)) => break status,
                    None => break Status::ok("the stream ended"),
                }
            },
        };
        tracing::debug!("a nozzle's stream ended: {}", ended.message());
        tokio::time::sleep(backoff.next()).await;
    }
}

fn to_wire(request: &SubscribeRequest) -> v2::EgressBatchRequest {
    v2::EgressBatchRequest {
        shard_id: request.shard.clone(),
        selectors: request.selectors.iter().map(selector).collect(),
        use_preferred_tags: true,
        ..v2::EgressBatchRequest::default()
    }
}

fn selector(selector: &Selector) -> v2::Selector {
    let wanted = match &selector.what {
        What::Any(Kind::Log) => Wanted::Log(v2::LogSelector::default()),
        What::Any(Kind::Counter) => Wanted::Counter(v2::CounterSelector::default()),
        What::Any(Kind::Gauge) => Wanted::Gauge(v2::GaugeSelector::default()),
        What::Any(Kind::Timer) => Wanted::Timer(v2::TimerSelector::default()),
        What::Any(Kind::Event) => Wanted::Event(v2::EventSelector::default()),
        What::Counter(name) => Wanted::Counter(v2::CounterSelector {
            name: name.to_string(),
        }),
        What::Gauge(names) => Wanted::Gauge(v2::GaugeSelector {
            names: names.iter().map(ToString::to_string).collect(),
        }),
    };
    v2::Selector {
        source_id: selector.source.as_deref().unwrap_or_default().to_owned(),
        message: Some(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_reads_what_was_subscribed_to() {
        let kinds = [
            Kind::Log,
            Kind::Counter,
            Kind::Gauge,
            Kind::Timer,
            Kind::Event,
        ];
        let any = kinds.map(What::Any);
        let named = [
            What::Counter("c".into()),
            What::Gauge(vec!["a".into(), "b".into()]),
        ];
        let selectors = any.into_iter().chain(named).map(|what| Selector {
            source: Some("app".into()),
            what,
        });
        let request = SubscribeRequest {
            selectors: selectors.collect(),
            shard: "s".to_owned(),
            ..SubscribeRequest::default()
        };
        let read = SubscribeRequest::from_wire(&to_wire(&request));
        assert_eq!(
            (read.selectors, read.shard),
            (request.selectors, request.shard)
        );
    }
}
