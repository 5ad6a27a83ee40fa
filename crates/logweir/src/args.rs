//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::role::Role;

/// Shown under every help text.
const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 69 no running logweir found, 78 bad \
configuration; each failure is said in one line on standard error. `exec` ends with the \
app's own code, 128 and the number of the signal that ended it, 126 where the app cannot \
be executed, 127 where it was not found.";

#[derive(Parser)]
#[command(
    name = "logweir",
    about = "Routes the logs and metrics of many apps, speaking Loggregator V2",
    after_help = EXIT_CODES,
    arg_required_else_help = true,
    disable_version_flag = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process
    #[command(after_help = concat!(
        "Examples:\n",
        "  logweir run\n",
        "  logweir run --config /etc/logweir.toml --data-dir /var/lib/logweir\n",
        "  logweir run --ephemeral          every door on a free port, beside a running system\n\n",
        "SIGTERM and SIGINT end in order, a second one at once; SIGHUP reads configuration\n",
        "and certificates again; SIGUSR1 writes queues and depths to standard error."
    ))]
    Run(RunArgs),
    /// Run the agent of one machine
    #[command(after_help = "Examples:\n  \
        logweir agent --config /etc/logweir.toml\n  \
        LOGWEIR_AGENT_ROUTERS=srv:_grpc._tcp.routers.example logweir agent")]
    Agent(OpenRoleArgs),
    /// Run a router
    #[command(after_help = "Examples:\n  \
        logweir router --config /etc/logweir.toml\n  \
        LOGWEIR_ROUTER_LISTEN=0.0.0.0:8082 logweir router")]
    Router(RoleArgs),
    /// Run a reverse log proxy
    #[command(after_help = "Examples:\n  \
        logweir rlp --config /etc/logweir.toml\n  \
        LOGWEIR_RLP_ROUTERS=10.0.0.1:8082,10.0.0.2:8082 logweir rlp")]
    Rlp(RoleArgs),
    /// Run a gateway: `/v2/read` for readers without gRPC
    #[command(after_help = "Examples:\n  \
        logweir gateway --config /etc/logweir.toml\n  \
        LOGWEIR_GATEWAY_RLP=10.0.0.3:8083 logweir gateway")]
    Gateway(OpenRoleArgs),
    /// Run a traffic controller: `/apps/…` and `/firehose/…` for V1 readers
    #[command(after_help = "Examples:\n  \
        logweir traffic-controller --config /etc/logweir.toml\n  \
        LOGWEIR_TRAFFIC_CONTROLLER_ROUTERS=10.0.0.1:8082,10.0.0.2:8082 logweir traffic-controller")]
    TrafficController(OpenRoleArgs),
    /// Run a UDP forwarder: dropsonde datagrams to the local agent
    #[command(after_help = "Examples:\n  \
        logweir udp-forwarder --config /etc/logweir.toml\n  \
        LOGWEIR_UDP_FORWARDER_AGENT=127.0.0.1:3458 logweir udp-forwarder")]
    UdpForwarder(OpenRoleArgs),
    /// Run a prom scraper: metrics pages to the agent of the machine
    #[command(after_help = "Examples:\n  \
        logweir prom-scraper --config /etc/logweir.toml\n  \
        LOGWEIR_PROM_SCRAPER_CONFIG_GLOBS='/etc/scrape/*.yml' logweir prom-scraper")]
    PromScraper(RoleArgs),
    /// Run a statsd injector: statsd lines to the agent of the machine
    #[command(after_help = "Examples:\n  \
        logweir statsd-injector --config /etc/logweir.toml\n  \
        LOGWEIR_STATSD_INJECTOR_LISTEN=127.0.0.1:8125 logweir statsd-injector")]
    StatsdInjector(OpenRoleArgs),
    /// Run a binding cache: tells syslog agents which app has which drains
    #[command(after_help = "Examples:\n  \
        logweir binding-cache --config /etc/logweir.toml\n  \
        LOGWEIR_BINDING_CACHE_API=https://cc.example:9023 logweir binding-cache")]
    BindingCache(RoleArgs),
    /// Run a forwarder agent: every envelope of a machine to several agents
    #[command(after_help = "Examples:\n  \
        logweir forwarder-agent --config /etc/logweir.toml\n  \
        LOGWEIR_FORWARDER_AGENT_DESTINATIONS=127.0.0.1:3459,127.0.0.1:3460 logweir forwarder-agent")]
    ForwarderAgent(RoleArgs),
    /// Run a syslog agent: the envelopes of a machine to the drains of their apps
    #[command(after_help = "Examples:\n  \
        logweir syslog-agent --config /etc/logweir.toml\n  \
        LOGWEIR_SYSLOG_AGENT_CACHE=https://cache.example:9000 logweir syslog-agent")]
    SyslogAgent(RoleArgs),
    /// Run nozzles: from a reverse log proxy to files, Graphite and Kafka
    #[command(after_help = "Examples:\n  \
        logweir nozzle --config /etc/logweir.toml\n  \
        LOGWEIR_NOZZLE_RLP=rlp.example:8082 logweir nozzle --config /etc/logweir.toml")]
    Nozzle(RoleArgs),
    /// Run a log cache node: everything recent, per source
    #[command(after_help = "Examples:\n  \
        logweir log-cache --config /etc/logweir.toml\n  \
        LOGWEIR_LOG_CACHE_LISTEN=0.0.0.0:8080 logweir log-cache")]
    LogCache(RoleArgs),
    /// Run a log cache gateway: `/api/v1/…` for readers without gRPC
    #[command(after_help = "Examples:\n  \
        logweir log-cache-gateway --config /etc/logweir.toml\n  \
        LOGWEIR_LOG_CACHE_GATEWAY_LOG_CACHE=10.0.0.5:8080 logweir log-cache-gateway")]
    LogCacheGateway(OpenRoleArgs),
    /// Run an auth proxy: lets users read their apps from a log cache gateway
    #[command(after_help = "Examples:\n  \
        logweir log-cache-auth-proxy --config /etc/logweir.toml\n  \
        LOGWEIR_LOG_CACHE_AUTH_PROXY_GATEWAY=https://10.0.0.5:8081 logweir log-cache-auth-proxy")]
    LogCacheAuthProxy(RoleArgs),
    /// Run a log cache's syslog server: RFC 5424 messages to a log cache node
    #[command(after_help = "Examples:\n  \
        logweir log-cache-syslog-server --config /etc/logweir.toml\n  \
        LOGWEIR_LOG_CACHE_SYSLOG_SERVER_LOG_CACHE=10.0.0.5:8080 logweir log-cache-syslog-server")]
    LogCacheSyslogServer(OpenRoleArgs),
    /// Run Logplex: channels, their tokens, drains and sessions
    #[command(after_help = "Examples:\n  \
        logweir logplex --config /etc/logweir.toml\n  \
        LOGWEIR_LOGPLEX_REDIS_URL=redis://10.0.0.5 logweir logplex")]
    Logplex(OpenRoleArgs),
    /// The verbs for people.
    #[command(flatten)]
    Verb(Box<logweir_cli::Verb>),
    /// Check or show the configuration
    Config(ConfigArgs),
    /// Print the version
    #[command(after_help = "Example:\n  logweir version")]
    Version,
}

