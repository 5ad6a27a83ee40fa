//! The decision.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use http::HeaderValue;
use logweir_drain::names::is_guid;
use logweir_net::tls::{ClientTls, TlsError};
use thiserror::Error;

use super::{
    AuthConfig, LocalToken,
    cache::{Grant, GrantCache},
    call::Latencies,
    capi::Capi,
    tokens::LocalTokens,
    uaa::Uaa,
};
use crate::metrics::Registry;

mod readable;
mod v1;

pub use readable::Readable;
pub use v1::Refusal;

/// Longest time that a decision takes, whatever UAA and CAPI do. The peers give
/// each of their calls as long.
const DECISION_TIMEOUT: Duration = Duration::from_secs(20);

/// Why authorisation cannot be set up.
#[derive(Debug, Error)]
pub enum AuthError {
    /// Nobody is asked for a credential on a door that others reach.
    #[error(
        "the door {0} is not on loopback and no authorisation is configured: set auth.tokens, \
         auth.uaa or auth.capi, listen on 127.0.0.1, or start with --insecure"
    )]
    Open(SocketAddr),
    /// A local token is wrong.
    #[error("{key} {reason}")]
    Token {
        /// Path of the key.
        key: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// An address or credential of UAA or CAPI is wrong.
    #[error("{key} {reason}")]
    Setting {
        /// Path of the key.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Certificates towards UAA or CAPI cannot be used.
    #[error("{key}: {source}")]
    Tls {
        /// Path of the section.
        key: &'static str,
        /// What is wrong with them.
        source: Box<TlsError>,
    },
}

/// Why a caller may not read. For logs and metrics; the caller is only told that
/// there is nothing here.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Denial {
    /// No `Authorization` header, or one that is no text.
    #[error("no credential")]
    NoCredential,
    /// The credential does not allow this.
    #[error("not allowed")]
    NotAllowed,
    /// UAA did not answer as it should.
    #[error("the token server failed")]
    UaaFailed,
    /// CAPI did not answer.
    #[error("the cloud controller failed")]
    CapiFailed,
    /// UAA and CAPI took too long together.
    #[error("authorisation timed out")]
    TimedOut,
}

impl Denial {
    /// Value of the metric label `reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Denial::NoCredential => "no_credential",
            Denial::NotAllowed => "not_allowed",
            Denial::UaaFailed => "uaa_failed",
            Denial::CapiFailed => "capi_failed",
            Denial::TimedOut => "timed_out",
        }
    }
}

/// Decides who reads what. Any configured way that grants is enough.
pub struct Authorizer {
    /// Nothing was configured at the start, on a door that may be open.
    unconfigured: bool,
    tokens: ArcSwap<LocalTokens>,
    uaa: Option<Uaa>,
    capi: Option<Capi>,
    cache: GrantCache,
    registry: Registry,
}

impl Authorizer {
    /// Checks the settings for a door at `door`. With nothing configured, a door on
    /// loopback is open; any other one is an error unless `insecure`.
    pub fn new(
        config: &AuthConfig,
        door: SocketAddr,
        insecure: bool,
        registry: &Registry,
    ) -> Result<Self, AuthError> {
        let tokens = LocalTokens::new(&config.tokens)?;
        let unconfigured = tokens.is_empty() && config.uaa.is_none() && config.capi.is_none();
        if unconfigured && !door.ip().to_canonical().is_loopback() {
            if !insecure {
                return Err(AuthError::Open(door));
            }
            tracing::warn!(%door, "anybody who reaches this door reads everything (--insecure)");
        }
        let latencies = Latencies::register(registry);
        Ok(Self {
            unconfigured,
            tokens: ArcSwap::from_pointee(tokens),
            uaa: config
                .uaa
                .as_ref()
                .map(|uaa| Uaa::new(uaa, &latencies))
                .transpose()?,
            capi: config
                .capi
                .as_ref()
                .map(|capi| Capi::new(capi, &latencies))
                .transpose()?,
            cache: GrantCache::new(config.cache_ttl, config.cache_entries),
            registry: registry.clone(),
        })
    }

    /// Takes new local tokens at once; wrong ones change nothing. Taking the last
    /// token away denies everybody: a door never opens while it runs.
    pub fn replace_tokens(&self, tokens: &[LocalToken]) -> Result<(), AuthError> {
        self.tokens.store(Arc::new(LocalTokens::new(tokens)?));
        Ok(())
    }

    /// The certificates towards UAA and CAPI, to be watched for changes.
    pub fn certificates(&self) -> Vec<ClientTls> {
        let uaa = self.uaa.as_ref().and_then(Uaa::certificates);
        let capi = self.capi.as_ref().and_then(Capi::certificates);
        uaa.into_iter().chain(capi).collect()
    }

    /// Whether the bearer of an `Authorization` header reads these sources. No source
    /// means all there are. Takes at most 20 s.
    pub async fn authorize(
        &self,
        authorization: Option<&HeaderValue>,
        sources: &[&str],
    ) -> Result<(), Denial> {
        let decision = tokio::time::timeout(DECISION_TIMEOUT, self.decide(authorization, sources));
        let decision = decision.await.unwrap_or(Err(Denial::TimedOut));
        if let Err(denial) = decision {
            tracing::debug!(%denial, "a reader is denied");
            let help = "Readers denied.";
            let labels = [("reason", denial.name())];
            self.registry
                .counter("logweir_auth_denied", help, &labels)
                .add(1);
        }
        decision
    }

    async fn decide(
        &self,
        authorization: Option<&HeaderValue>,
        sources: &[&str],
    ) -> Result<(), Denial> {
        let tokens = self.tokens.load();
        if self.unconfigured && tokens.is_empty() {
            return Ok(());
        }
        let authorization = authorization.ok_or(Denial::NoCredential)?;
        let token = bearer(authorization).ok_or(Denial::NoCredential)?;
        if let Some(known) = tokens.find(token) {
            // Ours, so it is nothing that the token server should see.
            tracing::debug!(token = known.name(), "a local token");
            return if known.reads(sources) {
                Ok(())
            } else {
                Err(Denial::NotAllowed)
            };
        }
        drop(tokens);

        if self.cache.holds(Grant::everything(token)) {
            return Ok(());
        }
        let unknown: Vec<_> = sources
            .iter()
            .filter(|source| !self.cache.holds(Grant::source(token, source)))
            .collect();
        if !sources.is_empty() && unknown.is_empty() {
            return Ok(());
        }
        if let Some(uaa) = &self.uaa
            && uaa.is_admin(token).await?
        {
            self.cache.remember(Grant::everything(token));
            return Ok(());
        }
        let Some(capi) = &self.capi else {
            return Err(Denial::NotAllowed);
        };
        // Checked before anything is asked: the ids become part of a path.
        if sources.is_empty() || !sources.iter().all(|source| is_guid(source)) {
            return Err(Denial::NotAllowed);
        }
        for source in unknown {
            let grant = Grant::source(token, source);
            // A source that the query names twice is asked for once.
            if !self.cache.holds(grant) {
                if !capi.may_read(authorization, source).await? {
                    return Err(Denial::NotAllowed);
                }
                self.cache.remember(grant);
            }
        }
        Ok(())
    }
}

/// The token of an `Authorization` header: what follows `bearer`, in any case, or
/// the whole value.
pub(crate) fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let value = authorization.to_str().ok()?.trim();
    let token = match value.split_at_checked("bearer".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        _ => value,
    };
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests;
