//! The role: four doors over an exchange of its own.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, OnceLock},
};

use logweir_cache::Store;
use logweir_net::{
    listen::HttpSettings,
    tls::{Alpn, ClientAuth, ServerTls, TlsPaths},
};
use logweir_route::Exchange;
use tokio_util::task::TaskTracker;

use super::{
    Door, Logplex, LogplexConfig, Owners, Pages, Urls,
    access::Access,
    book::Book,
    cluster::{self, Nodes},
    drains, figures,
    input::{self, Input},
    redis::{Redis, RedisUrl},
    requests::Requests,
    stats,
    tail::{History, HistorySettings, Shards, Tails},
};
use crate::{
    auth::{AuthConfig, Authorizer},
    context::{ServeContext, StartError, Started},
    doors,
    drains::Drains,
    front::{AccessLog, FigurePages, Front, MetricsAccess, Readiness, StatusPages},
    gateway::{self, HttpsFiles},
    grpc::{Readers, ReadersOptions, Sink, Upstream},
    log_cache::{self, Cache, Local},
    metrics::Registry,
    recents::{RecentConfig, Recents},
    router::exchange_limits,
    syslog_in,
};

/// Largest envelope of the role's exchange, in bytes: a message and what is said of it.
const FRAME: usize = 1 << 20;

/// What Logplex stands on in a process.
pub(crate) struct Ground {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) store: Arc<Store>,
    pub(crate) recents: Recents,
    pub(crate) readers: Arc<Readers>,
}

impl Ground {
    /// Of a process that is nothing but Logplex.
    fn of_role(config: &LogplexConfig, started: &mut Started) -> Self {
        let limits = exchange_limits(&config.queue, config.queues_total_bytes, FRAME);
        let exchange = Exchange::new(limits);
        started.hop("logplex", &exchange);
        let mut limits = config.store.limits();
        let lines = config.history_lines.saturating_add(1);
        // What goes are blocks: there is a block more than is read.
        let most = lines.saturating_add(lines / 8 + 1);
        limits.per_source_envelopes = limits.per_source_envelopes.or(Some(most as u64));
        let store = Arc::new(Store::new(limits));
        let remembered = RecentConfig {
            logs_per_source: lines,
            ..RecentConfig::default()
        };
        let recents = Recents::fill(&exchange, Arc::clone(&store), &remembered);
        let options = ReadersOptions {
            max_streams: usize::MAX,
            message_bytes: FRAME,
            hop: "logplex",
        };
        let readers = Readers::new(Arc::clone(&exchange), Upstream::Exchange, options);
        Self {
            exchange,
            store,
            recents,
            readers,
        }
    }
}

/// Everything of Logplex but its doors, save the one for other nodes.
///
/// # Errors
/// A store that cannot be opened, and of several nodes a certificate that cannot be loaded or
/// an address that cannot be bound.
pub(crate) async fn open(
    config: LogplexConfig,
    ground: Ground,
    shown: (&Registry, &Readiness),
    context: &ServeContext,
    started: &mut Started,
) -> Result<Arc<Logplex>, StartError> {
    let book = Book::start(&config).await;
    let book = book.map_err(|error| StartError::Setting(error.to_string()))?;
    let begun = TaskTracker::new();
    let nodes = nodes((&config, &begun), &ground, shown, context, started).await?;
    let (lines, owners, cache) = (nodes.lines, nodes.owners, nodes.cache);
    let registry = Arc::clone(book.registry());
    let input = Input::new(registry, Arc::clone(&lines), config.dedupe_window);
    let history = history(&config, &book, &ground, context)?;
    let stop = context.shutdown.stop.clone();
    let tails = Tails::new(book.clone(), cache, owners.clone(), history, stop);
    tails.show(shown.0);
    Ok(Arc::new(Logplex {
        tails,
        drains: OnceLock::new(),
        urls: Urls::default(),
        exchange: ground.exchange,
        begun,
        cluster: nodes.cluster,
        requests: Requests::default(),
        lines,
        owners,
        input,
        access: Access::new(book.clone(), &config.auth_key),
        book,
        config,
    }))
}

