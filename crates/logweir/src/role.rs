//! The roles of this build.

use clap::ValueEnum;
use logweir_serve::{
    agent::{self, AgentConfig},
    all::{self, RunConfig},
    binding_cache::{self, BindingCacheConfig},
    context::{ServeContext, StartError, Started},
    forwarder_agent::{self, ForwarderAgentConfig},
    gateway::{self, GatewayConfig},
    log_cache::{self, LogCacheConfig, LogCacheGatewayConfig},
    log_cache_auth_proxy::{self, LogCacheAuthProxyConfig},
    log_cache_syslog::{self, LogCacheSyslogConfig},
    logplex::{self, LogplexConfig},
    nozzles::{self, NozzleRoleConfig},
    prom_scraper::{self, PromScraperConfig},
    rlp::{self, RlpConfig},
    router::{self, RouterConfig},
    statsd_injector::{self, StatsdInjectorConfig},
    syslog_agent::{self, SyslogAgentConfig},
    traffic_controller::{self, TrafficControllerConfig},
    udp_forwarder::{self, UdpForwarderConfig},
};

/// What a process plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Everything in one process.
    Run,
    /// Takes envelopes on each machine and spreads them over routers.
    Agent,
    /// Hands envelopes to subscribers.
    Router,
    /// Reads from every router on behalf of readers.
    Rlp,
    /// Readers without gRPC.
    Gateway,
    /// V1 readers over WebSockets.
    TrafficController,
    /// Hands dropsonde datagrams to the agent of the machine.
    UdpForwarder,
    /// Reads metrics pages and hands what they say to the agent of the machine.
    PromScraper,
    /// Hands statsd lines to the agent of the machine.
    StatsdInjector,
    /// Knows which app has which drains.
    BindingCache,
    /// Gives every envelope of a machine to several agents.
    ForwarderAgent,
    /// Delivers the envelopes of a machine to drains.
    SyslogAgent,
    /// Delivers what a reverse log proxy has to nozzles.
    Nozzle,
    /// Keeps everything recent.
    LogCache,
    /// Readers of the log cache without gRPC.
    LogCacheGateway,
    /// Guards a gateway of the log cache.
    LogCacheAuthProxy,
    /// Hands syslog messages to a log cache.
    LogCacheSyslogServer,
    /// Channels, their tokens, drains and sessions.
    Logplex,
}

impl Role {
    /// The word of the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Agent => "agent",
            Self::Router => "router",
            Self::Rlp => "rlp",
            Self::Gateway => "gateway",
            Self::TrafficController => "traffic-controller",
            Self::UdpForwarder => "udp-forwarder",
            Self::PromScraper => "prom-scraper",
            Self::StatsdInjector => "statsd-injector",
            Self::BindingCache => "binding-cache",
            Self::ForwarderAgent => "forwarder-agent",
            Self::SyslogAgent => "syslog-agent",
            Self::Nozzle => "nozzle",
            Self::LogCache => "log-cache",
            Self::LogCacheGateway => "log-cache-gateway",
            Self::LogCacheAuthProxy => "log-cache-auth-proxy",
            Self::LogCacheSyslogServer => "log-cache-syslog-server",
            Self::Logplex => "logplex",
        }
    }

    /// The section of the settings.
    pub(crate) fn section(self) -> String {
        self.name().replace('-', "_")
    }
}

/// A role and its settings.
#[derive(Clone, Debug)]
pub(crate) enum RoleConfig {
    /// Everything in one process.
    Run(Box<RunConfig>),
    /// The agent.
    Agent(Box<AgentConfig>),
    /// The router.
    Router(Box<RouterConfig>),
    /// The reverse log proxy.
    Rlp(Box<RlpConfig>),
    /// The gateway.
    Gateway(Box<GatewayConfig>),
    /// The traffic controller.
    TrafficController(Box<TrafficControllerConfig>),
    /// The UDP forwarder.
    UdpForwarder(Box<UdpForwarderConfig>),
    /// The prom scraper.
    PromScraper(Box<PromScraperConfig>),
    /// The statsd injector.
    StatsdInjector(Box<StatsdInjectorConfig>),
    /// The binding cache.
    BindingCache(Box<BindingCacheConfig>),
    /// The forwarder agent.
    ForwarderAgent(Box<ForwarderAgentConfig>),
    /// The syslog agent.
    SyslogAgent(Box<SyslogAgentConfig>),
    /// The nozzles.
    Nozzle(Box<NozzleRoleConfig>),
    /// A log cache node.
    LogCache(Box<LogCacheConfig>),
    /// The log cache gateway.
    LogCacheGateway(Box<LogCacheGatewayConfig>),
    /// The auth proxy of a log cache.
    LogCacheAuthProxy(Box<LogCacheAuthProxyConfig>),
    /// The syslog server of a log cache.
    LogCacheSyslogServer(Box<LogCacheSyslogConfig>),
    /// Logplex.
    Logplex(Box<LogplexConfig>),
}

/// Starts the role. Every door is bound when this returns.
pub(crate) async fn start(
    config: RoleConfig,
    context: &ServeContext,
) -> Result<Started, StartError> {
    match config {
        RoleConfig::Run(config) => all::start(*config, context).await,
        RoleConfig::Agent(config) => agent::start(*config, context).await,
        RoleConfig::Router(config) => router::start(*config, context).await,
        RoleConfig::Rlp(config) => rlp::start(*config, context).await,
        RoleConfig::Gateway(config) => gateway::start(*config, context).await,
        RoleConfig::TrafficController(config) => traffic_controller::start(*config, context).await,
        RoleConfig::UdpForwarder(config) => udp_forwarder::start(*config, context).await,
        RoleConfig::PromScraper(config) => prom_scraper::start(*config, context).await,
        RoleConfig::StatsdInjector(config) => statsd_injector::start(*config, context).await,
        RoleConfig::BindingCache(config) => binding_cache::start(*config, context).await,
        RoleConfig::ForwarderAgent(config) => forwarder_agent::start(*config, context).await,
        RoleConfig::SyslogAgent(config) => syslog_agent::start(*config, context).await,
        RoleConfig::Nozzle(config) => nozzles::start(*config, context).await,
        RoleConfig::LogCache(config) => log_cache::start(*config, context).await,
        RoleConfig::LogCacheGateway(config) => log_cache::start_gateway(*config, context).await,
        RoleConfig::LogCacheAuthProxy(config) => {
            log_cache_auth_proxy::start(*config, context).await
        }
        RoleConfig::LogCacheSyslogServer(config) => log_cache_syslog::start(*config, context).await,
        RoleConfig::Logplex(config) => logplex::start(*config, context).await,
    }
}
