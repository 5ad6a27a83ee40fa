//! Secrets of credentials: kept so that whoever reads the store cannot call. People choose
//! `password`, so that they are stretched; what was right once is known again without.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::{constant_time, digest, pbkdf2};
use lru::LruCache;
use tokio::sync::Semaphore;

use super::{ids, model::Pass};

/// What a hashed secret begins with.
const SCHEME: &str = "pbkdf2-sha256$";

/// Rounds for a secret that is set now.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59_999);

/// Most rounds done for a secret in a store that others write.
const MOST_ROUNDS: u32 = 10_000_000;

/// Most answers that are known again.
const KNOWN: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);

impl Pass {
    /// As it is kept.
    pub(super) fn hashed(secret: &str) -> Self {
        let salt: [u8; 16] = ids::random();
        let hash = stretched(ROUNDS, &salt, secret);
        let (salt, hash) = (hex::encode(salt), hex::encode(hash));
        Self::Hashed(format!("{SCHEME}{ROUNDS}${salt}${hash}").into())
    }

    /// From what a store holds.
    pub(super) fn stored(text: &str) -> Self {
        match parts(text) {
            Some(_) => Self::Hashed(text.into()),
            None => Self::Clear(text.into()),
        }
    }

    /// As a store holds it.
    pub(super) fn text(&self) -> &Arc<str> {
        match self {
            Self::Hashed(text) | Self::Clear(text) => text,
        }
    }

    /// Whether this is the secret. Takes as long as the stretching does.
    fn is(&self, secret: &str) -> bool {
        match self {
            Self::Clear(text) => equal(text.as_bytes(), secret.as_bytes()),
            Self::Hashed(text) => parts(text).is_some_and(|(rounds, salt, hash)| {
                equal(&stretched(rounds, &salt, secret), hash.as_slice())
            }),
        }
    }
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub(super) fn equal(one: &[u8], other: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

fn stretched(rounds: NonZeroU32, salt: &[u8], secret: &str) -> [u8; 32] {
    let mut out = [0; 32];
    let secret = secret.as_bytes();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, secret, &mut out);
    out
}

/// Rounds, salt and hash.
fn parts(text: &str) -> Option<(NonZeroU32, Vec<u8>, Vec<u8>)> {
    let mut parts = text.strip_prefix(SCHEME)?.split('$');
    let (rounds, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let rounds: NonZeroU32 = rounds.parse().ok()?;
    let salt = hex::decode(salt).ok()?;
    let hash = hex::decode(hash).ok().filter(|hash| hash.len() == 32)?;
    let right = rounds.get() <= MOST_ROUNDS && parts.next().is_none();
    right.then_some((rounds, salt, hash))
}

/// Compares secrets, one at a time: guesses cost one core at most.
#[derive(Debug)]
pub(super) struct Checker {
    key: [u8; 32],
    known: Mutex<LruCache<[u8; 32], bool>>,
    turn: Semaphore,
}

impl Default for Checker {
    fn default() -> Self {
        Self {
            key: ids::random(),
            known: Mutex::new(LruCache::new(KNOWN)),
            turn: Semaphore::new(1),
        }
    }
}

impl Checker {
    /// Whether `secret` is the one that is kept as `pass`.
    pub(super) async fn is(&self, pass: &Pass, secret: &str) -> bool {
        let Pass::Hashed(_) = pass else {
            return pass.is(secret);
        };
        let question = self.question(pass, secret);
        if let Some(answer) = self.known(&question) {
            return answer;
        }
        let Ok(_turn) = self.turn.acquire().await else {
            return false;
        };
        if let Some(answer) = self.known(&question) {
            return answer;
        }
        let (pass, secret) = (pass.clone(), secret.to_owned());
        let answer = tokio::task::spawn_blocking(move || pass.is(&secret)).await;
        let answer = answer.unwrap_or(false);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.put(question, answer);
        answer
    }

    fn known(&self, question: &[u8; 32]) -> Option<bool> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(question).copied()
    }

    /// A digest that is of no use outside of this process, and another one as soon as the
    /// credential has another secret.
    fn question(&self, pass: &Pass, secret: &str) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.key);
        context.update(pass.text().as_bytes());
        context.update(b"\n");
        context.update(secret.as_bytes());
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed unwrap in a test is a failed test

    use super::*;

    #[tokio::test]
    async fn a_secret_is_known_and_not_kept() {
        let checker = Checker::default();
        let kept = Pass::hashed("password");
        assert!(!kept.text().contains("password"));
        assert_ne!(kept, Pass::hashed("password"), "salted");
        assert_eq!(Pass::stored(kept.text()), kept);
        for _ in 0..2 {
            assert!(checker.is(&kept, "password").await);
            assert!(!checker.is(&kept, "Password").await);
            assert!(!checker.is(&kept, "").await);
        }
    }

    #[tokio::test]
    async fn what_logplex_wrote_is_compared_as_it_is() {
        let checker = Checker::default();
        for text in [
            "password",
            "pbkdf2-sha256$",
            "pbkdf2-sha256$1$00$00",
            "pbkdf2-sha256$4000000000$00$00",
        ] {
            let kept = Pass::stored(text);
            assert_eq!(kept, Pass::Clear(text.into()));
            assert!(checker.is(&kept, text).await);
            assert!(!checker.is(&kept, "x").await);
        }
    }
}
