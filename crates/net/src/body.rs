//! The one body type of requests that we send and of responses that we give.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};

/// What went wrong inside a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body whose parts are made as they are asked for.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

/// A body without a byte.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is all there already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}
