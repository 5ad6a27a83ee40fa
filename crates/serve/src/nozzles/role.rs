//! The nozzles as a role of their own: they read from a reverse log proxy.

use std::net::SocketAddr;

use logweir_drain::delivery::Naming;
use logweir_net::resolve::Resolver;
use logweir_route::Exchange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::feed::Feed;
use crate::{
    context::{ServeContext, StartError, Started},
    doors,
    drains::{self, Declared, DeliveryConfig, Drains},
    front::Readiness,
    gateway::RemoteRlp,
    metrics::Registry,
    names::{self, NamesConfig},
    router::{end_with, exchange_limits},
    settings::{MetricsDoor, QueueConfig, TlsFiles},
};

/// Largest envelope that a queue takes, in bytes: what a reverse log proxy sends at most.
const FRAME: usize = 16 << 20;

/// The nozzles of `[[nozzles]]`, fed by a reverse log proxy.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct NozzleRoleConfig {
    /// The reverse log proxy, `host:port` or `srv:NAME`.
    pub rlp: String,
    /// Identity towards the reverse log proxy.
    pub rlp_tls: TlsFiles,
    /// Name that the reverse log proxy's certificate must carry.
    pub rlp_name: String,
    /// Bounds of each nozzle's queue.
    pub queue: QueueConfig,
    /// Bytes that may wait for all nozzles together.
    pub queues_total_bytes: usize,
    /// How is delivered: the section `[delivery]` of the configuration.
    #[serde(skip)]
    pub delivery: DeliveryConfig,
    /// Names of apps: the section `[names]` of the configuration.
    #[serde(skip)]
    pub names: Option<NamesConfig>,
    /// HTTPS metrics door; none when absent.
    pub metrics: Option<MetricsDoor>,
    /// Plain-HTTP status page (`/healthz`, `/readyz`, `/metrics`); none when absent.
    pub status: Option<SocketAddr>,
}

impl Default for NozzleRoleConfig {
    fn default() -> Self {
        Self {
            rlp: "127.0.0.1:8083".into(),
            rlp_tls: TlsFiles::default(),
            rlp_name: "reverselogproxy".into(),
            queue: QueueConfig::default(),
            queues_total_bytes: 256 << 20,
            delivery: DeliveryConfig::default(),
            names: None,
            metrics: None,
            status: None,
        }
    }
}

/// Starts the nozzles. The doors `metrics` and `status` are bound when this returns, where the
/// settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, an address that cannot be read or bound, or a nozzle of
/// the configuration that is none.
pub async fn start(
    config: NozzleRoleConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let registry = Registry::new();
    let limits = exchange_limits(&config.queue, config.queues_total_bytes, FRAME);
    let exchange = Exchange::new(limits);
    started.hop("nozzle", &exchange);
    let client = doors::client_tls("the nozzles", &config.rlp_tls, &[])?;
    context.watch_tls(Vec::new(), vec![client.clone()]);
    let mut targets = doors::targets("nozzle.rlp", std::slice::from_ref(&config.rlp))?;
    let rlp = RemoteRlp::start(
        targets.remove(0),
        doors::dialer(&client, &config.rlp_name),
        Resolver::new(),
        readiness.part("rlp"),
        &context.shutdown,
    );
    let names = config.names.as_ref();
    let names = names.map(|own| names::start(own, &registry, context));
    let plan = drains::Plan {
        exchange: &exchange,
        config: &config.delivery,
        platform_ca: &config.rlp_tls.ca,
        // Nozzles have no app to tell.
        notices: Box::new(exchange.publisher()),
        naming: names.transpose()?.map(|names| Naming {
            names,
            drains: false,
        }),
        feed: Some(Feed::new(rlp, context.shutdown.clone())),
    };
    let drains = Drains::new(plan, context)?;
    let takes = Declared {
        drains: None,
        nozzles: true,
    };
    drains::follow_declared(&drains, takes, context)?;
    drains::collect(&registry, &drains);
    let metrics = config.metrics.as_ref();
    doors::status(
        config.status,
        metrics,
        &readiness,
        &registry,
        context,
        &mut started,
    )
    .await?;
    end_with(&exchange, &[], context);
    Ok(started)
}
