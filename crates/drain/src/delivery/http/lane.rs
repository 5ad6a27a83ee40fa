//! One connection for requests, one after the other.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{task::JoinHandle, time::timeout};

use super::{
    answer::{Verdict, judge},
    request::Requests,
};
use crate::delivery::{Failure, dial::Connection};

/// Answers are read to their end, so that the connection can go on, but not beyond this.
const LONGEST_ANSWER: usize = 64 << 10;

pub(super) struct Lane {
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<hyper::Result<()>>,
    used: bool,
}

impl Lane {
    /// Opens a connection; `titled`: names of headers begin with capitals.
    pub(super) async fn open(connection: Connection, titled: bool) -> Result<Self, Failure> {
        let io = TokioIo::new(connection.transport);
        let mut builder = http1::Builder::new();
        let opened = builder.title_case_headers(titled).handshake(io).await;
        let (sender, connection) = opened.map_err(|error| of_hyper(&error))?;
        Ok(Self {
            sender,
            connection: tokio::spawn(connection),
            used: false,
        })
    }

    /// True once a request was answered: the receiver may have closed the connection since.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    /// Waits until the receiver has closed the connection.
    pub(super) async fn closed(&mut self) {
        if !self.connection.is_finished() {
            let _ = (&mut self.connection).await;
        }
    }

    /// Posts a body, and reads what the receiver says to it.
    pub(super) async fn post(
        &mut self,
        requests: &Requests,
        body: Bytes,
        patience: Duration,
    ) -> Result<Verdict, Failure> {
        match timeout(patience, self.exchange(requests, body)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::NoAnswer(patience)),
        }
    }

    async fn exchange(&mut self, requests: &Requests, body: Bytes) -> Result<Verdict, Failure> {
        if let Err(error) = self.sender.ready().await {
            return Err(self.why(&error).await);
        }
        let response = match self.sender.send_request(requests.with(body)).await {
            Ok(response) => response,
            Err(error) => return Err(self.why(&error).await),
        };
        self.used = true;
        let (head, body) = response.into_parts();
        let verdict = judge(
            requests.manner,
            head.status,
            &head.headers,
            SystemTime::now(),
        );
        // The status says all. If the rest does not come, the next request will notice.
        let _ = Limited::new(body, LONGEST_ANSWER).collect().await;
        verdict
    }

    /// What ended the connection: it knows more than the request that met its end.
    async fn why(&mut self, error: &hyper::Error) -> Failure {
        let failure = of_hyper(error);
        if failure != Failure::Closed || self.connection.is_finished() {
            return failure;
        }
        match (&mut self.connection).await {
            Ok(Err(error)) => of_hyper(&error),
            _ => failure,
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

fn of_hyper(error: &hyper::Error) -> Failure {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref() {
            return Failure::of_io(io);
        }
        cause = inner.source();
    }
    match error.is_parse() {
        // hyper's own words: there may be anything in the answer.
        true => Failure::Request("what the receiver answered is not HTTP".to_owned()),
        false if error.is_closed() || error.is_canceled() || error.is_incomplete_message() => {
            Failure::Closed
        }
        false => Failure::Request(error.to_string()),
    }
}
