//! SCRAM (RFC 5802, RFC 7677): the password is proved to the broker, and the broker proves that
//! it knows it too. Without channel binding, which Kafka has not.

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::secret::Secret;

/// A broker may ask for so many rounds at most: they cost us time.
const MOST_ROUNDS: u32 = 1_000_000;

/// Which hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// `SCRAM-SHA-256`.
    Sha256,
    /// `SCRAM-SHA-512`.
    Sha512,
}

impl Hash {
    /// The name of the mechanism.
    pub fn mechanism(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn rounds(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn sign(self, key: &[u8], text: &[u8]) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(self.hmac(), key), text)
    }
}

/// Why the conversation ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// What came is no message of the mechanism.
    #[error("the broker's {0} message of SCRAM is none")]
    Malformed(&'static str),
    /// It asks for more work than is done.
    #[error("the broker wants {0} rounds of SCRAM; at most {MOST_ROUNDS} are done")]
    Rounds(u32),
    /// It refused us.
    #[error("the broker refused user or password")]
    Refused,
    /// It does not know the password.
    #[error("the broker cannot prove that it knows the password")]
    Impostor,
}

/// A conversation whose first message is sent.
#[derive(Debug)]
pub struct Scram {
    hash: Hash,
    nonce: String,
    first_bare: String,
    password: Secret,
}

impl Scram {
    /// Begins one. `nonce`: random, of printable characters without a comma. Returns the first
    /// message too.
    pub fn begin(hash: Hash, user: &str, password: Secret, nonce: String) -> (Self, Vec<u8>) {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let first_bare = format!("n={user},r={nonce}");
        let first = format!("n,,{first_bare}");
        let begun = Self {
            hash,
            nonce,
            first_bare,
            password,
        };
        (begun, first.into_bytes())
    }

    /// Our proof, after the broker's first message. Takes some milliseconds.
    ///
    /// # Errors
    /// The message is none, or asks for too much.
    pub fn prove(self, first: &[u8]) -> Result<(Proved, Vec<u8>), ScramError> {
        let wrong = || ScramError::Malformed("first");
        let first = std::str::from_utf8(first).map_err(|_| wrong())?;
        let nonce = field(first, 'r').ok_or_else(wrong)?;
        let salt = field(first, 's').and_then(|salt| STANDARD.decode(salt).ok());
        let salt = salt.ok_or_else(wrong)?;
        let rounds = field(first, 'i').and_then(|rounds| rounds.parse().ok());
        let rounds: NonZeroU32 = rounds.ok_or_else(wrong)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(wrong());
        }
        if rounds.get() > MOST_ROUNDS {
            return Err(ScramError::Rounds(rounds.get()));
        }
        let hash = self.hash;
        let mut salted = vec![0; hash.digest().output_len()];
        let password = self.password.reveal().as_bytes();
        pbkdf2::derive(hash.rounds(), rounds, &salt, password, &mut salted);
        let client_key = hash.sign(&salted, b"Client Key");
        let stored_key = digest::digest(hash.digest(), client_key.as_ref());
        let last_bare = format!("c=biws,r={nonce}");
        let all = format!("{},{first},{last_bare}", self.first_bare);
        let signature = hash.sign(stored_key.as_ref(), all.as_bytes());
        let mask = signature.as_ref().iter();
        let proof: Vec<u8> = client_key
            .as_ref()
            .iter()
            .zip(mask)
            .map(|(a, b)| a ^ b)
            .collect();
        let last = format!("{last_bare},p={}", STANDARD.encode(proof));
        let server_key = hash.sign(&salted, b"Server Key");
        let expected = hash.sign(server_key.as_ref(), all.as_bytes());
        let proved = Proved {
            expected: expected.as_ref().to_vec(),
        };
        Ok((proved, last.into_bytes()))
    }
}

/// A conversation that wants the broker's proof.
#[derive(Debug)]
pub struct Proved {
    expected: Vec<u8>,
}

impl Proved {
    /// Looks at the broker's last message.
    ///
    /// # Errors
    /// It refuses us, or is no proof.
    pub fn check(&self, last: &[u8]) -> Result<(), ScramError> {
        let wrong = || ScramError::Malformed("last");
        let last = std::str::from_utf8(last).map_err(|_| wrong())?;
        if field(last, 'e').is_some() {
            return Err(ScramError::Refused);
        }
        let proof = field(last, 'v').and_then(|proof| STANDARD.decode(proof).ok());
        let proof = proof.ok_or_else(wrong)?;
        constant_time::verify_slices_are_equal(&proof, &self.expected)
            .map_err(|_| ScramError::Impostor)
    }
}

/// What follows `name=` in a message.
fn field(message: &str, name: char) -> Option<&str> {
    let mut fields = message.split(',');
    fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
}