/// `logweir run`.
#[derive(ClapArgs)]
pub(crate) struct RunArgs {
    /// Directory of certificates and endpoints.json [default: key data_dir]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Every door on a free port; without --data-dir in a temporary directory
    #[arg(long)]
    pub(crate) ephemeral: bool,
    #[command(flatten)]
    pub(crate) role: OpenRoleArgs,
}

/// A role.
#[derive(ClapArgs)]
pub(crate) struct RoleArgs {
    /// Configuration file [default: logweir.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A role with doors that ask for no client certificate.
#[derive(ClapArgs)]
pub(crate) struct OpenRoleArgs {
    #[command(flatten)]
    pub(crate) role: RoleArgs,
    /// Let doors that the network reaches serve everybody
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// `logweir config`.
#[derive(ClapArgs)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with a configuration; exits 78 if anything is
    #[command(after_help = "Examples:\n  \
        logweir config check --config /etc/logweir.toml\n  \
        logweir config check --role agent")]
    Check {
        /// Whose settings are checked
        #[arg(long, value_enum, default_value = "run")]
        role: Role,
        #[command(flatten)]
        open: OpenRoleArgs,
    },
    /// Print what is in force as TOML, without secrets
    #[command(after_help = "Example:\n  logweir config show --config /etc/logweir.toml")]
    Show(RoleArgs),
    /// Print the reference of all keys
    #[command(hide = true)]
    Reference,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_every_verb_has_an_example() {
        let command = super::Args::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let verbs: Vec<_> = match verb.has_subcommands() {
                true => verb.get_subcommands().collect(),
                false => vec![verb],
            };
            for verb in verbs.into_iter().filter(|verb| !verb.is_hide_set()) {
                let help = verb.get_after_help().map(ToString::to_string);
                let help = help.or_else(|| verb.get_after_long_help().map(ToString::to_string));
                let help = help.unwrap_or_default();
                assert!(
                    help.contains("logweir "),
                    "`{}` has no example",
                    verb.get_name()
                );
            }
        }
    }
}
