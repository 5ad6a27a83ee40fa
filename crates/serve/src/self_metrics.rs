//! A role's own metrics as envelopes to the agent of its machine.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use logweir_net::{
    backoff::Backoff,
    dial::{Dialer, H2},
    grpc::{self, Messages},
    resolve::{Resolver, Target},
};
use logweir_proto::{service, v2};
use logweir_route::Exchange;
use prost::Message;
use tokio::{sync::mpsc, time::Instant};
use tonic::{Code, Status};

use crate::{
    context::{ServeContext, StartError},
    doors,
    grpc::unix_nanos,
    metrics::{Pulse, Registry},
    outlet::OpenSink,
    settings::{SelfMetricsConfig, TlsFiles},
};

/// Name that an agent's certificate carries.
const AGENT: &str = "metron";

/// A delivery that takes longer than this is given up until the next pulse.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pause after a failure, at least and at most, if the interval is not longer.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Most bytes of the agent's answer, which is an empty message.
const ANSWER_BYTES: usize = 4 << 10;

/// The peers' names of a role.
pub(crate) struct Identity {
    /// `source_id` unless the settings say otherwise.
    pub(crate) source_id: &'static str,
    /// The tag `origin`.
    pub(crate) origin: &'static str,
}

impl Identity {
    fn pulse(&self, config: &SelfMetricsConfig) -> Pulse {
        let source_id = if config.source_id.is_empty() {
            self.source_id
        } else {
            &config.source_id
        };
        let pulse = Pulse::new(source_id, self.origin);
        match config.legacy_metric_names {
            true => pulse.with_legacy_names(),
            false => pulse,
        }
    }
}

/// Events that wait for the agent; more are left out.
const WAITING_EVENTS: usize = 16;

/// Where a role announces what its operators should know. Clones are the same.
#[derive(Clone, Default)]
pub struct Events(Option<Announcer>);

#[derive(Clone)]
struct Announcer {
    pulse: Pulse,
    to: Destination,
}

#[derive(Clone)]
enum Destination {
    Agent(mpsc::Sender<v2::Envelope>),
    Exchange(Arc<Exchange>),
}

impl Events {
    /// Into the exchange of this process.
    pub(crate) fn into_exchange(
        config: &SelfMetricsConfig,
        identity: &Identity,
        exchange: &Arc<Exchange>,
    ) -> Self {
        Self(Some(Announcer {
            pulse: identity.pulse(config),
            to: Destination::Exchange(Arc::clone(exchange)),
        }))
    }

    /// Announces an event as an envelope. Never waits; nothing happens where the role
    /// sends no envelopes.
    pub(crate) fn say(&self, title: &str, body: &str) {
        let Some(Announcer { pulse, to }) = &self.0 else {
            return;
        };
        let event = pulse.event(title, body, unix_nanos());
        match to {
            // Full: the agent is away.
            Destination::Agent(agent) => drop(agent.try_send(event)),
            Destination::Exchange(exchange) => {
                exchange.publisher().publish(&batch(vec![event]));
            }
        }
    }
}

fn batch(batch: Vec<v2::Envelope>) -> Bytes {
    v2::EnvelopeBatch { batch }.encode_to_vec().into()
}

