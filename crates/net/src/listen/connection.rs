//! One accepted connection from its handshake to its end.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{net::TcpStream, time::Instant};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use super::{ConnectionStats, HttpSettings, Peer, Protocol, plaintext};
use crate::{
    body::{Body, BoxError},
    coalesce::{Coalesced, Flusher, coalesce},
    shutdown::Shutdown,
    tls::{Alpn, ServerTls, dns_names},
    transport::Transport,
};

/// Length of HTTP/2's preface, and about that of the shortest HTTP/1.1 request. Who has
/// not sent as much is not talking to us yet.
const GREETING: u64 = 24;

/// What all connections of a door have in common.
pub(super) struct Door {
    pub(super) tls: Option<ServerTls>,
    pub(super) settings: HttpSettings,
    pub(super) stats: ConnectionStats,
}

/// Serves one client. Its troubles are its own: logged at debug, counted, never more.
pub(super) async fn run<S>(
    door: Arc<Door>,
    tcp: TcpStream,
    addr: SocketAddr,
    service: S,
    shutdown: Shutdown,
) where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%addr, "cannot set TCP_NODELAY: {error}");
    }
    if let Some(patience) = door.settings.unread_timeout {
        give_up_unread(&tcp, patience);
    }
    let patience = door.settings.handshake_timeout;
    let secured = greet(&door.tls, &door.stats, tcp, addr, patience, &shutdown).await;
    let Some((transport, names)) = secured else {
        return;
    };
    let (io, flusher) = coalesce(transport);
    let peer = Peer { addr, names };
    serve_http(&door.settings, io, flusher, peer, service, shutdown).await;
}

/// A stream's own deadline is looked at when its client has room for more, which one
/// that never reads never has: its connection has to end for its place to be free.
#[cfg(target_os = "linux")]
fn give_up_unread(tcp: &TcpStream, patience: Duration) {
    use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
    let millis = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = setsockopt(tcp, TcpUserTimeout, &millis) {
        tracing::debug!("cannot set TCP_USER_TIMEOUT: {error}");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_up_unread(_: &TcpStream, _: Duration) {}

/// Why there is no connection to serve.
enum Refusal {
    /// The client left without a word: a health check by connecting.
    Silent,
    /// It wants the answer of [`plaintext::refuse`].
    PlainHttp(TcpStream),
    /// The handshake failed, for this reason.
    Tls(String),
}

/// The connection after its TLS handshake, if the door has one, with the names of the
/// client's certificate. None of a client that did not get through, which is counted.
pub(super) async fn greet(
    tls: &Option<ServerTls>,
    stats: &ConnectionStats,
    tcp: TcpStream,
    addr: SocketAddr,
    patience: Duration,
    shutdown: &Shutdown,
) -> Option<(Transport, Vec<String>)> {
    let greeting = tokio::select! {
        biased;
        () = shutdown.stop.cancelled() => return None,
        secured = tokio::time::timeout(patience, secure(tls, tcp)) => secured,
    };
    match greeting {
        Ok(Ok(secured)) => return Some(secured),
        Ok(Err(Refusal::Silent)) => {}
        Ok(Err(Refusal::PlainHttp(tcp))) => {
            stats.tls_failure(addr, "the client sent plain HTTP to a TLS port");
            plaintext::refuse(tcp).await;
        }
        Ok(Err(Refusal::Tls(reason))) => stats.tls_failure(addr, &reason),
        Err(_) => stats.tls_failure(addr, "the client stalled"),
    }
    None
}

async fn secure(
    tls: &Option<ServerTls>,
    tcp: TcpStream,
) -> Result<(Transport, Vec<String>), Refusal> {
    let Some(tls) = tls else {
        return Ok((Transport::Plain(tcp), Vec::new()));
    };
    match plaintext::look(&tcp).await {
        Ok(plaintext::Beginning::Tls) => {}
        Ok(plaintext::Beginning::Http) if !matches!(tls.alpn(), Alpn::H2 | Alpn::None) => {
            return Err(Refusal::PlainHttp(tcp));
        }
        Ok(plaintext::Beginning::Nothing) => return Err(Refusal::Silent),
        Ok(plaintext::Beginning::Http | plaintext::Beginning::Other) => {
            return Err(Refusal::Tls(
                "the client sent plain text to a TLS port".into(),
            ));
        }
        Err(error) => return Err(Refusal::Tls(error.to_string())),
    }
    let stream = TlsAcceptor::from(tls.current())
        .accept(tcp)
        .await
        .map_err(|error| Refusal::Tls(error.to_string()))?;
    let names = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|chain| chain.first())
        .map(dns_names)
        .unwrap_or_default();
    Ok((Transport::Tls(Box::new(stream.into())), names))
}

/// Runs the tasks of HTTP/2 streams where the shutdown waits for them.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

async fn serve_http<S>(
    settings: &HttpSettings,
    io: Coalesced<Transport>,
    flusher: Flusher<Transport>,
    peer: Peer,
    service: S,
    shutdown: Shutdown,
) where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    let addr = peer.addr;
    let asked = Arc::new(AtomicBool::new(false));
    let (mut connection, goodbye) = connect(settings, io, peer, service, &asked, &shutdown);

    let age = settings.max_age.map_or(FOREVER, jittered);
    let mut leave_at = pin!(tokio::time::sleep_until(Instant::now() + age));
    let mut greeted_by = pin!(tokio::time::sleep(settings.handshake_timeout));
    // Tokens of its own: the shared one's lock would be taken at every wake-up of
    // every connection.
    let (stop, abort) = (shutdown.stop.child_token(), shutdown.abort.child_token());
    let mut stopped = pin!(stop.cancelled());
    let mut aborted = pin!(abort.cancelled());
    let (mut leaving, mut greeted) = (false, false);
    let result = loop {
        tokio::select! {
            biased;
            result = flusher.drive(connection.as_mut()) => break result,
            () = &mut aborted => {
                tracing::debug!(%addr, "connection aborted at the shutdown deadline");
                return;
            }
            () = &mut stopped, if !leaving => {
                leaving = true;
                goodbye.store(true, Relaxed);
            }
            () = &mut leave_at, if !leaving => {
                leaving = true;
                goodbye.store(true, Relaxed);
            }
            () = &mut greeted_by, if !greeted => {
                greeted = true;
                if flusher.received() < GREETING && !asked.load(Relaxed) {
                    tracing::debug!(%addr, "the client connected and sent no request");
                    return;
                }
            }
        }
    };
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%addr, "connection ended: {error}"),
        Err(error) => tracing::debug!(%addr, "connection lost: {error}"),
    }
    // An upgraded connection lives on; what it was answered must reach it.
    tokio::select! {
        biased;
        _ = flusher.finish() => {}
        () = &mut aborted => {}
    }
}

