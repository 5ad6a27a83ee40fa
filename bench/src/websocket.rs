//! Readers at a traffic controller: each a WebSocket, one V1 envelope a frame.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use hdrhistogram::Histogram;
use logweir_net::tls::{Alpn, ClientTls, Verify};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::{clock::Clock, datagram, identity::Identities, tally::Tally};

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Name that the traffic controller's certificate carries.
const NAME: &str = "trafficcontroller";
/// Frames that are counted together: as many as a gRPC message of the load holds.
const TOGETHER: usize = 100;

/// Opens `path` of the traffic controller on `port`.
pub(crate) async fn open(ids: &Identities, port: u16, path: &str) -> Result<Socket> {
    let tls = ClientTls::load(Some(&ids.ca()), None, Verify::Ca, &[], Alpn::HttpAll)?;
    let mut config = (*tls.current()).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    tcp.set_nodelay(true)?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(NAME)?, tcp)
        .await?;
    let (socket, _) = client_async(format!("wss://{NAME}{path}"), stream)
        .await
        .with_context(|| format!("{path} is not opened"))?;
    Ok(socket)
}

/// Reads until the stream ends, which is an error.
pub(crate) async fn read(
    socket: Socket,
    tally: &Tally,
    clock: Clock,
    late: &mut Histogram<u64>,
) -> Result<()> {
    // Those that are there already are counted with the first one that was waited for.
    let mut ready = socket.ready_chunks(TOGETHER);
    let mut primed = false;
    while let Some(messages) = ready.next().await {
        let mut marks = Vec::with_capacity(messages.len());
        for message in messages {
            if let Message::Binary(envelope) = message? {
                marks.push(datagram::mark(&envelope).or_else(|| {
                    tally.tell(datagram::told(&envelope));
                    None
                }));
            }
        }
        if tally.add(marks.into_iter(), clock.now(), late) && !primed {
            primed = true;
            tally.reader_primed();
        }
    }
    anyhow::bail!("a reader's WebSocket has ended")
}
