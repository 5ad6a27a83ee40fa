//! Series as scripts write them: `name{label="value"} 1+2x3 _ stale 5`.

use anyhow::{Context, Result, bail};
use logweir_cache::promql::{Labels, labels::METRIC_NAME};

/// One point of a description.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Point {
    /// A value.
    Value(f64),
    /// No sample.
    Gap,
    /// The end of the series.
    Stale,
    /// A native histogram, which we do not carry.
    Native,
}

/// A described series.
#[derive(Debug, Clone)]
pub struct Description {
    /// Its labels.
    pub labels: Labels,
    /// Its points, one for each interval.
    pub points: Vec<Point>,
    /// The points are start timestamps of another series (`@st`).
    pub start_times: bool,
}

/// Reads a description.
///
/// # Errors
/// A text of another form.
pub fn describe(line: &str) -> Result<Description> {
    let (labels, rest) = metric(line)?;
    let (rest, start_times) = match rest.strip_prefix("@st") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let points = if start_times {
        Vec::new()
    } else {
        points(rest)?
    };
    Ok(Description {
        labels,
        points,
        start_times,
    })
}

/// Reads `name{label="value"}` and tells what follows.
///
/// # Errors
/// A text of another form.
pub fn metric(line: &str) -> Result<(Labels, &str)> {
    let name_end = line
        .find(|ch: char| !(ch == '_' || ch == ':' || ch.is_ascii_alphanumeric()))
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(name_end);
    let mut pairs = vec![(METRIC_NAME.to_owned(), name.to_owned())];
    let Some(inside) = rest.strip_prefix('{') else {
        return Ok((Labels::new(pairs), rest));
    };
    let mut rest = inside.trim_start();
    loop {
        if let Some(tail) = rest.strip_prefix('}') {
            return Ok((Labels::new(pairs), tail));
        }
        let (name, tail) = word_or_text(rest)?;
        rest = tail.trim_start();
        match rest.strip_prefix('=') {
            Some(tail) => {
                let (value, tail) = word_or_text(tail.trim_start())?;
                pairs.push((name, value));
                rest = tail.trim_start();
            }
            None => pairs.push((METRIC_NAME.to_owned(), name)),
        }
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
}

/// A bare word or a quoted text, and what follows.
fn word_or_text(text: &str) -> Result<(String, &str)> {
    let quote = text.chars().next().context("a label is cut off")?;
    if !matches!(quote, '"' | '\'' | '`') {
        let end = text.find(|ch: char| !(ch == '_' || ch.is_ascii_alphanumeric()));
        let (word, rest) = text.split_at(end.unwrap_or(text.len()));
        if word.is_empty() {
            bail!("no label in {text:?}");
        }
        return Ok((word.to_owned(), rest));
    }
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, ch)) = chars.next() {
        match ch {
            ch if ch == quote => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '\\' if quote != '`' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, ch)) => value.push(ch),
                None => break,
            },
            ch => value.push(ch),
        }
    }
    bail!("a quoted text is not closed in {text:?}")
}

/// Reads points.
///
/// # Errors
/// A text of another form.
pub fn points(text: &str) -> Result<Vec<Point>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = item_end(rest);
        let (item, tail) = rest.split_at(end);
        found.extend(item_points(item).with_context(|| format!("points {item:?}"))?);
        rest = tail.trim_start();
    }
    Ok(found)
}

/// Where an item ends: at a blank, but not at one inside of a histogram.
fn item_end(text: &str) -> usize {
    let mut open = 0usize;
    for (at, ch) in text.char_indices() {
        match ch {
            '{' => open += 1,
            '}' => open = open.saturating_sub(1),
            ch if ch.is_whitespace() && open == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

fn item_points(item: &str) -> Result<Vec<Point>> {
    let (base, times) = match item.rsplit_once('x') {
        Some((base, times)) if !times.is_empty() && times.bytes().all(|b| b.is_ascii_digit()) => {
            (base, Some(times.parse::<usize>()?))
        }
        _ => (item, None),
    };
    if base.contains("{{") {
        return Ok(vec![Point::Native; times.map_or(1, |times| times + 1)]);
    }
    match (base, times) {
        ("_", times) => return Ok(vec![Point::Gap; times.unwrap_or(1)]),
        ("stale", times) => return Ok(vec![Point::Stale; times.unwrap_or(1)]),
        (value, None) => return Ok(vec![Point::Value(number(value)?)]),
        _ => {}
    }
    // A sign that is not the first and not an exponent's parts start and increment.
    let bytes = base.as_bytes();
    let sign = (1..bytes.len()).find(|at| {
        let before = bytes.get(at - 1);
        matches!(bytes.get(*at), Some(b'+' | b'-')) && !matches!(before, Some(b'e' | b'E'))
    });
    let (start, increment) = match sign {
        Some(at) => (
            number(base.get(..at).unwrap_or_default())?,
            number(base.get(at..).unwrap_or_default())?,
        ),
        None => (number(base)?, 0.0),
    };
    let mut value = start;
    let mut found = vec![Point::Value(value)];
    for _ in 0..times.unwrap_or(0) {
        value += increment;
        found.push(Point::Value(value));
    }
    Ok(found)
}

/// A number as scripts write it.
///
/// # Errors
/// A text that is no number.
pub fn number(text: &str) -> Result<f64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return Ok(f64::from(u32::from_str_radix(digits, 16)?));
    }
    text.parse()
        .with_context(|| format!("{text:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_repeat_and_grow() {
        use Point::{Gap, Native, Stale, Value};
        let read = |text| points(text).unwrap();
        assert_eq!(read("1+2x2"), [Value(1.0), Value(3.0), Value(5.0)]);
        assert_eq!(read("1e-1-1x1"), [Value(0.1), Value(-0.9)]);
        assert_eq!(
            read("0x1 _x2 stale"),
            [Value(0.0), Value(0.0), Gap, Gap, Stale]
        );
        assert_eq!(read("{{sum:1 count:2}}x1"), [Native, Native]);
    }

    #[test]
    fn descriptions_name_series() {
        let found = describe(r#"a{b="1", "c.d"='2'} 5"#).unwrap();
        let expected = [(METRIC_NAME, "a"), ("b", "1"), ("c.d", "2")];
        assert_eq!(found.labels, Labels::new(expected));
        assert_eq!(found.points, [Point::Value(5.0)]);
    }
}
