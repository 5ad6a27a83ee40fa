//! Doors whose connections are plain streams of bytes, with TLS over them or without.

use std::{future::Future, time::Duration};

use tokio::net::TcpListener;

use super::{ConnectionStats, Peer, accept, connection, slots};
use crate::{shutdown::Shutdown, tls::ServerTls, transport::Transport};

/// How connections of such a door are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// Most connections at a time; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// A client gets this long for its TLS handshake.
    pub handshake_timeout: Duration,
}

/// Accepts connections until `shutdown.stop` and gives each to `serve`, in a task on
/// `shutdown.tracker`. A connection is dropped at `shutdown.abort`; that it should end
/// sooner is for `serve` to see.
pub async fn serve_streams<F>(
    listener: TcpListener,
    tls: Option<ServerTls>,
    settings: StreamSettings,
    stats: ConnectionStats,
    serve: impl Fn(Transport, Peer) -> F + Clone + Send + 'static,
    shutdown: Shutdown,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let slots = slots(settings.max_connections);
    let accepting = async {
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else {
                return;
            };
            let (tcp, addr) = accept(&listener, &stats).await;
            let open = stats.open_one();
            let (tls, stats, serve) = (tls.clone(), stats.clone(), serve.clone());
            let (patience, ending) = (settings.handshake_timeout, shutdown.clone());
            shutdown.tracker.spawn(async move {
                let greeted = connection::greet(&tls, &stats, tcp, addr, patience, &ending).await;
                if let Some((transport, names)) = greeted {
                    let served = serve(transport, Peer { addr, names });
                    ending.abort.run_until_cancelled(served).await;
                }
                drop((open, slot));
            });
        }
    };
    tokio::select! {
        biased;
        () = shutdown.stop.cancelled() => {}
        () = accepting => {}
    }
}
