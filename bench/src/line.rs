//! Marks in the payloads of the load: as bytes, or as text that survives syslog, which drops
//! NULs and ends at a newline.

use crate::load::Mark;

/// What a payload of the load begins with, so that notices and other envelopes are told
/// apart.
pub(crate) const MAGIC: [u8; 7] = *b"\0lwload";
/// Bytes of a log payload.
pub(crate) const PAYLOAD: usize = 256;

/// How a payload carries its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Producer and number in binary; the time is the envelope's.
    Bytes,
    /// Producer, number and time as hexadecimal digits.
    Text,
}

/// Digits of a number or a time.
const DIGITS: usize = 16;

impl Form {
    /// What a payload begins with.
    pub(crate) fn magic(self) -> &'static [u8; 7] {
        match self {
            Self::Bytes => &MAGIC,
            Self::Text => b"lwload#",
        }
    }

    /// A payload of producer `stream`, whose number is still to be patched.
    pub(crate) fn payload(self, stream: u8) -> Vec<u8> {
        let mut payload = Vec::with_capacity(PAYLOAD);
        payload.extend_from_slice(self.magic());
        match self {
            Self::Bytes => {
                payload.push(stream);
                payload.extend_from_slice(&[0; 8]);
            }
            Self::Text => {
                payload.extend_from_slice(format!("{stream:02x}").as_bytes());
                payload.extend_from_slice(&[b'0'; 2 * DIGITS]);
            }
        }
        payload.resize(PAYLOAD, b'x');
        payload
    }

    /// Where the number is, from the magic's first byte on.
    pub(crate) fn number_at(self) -> usize {
        match self {
            Self::Bytes => 8,
            Self::Text => 9,
        }
    }

    /// Writes number and time (Unix nanoseconds) at the place of the number.
    pub(crate) fn patch(self, at: &mut [u8], number: u64, now: u64) {
        match self {
            Self::Bytes => at[..8].copy_from_slice(&number.to_le_bytes()),
            Self::Text => {
                hex(&mut at[..DIGITS], number);
                hex(&mut at[DIGITS..2 * DIGITS], now);
            }
        }
    }
}

fn hex(at: &mut [u8], value: u64) {
    let digits = b"0123456789abcdef";
    let bytes = value.to_be_bytes();
    for (pair, byte) in at.chunks_exact_mut(2).zip(bytes) {
        pair[0] = digits[usize::from(byte >> 4)];
        pair[1] = digits[usize::from(byte & 15)];
    }
}

/// The mark of a syslog message whose text is a payload of the load.
pub(crate) fn mark(message: &[u8]) -> Option<Mark> {
    let message = message.strip_suffix(b"\n").unwrap_or(message);
    let payload = message.get(message.len().checked_sub(PAYLOAD)?..)?;
    let text = payload.strip_prefix(Form::Text.magic())?;
    let (stream, text) = text.split_at_checked(2)?;
    let (number, text) = text.split_at_checked(DIGITS)?;
    let (time, _) = text.split_at_checked(DIGITS)?;
    Some(Mark {
        stream: u8::try_from(value(stream)?).ok()?,
        number: value(number)?,
        time: value(time)?,
    })
}

fn value(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value: u64, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_in_a_message_is_read_again() {
        let mut payload = Form::Text.payload(7);
        let at = Form::Text.number_at();
        let (number, time) = (0x1234_5678, 1_790_000_000_123_456_789);
        Form::Text.patch(&mut payload[at..], number, time);
        assert!(!payload.iter().any(|byte| matches!(byte, 0 | b'\n')));
        let mut message = b"<14>1 - - - - - - ".to_vec();
        message.extend_from_slice(&payload);
        message.push(b'\n');
        let expected = Mark {
            time,
            stream: 7,
            number,
        };
        assert_eq!(mark(&message), Some(expected));
        assert_eq!(mark(b"<14>1 - - - - - - hello\n"), None);
    }
}
