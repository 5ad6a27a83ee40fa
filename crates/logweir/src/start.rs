//! From arguments to a running role under our own name.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use logweir_cli::locate::{self, CERTS_DIR};
use logweir_serve::{
    all::RunConfig, context::StartError, logplex::LogplexConfig, settings::TlsFiles,
};

use crate::{
    announce,
    args::{OpenRoleArgs, RoleArgs, RunArgs},
    certificates,
    config::{
        keys,
        load::{self, Loaded, Sources},
        problem::{ConfigError, Origin, Problem},
        reload::{self, Reloader},
        settings::Settings,
        validate,
    },
    data_dir::DataDir,
    failure::{Failure, chain},
    logging::{self, Format},
    role::{Role, RoleConfig},
    serving::{self, Plan},
};

/// What the command line says about a role.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    /// The role.
    pub(crate) role: Role,
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// `--insecure`.
    pub(crate) insecure: bool,
    /// `--ephemeral`.
    pub(crate) ephemeral: bool,
    /// `--data-dir`, or the temporary directory of `--ephemeral`.
    pub(crate) data_dir: Option<PathBuf>,
}

impl Flags {
    /// For a role whose doors all ask for a certificate.
    pub(crate) fn role(role: Role, args: RoleArgs) -> Self {
        Self {
            role,
            config: args.config,
            insecure: false,
            ephemeral: false,
            data_dir: None,
        }
    }

    /// For a role with open doors.
    pub(crate) fn open(role: Role, args: OpenRoleArgs) -> Self {
        Self {
            insecure: args.insecure,
            ..Self::role(role, args.role)
        }
    }

    /// Gathers, parses, applies the flags and checks.
    pub(crate) fn read(&self) -> Result<(Sources, Loaded), ConfigError> {
        let sources = Sources::gather(self.config.as_deref())?;
        let mut loaded = load::load(&sources)?;
        self.apply(&mut loaded.settings);
        validate::check(self.role, &loaded, self.insecure)?;
        Ok((sources, loaded))
    }

    fn apply(&self, settings: &mut Settings) {
        if let Some(path) = &self.data_dir {
            settings.data_dir.clone_from(path);
        }
        if settings.data_dir.as_os_str().is_empty() {
            settings.data_dir = locate::default_data_dir();
        }
        if self.ephemeral {
            let run = &mut settings.run;
            let doors = [
                &mut run.http,
                &mut run.grpc,
                &mut run.ingress,
                &mut run.dropsonde,
                &mut run.syslog,
                &mut run.syslog_udp,
                &mut run.statsd,
                &mut run.otlp_grpc,
                &mut run.otlp_http,
            ];
            for door in doors {
                door.set_port(0);
            }
            settings.logplex.cluster.listen.set_port(0);
            if let Some(legacy) = &mut settings.dropsonde.legacy {
                legacy.listen.set_port(0);
            }
        }
    }
}

/// `logweir run`.
pub(crate) fn run(args: RunArgs) -> Result<ExitCode, Failure> {
    // Removed when this function returns; a process that is killed leaves it behind.
    let temporary = match args.ephemeral && args.data_dir.is_none() {
        true => Some(
            tempfile::Builder::new()
                .prefix("logweir-")
                .tempdir()
                .context("cannot make a temporary data directory; name one with --data-dir")?,
        ),
        false => None,
    };
    let flags = Flags {
        ephemeral: args.ephemeral,
        data_dir: args
            .data_dir
            .or_else(|| temporary.as_ref().map(|dir| dir.path().to_path_buf())),
        ..Flags::open(Role::Run, args.role)
    };
    let (sources, loaded) = flags.read()?;
    let data = DataDir::open(&loaded.settings.data_dir).map_err(anyhow::Error::from)?;
    let certs = data.certs();
    certificates::ensure(&certs).map_err(anyhow::Error::from)?;
    let settings = with_certificates(Role::Run, &loaded.settings, &certs);
    certificates::check(Role::Run, &settings, &loaded)?;
    let plan = plan(flags, &sources, loaded.settings, &settings)?;
    let ended = serving::serve(plan, |running| {
        data.write_endpoints(running.doors())?;
        announce::run(running, data.path(), settings.run.https.is_some());
        Ok(())
    });
    data.remove_endpoints();
    ended.map_err(|error| refused(Role::Run, error))
}

