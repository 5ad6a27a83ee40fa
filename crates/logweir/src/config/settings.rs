//! The tree of settings: what `logweir.toml` may say.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use logweir_serve::{
    agent::AgentConfig,
    auth::AuthConfig,
    binding_cache::BindingCacheConfig,
    drains::{DeliveryConfig, DrainConfig},
    dropsonde::DropsondeConfig,
    forwarder_agent::ForwarderAgentConfig,
    gateway::{GatewayConfig, HttpsFiles},
    log_cache::{LogCacheConfig, LogCacheGatewayConfig},
    log_cache_auth_proxy::LogCacheAuthProxyConfig,
    log_cache_syslog::LogCacheSyslogConfig,
    logplex::LogplexConfig,
    names::NamesConfig,
    nozzles::{NozzleConfig, NozzleRoleConfig},
    otlp::OtlpConfig,
    prom_scraper::PromScraperConfig,
    rlp::RlpConfig,
    router::RouterConfig,
    settings::duration,
    statsd::StatsdConfig,
    statsd_injector::StatsdInjectorConfig,
    syslog_agent::SyslogAgentConfig,
    syslog_in::SyslogConfig,
    traffic_controller::TrafficControllerConfig,
    udp_forwarder::UdpForwarderConfig,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that can be set. A process reads its role's section and the keys
/// above the sections.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Directory of certificates, the lock and `endpoints.json`. Empty:
    /// `$XDG_STATE_HOME/logweir`, else `~/.local/state/logweir`.
    pub(crate) data_dir: PathBuf,
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or a list
    /// such as `info,logweir_serve=debug`. Changes on reload.
    pub(crate) log_level: String,
    /// Threads that carry envelopes; `0`: one for each core.
    pub(crate) worker_threads: usize,
    /// How long an orderly end may take to flush queues before streams are cut.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub(crate) shutdown_deadline: Duration,
    /// The doors of `logweir run`.
    pub(crate) run: RunSettings,
    /// The agent. `logweir run` takes its tags, counters, limits and TLS files.
    pub(crate) agent: AgentConfig,
    /// The router. `logweir run` takes its queues, limits and TLS files.
    pub(crate) router: RouterConfig,
    /// The reverse log proxy. `logweir run` takes its stream limits.
    pub(crate) rlp: RlpConfig,
    /// The gateway. `logweir run` takes its stream settings.
    pub(crate) gateway: GatewayConfig,
    /// The traffic controller. `logweir run` takes its session settings.
    pub(crate) traffic_controller: TrafficControllerConfig,
    /// The UDP forwarder.
    pub(crate) udp_forwarder: UdpForwarderConfig,
    /// The binding cache.
    pub(crate) binding_cache: BindingCacheConfig,
    /// The forwarder agent.
    pub(crate) forwarder_agent: ForwarderAgentConfig,
    /// The syslog agent.
    pub(crate) syslog_agent: SyslogAgentConfig,
    /// The log cache. `logweir run` takes its store and the size of its messages.
    pub(crate) log_cache: LogCacheConfig,
    /// The log cache gateway.
    pub(crate) log_cache_gateway: LogCacheGatewayConfig,
    /// The auth proxy of a log cache.
    pub(crate) log_cache_auth_proxy: LogCacheAuthProxyConfig,
    /// The syslog server of a log cache.
    pub(crate) log_cache_syslog_server: LogCacheSyslogConfig,
    /// Logplex. `logweir run` takes all but its addresses and TLS files.
    pub(crate) logplex: LogplexConfig,
    /// The prom scraper. `logweir run` takes its targets and their settings.
    pub(crate) prom_scraper: PromScraperConfig,
    /// The statsd injector.
    pub(crate) statsd_injector: StatsdInjectorConfig,
    /// How drains are delivered: those of `logweir run` and of the syslog agent.
    pub(crate) delivery: DeliveryConfig,
    /// Drains of `logweir run` and of the syslog agent, beside those that are bound or added.
    pub(crate) drains: Vec<DrainConfig>,
    /// Nozzles of `logweir run` and of the role `nozzle`: exits that write files of this machine, or to databases.
    pub(crate) nozzles: Vec<NozzleConfig>,
    /// The role `nozzle`: what feeds `[[nozzles]]` where they run apart from the routers.
    pub(crate) nozzle: NozzleRoleConfig,
    /// Names of apps, spaces and organizations for nozzles and drains; none when absent.
    pub(crate) names: Option<NamesConfig>,
    /// The UDP doors of the agent, the UDP forwarder and `logweir run`.
    pub(crate) dropsonde: DropsondeConfig,
    /// The statsd door of the statsd injector and `logweir run`.
    pub(crate) statsd: StatsdConfig,
    /// The syslog doors of `logweir run`.
    pub(crate) syslog: SyslogConfig,
    /// The OTLP doors of the agent and `logweir run`.
    pub(crate) otlp: OtlpConfig,
    /// Who may read over HTTP: at the gateway, at the traffic controller and at the
    /// front door of `logweir run`.
    pub(crate) auth: AuthConfig,
}

