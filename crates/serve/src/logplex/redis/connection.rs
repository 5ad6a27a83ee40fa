//! One connection to a server.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use logweir_net::{
    body::BoxError,
    resolve::Resolver,
    tls::{Alpn, ClientTls, Verify},
    transport::Transport,
};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    client::RedisError,
    resp::{self, Value},
    url::RedisUrl,
};

/// For each address of a server.
const CONNECT: Duration = Duration::from_secs(2);

/// Bytes that are read at a time.
const READ: usize = 64 << 10;

pub(super) struct Connection {
    stream: Transport,
    /// What was read and is not parsed.
    read: Bytes,
}

impl Connection {
    /// Connects, says who we are and chooses the database.
    pub(super) async fn open(url: &RedisUrl, resolver: &Resolver) -> Result<Self, RedisError> {
        let lost = |why: String| RedisError::Unreachable(format!("{url}: {why}"));
        let addresses = resolver.resolve(&url.target).await;
        let addresses = addresses.map_err(|error| lost(error.to_string()))?;
        let mut why = "its name has no address".to_owned();
        for address in addresses {
            match timeout(CONNECT, transport(url, address)).await {
                Ok(Ok(stream)) => {
                    let mut connection = Self {
                        stream,
                        read: Bytes::new(),
                    };
                    connection.greet(url).await?;
                    return Ok(connection);
                }
                Ok(Err(error)) => why = error.to_string(),
                Err(_) => why = format!("no connection within {CONNECT:?}"),
            }
        }
        Err(lost(why))
    }

    async fn greet(&mut self, url: &RedisUrl) -> Result<(), RedisError> {
        let mut out = BytesMut::new();
        let mut expected = 0;
        if let Some((user, password)) = &url.credential {
            match user.as_str() {
                "" => resp::command(&[b"AUTH", password.as_bytes()], &mut out),
                user => {
                    let words: [&[u8]; 3] = [b"AUTH", user.as_bytes(), password.as_bytes()];
                    resp::command(&words, &mut out);
                }
            }
            expected += 1;
        }
        if url.database > 0 {
            let database = url.database.to_string();
            resp::command(&[b"SELECT", database.as_bytes()], &mut out);
            expected += 1;
        }
        self.write(&out).await?;
        for _ in 0..expected {
            if let Value::Error(text) = self.next().await? {
                let text = String::from_utf8_lossy(&text);
                return Err(RedisError::Unreachable(format!("{url}: {text}")));
            }
        }
        Ok(())
    }

    /// Whether the server has closed it since it was last used.
    pub(super) async fn is_stale(&mut self) -> bool {
        let mut more = BytesMut::new();
        let looked = timeout(Duration::ZERO, self.stream.read_buf(&mut more)).await;
        // Nobody has asked, so that anything that is said is none of ours.
        looked.is_ok() || !self.read.is_empty()
    }

    pub(super) async fn write(&mut self, commands: &[u8]) -> Result<(), RedisError> {
        let written = async {
            self.stream.write_all(commands).await?;
            self.stream.flush().await
        };
        let written = written.await;
        written.map_err(|error| RedisError::Unreachable(error.to_string()))
    }

    /// The next value.
    pub(super) async fn next(&mut self) -> Result<Value, RedisError> {
        let lost = |why: &str| RedisError::Unreachable(why.to_owned());
        loop {
            if let Some((value, length)) = resp::value(&self.read).map_err(lost)? {
                self.read = self.read.split_off(length);
                return Ok(value);
            }
            let mut more = BytesMut::with_capacity(self.read.len() + READ);
            more.extend_from_slice(&self.read);
            match self.stream.read_buf(&mut more).await {
                Ok(0) => return Err(lost("the server closed the connection")),
                Ok(_) => self.read = more.freeze(),
                Err(error) => return Err(lost(&error.to_string())),
            }
        }
    }
}

/// A connection, encrypted if the URL says so.
async fn transport(url: &RedisUrl, address: SocketAddr) -> Result<Transport, BoxError> {
    let stream = TcpStream::connect(address).await?;
    // Without it commands only wait a little.
    let _ = stream.set_nodelay(true);
    let Some(name) = &url.tls else {
        return Ok(Transport::Plain(stream));
    };
    // Read each time: connections last, and authorities change.
    let tls = ClientTls::load(None, None, Verify::SystemRoots, &[], Alpn::HttpAll)?;
    let mut config = (*tls.current()).clone();
    config.alpn_protocols.clear();
    let name = ServerName::try_from(name.clone())?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await?;
    Ok(Transport::Tls(Box::new(stream.into())))
}