/// `logweir agent`, `router` or another single role.
pub(crate) fn role(flags: Flags) -> Result<ExitCode, Failure> {
    let (sources, loaded) = flags.read()?;
    let role = flags.role;
    let certs = loaded.settings.data_dir.join(CERTS_DIR);
    let settings = with_certificates(role, &loaded.settings, &certs);
    certificates::check(role, &settings, &loaded)?;
    let plan = plan(flags, &sources, loaded.settings, &settings)?;
    let ended = serving::serve(plan, |running| {
        announce::role(role, running);
        Ok(())
    });
    ended.map_err(|error| refused(role, error))
}

/// A door that cannot be bound is told with the key that moves it; a setting that only
/// the role could judge is a bad configuration like any other.
fn refused(role: Role, error: anyhow::Error) -> Failure {
    match error.downcast_ref() {
        Some(StartError::Bind { door, .. }) => {
            let key = validate::key_of_door(role, door);
            let variable = keys::variable(&key);
            let text = chain(error.as_ref());
            anyhow::anyhow!("{text} (key {key}, variable {variable})").into()
        }
        Some(StartError::Setting(_) | StartError::Tls { .. }) => ConfigError(vec![Problem {
            origin: Origin::Default,
            key: String::new(),
            reason: chain(error.as_ref()),
        }])
        .into(),
        None => error.into(),
    }
}

/// `read` is what the sources say, which later readings are compared with;
/// `settings` is the same with the certificates filled in.
fn plan(
    flags: Flags,
    sources: &Sources,
    read: Settings,
    settings: &Settings,
) -> Result<Plan, Failure> {
    let filter = logging::filter(&settings.log_level).map_err(anyhow::Error::msg)?;
    let level = logging::start(Format::Own, filter);
    let config = role_config(flags.role, settings);
    let insecure = flags.insecure;
    let reloader = Reloader::new(move || flags.read(), sources, read, level);
    Ok(Plan {
        config,
        worker_threads: settings.worker_threads,
        deadline: settings.shutdown_deadline,
        live: reload::live(settings),
        insecure,
        access_log: false,
        reloader: Some(reloader),
    })
}

