//! The task behind a [`Reader`](super::Reader).

use std::{future::poll_fn, task::Poll, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use logweir_net::{backoff::Backoff, grpc};
use tokio::{
    sync::mpsc::Sender,
    time::{Instant, sleep, timeout},
};
use tonic::{Code, Status};

use super::Call;
use crate::{
    endpoint::Endpoint,
    event::{Event, ReadError},
};

/// Says what this reader can take in one message.
const MAX_MESSAGE: HeaderName = HeaderName::from_static("logweir-max-message-bytes");
/// Go's peers send response headers with the first envelope only: a stream that
/// was neither opened nor refused in this time counts as open.
const OPEN_WITHIN: Duration = Duration::from_millis(250);
/// A stream that lived this long was a good one: the next pause is short again.
const GOOD_AFTER: Duration = Duration::from_secs(10);
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

type Out = Sender<Result<Event<Bytes>, ReadError>>;

/// What ended one stream.
enum End {
    /// Try again.
    Broke(String),
    /// Never again.
    Refused(ReadError),
    /// The caller dropped the reader.
    Unread,
}

pub(super) async fn run(endpoint: Endpoint, call: Call, out: Out) {
    let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
    let mut opened = 0_u64;
    for attempt in 0.. {
        let started = Instant::now();
        let before = opened;
        match read(&endpoint, &call, attempt, &mut opened, &out).await {
            End::Unread => return,
            End::Refused(error) => {
                let _ = out.send(Err(error)).await;
                return;
            }
            End::Broke(cause) => {
                if opened > before && started.elapsed() >= GOOD_AFTER {
                    backoff.reset();
                }
                let retry_in = backoff.next();
                if out
                    .send(Ok(Event::Disconnected { cause, retry_in }))
                    .await
                    .is_err()
                {
                    return;
                }
                sleep(retry_in).await;
            }
        }
    }
}

async fn read(
    endpoint: &Endpoint,
    call: &Call,
    attempt: usize,
    opened: &mut u64,
    out: &Out,
) -> End {
    let (h2, address) = match endpoint.connect(attempt).await {
        Ok(connected) => connected,
        Err(error) => return End::Broke(error.to_string()),
    };
    let mut extra = HeaderMap::new();
    let limit = call.max_message_bytes();
    extra.insert(MAX_MESSAGE, HeaderValue::from(limit));
    let mut stream = grpc::server_stream(&h2, call.path(), call.encoded(*opened > 0), extra, limit);
    let ended = |status: Status| ended(status, &address);
    let _ = timeout(OPEN_WITHIN, stream.opened()).await;
    // A refusal is there with the header: then the stream never was open.
    let mut next = match poll_fn(|context| Poll::Ready(stream.poll_next(context))).await {
        Poll::Ready(Err(status)) => return ended(status),
        Poll::Ready(Ok(first)) => Some(Ok(first)),
        Poll::Pending => None,
    };
    let connected = Event::Connected {
        address: address.clone(),
        again: *opened > 0,
    };
    *opened += 1;
    if out.send(Ok(connected)).await.is_err() {
        return End::Unread;
    }
    loop {
        let message = match next.take() {
            Some(message) => message,
            None => stream.next().await,
        };
        match message {
            Ok(Some(message)) => {
                let batch = call.batch(message).map(Event::Batch);
                if out.send(batch).await.is_err() {
                    return End::Unread;
                }
            }
            Ok(None) => return End::Broke(format!("{address} ended the stream")),
            Err(status) => return ended(status),
        }
    }
}

fn ended(status: Status, address: &str) -> End {
    let code = format!("{:?}", status.code());
    match status.code() {
        Code::InvalidArgument
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::Unimplemented => End::Refused(ReadError::Refused {
            address: address.into(),
            code,
            message: status.message().into(),
        }),
        _ => End::Broke(format!(
            "{address} ended the stream: {} ({code})",
            status.message()
        )),
    }
}
