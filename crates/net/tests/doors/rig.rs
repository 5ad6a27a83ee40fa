//! A server that echoes, certificates for it, and waiting for things to become true.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use hyper::body::Incoming;
use logweir_net::{
    body::{self, Body},
    dial::{DialSettings, Dialer, H2},
    grpc::{self, Messages, Status},
    listen::{self, ConnectionStats, HttpSettings, Peer},
    pki::{Authority, Pair},
    shutdown::Shutdown,
    tls::{Alpn, ClientAuth, ClientTls, ServerTls, TlsPaths, Verify},
};
use tempfile::TempDir;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) const LIMIT: usize = 10 << 20;
/// Nothing here takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Ends a test that waits for what does not come.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} did not happen within {PATIENCE:?}"),
    }
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// Certificates in a directory: `ca.crt`, `doppler` and `agent`.
pub(crate) struct Certs {
    dir: TempDir,
    pub(crate) authority: Authority,
}

impl Certs {
    pub(crate) fn new() -> Self {
        Self::by("test CA")
    }

    /// Those of an authority of this name.
    pub(crate) fn by(authority: &str) -> Self {
        let certs = Self {
            dir: TempDir::new().unwrap(),
            authority: Authority::create(authority, DAY).unwrap(),
        };
        std::fs::write(certs.path("ca.crt"), certs.authority.cert()).unwrap();
        for name in ["doppler", "agent"] {
            let pair = certs.authority.issue(&[name, "127.0.0.1"], DAY).unwrap();
            certs.put(name, &pair);
        }
        certs
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, pair: &Pair) {
        std::fs::write(self.path(&format!("{name}.crt")), &pair.cert).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), &pair.key).unwrap();
    }

    pub(crate) fn server(&self, auth: ClientAuth, alpn: Alpn) -> ServerTls {
        let paths = TlsPaths {
            cert: self.path("doppler.crt"),
            key: self.path("doppler.key"),
            ca: self.path("ca.crt"),
        };
        ServerTls::load(&paths, auth, &[], alpn).unwrap()
    }

    pub(crate) fn grpc(&self) -> ServerTls {
        self.server(ClientAuth::Required, Alpn::H2)
    }

    pub(crate) fn client(&self) -> ClientTls {
        let (cert, key) = (self.path("agent.crt"), self.path("agent.key"));
        let identity = Some((cert.as_path(), key.as_path()));
        ClientTls::load(
            Some(&self.path("ca.crt")),
            identity,
            Verify::Ca,
            &[],
            Alpn::H2,
        )
        .unwrap()
    }

    pub(crate) fn dialer(&self) -> Dialer {
        dialer(Some(self.client()))
    }
}

pub(crate) fn dialer(tls: Option<ClientTls>) -> Dialer {
    Dialer::new(tls, "doppler".into(), DialSettings::default())
}

/// A running server, and the handles to end it.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) stats: ConnectionStats,
    pub(crate) shutdown: Shutdown,
}

impl Server {
    pub(crate) async fn start(tls: Option<ServerTls>, settings: HttpSettings) -> Self {
        let listener = listen::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let server = Self {
            addr: listener.local_addr().unwrap(),
            stats: ConnectionStats::default(),
            shutdown: Shutdown::new(),
        };
        server.shutdown.tracker.spawn(listen::serve_counted(
            listener,
            tls,
            settings,
            server.stats.clone(),
            Echo,
            server.shutdown.clone(),
        ));
        server
    }

    /// A working call on a connection of its own: nothing else is held up.
    pub(crate) async fn works(&self, dialer: &Dialer) {
        let h2 = soon("a connection", dialer.connect(self.addr))
            .await
            .unwrap();
        assert_eq!(echo(&h2, b"well").await.unwrap(), [&b"well"[..]]);
    }
}

/// One message there and back.
pub(crate) async fn echo(h2: &H2, payload: &[u8]) -> Result<Vec<Bytes>, Status> {
    let payload = Bytes::copy_from_slice(payload);
    let mut stream = grpc::server_stream(h2, "/test/Echo", payload, http::HeaderMap::new(), LIMIT);
    let mut read = Vec::new();
    while let Some(message) = soon("an echo", stream.next()).await? {
        read.push(message);
    }
    Ok(read)
}

/// Calls a path with a request stream, and reads the whole answer.
pub(crate) async fn call(h2: &H2, path: &str, body: Body) -> Result<Vec<Bytes>, Status> {
    let request = grpc::request(path, h2.authority(), body);
    let response = soon("a response", h2.send(request))
        .await
        .map_err(|error| grpc::status_from_error(&error))?;
    let mut messages = Messages::of_response(response, LIMIT);
    let mut read = Vec::new();
    while let Some(message) = soon("a message", messages.next()).await? {
        read.push(message);
    }
    Ok(read)
}

/// `/test/Echo` gives back each message, `/test/Count` how many bytes came in all,
/// `/test/Quiet` nothing for ever, `/test/Names` the peer's names; a GET of `/flood` never ends, any other says hello.
#[derive(Clone)]
pub(crate) struct Echo;

impl tower_service::Service<Request<Incoming>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        Box::pin(async move { Ok(answer(request).await) })
    }
}

async fn answer(request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let peer = request.extensions().get::<Peer>().unwrap().clone();
    if request.uri().path() == "/flood" {
        let piece = Bytes::from_static(&[b'x'; 64 << 10]);
        let flood = stream::repeat_with(move || Ok(piece.clone()));
        return grpc::streaming_response(grpc::stream_body(flood));
    }
    if request.method() == http::Method::GET {
        return Response::new(body::full(format!("hello from {path}")));
    }
    let mut messages = Messages::new(request.into_body(), LIMIT);
    match path.as_str() {
        "/test/Echo" => grpc::streaming_response(grpc::stream_body(stream::unfold(
            messages,
            |mut messages| async {
                let next = messages.next().await.transpose()?;
                Some((next, messages))
            },
        ))),
        "/test/Count" => {
            let mut bytes = 0;
            loop {
                match messages.next().await {
                    Ok(Some(message)) => bytes += message.len(),
                    Ok(None) => return grpc::ok_unary(bytes.to_string()),
                    Err(status) => return grpc::status_response(status),
                }
            }
        }
        "/test/Quiet" => grpc::streaming_response(grpc::stream_body(stream::pending())),
        "/test/Late" => std::future::pending().await,
        "/test/Names" => grpc::ok_unary(peer.names.join(",")),
        _ => grpc::status_response(Status::unimplemented("unknown method")),
    }
}