/// Sends the metrics of `registry` at the interval of the settings, if they name an
/// agent. An agent that is down costs nothing but the envelopes' delay: deltas are
/// kept for the next pulse. What is said to the result goes the same way, at once.
pub(crate) fn start(
    config: &SelfMetricsConfig,
    tls: &TlsFiles,
    registry: &Registry,
    identity: Identity,
    context: &ServeContext,
) -> Result<Events, StartError> {
    if config.agent.is_empty() || config.interval.is_zero() {
        return Ok(Events::default());
    }
    let target: Target = config
        .agent
        .parse()
        .map_err(|error| StartError::Setting(format!("self_metrics.agent: {error}")))?;
    let client = doors::client_tls("the role's own metrics", tls, &[])?;
    context.watch_tls(Vec::new(), vec![client.clone()]);
    let mut delivery = Delivery {
        dialer: doors::dialer(&client, AGENT),
        resolver: Resolver::new(),
        target,
        open: None,
    };
    let mut pulse = identity.pulse(config);
    let (events, mut said) = mpsc::channel(WAITING_EVENTS);
    let events = Events(Some(Announcer {
        pulse: pulse.clone(),
        to: Destination::Agent(events),
    }));
    let registry = registry.clone();
    let interval = config.interval;
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        let pulses = async {
            let mut wait = Backoff::new(RETRY.0, RETRY.1);
            let mut pause = interval;
            loop {
                let pulse_at = Instant::now() + pause;
                loop {
                    let event = tokio::select! {
                        () = tokio::time::sleep_until(pulse_at) => break,
                        Some(event) = said.recv() => event,
                    };
                    let sent = delivery.send(batch(vec![event]));
                    let sent = tokio::time::timeout(PATIENCE, sent).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        tracing::debug!("cannot send an event to the agent");
                    }
                }
                let snapshot = registry.snapshot();
                let batch = batch(pulse.envelopes(&snapshot, unix_nanos()));
                let sent = tokio::time::timeout(PATIENCE, delivery.send(batch)).await;
                match sent.unwrap_or_else(|_| Err("no answer".into())) {
                    Ok(()) => {
                        pulse.delivered(&snapshot);
                        wait.reset();
                        pause = interval;
                    }
                    Err(error) => {
                        tracing::debug!("cannot send own metrics: {error}");
                        pause = interval.max(wait.next());
                    }
                }
            }
        };
        stop.run_until_cancelled(pulses).await;
    });
    Ok(events)
}

/// The way to the agent: one connection, kept from pulse to pulse.
struct Delivery {
    dialer: Dialer,
    resolver: Resolver,
    target: Target,
    open: Option<H2>,
}

impl Delivery {
    async fn send(&mut self, batch: Bytes) -> Result<(), String> {
        let open = self.open.take().filter(|open| !open.is_closed());
        let connection = match open {
            Some(open) => open,
            None => self.connect().await?,
        };
        let body = grpc::request_body(stream::iter([Ok::<_, Status>(batch)]));
        let request = grpc::request(service::BATCH_SENDER, &self.target.to_string(), body);
        let answer = connection.send(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let mut messages = Messages::of_response(answer, ANSWER_BYTES);
        let status = loop {
            match messages.next().await {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(status) => break Err(status),
            }
        };
        match status {
            // A peer's agent answers a half-closed stream like this: it has taken the
            // batch all the same.
            Err(status) if status.code() == Code::Unknown && status.message() == "EOF" => {}
            other => other.map_err(|status| status.message().to_owned())?,
        }
        self.open = Some(connection);
        Ok(())
    }

    async fn connect(&self) -> Result<H2, String> {
        let addresses = self.resolver.resolve(&self.target).await;
        let addresses = addresses.map_err(|error| error.to_string())?;
        let address = addresses.first().ok_or("the agent's name has no address")?;
        let connection = self.dialer.connect(*address).await;
        connection.map_err(|error| error.to_string())
    }
}

/// The same straight into the exchange of this process.
pub(crate) fn publish(
    config: &SelfMetricsConfig,
    registry: &Registry,
    identity: Identity,
    exchange: &Arc<Exchange>,
    context: &ServeContext,
) {
    if config.interval.is_zero() {
        return;
    }
    let mut pulse = identity.pulse(config);
    let mut publisher = exchange.publisher();
    let registry = registry.clone();
    let interval = config.interval;
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        let pulses = async {
            loop {
                tokio::time::sleep(interval).await;
                let snapshot = registry.snapshot();
                publisher.publish(&batch(pulse.envelopes(&snapshot, unix_nanos())));
                pulse.delivered(&snapshot);
            }
        };
        stop.run_until_cancelled(pulses).await;
    });
}

/// An agent's metrics under the names of the first generation, into the stream that it sends
/// itself. Under the names of today they are only scraped, as those of the peers are.
pub(crate) fn publish_metron(
    registry: &Registry,
    sinks: &OpenSink,
    interval: Duration,
    context: &ServeContext,
) {
    let mut pulse = Pulse::new("metron", "loggregator.metron").only_legacy_names();
    let mut sink = sinks();
    let registry = registry.clone();
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        let pulses = async {
            loop {
                tokio::time::sleep(interval).await;
                let snapshot = registry.snapshot();
                sink.accept(batch(pulse.envelopes(&snapshot, unix_nanos())));
                pulse.delivered(&snapshot);
            }
        };
        stop.run_until_cancelled(pulses).await;
    });
}
