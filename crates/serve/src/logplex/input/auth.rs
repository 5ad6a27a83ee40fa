//! Who may write.

use http::HeaderMap;

use super::intake::Writer;
use crate::logplex::{Logplex, access::Caller};

/// Why a request may not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nobody that is known here, or the key of the API, which writes nothing.
    Unknown,
    /// A credential without any channel.
    NoChannel,
}

/// Who sends a request.
pub(super) async fn writer(logplex: &Logplex, headers: &HeaderMap) -> Result<Writer, Refused> {
    match logplex.access.caller(headers).await {
        Some(Caller::Token(token)) => Ok(Writer::Token(token)),
        Some(Caller::Cred(cred)) if cred.some_channel() => Ok(Writer::Cred(cred)),
        Some(Caller::Cred(_)) => Err(Refused::NoChannel),
        Some(Caller::Key) | None => Err(Refused::Unknown),
    }
}
