//! Ids that are secrets too: nobody guesses them.

use std::{fmt::Write, sync::Arc};

/// Random bytes from the system.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        // Without randomness no id is secret: it does not happen on a running system, and a
        // process that went on would hand out what can be guessed.
        std::process::abort();
    }
    bytes
}

/// A lower-case UUID of version 4.
pub(super) fn uuid() -> String {
    let mut bytes: [u8; 16] = random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// `t.` and a UUID.
pub(super) fn token() -> Arc<str> {
    format!("t.{}", uuid()).into()
}

/// `d.` and a UUID.
pub(super) fn drain_token() -> Arc<str> {
    format!("d.{}", uuid()).into()
}

/// As many random bytes in upper-case hexadecimal digits.
pub(super) fn upper_hex<const N: usize>() -> String {
    hex::encode_upper(random::<N>())
}
