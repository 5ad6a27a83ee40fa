//! A connection to one broker: a request, and then its answer.

use std::{future::poll_fn, io, pin::Pin, time::Duration};

use logweir_net::transport::Transport;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    time::timeout,
};

use crate::{
    delivery::{Failure, dial::Connection},
    kafka::{
        answer::{ApiVersions, Malformed},
        request::{Api, PRODUCE, Request},
    },
};

/// An answer with more bytes is none: those that are asked for here are far smaller.
const LONGEST_ANSWER: u32 = 8 << 20;

/// How an alert of TLS begins, any version of it: what is answered to those who speak none.
const TLS_ALERT: u32 = 0x1503;

/// A broker that can be asked.
pub(super) struct Link {
    transport: Transport,
    correlation: i32,
    patience: Duration,
    versions: ApiVersions,
}

impl Link {
    /// Finds out whether a broker is at the other end, and which.
    pub(super) async fn open(connection: Connection, patience: Duration) -> Result<Self, Failure> {
        let mut link = Self {
            transport: connection.transport,
            correlation: 0,
            patience,
            versions: ApiVersions::default(),
        };
        let answer = link.ask(Request::api_versions()).await?;
        link.versions = ApiVersions::read(&answer).map_err(no_answer)?;
        Ok(link)
    }

    /// The version of `Produce` that both know.
    pub(super) fn produce_version(&self) -> Result<i16, Failure> {
        let range = self.versions.range(Api::Produce(PRODUCE.1));
        let both = range.map(|(lowest, highest)| (lowest.max(PRODUCE.0), highest.min(PRODUCE.1)));
        match both {
            Some((lowest, highest)) if lowest <= highest => Ok(highest),
            _ => Err(Failure::Request(
                "the broker is too old or too new: it knows no record batches in our versions"
                    .to_owned(),
            )),
        }
    }

    /// The broker knows this question, in our version of it.
    pub(super) fn knows(&self, api: Api) -> bool {
        let range = self.versions.range(api);
        range.is_some_and(|(lowest, highest)| (lowest..=highest).contains(&api.version()))
    }

    /// Asks, and waits for the answer. After a failure nothing can be asked any more.
    pub(super) async fn ask(&mut self, request: Request) -> Result<Vec<u8>, Failure> {
        self.correlation = self.correlation.wrapping_add(1);
        let bytes = request.numbered(self.correlation);
        match timeout(self.patience, self.exchange(&bytes)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::NoAnswer(self.patience)),
        }
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Vec<u8>, Failure> {
        let broken = |error: io::Error| Failure::of_io(&error);
        self.transport.write_all(request).await.map_err(broken)?;
        self.transport.flush().await.map_err(broken)?;
        let length = self.transport.read_u32().await.map_err(broken)?;
        if length >> 16 == TLS_ALERT {
            return Err(Failure::Tls("the broker speaks nothing else".to_owned()));
        }
        if !(4..=LONGEST_ANSWER).contains(&length) {
            return Err(no_answer(Malformed));
        }
        let correlation = self.transport.read_i32().await.map_err(broken)?;
        if correlation != self.correlation {
            return Err(no_answer(Malformed));
        }
        let mut answer = Vec::new();
        let rest = u64::from(length) - 4;
        let mut rest_of_it = (&mut self.transport).take(rest);
        rest_of_it.read_to_end(&mut answer).await.map_err(broken)?;
        match rest_of_it.limit() {
            0 => Ok(answer),
            _ => Err(Failure::Closed),
        }
    }

    /// Waits until the broker ends the connection, or speaks without being asked.
    pub(super) async fn closed(&mut self) {
        poll_fn(|context| {
            let mut space = [0; 1];
            let mut buffer = ReadBuf::new(&mut space);
            let read = Pin::new(&mut self.transport).poll_read(context, &mut buffer);
            read.map(drop)
        })
        .await;
    }
}

/// What came is no answer of a broker.
pub(super) fn no_answer(_: Malformed) -> Failure {
    Failure::Request("what came is no answer of a Kafka broker".to_owned())
}