/// Shows what Logplex does: in the registry, on the pages that are returned, and in the log
/// once a minute.
pub(crate) fn tell(
    logplex: &Arc<Logplex>,
    registry: &Registry,
    context: &ServeContext,
) -> FigurePages {
    figures::collect(registry, logplex);
    let own = Registry::new();
    figures::collect(&own, logplex);
    stats::start(logplex, context);
    FigurePages::new(own)
}

/// What is remembered of channels, in memory and as the settings say in Redis.
fn history(
    config: &LogplexConfig,
    book: &Book,
    ground: &Ground,
    context: &ServeContext,
) -> Result<History, StartError> {
    let history = History::new(HistorySettings {
        lines: config.history_lines,
        exact: config.exact_num,
    });
    let redis = &config.redis;
    if !redis.history || !redis.is_on() {
        return Ok(history);
    }
    let urls = match redis.shards.is_empty() {
        true => std::slice::from_ref(&redis.url),
        false => &redis.shards,
    };
    let shards = Shards::new(urls.iter().map(String::as_str));
    let shards = shards
        .map_err(|why| StartError::Setting(format!("a URL of logplex.redis.shards {why}")))?;
    let (registry, exchange) = (book.registry(), &ground.exchange);
    let shutdown = &context.shutdown;
    Ok(history.in_redis(shards, redis.history_age, registry, exchange, shutdown))
}

/// Where lines go and where they are read, on this node or on several.
async fn nodes(
    (config, begun): (&LogplexConfig, &TaskTracker),
    ground: &Ground,
    (registry, readiness): (&Registry, &Readiness),
    context: &ServeContext,
    started: &mut Started,
) -> Result<Nodes, StartError> {
    let local = Local::of_exchange(
        Arc::clone(&ground.store),
        ground.recents.clone(),
        Arc::clone(&ground.readers),
    );
    if !config.redis.is_on() {
        let exchange = Arc::clone(&ground.exchange);
        return Ok(Nodes {
            lines: Arc::new(move || Box::new(exchange.publisher()) as Box<dyn Sink>),
            owners: Owners::alone(),
            cache: Arc::new(Cache::new(Arc::new(local))),
            cluster: None,
        });
    }
    let (key, url) = match config.cluster.redis_url.as_str() {
        "" => ("logplex.redis.url", config.redis.url.as_str()),
        own => ("logplex.cluster.redis_url", own),
    };
    let url = RedisUrl::parse(url);
    let url = url.map_err(|why| StartError::Setting(format!("{key} {why}")))?;
    let plan = cluster::Plan {
        config,
        redis: &Redis::new(url),
        exchange: &ground.exchange,
        local,
        registry,
        readiness,
        begun,
    };
    cluster::join(plan, context, started).await
}

impl Logplex {
    /// What the URLs begin with that clients are told, by the settings or else by the doors.
    pub(crate) fn name_urls(&self, api: Option<SocketAddr>, v3: Option<SocketAddr>, tls: bool) {
        let scheme = if tls { "https" } else { "http" };
        let of = |set: &str, door: Option<SocketAddr>, port: u16| match set {
            "" => {
                let port = door.map_or(port, |door| door.port());
                format!("{scheme}://localhost:{port}")
            }
            set => set.to_owned(),
        };
        let (config, urls) = (&self.config, &self.urls);
        urls.set(of(&config.api_url, api, 8001), of(&config.v3_url, v3, 8002));
    }
}

