//! The decision for V1's doors, whose callers are told why (spec V1, section 4.4).

use http::{HeaderValue, StatusCode};
use logweir_drain::names::is_guid;
use thiserror::Error;

use super::{Authorizer, DECISION_TIMEOUT, bearer};
use crate::auth::{Denial, cache::Grant};

/// Why a caller of a V1 door may not read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// No credential, or one that is no text.
    #[error("no credential")]
    NoCredential,
    /// The app's id is none that the cloud controller gives out, and the credential
    /// does not read everything.
    #[error("the app id is no guid")]
    NoGuid,
    /// The credential is not valid, or does not read everything where it should.
    #[error("invalid credential")]
    Unknown,
    /// The credential is valid and does not read this app, or there is no such app.
    #[error("not allowed")]
    Forbidden,
    /// UAA did not answer as it should.
    #[error("the token server failed")]
    UaaFailed,
    /// CAPI did not answer as it should.
    #[error("the cloud controller failed")]
    CapiFailed,
}

impl Refusal {
    /// Value of the metric label `reason`.
    const fn name(self) -> &'static str {
        match self {
            Refusal::NoCredential => Denial::NoCredential.name(),
            Refusal::NoGuid | Refusal::Unknown | Refusal::Forbidden => Denial::NotAllowed.name(),
            Refusal::UaaFailed => Denial::UaaFailed.name(),
            Refusal::CapiFailed => Denial::CapiFailed.name(),
        }
    }
}

impl Authorizer {
    /// Whether the bearer reads every source. Takes at most 20 s.
    pub(crate) async fn reads_everything(
        &self,
        authorization: Option<&HeaderValue>,
    ) -> Result<(), Refusal> {
        let decision = tokio::time::timeout(DECISION_TIMEOUT, self.everything(authorization));
        let decision = decision.await.unwrap_or(Err(Refusal::UaaFailed));
        self.noted(decision)
    }

    /// Whether the bearer reads an app, or any other source if it reads everything.
    /// Takes at most 20 s.
    pub(crate) async fn reads_app(
        &self,
        authorization: Option<&HeaderValue>,
        app: &str,
    ) -> Result<(), Refusal> {
        let decision = tokio::time::timeout(DECISION_TIMEOUT, self.app(authorization, app));
        let decision = decision.await.unwrap_or(Err(Refusal::CapiFailed));
        self.noted(decision)
    }

    fn noted(&self, decision: Result<(), Refusal>) -> Result<(), Refusal> {
        if let Err(refusal) = decision {
            tracing::debug!(%refusal, "a reader is denied");
            let help = "Readers denied.";
            let labels = [("reason", refusal.name())];
            self.registry
                .counter("logweir_auth_denied", help, &labels)
                .add(1);
        }
        decision
    }

    fn is_open(&self) -> bool {
        self.unconfigured && self.tokens.load().is_empty()
    }

    /// Whether a token of this installation reads these sources; `None` if it is none.
    fn local(&self, token: &str, sources: &[&str]) -> Option<bool> {
        let tokens = self.tokens.load();
        let known = tokens.find(token)?;
        tracing::debug!(token = known.name(), "a local token");
        Some(known.reads(sources))
    }

    async fn everything(&self, authorization: Option<&HeaderValue>) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        let token = authorization
            .and_then(bearer)
            .ok_or(Refusal::NoCredential)?;
        match self.local(token, &[]) {
            Some(true) => return Ok(()),
            Some(false) => return Err(Refusal::Unknown),
            None => {}
        }
        if self.is_admin(token).await? {
            Ok(())
        } else {
            Err(Refusal::Unknown)
        }
    }

    async fn app(&self, authorization: Option<&HeaderValue>, app: &str) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        let is_guid = is_guid(app);
        let missing = if is_guid {
            Refusal::NoCredential
        } else {
            Refusal::NoGuid
        };
        let authorization = authorization.ok_or(missing)?;
        let token = bearer(authorization).ok_or(missing)?;
        match self.local(token, &[app]) {
            Some(true) => return Ok(()),
            Some(false) => return Err(Refusal::Forbidden),
            None => {}
        }
        let grant = Grant::source(token, app);
        if self.cache.holds(Grant::everything(token)) || self.cache.holds(grant) {
            return Ok(());
        }
        if !is_guid {
            // It could not stand in a question to the cloud controller.
            return if self.is_admin(token).await? {
                Ok(())
            } else {
                Err(Refusal::NoGuid)
            };
        }
        let Some(capi) = &self.capi else {
            return if self.is_admin(token).await? {
                Ok(())
            } else {
                // Nobody is left who could know it: a client fetches a new one.
                Err(Refusal::Unknown)
            };
        };
        match capi.log_access(authorization, app).await {
            Ok(StatusCode::OK) => {
                self.cache.remember(grant);
                Ok(())
            }
            Ok(StatusCode::UNAUTHORIZED) => Err(Refusal::Unknown),
            // Not an app, perhaps, but a source all the same.
            Ok(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) => match self.is_admin(token).await {
                Ok(true) => Ok(()),
                Ok(false) | Err(_) => Err(Refusal::Forbidden),
            },
            Ok(status) => {
                let status = status.as_u16();
                tracing::warn!(status, "the cloud controller fails; readers are denied");
                Err(Refusal::CapiFailed)
            }
            Err(_) => Err(Refusal::CapiFailed),
        }
    }

    /// Whether UAA knows the token as one that reads everything.
    async fn is_admin(&self, token: &str) -> Result<bool, Refusal> {
        let grant = Grant::everything(token);
        if self.cache.holds(grant) {
            return Ok(true);
        }
        let Some(uaa) = &self.uaa else {
            return Ok(false);
        };
        let admin = uaa.knows_admin(token).await;
        let admin = admin.map_err(|_| Refusal::UaaFailed)?;
        if admin {
            self.cache.remember(grant);
        }
        Ok(admin)
    }
}
