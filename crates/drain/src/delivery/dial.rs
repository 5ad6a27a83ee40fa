//! Connecting to a receiver: its name, the addresses that are allowed, TCP, TLS.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use logweir_net::{
    resolve::Target,
    tls::{Alpn, Personal, PersonalTls},
    transport::Transport,
};
use nix::sys::socket::{setsockopt, sockopt};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Delivery, Failure};
use crate::{binding::Pem, channel::ChannelDrain, drain::Drain, reach::Closed};

/// Probes of a connection that is quiet begin after this many seconds, and come as often.
const KEEPALIVE: u32 = 10;

/// Who is connected to.
#[derive(Clone)]
pub(super) enum Receiver {
    /// That of a drain, by what its URL and its owner say, where drains may lead.
    Drain(Arc<Drain>),
    /// That of a channel's drain, where those may lead.
    Channel(Arc<ChannelDrain>),
    /// One that the operator names: TCP, and anywhere.
    Open(Target),
    /// The same with TLS.
    Tls(Target, Arc<Pem>),
}

/// How a receiver is connected to. Made for a connection, and gone with it.
pub(super) struct Dial<'a> {
    pub(super) to: &'a Receiver,
    pub(super) with: &'a Delivery,
}

impl Dial<'_> {
    /// Opens a connection, within the time that the settings allow for all of it.
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        let after = self.with.settings.connect_timeout;
        match tokio::time::timeout(after, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(Failure::ConnectTimeout(after)),
        }
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let tls = self.tls()?;
        let tcp = self.tcp().await?;
        let Some(tls) = tls else {
            return Ok(Connection {
                transport: Transport::Plain(tcp),
                judged_later: false,
            });
        };
        let name = ServerName::try_from(tls.host);
        let name = name.map_err(|error| Failure::Tls(error.to_string()))?;
        let stream = TlsConnector::from(tls.personal.config.clone())
            .connect(name, tcp)
            .await
            .map_err(|error| match Failure::of_io(&error) {
                Failure::Tls(reason) | Failure::Broken(reason) => Failure::Tls(reason),
                _ => Failure::Tls("the receiver ended the handshake".to_owned()),
            })?;
        Ok(Connection {
            judged_later: tls.personal.asked(),
            transport: Transport::Tls(Box::new(stream.into())),
        })
    }

    fn tls(&self) -> Result<Option<Tls>, Failure> {
        let none = Pem::default();
        let (host, pem, shared, alpn) = match self.to {
            Receiver::Channel(drain) => {
                let transport = drain.url.transport();
                if !transport.is_tls() {
                    return Ok(None);
                }
                let shared = match drain.url.insecure() {
                    true => &self.with.insecure_tls,
                    false => &self.with.tls,
                };
                let alpn = transport.is_http().then_some(Alpn::Http1);
                (drain.url.host().to_string(), &none, shared, alpn)
            }
            Receiver::Open(_) => return Ok(None),
            Receiver::Drain(drain) => {
                let url = &drain.url;
                if !url.scheme().is_tls() {
                    return Ok(None);
                }
                let shared = match url.params().internal_tls {
                    true => &self.with.internal_tls,
                    false => &self.with.tls,
                };
                let alpn = url.scheme().is_http().then_some(Alpn::Http1);
                (url.host().to_string(), &*drain.pem, shared, alpn)
            }
            Receiver::Tls(target, pem) => {
                let Target::HostPort(host, _) = target else {
                    return Err(Failure::Tls(format!("{target} names no host")));
                };
                (host.clone(), &**pem, &self.with.tls, None)
            }
        };
        let has_identity = !pem.cert.is_empty() && !pem.key.is_empty();
        let own = Personal {
            ca: pem.ca.reveal(),
            identity: has_identity.then(|| (pem.cert.reveal(), pem.key.reveal())),
            alpn,
        };
        match shared.personal(&own) {
            Ok(personal) => Ok(Some(Tls { host, personal })),
            Err(error) => Err(Failure::Credentials(error.to_string())),
        }
    }

    async fn tcp(&self) -> Result<TcpStream, Failure> {
        let mut failure = None;
        for address in self.addresses().await? {
            match TcpStream::connect(address).await {
                Ok(tcp) => {
                    prepare(&tcp, self.with.settings.write_timeout);
                    return Ok(tcp);
                }
                Err(error) => {
                    failure = Some(Failure::Connect {
                        address: address.to_string(),
                        reason: error.to_string(),
                    });
                }
            }
        }
        Err(failure.unwrap_or_else(|| Failure::Resolve("the receiver has no address".to_owned())))
    }

    /// The addresses of the receiver that are allowed, in an order drawn anew each time:
    /// connections spread over them.
    pub(super) async fn addresses(&self) -> Result<Vec<SocketAddr>, Failure> {
        let target = match self.to {
            Receiver::Open(target) | Receiver::Tls(target, _) => target.clone(),
            Receiver::Drain(drain) => {
                let url = &drain.url;
                Target::HostPort(url.host().to_string(), url.port())
            }
            Receiver::Channel(drain) => {
                let url = &drain.url;
                Target::HostPort(url.host().to_string(), url.port())
            }
        };
        let found = self.with.resolver.resolve(&target).await;
        let mut addresses = found.map_err(|error| Failure::Resolve(error.to_string()))?;
        let first = addresses.first().copied();
        if let Receiver::Drain(_) | Receiver::Channel(_) = self.to {
            addresses.retain(|address| !self.with.block_list.blocks(address.ip()));
        }
        let mut own = None;
        if let Receiver::Channel(_) = self.to {
            addresses.retain(|address| {
                let closed = self.with.reach.closed(*address);
                if closed == Some(Closed::Own) {
                    own = Some(*address);
                }
                closed.is_none()
            });
        }
        match (addresses.is_empty(), own, first) {
            (true, Some(own), _) => Err(Failure::Own(own)),
            (true, None, Some(first)) => Err(Failure::Blocked(first.ip())),
            _ => {
                fastrand::shuffle(&mut addresses);
                Ok(addresses)
            }
        }
    }
}

/// TLS with a receiver.
struct Tls {
    host: String,
    personal: PersonalTls,
}

/// An open connection.
pub(super) struct Connection {
    pub(super) transport: Transport,
    /// The receiver asked for our certificate and may still refuse it.
    pub(super) judged_later: bool,
}

/// A dead peer is noticed, and small writes leave at once. A system that knows one of these
/// options not is none the worse.
fn prepare(tcp: &TcpStream, patience: Duration) {
    let millis = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
    let _ = tcp.set_nodelay(true);
    let _ = setsockopt(tcp, sockopt::KeepAlive, &true);
    let _ = setsockopt(tcp, sockopt::TcpKeepIdle, &KEEPALIVE);
    let _ = setsockopt(tcp, sockopt::TcpKeepInterval, &KEEPALIVE);
    let _ = setsockopt(tcp, sockopt::TcpUserTimeout, &millis);
}
