//! The task behind a [`GatewayReader`](super::GatewayReader).

use std::time::Duration;

use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use logweir_net::backoff::Backoff;
use logweir_wire::{json, sse};
use tokio::{
    sync::mpsc::Sender,
    time::{Instant, sleep, timeout},
};

use super::connection::Gateway;
use crate::event::{Event, ReadError};

/// Gateways send a heartbeat every 15 s: after so long a silence the connection is
/// dead.
const SILENCE: Duration = Duration::from_secs(60);
/// Connection and head of the response.
const OPEN_WITHIN: Duration = Duration::from_secs(20);
const GOOD_AFTER: Duration = Duration::from_secs(10);
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// Most bytes of an error body that are read.
const ERROR_BYTES: usize = 4 << 10;

type Out = Sender<Result<Event, ReadError>>;

enum End {
    Broke(String),
    Refused(ReadError),
    Unread,
}

pub(super) async fn run(gateway: Gateway, target: String, out: Out) {
    let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
    let mut opened = 0_u64;
    loop {
        let started = Instant::now();
        let before = opened;
        match read(&gateway, &target, &mut opened, &out).await {
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

async fn read(gateway: &Gateway, target: &str, opened: &mut u64, out: &Out) -> End {
    let reply = match timeout(OPEN_WITHIN, gateway.get(target)).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => return End::Broke(error.to_string()),
        Err(_) => return End::Broke(format!("{} does not answer", gateway.address())),
    };
    let address = gateway.address().to_owned();
    let mut reply = reply;
    if reply.response.status() != StatusCode::OK {
        return refused(reply.response, address).await;
    }
    let connected = Event::Connected {
        address: address.clone(),
        again: *opened > 0,
    };
    *opened += 1;
    if out.send(Ok(connected)).await.is_err() {
        return End::Unread;
    }
    let mut parser = sse::Parser::new();
    let body = reply.response.body_mut();
    loop {
        let frame = match timeout(SILENCE, body.frame()).await {
            Err(_) => return End::Broke(format!("{address} has been silent for {SILENCE:?}")),
            Ok(None) => return End::Broke(format!("{address} ended the stream")),
            Ok(Some(Err(error))) => return End::Broke(format!("{address}: {error}")),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        parser.push(&data);
        for event in parser.by_ref() {
            let batch = match event {
                sse::Event::Batch(json) => json::parse_batch(&json),
                _ => continue,
            };
            let event = match batch {
                Ok(batch) => Event::Batch(batch),
                Err(error) => return End::Broke(format!("{address} sent no batch: {error}")),
            };
            if out.send(Ok(event)).await.is_err() {
                return End::Unread;
            }
        }
    }
}

async fn refused(response: http::Response<hyper::body::Incoming>, address: String) -> End {
    let status = response.status();
    let body = Limited::new(response.into_body(), ERROR_BYTES)
        .collect()
        .await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let words = String::from_utf8_lossy(&body).trim().to_owned();
    let again = status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_MANY_REQUESTS;
    if again {
        return End::Broke(format!("{address} answers {status}: {words}"));
    }
    let message = match status {
        StatusCode::NOT_FOUND => format!("{words}; check the token and what it may read"),
        _ => words,
    };
    End::Refused(ReadError::Refused {
        address,
        code: status.to_string(),
        message,
    })
}
