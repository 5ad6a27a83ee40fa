//! Syslog over TCP: octet-counted messages that name their token. Nobody is answered, and
//! what is malformed is passed over.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use logweir_net::{
    listen::{self, ConnectionStats, Peer, StreamSettings},
    tls::ServerTls,
};
use logweir_wire::logplex::framing::{Framer, Item, Oversize};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{Count, Input, Intake, intake::Writer};
use crate::{
    context::{ServeContext, StartError, Started},
    doors,
    metrics::Registry,
    syslog_in::connection::{Connection, Goes, Stream},
};

/// A client gets this long for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Most connections at a time; further ones wait in the kernel's backlog.
const CONNECTIONS: usize = 10_000;

/// Opens the door. What is returned is done once every client is read out after a stop.
///
/// # Errors
/// An address that cannot be bound.
pub(crate) async fn open(
    (name, address): (&'static str, SocketAddr),
    tls: Option<ServerTls>,
    (input, strict): (Arc<Input>, bool),
    registry: &Registry,
    context: &ServeContext,
    started: &mut Started,
) -> Result<TaskTracker, StartError> {
    let oversize = oversize(strict);
    let producers = TaskTracker::new();
    let serve = {
        let (open, stop) = (producers.clone(), context.shutdown.stop.clone());
        move |transport, peer: Peer| {
            let messages = Messages {
                framer: Framer::new(oversize),
                intake: Intake::new(&input, Writer::Anyone),
                from: peer.addr,
                since: Instant::now(),
            };
            tracing::debug!("at=new_connection peer={} local={address}", peer.addr);
            let connection = Connection::new(transport, peer.addr, messages, Duration::ZERO);
            let stop = stop.clone();
            open.track_future(async move { connection.read(&stop).await })
        }
    };
    let listener = listen::bind(address)
        .await
        .map_err(|source| StartError::Bind { door: name, source })?;
    started.door(name, listener.local_addr().unwrap_or(address));
    let stats = ConnectionStats::default();
    doors::report(registry, name, stats.clone());
    let settings = StreamSettings {
        max_connections: CONNECTIONS,
        handshake_timeout: HANDSHAKE,
    };
    let shutdown = context.shutdown.clone();
    let accepting = listen::serve_streams(listener, tls, settings, stats, serve, shutdown);
    context.shutdown.tracker.spawn(accepting);
    Ok(producers)
}

/// What is done with frames that are too long.
pub(super) fn oversize(strict: bool) -> Oversize {
    match strict {
        true => Oversize::Junk,
        false => Oversize::Cut,
    }
}

/// The bytes of one client.
struct Messages {
    framer: Framer,
    intake: Intake,
    from: SocketAddr,
    since: Instant,
}

impl Stream for Messages {
    fn take(&mut self, bytes: &[u8]) -> Goes {
        self.framer.push(bytes);
        while let Some(item) = self.framer.next_item() {
            match item {
                Item::Message(message) => self.intake.take(message),
                Item::Cut(message) => {
                    self.intake.count(Count::Cut);
                    self.intake.take(message);
                }
                Item::Junk(_) => self.intake.junk(),
            }
        }
        self.intake.send_on();
        Goes::On
    }

    fn patience(&self) -> Option<Duration> {
        None
    }

    fn rest(&mut self) {}

    fn finish(&mut self) {
        let duration = self.since.elapsed().as_secs_f64();
        tracing::debug!("at=close peer={} duration={duration:.6}", self.from);
        self.intake.send_on();
    }
}