/// The doors of `logweir run`. Port 0 takes a free one; the bound addresses are
/// printed and written to `endpoints.json` in the data directory.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RunSettings {
    /// HTTP front door: `/v2/read`, `/apps/…`, `/firehose/…`, `/metrics`, `/healthz`,
    /// `/readyz`.
    pub(crate) http: SocketAddr,
    /// Certificate and key of the front door; plain HTTP when absent.
    pub(crate) https: Option<HttpsFiles>,
    /// gRPC door of readers and agents, mutual TLS.
    pub(crate) grpc: SocketAddr,
    /// gRPC door of local producers, mutual TLS.
    pub(crate) ingress: SocketAddr,
    /// UDP door of local producers of dropsonde (V1) envelopes.
    pub(crate) dropsonde: SocketAddr,
    /// TCP door of syslog messages (RFC 5424, RFC 3164), with octet counts or newlines
    /// between them; TLS where `syslog.tls` asks for it.
    pub(crate) syslog: SocketAddr,
    /// UDP door of syslog messages.
    pub(crate) syslog_udp: SocketAddr,
    /// UDP door of statsd lines.
    pub(crate) statsd: SocketAddr,
    /// Door of OTLP over gRPC; TLS where `otlp.tls` asks for it.
    pub(crate) otlp_grpc: SocketAddr,
    /// Door of OTLP over HTTP: `/v1/logs`, `/v1/metrics`, `/v1/traces`.
    pub(crate) otlp_http: SocketAddr,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::new(),
            log_level: "info".into(),
            worker_threads: 0,
            shutdown_deadline: Duration::from_secs(10),
            run: RunSettings::default(),
            agent: AgentConfig::default(),
            router: RouterConfig::default(),
            rlp: RlpConfig::default(),
            gateway: GatewayConfig::default(),
            traffic_controller: TrafficControllerConfig::default(),
            udp_forwarder: UdpForwarderConfig::default(),
            binding_cache: BindingCacheConfig::default(),
            forwarder_agent: ForwarderAgentConfig::default(),
            syslog_agent: SyslogAgentConfig::default(),
            log_cache: LogCacheConfig::default(),
            log_cache_gateway: LogCacheGatewayConfig::default(),
            log_cache_auth_proxy: LogCacheAuthProxyConfig::default(),
            log_cache_syslog_server: LogCacheSyslogConfig::default(),
            logplex: LogplexConfig::default(),
            prom_scraper: PromScraperConfig::default(),
            statsd_injector: StatsdInjectorConfig::default(),
            delivery: DeliveryConfig::default(),
            drains: Vec::new(),
            nozzles: Vec::new(),
            nozzle: NozzleRoleConfig::default(),
            names: None,
            dropsonde: DropsondeConfig::default(),
            statsd: StatsdConfig::default(),
            syslog: SyslogConfig::default(),
            otlp: OtlpConfig::default(),
            auth: AuthConfig::default(),
        }
    }
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            http: SocketAddr::from(([127, 0, 0, 1], 8080)),
            https: None,
            grpc: SocketAddr::from(([127, 0, 0, 1], 8082)),
            ingress: SocketAddr::from(([127, 0, 0, 1], 3458)),
            dropsonde: SocketAddr::from(([127, 0, 0, 1], 3457)),
            syslog: SocketAddr::from(([127, 0, 0, 1], 6001)),
            syslog_udp: SocketAddr::from(([127, 0, 0, 1], 6001)),
            statsd: SocketAddr::from(([127, 0, 0, 1], 8125)),
            otlp_grpc: SocketAddr::from(([127, 0, 0, 1], 4317)),
            otlp_http: SocketAddr::from(([127, 0, 0, 1], 4318)),
        }
    }
}
