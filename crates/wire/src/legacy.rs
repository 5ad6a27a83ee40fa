//! Log messages of 2013: datagrams in, signatures, and both ways to dropsonde.

use bytes::BytesMut;
use logweir_proto::logmessage::LogMessage;

/// Why a datagram of 2013 is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegacyError {
    /// Neither a `LogMessage` nor a `LogEnvelope`.
    #[error("the datagram is neither a log message nor a log envelope of 2013")]
    Malformed,
    /// A shared secret is set and the message is not signed.
    #[error("the log message is not signed; send a log envelope")]
    Unsigned,
    /// The signature is not ours.
    #[error("the log envelope's signature is wrong; check the shared secret")]
    BadSignature,
}

/// Length of a signature: initialisation vector and the padded digest, encrypted.
pub const SIGNATURE_LEN: usize = 64;

/// The key that a shared secret makes.
#[derive(Clone)]
pub struct Secret {
    key: [u8; 16],
}

impl Secret {
    /// The key of a secret's text.
    pub fn new(secret: &str) -> Self {
        let _ = secret;
        Self { key: [0; 16] }
    }

    /// Signs a message's text with a random `iv`.
    pub fn sign(&self, message: &[u8], iv: [u8; 16]) -> [u8; SIGNATURE_LEN] {
        let _ = (message, iv, self.key);
        [0; SIGNATURE_LEN]
    }

    /// True if the signature is of this message and secret. In constant time.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let _ = (message, signature);
        false
    }
}

/// Reads a datagram: a bare message, or with a secret only a signed one.
///
/// # Errors
/// See [`LegacyError`].
pub fn read(datagram: &[u8], secret: Option<&Secret>) -> Result<LogMessage, LegacyError> {
    let _ = (datagram, secret);
    Err(LegacyError::Malformed)
}

/// Appends the V1 envelope (origin `legacy`) of a message.
pub fn to_v1(message: &LogMessage, out: &mut BytesMut) {
    let _ = (message, out);
}

/// Appends the 2013 `LogMessage` of a V1 envelope's log message; false if the envelope
/// is of another type.
pub fn from_v1(payload: &[u8], out: &mut BytesMut) -> bool {
    let _ = (payload, out);
    false
}
