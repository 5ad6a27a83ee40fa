//! Where the gateway's streams come from.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue};
use logweir_net::{
    dial::Dialer,
    grpc,
    resolve::{Resolver, Target},
    shutdown::Shutdown,
};
use logweir_proto::{service, v2};
use prost::Message;
use tonic::Status;

use crate::{
    connection::Connection,
    front::Part,
    grpc::{MAX_MESSAGE_HEADER, Readers},
};

/// The batches of one stream, each the bytes of an `EnvelopeBatch`.
pub type BatchStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// Largest batch taken from a reverse log proxy, in bytes. It is told, so that ours
/// sends more at a time than a Go client's 4 MiB.
const MESSAGE_BYTES: usize = 16 << 20;

/// Where batches come from: another process, or this one.
#[derive(Clone)]
pub enum Upstream {
    /// A reverse log proxy over gRPC.
    Remote(RemoteRlp),
    /// The readers of this process's exchange.
    Local(Arc<Readers>),
}

impl Upstream {
    /// Opens a stream. A remote one may still be refused in its first item.
    pub(super) async fn open(
        &self,
        request: v2::EgressBatchRequest,
    ) -> Result<BatchStream, Status> {
        match self {
            Upstream::Remote(remote) => remote.open(&request).await,
            Upstream::Local(readers) => Ok(readers.open(request, Some(MESSAGE_BYTES))?.boxed()),
        }
    }
}

/// One shared connection to a reverse log proxy.
#[derive(Clone)]
pub struct RemoteRlp(Connection);

impl RemoteRlp {
    /// Connects to `target` and, with growing pauses, again whenever the connection
    /// is lost. `part` is ready while it is up. Ends with `shutdown`.
    pub fn start(
        target: Target,
        dialer: Dialer,
        resolver: Resolver,
        part: Part,
        shutdown: &Shutdown,
    ) -> Self {
        let what = "the reverse log proxy";
        Self(Connection::keep(
            what, target, dialer, resolver, part, shutdown,
        ))
    }

    async fn open(&self, request: &v2::EgressBatchRequest) -> Result<BatchStream, Status> {
        let h2 = self.0.get().await?;
        let mut extra = HeaderMap::new();
        extra.insert(MAX_MESSAGE_HEADER, HeaderValue::from(MESSAGE_BYTES));
        let request = Bytes::from(request.encode_to_vec());
        let path = service::BATCHED_RECEIVER;
        let messages = grpc::server_stream(&h2, path, request, extra, MESSAGE_BYTES);
        let batches = stream::unfold(messages, |mut messages| async move {
            let next = messages.next().await.transpose()?;
            Some((next, messages))
        });
        Ok(batches.boxed())
    }
}