/// Starts the role. Its doors are bound when this returns: `api`, `v3`, `input` and `syslog`,
/// and `metrics` and `status` where the settings ask for them.
///
/// # Errors
/// A certificate that cannot be loaded, a store that cannot be opened, or an address that
/// cannot be bound.
pub async fn start(config: LogplexConfig, context: &ServeContext) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("doors");
    let registry = Registry::new();
    let ground = Ground::of_role(&config, &mut started);
    log_cache::sweep(&ground.store, context);
    let shown = (&registry, &readiness);
    let logplex = open(config, ground, shown, context, &mut started).await?;
    logplex.input.show(&registry);
    let config = &logplex.config;
    let tls = match &config.https {
        None => None,
        Some(files) => Some(https(files, context)?),
    };
    let operators = operators(config, &registry, context)?;
    let running = run_drains(&logplex, &registry, context)?;
    for (name, address, door) in [
        ("api", config.listen, Door::Legacy),
        ("v3", config.v3, Door::V3),
        ("input", config.input, Door::Input),
    ] {
        let pages = Pages::new(Arc::clone(&logplex), door, operators.clone());
        let settings = Pages::http_settings();
        let tls = tls.clone();
        doors::http(name, address, tls, settings, pages, context, &mut started).await?;
    }
    let tls_input = match &config.syslog_tls {
        None => None,
        Some(files) => Some(syslog_in::load("the syslog door", files, context)?),
    };
    let (door, strict) = (("syslog", config.syslog), config.strict);
    let input = (Arc::clone(&logplex.input), strict);
    let senders = input::tcp::open(door, tls_input, input, &registry, context, &mut started);
    let senders = senders.await?;
    drains::bound(&running, &started, &["api", "v3"]);
    let (api, v3) = (started.address("api"), started.address("v3"));
    logplex.name_urls(api, v3, tls.is_some());
    let figures = tell(&logplex, &registry, context);
    if let Some(address) = config.status {
        let pages = StatusPages {
            readiness: readiness.clone(),
            registries: vec![("", registry.clone())],
            access: MetricsAccess::of_door(address, None),
        };
        let front = Front::new(None, Some(pages), AccessLog::Off).with_figures(figures);
        let settings = HttpSettings::http();
        doors::http(
            "status",
            address,
            None,
            settings,
            front,
            context,
            &mut started,
        )
        .await?;
    }
    let metrics = config.metrics.as_ref();
    doors::status(None, metrics, &readiness, &registry, context, &mut started).await?;
    logplex.end_with(vec![senders], context);
    part.ready();
    Ok(started)
}

/// Runs the drains of channels, and nothing else's.
fn run_drains(
    logplex: &Logplex,
    registry: &Registry,
    context: &ServeContext,
) -> Result<Arc<Drains>, StartError> {
    let config = &logplex.config;
    let mut delivery = config.delivery.clone();
    if delivery.spool_dir.as_os_str().is_empty() && !config.data_dir.as_os_str().is_empty() {
        delivery.spool_dir = config.data_dir.join("spool");
    }
    let plan = crate::drains::Plan {
        exchange: &logplex.exchange,
        config: &delivery,
        platform_ca: &config.cluster.tls.ca,
        notices: Box::new(logplex.exchange.publisher()),
        naming: None,
        feed: None,
    };
    let running = Drains::new(plan, context)?;
    crate::drains::collect(registry, &running);
    drains::follow(logplex, &running, registry, context);
    Ok(running)
}

/// Who may use `/api/logplex` without the key of the process; nobody if the door is open to
/// others and nothing says who they are.
fn operators(
    config: &LogplexConfig,
    registry: &Registry,
    context: &ServeContext,
) -> Result<Option<Arc<Authorizer>>, StartError> {
    let guarded = gateway::guard(&config.auth, config.listen, None, registry, context);
    match guarded {
        Ok((authorizer, _)) => Ok(Some(authorizer)),
        Err(_) if config.auth == AuthConfig::default() => Ok(None),
        Err(error) => Err(error),
    }
}

fn https(files: &HttpsFiles, context: &ServeContext) -> Result<ServerTls, StartError> {
    let paths = TlsPaths {
        cert: files.cert.clone(),
        key: files.key.clone(),
        ca: Path::new("").into(),
    };
    let tls = ServerTls::load(&paths, ClientAuth::None, &[], Alpn::HttpAll);
    let tls = tls.map_err(|source| StartError::Tls {
        part: "logplex",
        source: Box::new(source),
    })?;
    context.watch_tls(vec![tls.clone()], Vec::new());
    Ok(tls)
}
