//! The syslog door: messages over TCP, TLS and UDP into envelopes.
//!
//! [`intake`] makes envelopes of messages, [`stream`] messages of bytes, [`connection`] reads
//! one client.

mod config;
pub(crate) mod connection;
mod counts;
mod intake;
mod stream;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use logweir_net::{
    listen::{self, ConnectionStats, StreamSettings},
    tls::{Alpn, ClientAuth, ServerTls, TlsPaths},
};
use tokio_util::task::TaskTracker;

pub use config::{SyslogConfig, SyslogTls};

use crate::{
    context::{ServeContext, StartError, Started},
    datagram_door, doors,
    logplex::input::{self, Input},
    metrics::Registry,
    outlet::{OpenSink, Outlet},
};
use connection::Connection;
use counts::Counts;
use intake::Intake;
use stream::Messages;

/// A client gets this long for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Opens the doors `syslog` (TCP, with TLS where the settings ask for it) and
/// `syslog_udp`. A message that names a token of Logplex is a line of its channel. What is returned is done once both are read out after a stop.
///
/// # Errors
/// An address that cannot be bound, or a certificate that cannot be loaded.
pub(crate) async fn open(
    (tcp, udp): (SocketAddr, SocketAddr),
    config: &SyslogConfig,
    (sinks, lines): (&OpenSink, &Arc<Input>),
    registry: &Registry,
    context: &ServeContext,
    started: &mut Started,
) -> Result<Vec<TaskTracker>, StartError> {
    let config = Arc::new(config.clone());
    let tls = config
        .tls
        .as_ref()
        .map(|tls| load("the syslog door", tls, context));
    let tls = tls.transpose()?;
    let counts = Counts::shown("syslog", registry);
    let producers = TaskTracker::new();
    let serve = {
        let (config, sinks) = (Arc::clone(&config), Arc::clone(sinks));
        let lines = Arc::clone(lines);
        let (open, stop) = (producers.clone(), context.shutdown.stop.clone());
        move |transport, peer: listen::Peer| {
            let (outlet, lines) = (Outlet::new(sinks()), by_token(&lines));
            let intake = Intake::new(&config.source_id, outlet, lines, counts.clone());
            let messages = Messages::new(config.message_bytes, intake, peer.addr);
            let connection = Connection::new(transport, peer.addr, messages, config.idle_timeout);
            let stop = stop.clone();
            open.track_future(async move { connection.read(&stop).await })
        }
    };
    let name = "syslog";
    let listener = listen::bind(tcp)
        .await
        .map_err(|source| StartError::Bind { door: name, source })?;
    started.door(name, listener.local_addr().unwrap_or(tcp));
    let stats = ConnectionStats::default();
    doors::report(registry, name, stats.clone());
    let settings = StreamSettings {
        max_connections: config.connections,
        handshake_timeout: HANDSHAKE,
    };
    let shutdown = context.shutdown.clone();
    let accepting = listen::serve_streams(listener, tls, settings, stats, serve, shutdown);
    context.shutdown.tracker.spawn(accepting);

    let plan = datagram_door::Plan {
        name: "syslog_udp",
        key: "syslog.receive_buffer",
        address: udp,
        receive_buffer: config.receive_buffer,
    };
    let counts = Counts::shown(plan.name, registry);
    let (outlet, lines) = (Outlet::new(sinks()), by_token(lines));
    let intake = Intake::new(&config.source_id, outlet, lines, counts);
    let datagrams = datagram_door::open(&plan, intake, registry, context, started)?;
    Ok(vec![producers, datagrams])
}

/// Whoever knows a token may write by it.
fn by_token(lines: &Arc<Input>) -> input::Intake {
    input::Intake::new(lines, input::Writer::Anyone)
}

/// TLS of a syslog door; clients need a certificate where the settings name authorities.
///
/// # Errors
/// A certificate that cannot be loaded.
pub(crate) fn load(
    part: &'static str,
    files: &SyslogTls,
    context: &ServeContext,
) -> Result<ServerTls, StartError> {
    let paths = TlsPaths {
        cert: files.cert.clone(),
        key: files.key.clone(),
        ca: files.ca.clone(),
    };
    let clients = match files.ca.as_os_str().is_empty() {
        true => ClientAuth::None,
        false => ClientAuth::Required,
    };
    let tls = ServerTls::load(&paths, clients, &[], Alpn::None);
    let tls = tls.map_err(|source| StartError::Tls {
        part,
        source: Box::new(source),
    })?;
    context.watch_tls(vec![tls.clone()], Vec::new());
    Ok(tls)
}