type Driven = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// The HTTP connection, and the flag that lets it finish its streams and end. A flag,
/// because the compiler cannot see the connection's type to be `Send` across an await.
/// `asked` is set at the first request.
fn connect<S>(
    settings: &HttpSettings,
    io: Coalesced<Transport>,
    peer: Peer,
    service: S,
    asked: &Arc<AtomicBool>,
    shutdown: &Shutdown,
) -> (Driven, Arc<AtomicBool>)
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    let asked = asked.clone();
    let answer = service_fn(move |mut request: Request<Incoming>| {
        asked.store(true, Relaxed);
        request.extensions_mut().insert(peer.clone());
        let mut service = service.clone();
        async move {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request).await
        }
    });
    let builder = builder(settings, shutdown.tracker.clone());
    let connection = builder
        .serve_connection_with_upgrades(TokioIo::new(io), answer)
        .into_owned();
    let mut connection = Box::pin(connection);
    let goodbye = Arc::new(AtomicBool::new(false));
    let said = goodbye.clone();
    let mut leaving = false;
    let driven = poll_fn(move |cx| {
        if !leaving && said.load(Relaxed) {
            leaving = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    });
    (Box::pin(driven), goodbye)
}

/// Far enough for a connection, near enough for a timer.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Within a tenth of `age`, so that the clients of a restarted server do not all
/// leave at once when it is over.
fn jittered(age: Duration) -> Duration {
    age.mul_f64(0.9 + fastrand::f64() / 5.0)
}

fn builder(settings: &HttpSettings, tracker: TaskTracker) -> auto::Builder<Tracked> {
    let mut builder = auto::Builder::new(Tracked(tracker));
    builder
        .http1()
        .timer(TokioTimer::new())
        .half_close(false)
        .header_read_timeout(settings.header_read_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window)
        .max_frame_size(settings.max_frame)
        .max_concurrent_streams(settings.max_streams)
        .max_send_buf_size(settings.send_buffer)
        .keep_alive_interval(settings.keepalive_interval)
        .keep_alive_timeout(settings.keepalive_timeout);
    match settings.protocol {
        Protocol::H2 => builder.http2_only(),
        Protocol::Auto => builder,
    }
}
