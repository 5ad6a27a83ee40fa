//! The roles of this build.

use clap::ValueEnum;
use logweir_serve::{
    agent::{self, AgentConfig},
    all::{self, RunConfig},
    binding_cache::{self, BindingCacheConfig},
    context::{ServeContext, StartError, Started},
    gateway::{self, GatewayConfig},
    rlp::{self, RlpConfig},
    router::{self, RouterConfig},
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
    /// Knows which app has which drains.
    BindingCache,
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
            Self::BindingCache => "binding-cache",
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
    /// The binding cache.
    BindingCache(Box<BindingCacheConfig>),
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
        RoleConfig::BindingCache(config) => binding_cache::start(*config, context).await,
    }
}
