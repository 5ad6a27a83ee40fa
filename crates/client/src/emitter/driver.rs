//! The task that owns the connection: finds the peer, keeps one stream open, and
//! ends it now and then so that the peer answers for what it took.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http_body_util::BodyExt;
use logweir_net::{
    backoff::Backoff,
    dial::H2,
    grpc::{self, Messages},
};
use logweir_proto::service;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{
    ConnectionState, Shared,
    body::{Outgoing, Signals},
};
use crate::endpoint::{EndpointError, Locate, chain};

/// A stream that carries something is ended after this time. The peers answer a
/// client stream only at its end: what is in doubt after a broken connection is
/// what was sent since the last answer.
const ANSWER_EVERY: Duration = Duration::from_millis(500);
/// A peer that does not answer for an ended stream in this time has stalled.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Pauses between tries to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Runs until the emitter is closed, or nobody holds it and nothing is left to send.
pub(super) async fn run(shared: Arc<Shared>, locate: Locate) {
    let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
    let mut attempt = 0;
    while !shared.done() {
        let cause = tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            cause = serve(&shared, &locate, attempt, &mut backoff) => cause,
        };
        shared.books.fail();
        shared.progress.notify_waiters();
        if shared.done() {
            break;
        }
        tracing::debug!(%cause, "connection for emitting is down");
        shared.state.send_replace(ConnectionState::Waiting(cause));
        if shared.finishing.is_cancelled() {
            // Nobody waits for it: one failed try is enough.
            break;
        }
        attempt += 1;
        tokio::select! {
            () = shared.stop.cancelled() => break,
            () = shared.finishing.cancelled() => {}
            () = sleep(backoff.next()) => {}
        }
    }
    shared.give_up();
    shared.ended.cancel();
}

/// Connects, and sends stream after stream until something fails; says what.
async fn serve(
    shared: &Arc<Shared>,
    locate: &Locate,
    attempt: usize,
    backoff: &mut Backoff,
) -> String {
    let connected = async {
        let endpoint = locate()?;
        let (h2, address) = endpoint.connect(attempt).await?;
        Ok::<_, EndpointError>((h2, address, endpoint.server_name))
    };
    let (h2, address, name) = match connected.await {
        Ok(connected) => connected,
        Err(error) => return error.to_string(),
    };
    shared
        .state
        .send_replace(ConnectionState::Connected(address.clone()));
    loop {
        if let Err(status) = stream(shared, &h2, &name).await {
            return format!("{address} ended the stream: {}", words(&status));
        }
        backoff.reset();
        if shared.done() {
            h2.close();
            return "closed".into();
        }
    }
}

/// One `BatchSender` call, until its answer.
async fn stream(shared: &Arc<Shared>, h2: &H2, name: &str) -> Result<(), Status> {
    let signals = Arc::new(Signals {
        end: CancellationToken::new(),
        departed: Notify::new(),
        complete: AtomicBool::new(false),
    });
    let body = Outgoing::new(shared.clone(), signals.clone());
    let request = grpc::request(service::BATCH_SENDER, name, body.boxed_unsync());
    let mut answer = std::pin::pin!(answer(h2, request));
    let due = async {
        signals.departed.notified().await;
        sleep(ANSWER_EVERY).await;
    };
    let early = tokio::select! {
        answer = &mut answer => Some(answer),
        () = due => None,
        () = shared.turn_asked.notified() => None,
        () = shared.finishing.cancelled() => None,
    };
    signals.end.cancel();
    let answer = match early {
        Some(answer) => answer,
        None => timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(|_| {
            Err(Status::deadline_exceeded(
                "no answer to an ended stream; the peer has stalled",
            ))
        }),
    };
    let complete = signals.complete.load(Ordering::Acquire);
    match answer {
        // Go's peers answer a client that ends its stream with Unknown "EOF": they
        // have read it to the end.
        Err(status) if !(complete && is_eof(&status)) => Err(status),
        _ if !complete => Err(Status::aborted("the peer ended it before its end")),
        _ => {
            shared.books.arrive();
            shared.progress.notify_waiters();
            Ok(())
        }
    }
}

async fn answer(h2: &H2, request: http::Request<logweir_net::body::Body>) -> Result<(), Status> {
    let response = h2.send(request).await.map_err(|error| {
        // A server that refuses our certificate says so only now.
        Status::unavailable(h2.reason().map_or_else(|| chain(&error), str::to_owned))
    })?;
    let mut messages = Messages::of_response(response, 4096);
    while messages.next().await?.is_some() {}
    Ok(())
}

fn is_eof(status: &Status) -> bool {
    status.code() == Code::Unknown && status.message() == "EOF"
}

fn words(status: &Status) -> String {
    match status.code() {
        Code::Unimplemented => "it takes no envelopes; give the address of an ingress door".into(),
        _ => format!("{} ({:?})", status.message(), status.code()),
    }
}

impl Shared {
    /// Nothing is to be sent any more.
    pub(super) fn done(&self) -> bool {
        self.stop.is_cancelled() || (self.finishing.is_cancelled() && self.idle())
    }

    fn idle(&self) -> bool {
        let stats = self.books.stats(&self.queue);
        stats.queued == 0 && stats.in_flight == 0 && !self.books.has_untold()
    }

    /// Whether a stream that is asked to end may: all that a flush waits for has
    /// left the queue.
    pub(super) fn may_turn(&self) -> bool {
        let stats = self.queue.stats();
        let head = stats.taken + stats.dropped_total();
        head >= self.flush_mark.load(Ordering::Relaxed).min(stats.offered)
    }
}
