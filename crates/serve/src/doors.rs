//! Opening doors: bound before a role counts as started, served by tasks of the
//! process's shutdown.

use std::{convert::Infallible, net::SocketAddr};

use http::{Request, Response};
use hyper::body::Incoming;
use logweir_net::{
    body::Body,
    dial::{DialSettings, Dialer},
    listen::{self, ConnectionStats, HttpSettings},
    resolve::Target,
    tls::{Alpn, ClientAuth, ClientTls, ServerTls, TlsPaths, Verify},
};
use tokio::net::TcpListener;
use tower_service::Service;

use crate::{
    context::{ServeContext, StartError, Started},
    front::{AccessLog, Front, MetricsAccess, Readiness, StatusPages},
    grpc::Door,
    metrics::Registry,
    settings::{GrpcLimits, MetricsDoor, TlsFiles},
};

/// The server's side of mutual TLS.
pub(crate) fn server_tls(
    part: &'static str,
    files: &TlsFiles,
    suites: &[String],
    alpn: Alpn,
) -> Result<ServerTls, StartError> {
    let paths = TlsPaths {
        cert: files.cert.clone(),
        key: files.key.clone(),
        ca: files.ca.clone(),
    };
    ServerTls::load(&paths, ClientAuth::Required, suites, alpn).map_err(|source| StartError::Tls {
        part,
        source: Box::new(source),
    })
}

/// The client's side of mutual TLS.
pub(crate) fn client_tls(
    part: &'static str,
    files: &TlsFiles,
    suites: &[String],
) -> Result<ClientTls, StartError> {
    let identity = Some((files.cert.as_path(), files.key.as_path()));
    ClientTls::load(Some(&files.ca), identity, Verify::Ca, suites, Alpn::H2).map_err(|source| {
        StartError::Tls {
            part,
            source: Box::new(source),
        }
    })
}

/// A dialler for gRPC peers whose certificates carry `name`.
pub(crate) fn dialer(tls: &ClientTls, name: &str) -> Dialer {
    Dialer::new(Some(tls.clone()), name.to_owned(), DialSettings::default())
}

/// Reads the addresses of another role.
pub(crate) fn targets(key: &str, names: &[String]) -> Result<Vec<Target>, StartError> {
    let parse = |name: &String| {
        name.parse::<Target>()
            .map_err(|error| StartError::Setting(format!("{key}: {error}")))
    };
    names.iter().map(parse).collect()
}

/// Where a gRPC door is and what it accepts.
pub(crate) struct GrpcDoor<'a> {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// Plain HTTP/2 without it.
    pub(crate) tls: Option<ServerTls>,
    pub(crate) limits: &'a GrpcLimits,
}

/// Opens a gRPC door that answers with `services`.
pub(crate) async fn grpc(
    door: GrpcDoor<'_>,
    services: Door,
    registry: &Registry,
    context: &ServeContext,
    started: &mut Started,
) -> Result<(), StartError> {
    let GrpcDoor {
        name,
        address,
        tls,
        limits,
    } = door;
    let listener = bind(name, address, started).await?;
    let settings = HttpSettings {
        max_connections: limits.connections,
        max_streams: Some(limits.streams_per_connection),
        ..HttpSettings::grpc()
    };
    let stats = ConnectionStats::default();
    let shutdown = context.shutdown.clone();
    report(registry, name, stats.clone());
    context.shutdown.tracker.spawn(listen::serve_counted(
        listener, tls, settings, stats, services, shutdown,
    ));
    Ok(())
}

/// Takes an address, before whatever answers there is made.
pub(crate) async fn bind(
    name: &'static str,
    address: SocketAddr,
    started: &mut Started,
) -> Result<TcpListener, StartError> {
    let listener = listen::bind(address)
        .await
        .map_err(|source| StartError::Bind { door: name, source })?;
    started.door(name, listener.local_addr().unwrap_or(address));
    Ok(listener)
}

/// Answers gRPC calls there that are not of the usual services.
pub(crate) fn grpc_on<S>(
    listener: TcpListener,
    name: &'static str,
    tls: Option<ServerTls>,
    services: S,
    registry: &Registry,
    context: &ServeContext,
) where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let stats = ConnectionStats::default();
    report(registry, name, stats.clone());
    let (settings, shutdown) = (HttpSettings::grpc(), context.shutdown.clone());
    let serve = listen::serve_counted(listener, tls, settings, stats, services, shutdown);
    context.shutdown.tracker.spawn(serve);
}

/// Shows what became of a door's connections.
pub(crate) fn report(registry: &Registry, door: &'static str, stats: ConnectionStats) {
    registry.collect(move |to| {
        let door = [("door", door)];
        let help = "Connections accepted.";
        to.counter(
            "logweir_connections_accepted",
            help,
            &door,
            stats.accepted(),
        );
        let help = "Connections that ended in their TLS handshake.";
        to.counter("logweir_tls_failures", help, &door, stats.tls_failures());
        let help = "Times that no connection could be accepted, for lack of file descriptors.";
        to.counter("logweir_accept_failures", help, &door, stats.refused());
        let open = stats.open() as f64;
        to.gauge(
            "logweir_connections",
            "Open connections.",
            "connections",
            &door,
            open,
        );
    });
}

/// Opens an HTTP door that answers with `pages`, a [`Front`] or a role's own.
pub(crate) async fn http<S>(
    name: &'static str,
    address: SocketAddr,
    tls: Option<ServerTls>,
    settings: HttpSettings,
    pages: S,
    context: &ServeContext,
    started: &mut Started,
) -> Result<(), StartError>
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let listener = bind(name, address, started).await?;
    let shutdown = context.shutdown.clone();
    let serve = listen::serve(listener, tls, settings, pages, shutdown);
    context.shutdown.tracker.spawn(serve);
    Ok(())
}

/// Opens the status page of a role, plain HTTP, and its metrics door, mutual TLS,
/// where the settings ask for them.
pub(crate) async fn status(
    page: Option<SocketAddr>,
    metrics: Option<&MetricsDoor>,
    readiness: &Readiness,
    registry: &Registry,
    context: &ServeContext,
    started: &mut Started,
) -> Result<(), StartError> {
    let front = |access| {
        let registries = vec![("", registry.clone())];
        let pages = StatusPages {
            readiness: readiness.clone(),
            registries,
            access,
        };
        Front::new(None, Some(pages), AccessLog::Off)
    };
    if let Some(address) = page {
        let front = front(MetricsAccess::of_door(address, None));
        http(
            "status",
            address,
            None,
            HttpSettings::http(),
            front,
            context,
            started,
        )
        .await?;
    }
    if let Some(door) = metrics {
        let tls = server_tls("the metrics door", &door.tls, &[], Alpn::HttpAll)?;
        context.watch_tls(vec![tls.clone()], Vec::new());
        let front = front(MetricsAccess::Open);
        let settings = HttpSettings::http();
        http(
            "metrics",
            door.listen,
            Some(tls),
            settings,
            front,
            context,
            started,
        )
        .await?;
    }
    Ok(())
}
