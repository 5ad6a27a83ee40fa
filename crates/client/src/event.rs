//! What a reader tells its caller.

use std::time::Duration;

use logweir_proto::v2;

use crate::endpoint::EndpointError;

/// What happened on a reader's stream. `B` is the batch: decoded, or `Bytes` of an
/// `EnvelopeBatch`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<B = v2::EnvelopeBatch> {
    /// The stream is open. What is emitted from now on is delivered.
    Connected {
        /// The peer, `host:port`.
        address: String,
        /// The stream was open before: what was emitted between the two is lost to
        /// this reader.
        again: bool,
    },
    /// The stream broke, or could not be opened; the reader tries again by itself.
    Disconnected {
        /// What went wrong.
        cause: String,
        /// When it tries again.
        retry_in: Duration,
    },
    /// Envelopes.
    Batch(B),
}

/// Why a reader gave up. Everything else it tries again.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The peer refuses this request or this reader, and would again.
    #[error("{address} refuses the stream: {message} ({code})")]
    Refused {
        /// The peer, `host:port`.
        address: String,
        /// gRPC code or HTTP status.
        code: String,
        /// The peer's words.
        message: String,
    },
    /// A batch that is no `EnvelopeBatch`. Reading may go on.
    #[error("a batch from the peer cannot be decoded: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// The TLS files or the address are unusable.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}
