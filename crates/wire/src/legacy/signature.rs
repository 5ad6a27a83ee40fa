//! The signature of 2013: the message's digest, encrypted.
//!
//! It covers neither app nor time, so a captured envelope can be sent again. It keeps
//! strangers out, not eavesdroppers.

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;

use super::LegacyError;

/// Length of a signature: initialisation vector, then the padded digest encrypted.
pub const SIGNATURE_LEN: usize = IV_LEN + PADDED_LEN;

const KEY_LEN: usize = 16;
const IV_LEN: usize = 16;
const PADDED_LEN: usize = 48;

/// The key that a shared secret makes.
#[derive(Clone)]
pub struct Secret {
    key: [u8; KEY_LEN],
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// The key of a secret's text.
    pub fn new(secret: &str) -> Self {
        let hash = digest(&SHA256, secret.as_bytes());
        let mut key = [0; KEY_LEN];
        key.copy_from_slice(&hash.as_ref()[..KEY_LEN]);
        Self { key }
    }

    /// Signs a message's text with a random `iv`.
    ///
    /// # Errors
    /// [`LegacyError::Cipher`] if the cryptographic library fails.
    pub fn sign(
        &self,
        message: &[u8],
        iv: [u8; IV_LEN],
    ) -> Result<[u8; SIGNATURE_LEN], LegacyError> {
        let mut signature = [0; SIGNATURE_LEN];
        let (front, back) = signature.split_at_mut(IV_LEN);
        front.copy_from_slice(&iv);
        let hash = digest(&SHA256, message);
        let (text, padding) = back.split_at_mut(hash.as_ref().len());
        text.copy_from_slice(hash.as_ref());
        padding[0] = 0x80;
        self.encrypt(iv, back)
            .map_err(|Unspecified| LegacyError::Cipher)?;
        Ok(signature)
    }

    /// True if the signature is of this message and secret. Takes the same time for
    /// every wrong one of the right length.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some((iv, _)) = signature.split_first_chunk::<IV_LEN>() else {
            return false;
        };
        // With the same vector the same digest encrypts to the same bytes.
        let expected = self.sign(message, *iv);
        expected.is_ok_and(|expected| verify_slices_are_equal(&expected, signature).is_ok())
    }

    fn encrypt(&self, iv: [u8; IV_LEN], in_out: &mut [u8]) -> Result<(), Unspecified> {
        let key = EncryptingKey::cbc(UnboundCipherKey::new(&AES_128, &self.key)?)?;
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        key.less_safe_encrypt(in_out, context)?;
        Ok(())
    }
}
