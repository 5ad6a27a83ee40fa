//! Kafka's primitive types, from the front of bytes.

use super::Malformed;
use crate::kafka::error_code::ErrorCode;

/// What is not read yet.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.number().map(u8::from_be_bytes)
    }

    pub(super) fn int16(&mut self) -> Result<i16, Malformed> {
        self.number().map(i16::from_be_bytes)
    }

    pub(super) fn int32(&mut self) -> Result<i32, Malformed> {
        self.number().map(i32::from_be_bytes)
    }

    pub(super) fn int64(&mut self) -> Result<i64, Malformed> {
        self.number().map(i64::from_be_bytes)
    }

    pub(super) fn error(&mut self) -> Result<ErrorCode, Malformed> {
        self.int16().map(ErrorCode)
    }

    /// Milliseconds.
    pub(super) fn throttle(&mut self) -> Result<u32, Malformed> {
        self.int32().map(|time| u32::try_from(time).unwrap_or(0))
    }

    pub(super) fn block(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.int32()?;
        self.take(usize::try_from(length).map_err(|_| Malformed)?)
    }

    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        self.optional_text()?.ok_or(Malformed)
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<String>, Malformed> {
        let length = self.int16()?;
        if length == -1 {
            return Ok(None);
        }
        let bytes = self.take(usize::try_from(length).map_err(|_| Malformed)?)?;
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed)?;
        Ok(Some(text.to_owned()))
    }

    /// Each member has to be read from bytes of its own, so that their number cannot be more
    /// than there are bytes.
    pub(super) fn array<T>(
        &mut self,
        mut member: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.int32()?;
        (0..count).map(|_| member(self)).collect()
    }

    /// An array of members of so many bytes.
    pub(super) fn skip_array(&mut self, size: usize) -> Result<(), Malformed> {
        let count = usize::try_from(self.int32()?).unwrap_or(0);
        self.take(count.checked_mul(size).ok_or(Malformed)?)
            .map(drop)
    }
}
