//! Raw gRPC streams, well-behaved and not.

use std::pin::Pin;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use logweir_net::{
    body::{Body, BoxError},
    dial::H2,
    grpc::{self, Messages, ServerStream},
};
use logweir_proto::{frames::frames, service, v2};
use prost::Message;
use tokio::{
    sync::mpsc::{Sender, channel},
    task::JoinHandle,
};
use tonic::Status;

use crate::patience::{eventually, within};

/// Largest message that the readers of the tests take, as Go's default.
pub const READER_LIMIT: usize = 4 << 20;

/// A client stream whose bytes the test chooses. Its connection lives with it.
pub struct Producer {
    body: Option<Sender<Bytes>>,
    answer: JoinHandle<Result<Bytes, Status>>,
}

impl Producer {
    /// Opens `BatchSender`.
    pub fn open(h2: &H2) -> Self {
        Self::open_at(h2, service::BATCH_SENDER)
    }

    /// Opens any method.
    pub fn open_at(h2: &H2, path: &str) -> Self {
        let (body, mut chunks) = channel::<Bytes>(4);
        let frames = futures_util::stream::poll_fn(move |cx| {
            chunks
                .poll_recv(cx)
                .map(|chunk| chunk.map(|bytes| Ok::<_, BoxError>(Frame::data(bytes))))
        });
        let stream: Body = StreamBody::new(frames).boxed_unsync();
        let request = grpc::request(path, h2.authority(), stream);
        let response = h2.send(request);
        let answer = tokio::spawn(async move {
            let response = response
                .await
                .map_err(|error| Status::unavailable(error.to_string()))?;
            answer(response).await
        });
        Self {
            body: Some(body),
            answer,
        }
    }

    /// Sends one well-framed message.
    ///
    /// # Panics
    /// When the stream has ended.
    pub async fn send(&self, message: &[u8]) {
        self.send_raw(grpc::message(message)).await;
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the stream has ended.
    pub async fn send_raw(&self, bytes: Bytes) {
        let body = self.body.as_ref().expect("the stream is open");
        within("the stream takes bytes", body.send(bytes))
            .await
            .expect("the stream is open");
    }

    /// Half-closes the stream and gives the answer: the response's bytes or the status.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn finish(mut self) -> Result<Bytes, Status> {
        self.body = None;
        within("an answer to the stream", self.answer)
            .await
            .expect("the task ends")
    }

    /// The answer of a stream that the server ends by itself.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn refused(self) -> Status {
        let outcome = within("the stream is refused", self.answer)
            .await
            .expect("the task ends");
        outcome.expect_err("a status other than OK")
    }
}

async fn answer(response: http::Response<Incoming>) -> Result<Bytes, Status> {
    let mut messages = Messages::of_response(response, READER_LIMIT);
    let first = messages.next().await?;
    while messages.next().await?.is_some() {}
    first.ok_or_else(|| Status::internal("OK without a response message"))
}

/// A `BatchedReceiver` stream that is read only when the test reads it.
pub struct Reader {
    stream: Pin<Box<ServerStream>>,
}

impl Reader {
    /// Subscribes. The request is on its way when this returns.
    pub fn open(h2: &H2, request: &v2::EgressBatchRequest) -> Self {
        let request = request.encode_to_vec().into();
        let stream = grpc::server_stream(
            h2,
            service::BATCHED_RECEIVER,
            request,
            HeaderMap::new(),
            READER_LIMIT,
        );
        Self {
            stream: Box::pin(stream),
        }
    }

    /// The envelopes of the next message, each of which must be valid.
    ///
    /// # Errors
    /// The status that ends the stream.
    ///
    /// # Panics
    /// When what comes cannot be decoded, or nothing comes.
    pub async fn next(&mut self) -> Result<Vec<v2::Envelope>, Status> {
        let batch = within("a batch", self.stream.next()).await?;
        let batch = batch.ok_or_else(|| Status::ok("the stream has ended"))?;
        Ok(v2::EnvelopeBatch::decode(batch)
            .expect("valid protobuf with valid UTF-8")
            .batch)
    }

    /// The envelopes of the next message as bytes.
    ///
    /// # Panics
    /// When nothing comes.
    pub async fn next_raw(&mut self) -> Vec<Vec<u8>> {
        let batch = within("a batch", self.stream.next())
            .await
            .expect("the stream lives");
        let batch = batch.expect("the stream lives");
        frames(&batch)
            .map(|frame| frame.expect("a frame").envelope.to_vec())
            .collect()
    }

    /// Reads until `enough` says so of everything read.
    ///
    /// # Panics
    /// When the stream ends before.
    pub async fn until(&mut self, enough: impl Fn(&[v2::Envelope]) -> bool) -> Vec<v2::Envelope> {
        let mut all = Vec::new();
        while !enough(&all) {
            all.extend(self.next().await.expect("the stream lives"));
        }
        all
    }

    /// The status that ends the stream; whatever comes before is dropped.
    pub async fn status(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }
}

/// Sends `probe` through `producer` until `reader` has it: the subscription stands, and
/// all that the stream was sent before has been dealt with.
pub async fn prime(producer: &Producer, reader: &mut Reader, probe: &v2::Envelope) {
    let batch = crate::envelopes::batch(std::slice::from_ref(probe));
    eventually("the subscription stands", async || {
        producer.send(&batch).await;
        let wait = std::time::Duration::from_millis(50);
        tokio::time::timeout(wait, reader.next())
            .await
            .ok()
            .map(|got| got.expect("lives"))
    })
    .await;
}
