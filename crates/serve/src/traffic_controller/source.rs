//! Where a traffic controller's envelopes come from: the exchange of this process, or
//! every router over the network.

use std::{
    task::{Context, Poll},
};

use bytes::Bytes;
use logweir_proto::frames::frames;
use tonic::Status;

use crate::grpc::ReaderStream;

/// Which of the two halves of V1 a reader asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Log messages.
    Logs,
    /// Everything else.
    Metrics,
}

/// What a session subscribes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Envelopes of this app only.
    pub app: Option<String>,
    /// One half only.
    pub class: Option<Class>,
    /// Readers of the same name share the envelopes; empty: this one gets all.
    pub shard: String,
}

/// Runs of V1 frames for one session: live envelopes, history and then live ones, or
/// history alone.
pub trait Frames: Send {
    /// The next run; `None` after the last.
    fn poll_frames(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>>;

    /// The session gives up. What still waits is lost, as are the frames `in_hand`
    /// that it took but did not write; the frames of a notice say how much that is in
    /// all, if the reader was not told before.
    fn give_up(&mut self, in_hand: &[u8]) -> Option<Bytes>;
}

/// The frames of one session.
pub type BoxFrames = Box<dyn Frames>;

impl Frames for ReaderStream {
    fn poll_frames(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_chunk(context)
            .map(|chunk| chunk.map(|chunk| chunk.frames))
    }

    fn give_up(&mut self, in_hand: &[u8]) -> Option<Bytes> {
        // Until the queue tells what it loses on V1.
        let _ = frames(in_hand).count();
        None
    }
}

/// A finite run of frames, such as history alone.
pub struct Finite(pub Option<Bytes>);

impl Frames for Finite {
    fn poll_frames(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Poll::Ready(self.0.take())
    }

    fn give_up(&mut self, _: &[u8]) -> Option<Bytes> {
        None
    }
}

/// Opens streams and reads what is remembered. Clones are the same source.
#[derive(Clone)]
pub enum Source {
    /// The readers of this process's exchange, and its recent store.
    Local,
    /// Every router of every zone.
    Routers,
}

impl Source {
    /// Subscribes one session to live envelopes.
    ///
    /// # Errors
    /// As the readers or the routers say.
    pub fn open(&self, wanted: Wanted) -> Result<ReaderStream, Status> {
        let _ = wanted;
        Err(Status::unavailable("no source yet"))
    }

    /// The newest log envelopes of an app, at most `limit`, in ascending order: V1
    /// envelopes, not framed.
    ///
    /// # Errors
    /// When no source can be asked. What some routers did not answer is left out.
    pub async fn recent(&self, app: &str, limit: usize) -> Result<Vec<Bytes>, Status> {
        let _ = (app, limit);
        Err(Status::unimplemented("no recent logs yet"))
    }

    /// The newest container metric of each instance of an app, by instance: V1
    /// envelopes, not framed.
    ///
    /// # Errors
    /// As [`Source::recent`].
    pub async fn container_metrics(&self, app: &str) -> Result<Vec<Bytes>, Status> {
        let _ = app;
        Err(Status::unimplemented("no container metrics yet"))
    }
}
