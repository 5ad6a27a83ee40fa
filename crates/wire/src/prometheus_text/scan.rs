//! The grammar of one line.

use std::borrow::Cow;

use super::Reason;

/// A series and its value, before it is known of what family.
#[derive(Debug, PartialEq)]
pub(super) struct Series<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(super) value: f64,
    pub(super) timestamp: Option<i64>,
}

/// Reads `name{label="value",…} value [timestamp]`. The name may also stand quoted
/// within the braces, and an exemplar may follow.
pub(super) fn series(line: &str, most_labels: usize) -> Result<Series<'_>, Reason> {
    let (name, rest) = name(line);
    let mut series = Series {
        name: Cow::Borrowed(name),
        labels: Vec::new(),
        value: 0.0,
        timestamp: None,
    };
    let mut rest = rest.trim_start_matches(BLANKS);
    if let Some(inner) = rest.strip_prefix('{') {
        rest = labels(inner, &mut series, most_labels)?;
    }
    if series.name.is_empty() {
        return Err(Reason::NoName);
    }
    let mut words = rest.split(BLANKS).filter(|word| !word.is_empty());
    series.value = words.next().and_then(number).ok_or(Reason::BadValue)?;
    series.timestamp = match words.next() {
        None => None,
        Some(word) if word.starts_with('#') => return Ok(series),
        Some(word) => Some(timestamp(word).ok_or(Reason::BadTimestamp)?),
    };
    match words.next() {
        Some(word) if !word.starts_with('#') => Err(Reason::BadTimestamp),
        _ => Ok(series),
    }
}

/// What stands between the parts of a line.
pub(super) const BLANKS: [char; 2] = [' ', '\t'];

/// Splits a metric's name off; empty if there is none.
pub(super) fn name(text: &str) -> (&str, &str) {
    let starts = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':');
    if !text.as_bytes().first().is_some_and(starts) {
        return ("", text);
    }
    let end = text
        .bytes()
        .position(|byte| !starts(&byte) && !byte.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// Reads labels after the brace, up to and with the closing one.
fn labels<'a>(text: &'a str, series: &mut Series<'a>, most: usize) -> Result<&'a str, Reason> {
    let mut rest = text.trim_start_matches(BLANKS);
    loop {
        if let Some(tail) = rest.strip_prefix('}') {
            return Ok(tail);
        }
        let (name, tail) = match rest.strip_prefix('"') {
            Some(inner) => quoted(inner).ok_or(Reason::BadLabels)?,
            None => {
                let (name, tail) = name(rest);
                (Cow::Borrowed(name), tail)
            }
        };
        let is_quoted = rest.starts_with('"');
        let tail = tail.trim_start_matches(BLANKS);
        rest = match tail.strip_prefix('=') {
            Some(value) => {
                let value = value.trim_start_matches(BLANKS);
                let value = value.strip_prefix('"').ok_or(Reason::BadLabels)?;
                let (value, tail) = quoted(value).ok_or(Reason::BadLabels)?;
                if name.is_empty() || (!is_quoted && name.contains(':')) {
                    return Err(Reason::BadLabels);
                }
                if series.labels.iter().any(|(known, _)| *known == name) {
                    return Err(Reason::RepeatedLabel);
                }
                if series.labels.len() == most {
                    return Err(Reason::TooManyLabels);
                }
                series.labels.push((name, value));
                tail
            }
            // A name that needs quotes stands here.
            None if is_quoted && series.name.is_empty() => {
                series.name = name;
                tail
            }
            None => return Err(Reason::BadLabels),
        };
        rest = rest.trim_start_matches(BLANKS);
        rest = match rest.strip_prefix(',') {
            Some(tail) => tail.trim_start_matches(BLANKS),
            None if rest.starts_with('}') => rest,
            None => return Err(Reason::BadLabels),
        };
    }
}

/// Reads a value after its quote, up to and with the closing one. A backslash before
/// anything but `\`, `"` and `n` stands for itself.
pub(super) fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut escaped = false;
    loop {
        match bytes.get(at)? {
            b'"' => break,
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    let (raw, rest) = (text.get(..at)?, text.get(at + 1..)?);
    Some((
        if escaped {
            unescaped(raw, true)
        } else {
            raw.into()
        },
        rest,
    ))
}

/// The text with its escapes resolved: `\\` and `\n`, of labels also `\"`.
pub(super) fn unescaped(raw: &str, quotes: bool) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return raw.into();
    }
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        let next = (character == '\\').then(|| characters.peek()).flatten();
        let plain = match next {
            Some('n') => '\n',
            Some('\\') => '\\',
            Some('"') if quotes => '"',
            _ => {
                text.push(character);
                continue;
            }
        };
        characters.next();
        text.push(plain);
    }
    text.into()
}

/// A value: a number in Go's or C's spelling.
pub(super) fn number(word: &str) -> Option<f64> {
    // Rust reads the words for what is no number in any case, as Go does.
    word.parse().ok()
}

/// Milliseconds; OpenMetrics writes seconds with a fraction.
fn timestamp(word: &str) -> Option<i64> {
    if let Ok(millis) = word.parse() {
        return Some(millis);
    }
    let millis = number(word)? * 1000.0;
    // As far as doubles are exact, and further than any clock.
    const EXACT: f64 = 9e15;
    #[allow(clippy::cast_possible_truncation)] // within bounds
    (millis.abs() < EXACT).then_some(millis as i64)
}
