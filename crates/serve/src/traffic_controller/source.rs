//! Where a traffic controller's envelopes come from: the exchange of this process, or
//! every router over the network.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
pub use logweir_proto::peek_v1::Class;
use logweir_proto::plumbing::{self, Filter, LogFilter, MetricFilter, filter::Message};
use logweir_route::Generation;
use tonic::Status;

use super::upstream;
use crate::{
    grpc::{ReaderStream, V1Readers},
    recents::Recents,
    routers::Routers,
};

/// What a session subscribes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Envelopes of this app only.
    pub app: Option<String>,
    /// One class only.
    pub class: Option<Class>,
    /// Readers of the same name share the envelopes; empty: this one gets all.
    pub shard: String,
}

impl From<Wanted> for plumbing::SubscriptionRequest {
    fn from(wanted: Wanted) -> Self {
        let message = wanted.class.map(|class| match class {
            Class::Log => Message::Log(LogFilter {}),
            Class::Metric => Message::Metric(MetricFilter {}),
        });
        let filtered = wanted.app.is_some() || message.is_some();
        let filter = filtered.then(|| Filter {
            app_id: wanted.app.unwrap_or_default(),
            message,
        });
        Self {
            shard_id: wanted.shard,
            filter,
        }
    }
}

/// Runs of V1 frames for one session: live envelopes, history and then live ones, or
/// history alone.
pub trait Frames: Send {
    /// The next run; `None` after the last.
    fn poll_frames(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>>;

    /// The session gives up. What still waits is lost, as are the frames `in_hand`
    /// that it took but did not write; the frames of a notice say how much that is in
    /// all, with what the reader was not told before.
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
        let in_hand = Bytes::copy_from_slice(in_hand);
        self.abandon(Generation::V1, in_hand)
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
pub struct Source {
    readers: Arc<V1Readers>,
    memory: Memory,
}

/// Who remembers.
#[derive(Clone)]
enum Memory {
    /// This process, unless its settings say that nothing is remembered.
    Local(Option<Recents>),
    /// Every router of every zone.
    Routers(Arc<Routers>),
}

impl Source {
    /// The readers of this process's exchange, and what it remembers.
    pub fn local(readers: Arc<V1Readers>, recents: Option<Recents>) -> Self {
        Self {
            readers,
            memory: Memory::Local(recents),
        }
    }

    /// Readers whose queues the routers fill, and what the routers remember.
    pub fn routers(readers: Arc<V1Readers>, routers: Arc<Routers>) -> Self {
        Self {
            readers,
            memory: Memory::Routers(routers),
        }
    }

    /// Subscribes one session to live envelopes.
    ///
    /// # Errors
    /// As the readers say.
    pub fn open(&self, wanted: Wanted) -> Result<ReaderStream, Status> {
        self.readers.open(wanted.into(), None)
    }

    /// The newest log envelopes of an app, at most `limit`, in ascending order: V1
    /// envelopes, not framed.
    ///
    /// # Errors
    /// When nothing is remembered or nobody can be asked. What some routers did not
    /// answer is left out.
    pub async fn recent(&self, app: &str, limit: usize) -> Result<Vec<Bytes>, Status> {
        match &self.memory {
            Memory::Local(Some(recents)) => {
                recents.settle().await;
                Ok(recents.logs(app, limit))
            }
            Memory::Local(None) => Err(not_remembered()),
            Memory::Routers(routers) => {
                let mut logs = upstream::recent(routers, app).await?;
                let older = logs.len().saturating_sub(limit);
                logs.drain(..older);
                Ok(logs)
            }
        }
    }

    /// The newest container metric of each instance of an app, by instance: V1
    /// envelopes, not framed.
    ///
    /// # Errors
    /// As [`Source::recent`].
    pub async fn container_metrics(&self, app: &str) -> Result<Vec<Bytes>, Status> {
        match &self.memory {
            Memory::Local(Some(recents)) => Ok(recents.container_metrics(app)),
            Memory::Local(None) => Err(not_remembered()),
            Memory::Routers(routers) => upstream::container_metrics(routers, app).await,
        }
    }
}

fn not_remembered() -> Status {
    Status::unimplemented("nothing is remembered: router.recent.bytes is 0")
}
