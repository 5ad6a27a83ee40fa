//! Durations as they are written: `5m`, `1h30m`, `100ms`.

use super::{lexer::Token, numbers};
use crate::promql::Mode;

/// Units from long to short with their seconds, the order in which they may follow.
const UNITS: [(&str, f64); 7] = [
    ("y", 365.0 * 86400.0),
    ("w", 7.0 * 86400.0),
    ("d", 86400.0),
    ("h", 3600.0),
    ("m", 60.0),
    ("s", 1.0),
    ("ms", 0.001),
];

/// The seconds of a duration; `None` where the text does not look like one. 2.13 takes one
/// number with one unit, and no milliseconds.
pub(super) fn seconds(text: &str, mode: Mode) -> Option<Result<f64, String>> {
    let looks = text.bytes().next()?.is_ascii_digit()
        && !text.starts_with("0x")
        && !text.starts_with("0X")
        && text.ends_with(['s', 'm', 'h', 'd', 'w', 'y'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"smhdwy".contains(&byte));
    if !looks {
        return None;
    }
    let invalid = || format!("not a valid duration string: {text:?}");
    Some(match parts(text) {
        None => Err(invalid()),
        Some((_, count, milliseconds)) if mode == Mode::LogCache && (count > 1 || milliseconds) => {
            Err(invalid())
        }
        Some((total, _, _)) => Ok(total),
    })
}

/// The sum, the number of parts, and whether milliseconds are among them.
fn parts(text: &str) -> Option<(f64, usize, bool)> {
    let (mut total, mut count, mut next_unit) = (0.0, 0, 0);
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|ch: char| !ch.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit_length = tail
            .find(|ch: char| ch.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_length);
        let index = UNITS.iter().position(|(name, _)| *name == unit)?;
        if number.is_empty() || index < next_unit {
            return None;
        }
        total += number.parse::<f64>().ok()? * UNITS.get(index)?.1;
        (count, next_unit, rest) = (count + 1, index + 1, tail);
    }
    (count > 0).then_some((total, count, next_unit == UNITS.len()))
}

/// The duration at the start of what stands in brackets, as 2.13 reads it.
pub(super) fn of_2_13(rest: &str) -> Result<(Token, usize), String> {
    let length = numbers::number_length(rest);
    let mut tail = rest.get(length..).unwrap_or_default().chars();
    let word = |ch: char| ch == '_' || ch.is_ascii_alphanumeric();
    match (tail.next(), tail.next()) {
        (Some(unit), next) if word(unit) => {
            let is_unit = "smhdwy".contains(unit);
            if is_unit && !next.is_some_and(word) {
                return literal_of_2_13(rest.get(..=length).unwrap_or_default());
            }
            let shown = if is_unit { length + 2 } else { length };
            let shown = rest.get(..shown).unwrap_or_default();
            Err(format!("bad duration syntax: {shown:?}"))
        }
        _ => Err("missing unit character in duration".to_owned()),
    }
}

/// A whole duration of 2.13.
pub(super) fn literal_of_2_13(text: &str) -> Result<(Token, usize), String> {
    match seconds(text, Mode::LogCache) {
        Some(seconds) => seconds.map(|seconds| (Token::Duration(seconds), text.len())),
        None => Err(format!("not a valid duration string: {text:?}")),
    }
}

/// Milliseconds of a duration such as `1m30s` or `100ms`, as HTTP parameters hold them.
pub fn parse_duration_ms(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let seconds = seconds(text, Mode::Modern)?.ok()?;
    super::duration::milliseconds(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compound_durations_belong_to_the_modern_mode() {
        assert_eq!(parse_duration_ms("1h30m"), Some(5_400_000));
        assert_eq!(parse_duration_ms("100ms"), Some(100));
        assert_eq!(parse_duration_ms("30m1h"), None);
        assert_eq!(parse_duration_ms("1hs"), None);
        assert_eq!(seconds("5m", Mode::LogCache), Some(Ok(300.0)));
        assert!(seconds("1h30m", Mode::LogCache).unwrap().is_err());
        assert!(seconds("5ms", Mode::LogCache).unwrap().is_err());
        assert_eq!(seconds("1e3", Mode::Modern), None);
    }
}
