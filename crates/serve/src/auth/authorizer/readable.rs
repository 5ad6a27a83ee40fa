//! Everything that somebody reads, for lists of sources.

use std::collections::BTreeSet;

use http::HeaderValue;

use super::{Authorizer, DECISION_TIMEOUT, Denial, bearer};

/// What somebody reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    /// All there is.
    Everything,
    /// These sources, whether they are there or not.
    These(BTreeSet<String>),
}

impl Readable {
    /// Whether a source is among them.
    pub fn has(&self, source: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::These(sources) => sources.contains(source),
        }
    }
}

impl Authorizer {
    /// What the bearer of an `Authorization` header reads. Takes at most 40 s.
    ///
    /// # Errors
    /// No credential, or one that reads nothing at all.
    pub async fn readable(&self, authorization: Option<&HeaderValue>) -> Result<Readable, Denial> {
        if let Some(named) = self.named_by_token(authorization) {
            return Ok(named);
        }
        let denial = match self.authorize(authorization, &[]).await {
            Ok(()) => return Ok(Readable::Everything),
            Err(denial) => denial,
        };
        let (Some(capi), Some(authorization)) = (&self.capi, authorization) else {
            return Err(denial);
        };
        let listed = tokio::time::timeout(DECISION_TIMEOUT, capi.readable(authorization));
        let listed = listed.await.unwrap_or(Err(Denial::TimedOut));
        listed.map(Readable::These)
    }

    fn named_by_token(&self, authorization: Option<&HeaderValue>) -> Option<Readable> {
        let tokens = self.tokens.load();
        let known = tokens.find(bearer(authorization?)?)?;
        if known.reads(&[]) {
            return Some(Readable::Everything);
        }
        Some(Readable::These(known.sources().iter().cloned().collect()))
    }
}
