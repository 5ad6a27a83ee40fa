//! Messages of RFC 5424, read strictly: what is not well-formed is refused, by the rules of
//! the parser that the original's Log Cache uses. [`parse`](super::parse) is for everybody
//! else.

mod element;

use super::parse::stamp;

pub use element::Element;

/// A message taken apart. Absent fields are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Facility and severity, 0 to 191.
    pub priority: u8,
    /// Unix time in nanoseconds.
    pub timestamp: Option<i64>,
    /// APP-NAME.
    pub app: Option<&'a str>,
    /// PROCID.
    pub process: Option<&'a str>,
    /// Structured data, in order; no id twice.
    pub elements: Vec<Element<'a>>,
    /// MSG: any bytes, a byte order mark included. An empty one is none.
    pub text: Option<&'a [u8]>,
}

/// The first part of a message that RFC 5424 does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not `<0>` to `<191>`.
    #[error("a priority from 0 to 191 in angle brackets was expected")]
    Priority,
    /// Not 1 to 999.
    #[error("a version from 1 to 999 was expected")]
    Version,
    /// Neither `-` nor a time with at most six digits of a second's fraction.
    #[error("a time of RFC 3339 with at most six fraction digits, or `-`, was expected")]
    Timestamp,
    /// A header field is empty, too long or not printable ASCII.
    #[error("{name} of 1 to {most} printable ASCII characters, or `-`, was expected")]
    Field {
        /// The RFC's name of it.
        name: &'static str,
        /// Its greatest length.
        most: usize,
    },
    /// Structured data is neither `-` nor well-formed elements.
    #[error("structured data, or `-`, was expected")]
    Elements,
    /// Two elements have one id.
    #[error("two elements of structured data have the same id")]
    SameId,
}

/// Reads a message. It is without framing.
///
/// # Errors
/// [`Malformed`], the first that is found.
pub fn parse(message: &[u8]) -> Result<Message<'_>, Malformed> {
    let (priority, rest) = priority(message).ok_or(Malformed::Priority)?;
    let rest = version(rest).ok_or(Malformed::Version)?;
    let (timestamp, rest) = timestamp(rest).ok_or(Malformed::Timestamp)?;
    let (_, rest) = field(rest, "HOSTNAME", 255)?;
    let (app, rest) = field(rest, "APP-NAME", 48)?;
    let (process, rest) = field(rest, "PROCID", 128)?;
    let (_, rest) = field(rest, "MSGID", 32)?;
    let (elements, rest) = element::elements(rest)?;
    let text = match rest {
        [] | [b' '] => None,
        [b' ', text @ ..] => Some(text),
        _ => return Err(Malformed::Elements),
    };
    Ok(Message {
        priority,
        timestamp,
        app,
        process,
        elements,
        text,
    })
}

/// Takes digits without a leading zero and what must follow them.
fn number(bytes: &[u8], most: usize, end: u8) -> Option<(u16, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    let (digits, rest) = bytes.split_at(digits.count());
    let rest = rest.strip_prefix(&[end])?;
    let plain = (1..=most).contains(&digits.len()) && (digits == b"0" || digits[0] != b'0');
    let number = digits
        .iter()
        .take(most)
        .fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    plain.then_some((number, rest))
}

fn priority(message: &[u8]) -> Option<(u8, &[u8])> {
    let (number, rest) = number(message.strip_prefix(b"<")?, 3, b'>')?;
    let number = u8::try_from(number).ok().filter(|number| *number <= 191)?;
    Some((number, rest))
}

fn version(rest: &[u8]) -> Option<&[u8]> {
    let (number, rest) = number(rest, 3, b' ')?;
    (number > 0).then_some(rest)
}

fn timestamp(rest: &[u8]) -> Option<(Option<i64>, &[u8])> {
    let end = rest.iter().position(|byte| *byte == b' ')?;
    let (time, rest) = (&rest[..end], &rest[end + 1..]);
    if time == b"-" {
        return Some((None, rest));
    }
    if !has_shape(time) {
        return None;
    }
    Some((Some(stamp::rfc3339(time)?), rest))
}

/// Whether a time is written as RFC 5424 asks: with capitals, no leap second, one to six
/// fraction digits or none, and `Z` or an offset with a colon.
fn has_shape(time: &[u8]) -> bool {
    let Some((clock, rest)) = time.split_at_checked("0000-00-00T00:00:00".len()) else {
        return false;
    };
    let rest = match rest {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=6).contains(&digits) {
                return false;
            }
            &rest[digits..]
        }
        rest => rest,
    };
    let zone = match rest {
        b"Z" => true,
        [b'+' | b'-', _, _, colon, _, _] => *colon == b':',
        _ => false,
    };
    zone && clock[10] == b'T' && clock[17] < b'6'
}

/// Takes a header field and the space after it.
fn field<'a>(
    rest: &'a [u8],
    name: &'static str,
    most: usize,
) -> Result<(Option<&'a str>, &'a [u8]), Malformed> {
    let wrong = || Malformed::Field { name, most };
    let end = rest.iter().take(most + 1).position(|byte| *byte == b' ');
    let (value, rest) = rest.split_at(end.ok_or_else(wrong)?);
    let printable = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
    let value = std::str::from_utf8(value).ok().filter(|_| printable);
    let value = value.ok_or_else(wrong)?;
    Ok((Some(value).filter(|value| *value != "-"), &rest[1..]))
}

#[cfg(test)]
mod tests;
