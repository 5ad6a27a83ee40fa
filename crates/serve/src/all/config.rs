//! Settings of everything in one process.

use std::{net::SocketAddr, path::PathBuf};

use crate::{
    agent::AgentConfig,
    drains::DeliveryConfig,
    gateway::{GatewayConfig, HttpsFiles},
    log_cache::LogCacheConfig,
    logplex::LogplexConfig,
    names::NamesConfig,
    otlp::OtlpConfig,
    prom_scraper::PromScraperConfig,
    rlp::RlpConfig,
    router::RouterConfig,
    statsd::StatsdConfig,
    syslog_in::SyslogConfig,
    traffic_controller::TrafficControllerConfig,
};

/// Every role over one exchange in memory. The roles' own listen addresses, router
/// lists and connections between each other are not used; their bounds are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunConfig {
    /// HTTP front door.
    pub http: SocketAddr,
    /// Certificate and key of the front door; plain HTTP when absent.
    pub https: Option<HttpsFiles>,
    /// gRPC door of readers and routers: Egress and Ingress, mutual TLS by
    /// `router.tls`, limits by `router.limits`.
    pub grpc: SocketAddr,
    /// gRPC door of local producers: Ingress with the agent's tags and counter
    /// totals, mutual TLS by `agent.tls`, limits by `agent.limits`.
    pub ingress: SocketAddr,
    /// UDP door of local producers of V1 envelopes; what it does is in `agent.dropsonde`.
    pub dropsonde: SocketAddr,
    /// Syslog over TCP, with TLS where `syslog_in` asks for it.
    pub syslog: SocketAddr,
    /// Syslog over UDP.
    pub syslog_udp: SocketAddr,
    /// UDP door of statsd.
    pub statsd: SocketAddr,
    /// OTLP over gRPC, with TLS where `otlp` asks for it.
    pub otlp_grpc: SocketAddr,
    /// OTLP over HTTP.
    pub otlp_http: SocketAddr,
    /// Tags, counters and limits of local ingress.
    pub agent: AgentConfig,
    /// What the syslog doors do.
    pub syslog_in: SyslogConfig,
    /// What the OTLP doors do.
    pub otlp: OtlpConfig,
    /// What the statsd door does.
    pub statsd_lines: StatsdConfig,
    /// Pages that are scraped.
    pub prom_scraper: PromScraperConfig,
    /// Queues of subscribers.
    pub router: RouterConfig,
    /// Streams of readers.
    pub rlp: RlpConfig,
    /// Event streams and who may read.
    pub gateway: GatewayConfig,
    /// How drains are delivered.
    pub delivery: DeliveryConfig,
    /// Names of apps, for envelopes that lack them.
    pub names: Option<NamesConfig>,
    /// Where the drains that people add are kept.
    pub data_dir: PathBuf,
    /// What the log cache keeps.
    pub log_cache: LogCacheConfig,
    /// Channels, their tokens and drains.
    pub logplex: LogplexConfig,
    /// V1 sessions of the front door.
    pub traffic_controller: TrafficControllerConfig,
}
