//! One open HTTP/2 connection, and the tasks behind it.

use std::{
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use http::{Request, Response, uri::Scheme};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
    rt::Executor,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{DialSettings, SendError, with_causes};
use crate::{
    body::Body,
    coalesce::{Flusher, coalesce},
    transport::Transport,
};

/// How often it is looked whether the server has said goodbye.
const GOODBYE_CHECK: Duration = Duration::from_millis(250);

/// One HTTP/2 connection. Clones share it; it ends when all are gone and their streams
/// are over.
#[derive(Clone)]
pub struct H2(Arc<Shared>);

struct Shared {
    /// Taken by [`H2::close`]: hyper says goodbye when no sender is left.
    sender: Mutex<Option<SendRequest<Body>>>,
    authority: String,
    encrypted: bool,
    addr: SocketAddr,
    closing: CancellationToken,
    ended: CancellationToken,
    abort: CancellationToken,
    reason: OnceLock<String>,
}

impl H2 {
    /// Sends a request, and waits for the header of its response. That comes only with
    /// the first message of a quiet stream (spec loggregator-v2 §1.1): put no timeout
    /// on it. The request is on its way when this returns; dropping the future cancels
    /// the stream.
    ///
    /// # Errors
    /// The connection is closed or breaks, or the server resets the stream.
    pub fn send(
        &self,
        mut request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Incoming>, SendError>> + Send + 'static {
        if self.0.encrypted {
            set_https(&mut request);
        }
        let response = self.sender().map(|mut sender| sender.send_request(request));
        async move { Ok(response.ok_or(SendError::Closed)?.await?) }
    }

    /// The name that the server is asked for; for a request's authority.
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// Where it leads.
    pub fn addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// No request can be sent any more: it broke, was closed, or the server said goodbye.
    pub fn is_closed(&self) -> bool {
        self.sender().is_none_or(|sender| sender.is_closed())
    }

    /// Waits until no request can be sent any more: the server said goodbye, the
    /// connection broke, or it was closed here. Streams that are open may go on; end
    /// them and open new ones on another connection. Noticed within half a second.
    pub async fn closing(&self) {
        self.0.closing.cancelled().await;
    }

    /// Waits until the connection has ended.
    pub async fn closed(&self) {
        self.0.ended.cancelled().await;
    }

    /// Why it ended, if not in good order.
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.get().map(String::as_str)
    }

    /// Lets the open streams finish, then ends the connection.
    pub fn close(&self) {
        self.lock().take();
    }

    /// Ends the connection now, with whatever it holds: for a server that takes nothing
    /// any more, whose streams would never finish.
    pub fn abort(&self) {
        self.close();
        self.0.abort.cancel();
    }

    fn sender(&self) -> Option<SendRequest<Body>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<SendRequest<Body>>> {
        self.0.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for H2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("H2")
            .field("addr", &self.0.addr)
            .field("authority", &self.0.authority)
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// `:scheme` says how the request travels.
fn set_https(request: &mut Request<Body>) {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = parts.authority.is_some().then_some(Scheme::HTTPS);
    if let Ok(uri) = http::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// Speaks HTTP/2 over a transport. Its tasks end with the connection.
pub(super) async fn begin(
    transport: Transport,
    addr: SocketAddr,
    authority: String,
    encrypted: bool,
    settings: &DialSettings,
) -> hyper::Result<H2> {
    let (io, flusher) = coalesce(transport);
    let ended = CancellationToken::new();
    let guard = Arc::new(ended.clone().drop_guard());
    let abort = CancellationToken::new();
    let gathering = (flusher, guard.clone(), abort.clone());
    let spawner = Spawner(Arc::new(Mutex::new(Some(gathering))));
    let (sender, requests) = http2::Builder::new(spawner)
        .timer(TokioTimer::new())
        .initial_stream_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window)
        .max_frame_size(settings.max_frame)
        .max_send_buf_size(settings.send_buffer)
        .keep_alive_interval(settings.keepalive_interval)
        .keep_alive_timeout(settings.keepalive_timeout)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(io))
        .await?;
    let shared = Arc::new(Shared {
        sender: Mutex::new(Some(sender)),
        authority,
        encrypted,
        addr,
        closing: CancellationToken::new(),
        ended,
        abort,
        reason: OnceLock::new(),
    });
    // Weak: the connection ends when its last handle and stream are gone.
    let told = Arc::downgrade(&shared);
    // Boxed as a plain future, for the compiler cannot see its type to be `Send`.
    let requests: Requests = Box::pin(requests);
    let closing = shared.closing.clone().drop_guard();
    tokio::spawn(async move {
        if let Err(error) = until_goodbye(requests).await {
            let reason = with_causes(&error);
            tracing::debug!(%addr, "connection ended: {reason}");
            if let Some(shared) = told.upgrade() {
                let _ = shared.reason.set(reason);
            }
        }
        drop((closing, guard));
    });
    Ok(H2(shared))
}

/// Takes requests, and ends with the connection's error.
type Requests = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// Ends [`H2::closed`] when the last clone is dropped.
type Guard = Arc<DropGuard>;

/// Spawns hyper's tasks. The first is the one that reads and writes the connection
/// (what `handshake` returns only hands requests to it), so that is the one whose
/// writes the flusher gathers. The others, one for each request's body, would replace
/// its waker if they flushed too.
#[derive(Clone)]
struct Spawner(Arc<Mutex<Option<Gathering>>>);

/// The flusher of a connection, what tells of its end, and what ends it at once.
type Gathering = (Flusher<Transport>, Guard, CancellationToken);

impl<F> Executor<F> for Spawner
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((flusher, guard, abort)) = first else {
            tokio::spawn(task);
            return;
        };
        tokio::spawn(async move {
            let mut connection = pin!(task);
            // An error here drops the connection, and its requests tell.
            let drive = flusher.drive(connection.as_mut());
            let _ = abort.run_until_cancelled(drive).await;
            drop(guard);
        });
    }
}

/// Takes requests until the connection takes no more. hyper sees the server's goodbye
/// only when it is asked to send something, so it is asked now and then.
async fn until_goodbye(mut requests: Requests) -> hyper::Result<()> {
    let mut ticks = tokio::time::interval(GOODBYE_CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            ended = requests.as_mut() => return ended,
            _ = ticks.tick() => {}
        }
    }
}
