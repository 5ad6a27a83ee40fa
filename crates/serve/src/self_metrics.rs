//! A role's own metrics as envelopes to the agent of its machine.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use logweir_net::{
    grpc,
    resolve::{Resolver, Target},
};
use logweir_proto::{service, v2};
use logweir_route::Exchange;
use prost::Message;
use tonic::Status;

use crate::{
    context::{ServeContext, StartError},
    doors,
    grpc::unix_nanos,
    metrics::{Pulse, Registry},
    settings::{SelfMetricsConfig, TlsFiles},
};

/// Name that an agent's certificate carries.
const AGENT: &str = "metron";

/// A delivery that takes longer than this is given up until the next pulse.
const PATIENCE: Duration = Duration::from_secs(5);

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
        Pulse::new(source_id, self.origin)
    }
}

/// Sends the metrics of `registry` at the interval of the settings, if they name an
/// agent. An agent that is down costs nothing but the envelopes' delay: deltas are
/// kept for the next pulse.
pub(crate) fn start(
    config: &SelfMetricsConfig,
    tls: &TlsFiles,
    registry: &Registry,
    identity: Identity,
    context: &ServeContext,
) -> Result<(), StartError> {
    if config.agent.is_empty() || config.interval.is_zero() {
        return Ok(());
    }
    let target: Target = config
        .agent
        .parse()
        .map_err(|error| StartError::Setting(format!("self_metrics.agent: {error}")))?;
    let client = doors::client_tls("the role's own metrics", tls, &[])?;
    context.watch_tls(Vec::new(), vec![client.clone()]);
    let dialer = doors::dialer(&client, AGENT);
    let resolver = Resolver::new();
    let mut pulse = identity.pulse(config);
    let registry = registry.clone();
    let interval = config.interval;
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        let send = async |batch: Bytes| -> Result<(), String> {
            let addresses = resolver
                .resolve(&target)
                .await
                .map_err(|error| error.to_string())?;
            let address = addresses.first().ok_or("the agent's name has no address")?;
            let connection = dialer
                .connect(*address)
                .await
                .map_err(|error| error.to_string())?;
            let body = grpc::request_body(stream::iter([Ok::<_, Status>(batch)]));
            let request = grpc::request(service::BATCH_SENDER, &target.to_string(), body);
            let answer = connection
                .send(request)
                .await
                .map_err(|error| error.to_string())?;
            // A peer's agent answers a half-closed stream with an `EOF` status: the
            // batch has been taken all the same.
            drop(answer);
            connection.close();
            Ok(())
        };
        let pulses = async {
            loop {
                tokio::time::sleep(interval).await;
                let snapshot = registry.snapshot();
                let batch = pulse.envelopes(&snapshot, unix_nanos());
                let batch = v2::EnvelopeBatch { batch }.encode_to_vec().into();
                match tokio::time::timeout(PATIENCE, send(batch)).await {
                    Ok(Ok(())) => pulse.delivered(&snapshot),
                    Ok(Err(error)) => tracing::debug!("cannot send own metrics: {error}"),
                    Err(_) => tracing::debug!("cannot send own metrics: no answer"),
                }
            }
        };
        stop.run_until_cancelled(pulses).await;
    });
    Ok(())
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
                let batch = pulse.envelopes(&snapshot, unix_nanos());
                publisher.publish(&v2::EnvelopeBatch { batch }.encode_to_vec().into());
                pulse.delivered(&snapshot);
            }
        };
        stop.run_until_cancelled(pulses).await;
    });
}
