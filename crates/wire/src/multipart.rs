//! `multipart/x-protobuf`: how the V1 reads answer, one envelope a part.
//!
//! Clients take everything after `boundary=` literally, so it comes last and
//! unquoted, and parts have no headers.

use bytes::{BufMut, BytesMut};

#[cfg(test)]
mod tests;

/// The content type up to the boundary.
const CONTENT_TYPE: &str = "multipart/x-protobuf; boundary=";

/// Writes a body part by part.
#[derive(Clone, Debug)]
pub struct Writer {
    boundary: String,
    /// Nothing was written yet.
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

/// Why a body could not be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// The content type names no boundary.
    #[error("the content type names no boundary")]
    NoBoundary,
    /// The body ends before its last boundary.
    #[error("the multipart body is cut short")]
    Truncated,
    /// Between two boundaries there is no part.
    #[error("a part of the multipart body has no blank line before its content")]
    Malformed,
}

/// The parts of a body in order, without their headers.
///
/// # Errors
/// See [`MultipartError`].
pub fn parts<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<&'a [u8]>, MultipartError> {
    let boundary = content_type.split_once("boundary=").map(|(_, rest)| rest);
    let boundary = boundary.map(|text| text.trim_matches('"'));
    let boundary = boundary.filter(|text| !text.is_empty());
    let boundary = boundary.ok_or(MultipartError::NoBoundary)?;
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // The first boundary may stand at the very start, without a line end before it.
    let mut rest = match body.strip_prefix(&delimiter[2..]) {
        Some(rest) => rest,
        None => split(body, &delimiter).ok_or(MultipartError::Truncated)?.1,
    };
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        let (part, after) = split(rest, &delimiter).ok_or(MultipartError::Truncated)?;
        // The boundary's line ends, header lines follow, then an empty line.
        let (_headers, content) = split(part, b"\r\n\r\n").ok_or(MultipartError::Malformed)?;
        parts.push(content);
        rest = after;
    }
    Ok(parts)
}

/// What is before and after the first `needle`.
fn split<'a>(text: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text
        .windows(needle.len())
        .position(|window| window == needle)?;
    Some((&text[..at], &text[at + needle.len()..]))
}
