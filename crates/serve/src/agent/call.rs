//! What the streams of an agent's connections call, and how a chunk becomes its messages.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use logweir_net::{
    body::Body,
    dial::H2,
    grpc::{self, Messages},
};
use logweir_proto::{
    frames::{Frame, frames},
    service,
};
use logweir_route::{
    Chunk, Loss, notice,
    notice_v1::{FormV1, NoticesV1},
};
use tonic::{Code, Status};

use super::{lanes::Lanes, links::LinksOptions};

/// Most bytes of the answer, which is an empty message.
const ANSWER_BYTES: usize = 4 << 10;

/// A method that takes a stream of envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `loggregator.v2.Ingress/BatchSender`: a chunk is a message.
    BatchSender,
    /// `loggregator.v2.Ingress/Sender`: each envelope is a message.
    Sender,
    /// `plumbing.DopplerIngestor/Pusher`, V1: each envelope is a message of its own.
    Pusher,
}

impl Call {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::BatchSender => service::BATCH_SENDER,
            Self::Sender => service::SENDER,
            Self::Pusher => service::PUSHER,
        }
    }

    /// The request's body: what the lane hands out, as messages.
    pub(super) fn body(self, source: LaneStream) -> Body {
        match self {
            Self::BatchSender => grpc::request_body(source.map(|chunk| Ok(chunk.frames))),
            Self::Sender => {
                let bodies = |chunk: Chunk| one_by_one(&chunk, |frame| frame.envelope);
                grpc::framed_request_body(source.map(bodies))
            }
            Self::Pusher => {
                let frames = |chunk: Chunk| one_by_one(&chunk, |frame| frame.bytes);
                grpc::framed_request_body(source.map(frames))
            }
        }
    }
}

/// How whoever reads further down is told what these connections lost.
pub(super) enum Notices {
    V1(NoticesV1),
    V2 { hop: &'static str },
}

impl Notices {
    pub(super) fn of(options: &LinksOptions) -> Self {
        let hop = options.hop;
        match options.call {
            Call::BatchSender | Call::Sender => Self::V2 { hop },
            Call::Pusher => {
                let place = Arc::clone(&options.place);
                Self::V1(NoticesV1::new(FormV1::Logs, hop, place, options.next))
            }
        }
    }

    /// The notices of one loss, at `now` in Unix nanoseconds.
    pub(super) fn chunk(&mut self, loss: &Loss, now: i64) -> Chunk {
        match self {
            Self::V1(notices) => notices.chunk(loss, now),
            Self::V2 { hop } => notice::chunk(loss, notice::Form::Log, hop, now),
        }
    }
}

/// A message for each frame of a chunk: the whole frame, since `0x0A len envelope` is an
/// `EnvelopeData` as a run of them is an `EnvelopeBatch`, or the envelope in it. They go
/// out in one write.
fn one_by_one<'a>(chunk: &'a Chunk, part: impl Fn(Frame<'a>) -> &'a [u8]) -> Bytes {
    let envelopes = usize::try_from(chunk.envelopes).unwrap_or_default();
    let room = chunk.frames.len() + envelopes * grpc::message_len(0);
    let mut messages = BytesMut::with_capacity(room);
    // Frames of a chunk were checked or made here.
    for frame in frames(&chunk.frames).flatten() {
        grpc::push_message(&mut messages, part(frame));
    }
    messages.freeze()
}

/// How the router ends the stream. A header that comes early is no end.
pub(super) async fn outcome(connection: &H2, request: http::Request<Body>) -> Result<(), Status> {
    let answer = connection.send(request).await;
    let answer = answer.map_err(|error| grpc::status_from_error(&error))?;
    let mut messages = Messages::of_response(answer, ANSWER_BYTES);
    while messages.next().await?.is_some() {}
    Ok(())
}

/// Whether the router will not have this stream, rather than being on its way out.
pub(super) fn refusal(outcome: Result<(), Status>) -> bool {
    outcome.is_err_and(|status| !matches!(status.code(), Code::Unavailable | Code::Cancelled))
}

pub(super) fn log_end(next: &str, address: SocketAddr, outcome: &Result<(), Status>) {
    match outcome {
        Ok(()) => tracing::debug!("the {next} {address} ended the stream"),
        Err(status) => {
            let reason = status.message();
            tracing::info!("the {next} {address} ended the stream: {reason}");
        }
    }
}

/// The chunks of one lane, for the body of its stream.
pub(super) struct LaneStream {
    pub(super) lanes: Arc<Lanes>,
    pub(super) lane: usize,
    pub(super) epoch: u64,
    /// Chunks handed out.
    pub(super) sent: Arc<AtomicU64>,
}

impl Stream for LaneStream {
    type Item = Chunk;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let load = ready!(self.lanes.poll_take(self.lane, self.epoch, context));
        Poll::Ready(load.map(|load| {
            self.sent.fetch_add(1, Ordering::Relaxed);
            load.chunk
        }))
    }
}

#[cfg(test)]
mod tests {
    use logweir_proto::frames::push_frame;

    use super::*;

    #[test]
    fn each_envelope_of_a_chunk_is_a_message() {
        let mut frames = BytesMut::new();
        push_frame(&mut frames, b"one");
        push_frame(&mut frames, b"");
        let chunk = Chunk {
            frames: frames.freeze(),
            envelopes: 2,
            deprecated_tags: false,
        };
        assert_eq!(
            &one_by_one(&chunk, |frame| frame.bytes)[..],
            b"\0\0\0\0\x05\x0a\x03one\0\0\0\0\x02\x0a\0"
        );
        assert_eq!(
            &one_by_one(&chunk, |frame| frame.envelope)[..],
            b"\0\0\0\0\x03one\0\0\0\0\0"
        );
    }
}