fn role_config(role: Role, settings: &Settings) -> RoleConfig {
    let mut gateway = settings.gateway.clone();
    gateway.auth = settings.auth.clone();
    let mut traffic_controller = settings.traffic_controller.clone();
    traffic_controller.auth = settings.auth.clone();
    let mut agent = settings.agent.clone();
    agent.dropsonde = settings.dropsonde.clone();
    agent.otlp = settings.otlp.clone();
    let mut udp_forwarder = settings.udp_forwarder.clone();
    udp_forwarder.dropsonde = settings.dropsonde.clone();
    match role {
        Role::Agent => RoleConfig::Agent(Box::new(agent)),
        Role::Router => RoleConfig::Router(Box::new(settings.router.clone())),
        Role::Rlp => RoleConfig::Rlp(Box::new(settings.rlp.clone())),
        Role::Gateway => RoleConfig::Gateway(Box::new(gateway)),
        Role::TrafficController => RoleConfig::TrafficController(Box::new(traffic_controller)),
        Role::UdpForwarder => RoleConfig::UdpForwarder(Box::new(udp_forwarder)),
        Role::BindingCache => RoleConfig::BindingCache(Box::new(settings.binding_cache.clone())),
        Role::SyslogAgent => {
            let mut own = settings.syslog_agent.clone();
            own.delivery = settings.delivery.clone();
            RoleConfig::SyslogAgent(Box::new(own))
        }
        Role::Nozzle => {
            let mut own = settings.nozzle.clone();
            own.delivery = settings.delivery.clone();
            own.names = settings.names.clone();
            RoleConfig::Nozzle(Box::new(own))
        }
        Role::LogCache => {
            let mut own = settings.log_cache.clone();
            own.data_dir.clone_from(&settings.data_dir);
            RoleConfig::LogCache(Box::new(own))
        }
        Role::LogCacheGateway => {
            let mut own = settings.log_cache_gateway.clone();
            own.auth = settings.auth.clone();
            RoleConfig::LogCacheGateway(Box::new(own))
        }
        Role::LogCacheAuthProxy => {
            RoleConfig::LogCacheAuthProxy(Box::new(settings.log_cache_auth_proxy.clone()))
        }
        Role::LogCacheSyslogServer => {
            RoleConfig::LogCacheSyslogServer(Box::new(settings.log_cache_syslog_server.clone()))
        }
        Role::Logplex => RoleConfig::Logplex(Box::new(logplex(settings))),
        Role::ForwarderAgent => {
            RoleConfig::ForwarderAgent(Box::new(settings.forwarder_agent.clone()))
        }
        Role::PromScraper => RoleConfig::PromScraper(Box::new(settings.prom_scraper.clone())),
        Role::StatsdInjector => {
            let mut statsd_injector = settings.statsd_injector.clone();
            statsd_injector.statsd = settings.statsd.clone();
            RoleConfig::StatsdInjector(Box::new(statsd_injector))
        }
        Role::Run => RoleConfig::Run(Box::new(RunConfig {
            http: settings.run.http,
            https: settings.run.https.clone(),
            grpc: settings.run.grpc,
            ingress: settings.run.ingress,
            dropsonde: settings.run.dropsonde,
            syslog: settings.run.syslog,
            syslog_udp: settings.run.syslog_udp,
            statsd: settings.run.statsd,
            otlp_grpc: settings.run.otlp_grpc,
            otlp_http: settings.run.otlp_http,
            otlp: settings.otlp.clone(),
            syslog_in: settings.syslog.clone(),
            statsd_lines: settings.statsd.clone(),
            prom_scraper: settings.prom_scraper.clone(),
            agent,
            router: settings.router.clone(),
            rlp: settings.rlp.clone(),
            gateway,
            traffic_controller,
            delivery: settings.delivery.clone(),
            names: settings.names.clone(),
            log_cache: settings.log_cache.clone(),
            logplex: logplex(settings),
            data_dir: settings.data_dir.clone(),
        })),
    }
}

/// Logplex with what it takes of other sections.
fn logplex(settings: &Settings) -> LogplexConfig {
    let mut own = settings.logplex.clone();
    own.delivery = settings.delivery.clone();
    own.auth = settings.auth.clone();
    own.data_dir.clone_from(&settings.data_dir);
    own
}

