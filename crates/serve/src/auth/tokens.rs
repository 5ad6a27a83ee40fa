//! Tokens of this installation.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};

use super::{AuthError, LocalToken};

/// The tokens' hashes and what each may read.
#[derive(Debug, Default)]
pub(super) struct LocalTokens(Vec<Known>);

/// One token.
#[derive(Debug)]
pub(super) struct Known {
    name: String,
    sha256: [u8; 32],
    read: Vec<String>,
}

impl LocalTokens {
    /// Checks and reads the configured tokens.
    pub(super) fn new(tokens: &[LocalToken]) -> Result<Self, AuthError> {
        let known = tokens.iter().enumerate().map(|(position, token)| {
            let wrong = |key: &str, reason: &'static str| AuthError::Token {
                key: format!("tokens[{position}].{key}"),
                reason,
            };
            let mut sha256 = [0; 32];
            hex::decode_to_slice(&token.sha256, &mut sha256).map_err(|_| {
                wrong(
                    "sha256",
                    "must be 64 hex digits: printf %s TOKEN | sha256sum",
                )
            })?;
            if token.read.is_empty() || token.read.iter().any(String::is_empty) {
                // An empty source id in a query means every source.
                return Err(wrong("read", "must list source ids, or `*` for everything"));
            }
            Ok(Known {
                name: token.name.clone(),
                sha256,
                read: token.read.clone(),
            })
        });
        known.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entry of a token. Every entry is compared, each in constant time, so that
    /// the answer's timing tells nothing about the hashes.
    pub(super) fn find(&self, token: &str) -> Option<&Known> {
        let hash = digest::digest(&digest::SHA256, token.as_bytes());
        let mut found = None;
        for known in &self.0 {
            if verify_slices_are_equal(&known.sha256, hash.as_ref()).is_ok() {
                found = Some(known);
            }
        }
        found
    }
}

impl Known {
    /// Whom the token was given to.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The sources that it names, `*` for all.
    pub(super) fn sources(&self) -> &[String] {
        &self.read
    }

    /// Whether it reads these sources; none means all there are.
    pub(super) fn reads(&self, sources: &[&str]) -> bool {
        if self.read.iter().any(|source| source == "*") {
            return true;
        }
        !sources.is_empty()
            && sources
                .iter()
                .all(|wanted| self.read.iter().any(|source| source == wanted))
    }
}
