//! The agent's dropsonde door. V1 events are not converted by this build: each
//! datagram is received, so that producers see an open port, and counted as dropped.

use std::{net::SocketAddr, sync::Arc};

use logweir_net::listen::BindError;
use logweir_route::{Admitted, Exchange};
use tokio::net::UdpSocket;

use crate::context::{ServeContext, StartError, Started};

/// Largest UDP datagram, in bytes.
const DATAGRAM: usize = 65_535;

pub(super) async fn start(
    address: SocketAddr,
    exchange: &Arc<Exchange>,
    context: &ServeContext,
    started: &mut Started,
) -> Result<(), StartError> {
    let bind = |source| StartError::Bind {
        door: "udp",
        source: BindError::new(address, source),
    };
    let socket = UdpSocket::bind(address).await.map_err(bind)?;
    started.door("udp", socket.local_addr().map_err(bind)?);
    tracing::warn!("dropsonde datagrams are counted and dropped: this build speaks V2 only");
    let exchange = Arc::clone(exchange);
    let stop = context.shutdown.stop.clone();
    context.shutdown.tracker.spawn(async move {
        let mut datagram = vec![0; DATAGRAM];
        let receive = async {
            loop {
                match socket.recv(&mut datagram).await {
                    Ok(bytes) => {
                        // Malformed as far as this build can tell.
                        let admitted = Admitted {
                            envelopes: 1,
                            malformed: 1,
                            sanitized: 0,
                        };
                        exchange.count_in(bytes, 0, admitted);
                    }
                    Err(error) => tracing::debug!("cannot receive a datagram: {error}"),
                }
            }
        };
        stop.run_until_cancelled(receive).await;
    });
    Ok(())
}