/// TLS files that nobody named are those of the data directory. In `run` the doors
/// answer to every name that a peer's client may verify, so there it is one pair.
fn with_certificates(role: Role, settings: &Settings, certs: &Path) -> Settings {
    let mut settings = settings.clone();
    let pair = |name: &str| TlsFiles {
        cert: certs.join(format!("{name}.crt")),
        key: certs.join(format!("{name}.key")),
        ca: certs.join("ca.crt"),
    };
    // `logweir certs` makes a pair for each role, `logweir run` one for all of them.
    let server = |name: &str| match certs.join(format!("{name}.crt")).exists() {
        true => pair(name),
        false => pair("server"),
    };
    let client = pair("client");
    let fill = |files: &mut TlsFiles, with: &TlsFiles| {
        if *files == TlsFiles::default() {
            files.clone_from(with);
        }
    };
    match role {
        Role::Run => {
            fill(&mut settings.agent.tls, &pair("server"));
            fill(&mut settings.router.tls, &pair("server"));
            fill(&mut settings.logplex.cluster.tls, &pair("server"));
        }
        Role::Agent => {
            fill(&mut settings.agent.tls, &server("metron"));
            if let Some(door) = &mut settings.agent.metrics {
                fill(&mut door.tls, &server("metron"));
            }
        }
        Role::Router => fill(&mut settings.router.tls, &server("doppler")),
        Role::Rlp => fill(&mut settings.rlp.tls, &server("reverselogproxy")),
        Role::Gateway => {
            fill(&mut settings.gateway.rlp_tls, &client);
            if let Some(door) = &mut settings.gateway.metrics {
                fill(&mut door.tls, &server("reverselogproxy"));
            }
        }
        Role::TrafficController => {
            fill(&mut settings.traffic_controller.router_tls, &client);
        }
        Role::SyslogAgent => {
            let own = &mut settings.syslog_agent;
            fill(&mut own.tls, &server("metron"));
            fill(&mut own.cache_tls, &client);
            if let Some(door) = &mut own.metrics {
                fill(&mut door.tls, &server("metron"));
            }
        }
        Role::Nozzle => {
            let own = &mut settings.nozzle;
            fill(&mut own.rlp_tls, &client);
            if let Some(door) = &mut own.metrics {
                fill(&mut door.tls, &server("reverselogproxy"));
            }
        }
        Role::ForwarderAgent => {
            let own = &mut settings.forwarder_agent;
            fill(&mut own.tls, &server("metron"));
            if let Some(door) = &mut own.metrics {
                fill(&mut door.tls, &server("metron"));
            }
        }
        Role::BindingCache => {
            let own = &mut settings.binding_cache;
            fill(&mut own.tls, &server("binding-cache"));
            fill(&mut own.api_tls, &client);
            fill(&mut own.agent_tls, &client);
            if let Some(door) = &mut own.metrics {
                fill(&mut door.tls, &server("binding-cache"));
            }
        }
        Role::PromScraper => {
            fill(&mut settings.prom_scraper.tls, &client);
            if let Some(door) = &mut settings.prom_scraper.metrics {
                fill(&mut door.tls, &server("metron"));
            }
        }
        Role::StatsdInjector => {
            fill(&mut settings.statsd_injector.tls, &client);
            if let Some(door) = &mut settings.statsd_injector.metrics {
                fill(&mut door.tls, &server("metron"));
            }
        }
        Role::LogCache => {
            let own = &mut settings.log_cache;
            fill(&mut own.tls, &server("log-cache"));
            if let Some(door) = &mut own.metrics {
                fill(&mut door.tls, &server("log-cache"));
            }
        }
        Role::LogCacheGateway => {
            let own = &mut settings.log_cache_gateway;
            fill(&mut own.log_cache_tls, &client);
            if let Some(door) = &mut own.metrics {
                fill(&mut door.tls, &server("log-cache"));
            }
        }
        Role::LogCacheAuthProxy => {
            if let Some(door) = &mut settings.log_cache_auth_proxy.metrics {
                fill(&mut door.tls, &server("log-cache"));
            }
        }
        Role::LogCacheSyslogServer => {
            let own = &mut settings.log_cache_syslog_server;
            fill(&mut own.log_cache_tls, &client);
            if let Some(door) = &mut own.metrics {
                fill(&mut door.tls, &server("log-cache"));
            }
        }
        Role::Logplex => {
            let own = &mut settings.logplex;
            fill(&mut own.cluster.tls, &server("log-cache"));
            if let Some(door) = &mut own.metrics {
                fill(&mut door.tls, &server("log-cache"));
            }
        }
        Role::UdpForwarder => {
            fill(&mut settings.udp_forwarder.tls, &client);
            if let Some(door) = &mut settings.udp_forwarder.metrics {
                fill(&mut door.tls, &server("metron"));
            }
        }
    }
    settings
}
