//! The OTLP doors: logs, metrics and spans of OpenTelemetry into envelopes, over gRPC and
//! over HTTP.
//!
//! [`service`] answers requests, [`body`] reads them within bounds, [`intake`] makes
//! envelopes of them.

mod body;
mod config;
mod counts;
mod intake;
mod service;

use std::net::SocketAddr;

use logweir_net::{
    listen::{self, ConnectionStats, HttpSettings},
    tls::{Alpn, ClientAuth, ServerTls, TlsPaths},
};
use tokio_util::task::TaskTracker;

pub use config::{OtlpConfig, OtlpTls};

use crate::{
    context::{ServeContext, StartError, Started},
    doors,
    metrics::Registry,
    outlet::OpenSink,
};
use counts::Counts;
use intake::Intake;
use service::Service;

/// Most requests of a connection at a time.
const STREAMS: u32 = 1_000;

/// A client that stalls in the middle of a request's header is let go.
const HEADER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Opens those of the doors `otlp_grpc` and `otlp_http` that have an address. What is
/// returned is done once their requests are after a stop.
///
/// # Errors
/// An address that cannot be bound, or a certificate that cannot be loaded.
pub(crate) async fn open(
    (grpc, http): (Option<SocketAddr>, Option<SocketAddr>),
    config: &OtlpConfig,
    sinks: &OpenSink,
    registry: &Registry,
    context: &ServeContext,
    started: &mut Started,
) -> Result<TaskTracker, StartError> {
    let producers = TaskTracker::new();
    if grpc.or(http).is_none() {
        return Ok(producers);
    }
    let counts = Counts::shown(registry);
    let intake = Intake::new(config, sinks, counts);
    let service = Service::new(intake, config.message_bytes, producers.clone());
    let settings = [
        ("otlp_grpc", grpc, Alpn::H2, HttpSettings::grpc()),
        ("otlp_http", http, Alpn::HttpAll, HttpSettings::http()),
    ];
    for (name, address, alpn, settings) in settings {
        let Some(address) = address else {
            continue;
        };
        let tls = config.tls.as_ref().map(|tls| load(tls, alpn, context));
        let tls = tls.transpose()?;
        let listener = listen::bind(address)
            .await
            .map_err(|source| StartError::Bind { door: name, source })?;
        started.door(name, listener.local_addr().unwrap_or(address));
        let stats = ConnectionStats::default();
        doors::report(registry, name, stats.clone());
        let settings = HttpSettings {
            header_read_timeout: HEADER_TIMEOUT,
            max_connections: config.connections,
            max_streams: Some(STREAMS),
            ..settings
        };
        let (service, shutdown) = (service.clone(), context.shutdown.clone());
        let serve = listen::serve_counted(listener, tls, settings, stats, service, shutdown);
        context.shutdown.tracker.spawn(serve);
    }
    Ok(producers)
}

fn load(files: &OtlpTls, alpn: Alpn, context: &ServeContext) -> Result<ServerTls, StartError> {
    let paths = TlsPaths {
        cert: files.cert.clone(),
        key: files.key.clone(),
        ca: files.ca.clone(),
    };
    let clients = match files.ca.as_os_str().is_empty() {
        true => ClientAuth::None,
        false => ClientAuth::Required,
    };
    let tls = ServerTls::load(&paths, clients, &[], alpn);
    let tls = tls.map_err(|source| StartError::Tls {
        part: "the OTLP doors",
        source: Box::new(source),
    })?;
    context.watch_tls(vec![tls.clone()], Vec::new());
    Ok(tls)
}
