//! A message taken apart: `<PRI>VERSION TIME HOST APP PROC MSGID SD CONTENT`.

mod structured;
#[cfg(test)]
mod tests;

use std::ops::Range;

/// A message's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// PRI modulo 256, as Logplex reads it.
    pub pri: u8,
    /// TIMESTAMP, any word.
    pub time: &'a [u8],
    /// HOSTNAME.
    pub host: &'a [u8],
    /// APP-NAME: a token before it is resolved, then its name.
    pub source: &'a [u8],
    /// PROCID.
    pub ps: &'a [u8],
    /// MSGID.
    pub msgid: &'a [u8],
    /// STRUCTURED-DATA; `-` is none, and the empty text that the field is missing.
    pub sd: &'a [u8],
    /// What follows, with the newline that it may end in.
    pub content: &'a [u8],
    /// The digits of PRI.
    pub(super) number: &'a [u8],
    /// Whether the fields alone give the message back.
    pub(super) plain: bool,
}

impl<'a> Line<'a> {
    /// Takes a message apart; none if it lacks a field up to MSGID. Structured data may be
    /// missing: many senders forget the `-`, and their messages are shown all the same.
    pub fn parse(message: &'a [u8]) -> Option<Self> {
        let inner = message.strip_prefix(b"<")?;
        let digits = inner.iter().take_while(|byte| byte.is_ascii_digit());
        let (number, rest) = inner.split_at(digits.count());
        let rest = rest.strip_prefix(b">")?;
        if number.is_empty() {
            return None;
        }
        let pri = number.iter().fold(0u8, |pri, digit| {
            pri.wrapping_mul(10).wrapping_add(digit - b'0')
        });
        let mut words = Words {
            rest,
            plain: true,
            ended: false,
        };
        let version = words.next()?;
        let time = words.next()?;
        let host = words.next()?;
        let source = words.next()?;
        let ps = words.next()?;
        let msgid = words.next()?;
        let (sd, content) = words.rest.split_at(structured::length(words.rest));
        let canonical = number.len() <= 3
            && (number[0] != b'0' || number.len() == 1)
            && (number.len() < 3 || number <= b"255".as_slice());
        let mut plain = canonical && version == b"1" && words.plain && !words.ended;
        let content = match content {
            [b' ', content @ ..] if !sd.is_empty() => content,
            content => {
                plain &= sd.is_empty();
                content
            }
        };
        Some(Line {
            pri,
            number,
            time,
            host,
            source,
            ps,
            msgid,
            sd,
            content,
            plain,
        })
    }
}

/// Where the token of a message is: its fourth word, if that starts with `t.`. Nothing else
/// of the message is looked at.
pub fn token(message: &[u8]) -> Option<Range<usize>> {
    let place = fourth_word(message)?;
    message[place.clone()].starts_with(b"t.").then_some(place)
}

/// Where the fourth word of a message is, its APP-NAME.
pub fn fourth_word(message: &[u8]) -> Option<Range<usize>> {
    let mut at = 0;
    for _ in 0..3 {
        at += message[at..].iter().position(|byte| *byte == b' ')?;
        at += message[at..].iter().position(|byte| *byte != b' ')?;
    }
    let rest = &message[at..];
    let end = rest.iter().position(|byte| *byte == b' ');
    Some(at..at + end.unwrap_or(rest.len()))
}

/// The words of a header.
struct Words<'a> {
    rest: &'a [u8],
    /// One space stood between words so far.
    plain: bool,
    /// The message ended with the last word.
    ended: bool,
}

impl<'a> Words<'a> {
    /// Takes a word and the space after it.
    fn next(&mut self) -> Option<&'a [u8]> {
        let spaces = self.rest.iter().take_while(|byte| **byte == b' ').count();
        self.plain &= spaces == 0;
        let rest = &self.rest[spaces..];
        let end = rest.iter().position(|byte| *byte == b' ');
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.ended = rest.is_empty();
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        (!word.is_empty()).then_some(word)
    }
}
