//! Where the load goes in and where it comes out.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::Result;
use logweir_net::dial::{Dialer, H2};

use crate::{
    clock::Clock,
    datagram::Datagrams,
    identity::Identities,
    line::Form,
    link,
    load::Template,
    producer::{Pace, Producer},
    reader::{Reader, Wish},
    tally::Tally,
    websocket,
};

/// Producers of a load, each on a connection of its own.
pub(crate) const PRODUCERS: usize = 2;
/// Connections that many readers share, as they share those of a proxy.
const READER_CONNECTIONS: usize = 8;

/// Which roles an envelope passes: a router, and these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// Where producers send to.
    pub(crate) intake: Intake,
    /// Where readers read from.
    pub(crate) outlet: Outlet,
}

/// Where producers send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intake {
    /// The router.
    Router,
    /// An agent's gRPC ingress.
    Agent,
    /// An agent's UDP door.
    Udp,
}

/// Where readers read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlet {
    /// The router.
    Router,
    /// A reverse log proxy.
    Rlp,
    /// The WebSockets of a traffic controller.
    WebSocket,
}

/// Where the load goes in.
pub(crate) enum Entry {
    /// `BatchSender` streams, each on one of these, of payloads in this form.
    Grpc(Vec<H2>, Form),
    /// Datagrams to this port.
    Udp(u16),
}

impl Entry {
    /// The ingress at a port whose certificate carries a name.
    pub(crate) async fn grpc(ids: &Identities, to: (u16, &str)) -> Result<Self> {
        let connections = connections(ids, to, PRODUCERS).await?;
        Ok(Self::Grpc(connections, Form::Bytes))
    }

    /// The same for what comes out as text.
    pub(crate) async fn text(ids: &Identities, to: (u16, &str)) -> Result<Self> {
        let connections = connections(ids, to, PRODUCERS).await?;
        Ok(Self::Grpc(connections, Form::Text))
    }

    /// Starts producer `index` of the load's, as stream number `stream`.
    pub(crate) fn producer(
        &self,
        index: usize,
        (sources, stream): (&[String], u8),
        pace: Pace,
        clock: Clock,
        limit: u64,
    ) -> Result<Producer> {
        Ok(match self {
            Entry::Grpc(connections, form) => {
                let template = Template::of(*form, sources, stream)?;
                let h2 = connections[index % connections.len().max(1)].clone();
                Producer::start(h2, template, pace, clock, limit)
            }
            Entry::Udp(port) => {
                let (Pace::Batches(rate) | Pace::Evenly(rate)) = pace;
                let to = (Ipv4Addr::LOCALHOST, *port).into();
                let datagrams = Datagrams::new(sources, stream)?;
                Producer::datagrams(to, datagrams, rate, clock, limit)
            }
        })
    }
}

/// Where the load comes out.
pub(crate) enum Exit {
    /// `BatchedReceiver` streams, spread over these.
    Grpc(Vec<H2>),
    /// WebSockets of the traffic controller on this port.
    WebSocket(u16),
}

impl Exit {
    /// The egress at a port whose certificate carries a name, for so many readers.
    pub(crate) async fn grpc(ids: &Identities, to: (u16, &str), readers: usize) -> Result<Self> {
        let count = readers.min(READER_CONNECTIONS);
        Ok(Self::Grpc(connections(ids, to, count).await?))
    }

    /// Opens reader `index`.
    pub(crate) async fn reader(
        &self,
        ids: &Identities,
        index: usize,
        wish: &Wish,
        tally: Arc<Tally>,
        clock: Clock,
    ) -> Result<Reader> {
        Ok(match self {
            Exit::Grpc(connections) => {
                let h2 = connections[index % connections.len().max(1)].clone();
                Reader::start(h2, wish.clone(), tally, clock)
            }
            Exit::WebSocket(port) => {
                let path = match &wish.source {
                    Some(app) => format!("/apps/{app}/stream"),
                    None => format!("/firehose/bench-{index}"),
                };
                let socket = websocket::open(ids, *port, &path).await?;
                Reader::websocket(socket, tally, clock)
            }
        })
    }
}

async fn connections(ids: &Identities, to: (u16, &str), count: usize) -> Result<Vec<H2>> {
    let dialer: Dialer = link::dialer(ids, to.1)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, to.0));
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(dialer.connect(address).await?);
    }
    Ok(connections)
}
