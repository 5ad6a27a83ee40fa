//! Numbers as they are written.

use super::{durations, lexer::Token};
use crate::promql::Mode;

/// The number or duration at the start of a text, as Prometheus 3 reads it.
pub(super) fn number_or_duration(rest: &str) -> Result<(Token, usize), String> {
    let word = |ch: char| ch == '_' || ch == '.' || ch.is_ascii_alphanumeric();
    let mut length = rest.find(|ch| !word(ch)).unwrap_or(rest.len());
    let written = rest.get(..length).unwrap_or_default();
    if let Some(seconds) = durations::seconds(written, Mode::Modern) {
        return seconds.map(|seconds| (Token::Duration(seconds), length));
    }
    // A signed exponent goes on behind the sign.
    let hexadecimal = written.starts_with("0x") || written.starts_with("0X");
    let tail = rest.get(length..).unwrap_or_default();
    if written.ends_with(['e', 'E']) && !hexadecimal && tail.starts_with(['+', '-']) {
        let digits = tail.get(1..).unwrap_or_default();
        length += 1 + digits.find(|ch| !word(ch)).unwrap_or(digits.len());
    }
    let written = rest.get(..length).unwrap_or_default();
    match number(written) {
        Some(value) => Ok((Token::Number(value), length)),
        None => Err(format!("bad number or duration syntax: {written:?}")),
    }
}

/// The number or duration at the start of a text, as 2.13 reads it: what follows a number
/// decides whether it is one, and is named where it is neither.
pub(super) fn of_2_13(rest: &str) -> Result<(Token, usize), String> {
    let length = number_length(rest);
    let written = rest.get(..length).unwrap_or_default();
    let mut tail = rest.get(length..).unwrap_or_default().chars();
    let word = |ch: char| ch == '_' || ch.is_ascii_alphanumeric();
    match (tail.next(), tail.next()) {
        (Some(unit), next) if word(unit) => {
            let is_unit = "smhdwy".contains(unit);
            if is_unit && !next.is_some_and(word) {
                let duration = rest.get(..=length).unwrap_or_default();
                return durations::literal_of_2_13(duration);
            }
            let shown = if is_unit { length + 2 } else { length };
            let shown = rest.get(..shown).unwrap_or_default();
            Err(format!("bad number or duration syntax: {shown:?}"))
        }
        _ => match number(written) {
            Some(value) if value.is_finite() => Ok((Token::Number(value), length)),
            _ => Err(format!("error parsing number: {written:?} is out of range")),
        },
    }
}

/// How much of a text is a number, whatever follows.
pub(super) fn number_length(rest: &str) -> usize {
    let mut at = 0;
    let bytes = rest.as_bytes();
    let run = |at: usize, digit: fn(&u8) -> bool| {
        bytes.iter().skip(at).take_while(|byte| digit(byte)).count()
    };
    let is = |at: usize, set: &[u8]| bytes.get(at).is_some_and(|byte| set.contains(byte));
    let hexadecimal = is(0, b"0") && is(1, b"xX");
    let digit: fn(&u8) -> bool = if hexadecimal {
        u8::is_ascii_hexdigit
    } else {
        u8::is_ascii_digit
    };
    if hexadecimal {
        at += 2;
    }
    at += run(at, digit);
    if is(at, b".") {
        at += 1;
        at += run(at, digit);
    }
    if is(at, b"eE") {
        at += 1;
        at += usize::from(is(at, b"+-"));
        at += run(at, u8::is_ascii_digit);
    }
    at
}

/// A number as Go reads it: decimal, hexadecimal, octal with a leading 0.
fn number(written: &str) -> Option<f64> {
    let plain: String = written.chars().filter(|ch| *ch != '_').collect();
    let lower = plain.to_ascii_lowercase();
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(as_float);
    for (prefix, base) in [("0x", 16), ("0b", 2), ("0o", 8)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return radix(digits, base);
        }
    }
    let octal = plain.len() > 1 && plain.starts_with('0');
    if octal && plain.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return radix(&plain, 8);
    }
    plain.parse().ok()
}

fn as_float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_gos_forms() {
        for (text, value) in [
            ("0x1F", 31.0),
            ("0755", 493.0),
            ("5e-3", 0.005),
            (".5", 0.5),
            ("5.", 5.0),
        ] {
            for read in [number_or_duration, of_2_13] {
                assert_eq!(read(text), Ok((Token::Number(value), text.len())), "{text}");
            }
        }
        assert_eq!(number_or_duration("1_000"), Ok((Token::Number(1000.0), 5)));
    }
}
