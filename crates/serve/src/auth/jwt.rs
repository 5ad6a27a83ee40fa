//! JSON web tokens as UAA signs them: RS256 and HS256, and nothing else. The key decides
//! the algorithm, so that no token can have its signature read in another way.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{hmac, signature};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls_pki_types::{SubjectPublicKeyInfoDer, pem::PemObject};
use serde::Deserialize;

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 64 << 10;

/// Why a token is none, for logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not three parts of base64 and JSON.
    #[error("failed to decode token: it is malformed")]
    Malformed,
    /// Signed in a way that UAA does not sign.
    #[error("failed to decode token: unsupported algorithm: {0:?}")]
    Algorithm(String),
    /// Nobody has the key.
    #[error("failed to decode token: using unknown token key: {0:?}")]
    UnknownKey(String),
    /// The key is of another algorithm.
    #[error(
        "failed to decode token: token algorithm {algorithm} is incompatible with UAA key material \
         for kid {kid:?}"
    )]
    OtherKey {
        /// What the token says.
        algorithm: &'static str,
        /// Which key.
        kid: String,
    },
    /// Not signed by the key.
    #[error("failed to decode token: its signature is wrong")]
    Signature,
    /// Its time is over, or it names none.
    #[error("token is expired, exp = {0}")]
    Expired(i64),
}

/// Key material.
pub(crate) enum Key {
    /// The secret of HS256.
    Secret(Box<hmac::Key>),
    /// The public key of RS256, DER of a SubjectPublicKeyInfo.
    Rsa(Vec<u8>),
}

impl Key {
    /// Reads a key as UAA lists it: of `HS256` the secret itself, else a PEM public key.
    /// None if it is neither, or no RSA key.
    pub(crate) fn read(algorithm: &str, value: &str) -> Option<Self> {
        if value.is_empty() {
            return None;
        }
        if algorithm == "HS256" {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, value.as_bytes());
            return Some(Self::Secret(Box::new(secret)));
        }
        let key = SubjectPublicKeyInfoDer::from_pem_slice(value.as_bytes()).ok()?;
        Some(Self::Rsa(key.to_vec()))
    }
}

/// What a token says of its bearer, once it was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Claims {
    /// Rights.
    #[serde(default)]
    pub(crate) scope: Vec<String>,
    #[serde(default)]
    exp: Option<serde_json::Number>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

/// A token that was taken apart, and is not checked yet.
pub(crate) struct Token<'a> {
    algorithm: &'static str,
    kid: String,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// `Malformed` or `Algorithm`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, TokenError> {
        let malformed = || TokenError::Malformed;
        if text.len() > LONGEST {
            return Err(malformed());
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
        let header: Header = decode(header).ok_or_else(malformed)?;
        let algorithm = match header.alg.as_str() {
            "RS256" => "RS256",
            "HS256" => "HS256",
            _ => return Err(TokenError::Algorithm(header.alg)),
        };
        Ok(Self {
            algorithm,
            kid: header.kid,
            signed,
            payload,
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?,
        })
    }

    /// The name of its key.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// Checks it against its key, and against the time.
    ///
    /// # Errors
    /// [`TokenError`].
    pub(crate) fn check(&self, key: &Key, now: SystemTime) -> Result<Claims, TokenError> {
        let valid = match (self.algorithm, key) {
            ("HS256", Key::Secret(secret)) => {
                hmac::verify(secret, self.signed.as_bytes(), &self.signature).is_ok()
            }
            ("RS256", Key::Rsa(der)) => {
                let algorithm = &signature::RSA_PKCS1_2048_8192_SHA256;
                let key = signature::UnparsedPublicKey::new(algorithm, der);
                key.verify(self.signed.as_bytes(), &self.signature).is_ok()
            }
            _ => {
                return Err(TokenError::OtherKey {
                    algorithm: self.algorithm,
                    kid: self.kid.clone(),
                });
            }
        };
        if !valid {
            return Err(TokenError::Signature);
        }
        let claims: Claims = decode(self.payload).ok_or(TokenError::Malformed)?;
        let exp = claims.exp.as_ref().map_or(0, seconds);
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        match i64::try_from(now).unwrap_or(i64::MAX) > exp {
            true => Err(TokenError::Expired(exp)),
            false => Ok(claims),
        }
    }
}

/// Whole seconds of a number that may have a fraction.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond the range becomes its end"
)]
fn seconds(number: &serde_json::Number) -> i64 {
    let float = || number.as_f64().unwrap_or_default() as i64;
    number.as_i64().unwrap_or_else(float)
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
pub(crate) mod tests;
