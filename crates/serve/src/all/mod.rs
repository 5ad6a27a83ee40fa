//! Every role in one process, over one exchange in memory.

mod config;

use std::sync::Arc;

use logweir_cache::Store;
use logweir_drain::delivery::Naming;
use logweir_net::tls::Alpn;
use logweir_route::{Exchange, notice_v1::Place};

pub use config::RunConfig;

use crate::{
    agent::{self, Pipeline},
    context::{ServeContext, StartError, Started},
    conversion::CONVERTER,
    doors,
    drains::{self, Declared, Drains, DrainsApi},
    dropsonde::{self, Onward},
    front::{AccessLog, Front, MetricsAccess, Readiness, StatusPages},
    gateway::{self, Gateway},
    grpc::{Door, Doppler, Ingress, Readers, ReadersOptions, Sink, Upstream, V1Readers},
    log_cache::{self, Cache, Local},
    logplex,
    metrics::Registry,
    names, otlp,
    outlet::OpenSink,
    prom_scraper,
    recents::Recents,
    rlp,
    router::{self, exchange_limits},
    self_metrics::{self, Events},
    settings::PlaceConfig,
    statsd, syslog_in,
    traffic_controller::{self, Source},
};

/// Starts everything. The doors are bound when this returns: `http`, `grpc`,
/// `ingress`, `dropsonde`, `syslog`, `syslog_udp`, `statsd`, `otlp_grpc` and `otlp_http`.
///
/// # Errors
/// A certificate that cannot be loaded, an address that cannot be bound, or an open
/// door beyond loopback.
pub async fn start(config: RunConfig, context: &ServeContext) -> Result<Started, StartError> {
    let mut started = Started::new();
    let readiness = Readiness::new();
    let part = readiness.part("doors");
    let message_bytes = config.router.limits.message_bytes;
    let total_bytes = config.router.queues_total_bytes;
    let limits = exchange_limits(&config.router.queue, total_bytes, message_bytes);
    let exchange = Exchange::of_both(limits, CONVERTER);
    started.hop("logweir", &exchange);

    let options = ReadersOptions {
        max_streams: config.rlp.max_streams,
        message_bytes: config.rlp.reader_message_bytes,
        hop: "logweir",
    };
    let readers = Readers::new(Arc::clone(&exchange), Upstream::Exchange, options);
    let registry = Registry::new();
    router::collect(&registry, &exchange);
    let proxy = Registry::new();
    rlp::collect(&proxy, &exchange, &readers, None);

    let suites = &config.router.cipher_suites;
    let grpc = doors::server_tls("the gRPC door", &config.router.tls, suites, Alpn::H2)?;
    let suites = &config.agent.cipher_suites;
    let local = doors::server_tls("the ingress door", &config.agent.tls, suites, Alpn::H2)?;
    context.watch_tls(vec![grpc.clone(), local.clone()], Vec::new());

    let publishing = router::publishing(&exchange, message_bytes, context);
    let tagged = tagged(&config, &exchange, context);
    let tagging = tagging(&tagged, &config, context);
    let mut producers = vec![publishing.streams(), tagging.streams()];
    let options = ReadersOptions {
        max_streams: usize::MAX,
        message_bytes,
        hop: "logweir",
    };
    let store = Arc::new(Store::new(config.log_cache.store.limits()));
    let cached = Registry::new();
    let saving = log_cache::Saving {
        store: &store,
        data_dir: &config.data_dir,
        readiness: &readiness,
        registry: &cached,
    };
    saving.start(context).await?;
    let remembered = &config.router.recent;
    let recents = Recents::fill(&exchange, Arc::clone(&store), remembered);
    let ground = logplex::Ground {
        exchange: Arc::clone(&exchange),
        store: Arc::clone(&store),
        recents: recents.clone(),
        readers: Arc::clone(&readers),
    };
    let own = config.logplex.clone();
    let shown = (&registry, &readiness);
    let logplex = logplex::open(own, ground, shown, context, &mut started).await?;
    logplex.input.show(&registry);
    let kept = Local::of_exchange(store, recents.clone(), Arc::clone(&readers));
    let engine = log_cache::Engine::new(&config.log_cache.promql, &cached);
    let cache = Arc::new(Cache::new(Arc::new(kept)).with_engine(engine));
    log_cache::collect(&cached, &cache);
    log_cache::tend(&cache, context);
    let doppler = Doppler {
        readers: V1Readers::new(
            Arc::clone(&exchange),
            Upstream::Exchange,
            options,
            place(&config),
        ),
        recents: remembered.is_on().then_some(recents),
    };
    let source = Source::local(Arc::clone(&doppler.readers), doppler.recents.clone());
    let readers_v2 = Some(Arc::clone(&readers));
    let door = Door::of_both(Some(publishing), readers_v2, Some(doppler));
    let door = door.with_cache(Arc::clone(&cache), config.log_cache.limits.message_bytes);
    let limits = &config.router.limits;
    let at = doors::GrpcDoor {
        name: "grpc",
        address: config.grpc,
        tls: Some(grpc),
        limits,
    };
    doors::grpc(at, door, &registry, context, &mut started).await?;

    let door = Door::new(Some(tagging), None);
    let limits = &config.agent.limits;
    let at = doors::GrpcDoor {
        name: "ingress",
        address: config.ingress,
        tls: Some(local),
        limits,
    };
    doors::grpc(at, door, &registry, context, &mut started).await?;

    let plan = dropsonde::Plan {
        dropsonde: ("dropsonde", Some(config.dropsonde)),
        config: &config.agent.dropsonde,
        totals: true,
        exchange: &exchange,
    };
    let onward = || Onward::Exchange(Box::new(exchange.publisher()));
    let datagrams = dropsonde::open(&plan, onward, &registry, context, &mut started)?;

    let at = (config.syslog, config.syslog_udp);
    let own = &config.syslog_in;
    let syslog = syslog_in::open(
        at,
        own,
        (&tagged, &logplex.input),
        &registry,
        context,
        &mut started,
    )
    .await?;
    let at = config.statsd;
    let own = &config.statsd_lines;
    let statsd = statsd::open(at, own, &tagged, &registry, context, &mut started)?;
    let at = (Some(config.otlp_grpc), Some(config.otlp_http));
    let own = &config.otlp;
    let otlp = otlp::open(at, own, &tagged, &registry, context, &mut started).await?;
    let scrapes = prom_scraper::scrape(config.prom_scraper, tagged, &registry, context);

    let front_metrics = Registry::new();
    let https = config.https.as_ref().map(|files| gateway::Https {
        files,
        suites: &[],
        alpn: Alpn::HttpAll,
    });
    let (authorizer, https) = gateway::guard(
        &config.gateway.auth,
        config.http,
        https,
        &front_metrics,
        context,
    )?;
    let notices = Box::new(exchange.publisher());
    let mut own = config.delivery.clone();
    if own.spool_dir.as_os_str().is_empty() {
        own.spool_dir = config.data_dir.join("spool");
    }
    let own = &own;
    let drain_metrics = Registry::new();
    let naming = match &config.names {
        None => None,
        Some(own) => Some(Naming {
            names: names::start(own, &drain_metrics, context)?,
            drains: own.drains,
        }),
    };
    let plan = drains::Plan {
        exchange: &exchange,
        config: own,
        platform_ca: &config.router.tls.ca,
        notices,
        naming,
        feed: None,
    };
    let drains = Drains::new(plan, context)?;
    let defaults = own.url_defaults();
    let takes = Declared {
        drains: Some(defaults),
        nozzles: true,
    };
    drains::follow_declared(&drains, takes, context)?;
    let drains_api = DrainsApi::open(&drains, &authorizer, defaults, &config.data_dir)?;
    drains::collect(&drain_metrics, &drains);
    logplex::drains::follow(&logplex, &drains, &drain_metrics, context);

    let guard = log_cache::Guard {
        authorizer: Arc::clone(&authorizer),
        stream: config.gateway.stream.clone(),
        whole_door: false,
        stop: context.shutdown.stop.clone(),
    };
    let cache_api = log_cache::Api::new(log_cache::Upstream::Here(cache), guard, &cached);
    let upstream = gateway::Upstream::Local(readers);
    let gateway = Gateway::new(
        upstream,
        Arc::clone(&authorizer),
        config.gateway.stream.clone(),
        &front_metrics,
        context.shutdown.stop.clone(),
    );
    let sessions = Registry::new();
    let settings = &config.traffic_controller;
    let identity = traffic_controller::IDENTITY;
    let door = traffic_controller::Door {
        address: config.http,
        tls: https.is_some(),
        source,
        authorizer: Arc::clone(&authorizer),
        events: Events::into_exchange(&settings.self_metrics, &identity, &exchange),
    };
    let controller = traffic_controller::controller(settings, door, &sessions, context).await?;
    let pages = StatusPages {
        readiness: readiness.clone(),
        registries: vec![
            ("router", registry.clone()),
            ("rlp", proxy.clone()),
            ("gateway", front_metrics),
            ("traffic-controller", sessions.clone()),
            ("log-cache", cached),
            ("syslog-agent", drain_metrics),
        ],
        access: MetricsAccess::of_door(config.http, Some(Arc::clone(&authorizer))),
    };
    let figures = logplex::tell(&logplex, &registry, context);
    let front = Front::new(Some(gateway), Some(pages), AccessLog::Tracing)
        .with_figures(figures)
        .with_traffic_controller(controller)
        .with_drains(drains_api)
        .with_log_cache(cache_api)
        .with_logplex(logplex::Pages::new(
            Arc::clone(&logplex),
            logplex::Door::Front,
            Some(authorizer),
        ));
    let settings = logplex::Pages::http_settings();
    doors::http(
        "http",
        config.http,
        https,
        settings,
        front,
        context,
        &mut started,
    )
    .await?;

    let address = started.address("http");
    logplex.name_urls(address, address, config.https.is_some());
    logplex::drains::bound(&drains, &started, &["http"]);

    let to = &config.router.self_metrics;
    self_metrics::publish(to, &registry, router::IDENTITY, &exchange, context);
    let to = &config.rlp.self_metrics;
    self_metrics::publish(to, &proxy, rlp::IDENTITY, &exchange, context);
    let to = &config.traffic_controller.self_metrics;
    self_metrics::publish(to, &sessions, identity, &exchange, context);
    producers.extend(datagrams.producers);
    producers.extend(syslog.into_iter().chain([statsd, otlp, scrapes]));
    logplex.end_with(producers, context);
    part.ready();
    Ok(started)
}

/// Where the process runs: what the UDP door says of envelopes that do not say it, unless the
/// router's settings do.
fn place(config: &RunConfig) -> Arc<Place> {
    match config.router.place == PlaceConfig::default() {
        true => config.agent.dropsonde.place(),
        false => config.router.place.place(),
    }
}

/// Sinks that add an agent's tags and counter totals.
fn tagged(config: &RunConfig, exchange: &Arc<Exchange>, context: &ServeContext) -> OpenSink {
    let rules = agent::rules(&config.agent, context);
    let exchange = Arc::clone(exchange);
    Arc::new(move || {
        let onward = agent::Onward::Exchange(Box::new(exchange.publisher()));
        let pipeline = Pipeline::new(Arc::clone(&rules), Arc::clone(&exchange), onward);
        Box::new(pipeline) as Box<dyn Sink>
    })
}

/// An Ingress service that fills these sinks.
fn tagging(tagged: &OpenSink, config: &RunConfig, context: &ServeContext) -> Ingress {
    let tagged = Arc::clone(tagged);
    Ingress::new(
        move || tagged(),
        config.agent.limits.message_bytes,
        context.shutdown.clone(),
    )
}
