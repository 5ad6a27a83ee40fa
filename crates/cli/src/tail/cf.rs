//! A log as `cf logs` prints it, to the space: for scripts and eyes that are used to it.

use chrono::{DateTime, TimeZone};
use logweir_client::v2::{self, envelope::Message, log};

use super::human::Style;

/// Whose lines are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// cf CLI 7 and later: three spaces, no padding, a whole header on every line.
    Seven,
    /// cf CLI 6 (2015 to 2020): what is printed begins in one column, a header once.
    Six,
}

const RED: &str = "31";
const BOLD_CYAN: &str = "36;1";

/// Width of the header in version 6: that of its time, two spaces and `[HEALTH/10] `.
/// Longer headers are followed by the type at once, as there.
const SIX_HEADER: usize = 41;

/// Appends the lines of a log, with times in `zone`; nothing for other envelopes,
/// which `cf logs` never shows.
pub(super) fn lines<Z>(envelope: &v2::Envelope, era: Era, style: Style, zone: &Z, out: &mut Vec<u8>)
where
    Z: TimeZone<Offset: std::fmt::Display>,
{
    let Some(Message::Log(log)) = &envelope.message else {
        return;
    };
    let time = time(envelope.timestamp, zone);
    let source = envelope.tags.get("source_type").map_or("", String::as_str);
    let instance = envelope.instance_id.as_str();
    match era {
        Era::Seven => seven(&format!("{time} [{source}/{instance}]"), log, style, out),
        Era::Six if instance.is_empty() => six(&format!("{time} [{source}]"), log, style, out),
        Era::Six => six(&format!("{time} [{source}/{instance}]"), log, style, out),
    }
}

fn seven(header: &str, log: &v2::Log, style: Style, out: &mut Vec<u8>) {
    let (kind, colour) = kind(log);
    for text in log.payload.split(|byte| *byte == b'\n') {
        let mut line = format!("{header} {kind} ").into_bytes();
        line.extend_from_slice(without_line_end(text));
        out.extend_from_slice(b"   ");
        match colour {
            Some(colour) => style.paint(colour, &line, out),
            None => style.text(&line, out),
        }
        out.push(b'\n');
    }
}

fn six(header: &str, log: &v2::Log, style: Style, out: &mut Vec<u8>) {
    let (kind, colour) = match kind(log) {
        (_, Some(colour)) => ("ERR", Some(colour)),
        // Types that it did not know were output to it.
        (_, None) => ("OUT", None),
    };
    style.paint(BOLD_CYAN, header.as_bytes(), out);
    let width = header.chars().count();
    let padding = SIX_HEADER.saturating_sub(width);
    out.resize(out.len() + padding, b' ');
    let texts = without_line_end(&log.payload).split(|byte| *byte == b'\n');
    for (index, text) in texts.enumerate() {
        let mut line = Vec::with_capacity(text.len() + kind.len() + 1);
        if index == 0 {
            line.extend_from_slice(kind.as_bytes());
            line.push(b' ');
        } else {
            out.push(b'\n');
            out.resize(out.len() + width + padding, b' ');
        }
        line.extend_from_slice(text);
        match colour {
            Some(colour) => style.paint(colour, &line, out),
            None => style.text(&line, out),
        }
    }
    out.push(b'\n');
}

/// The word for the stream that a line came from, and its colour. Numbers that have
/// no name are printed as such.
fn kind(log: &v2::Log) -> (String, Option<&'static str>) {
    match log::Type::try_from(log.r#type) {
        Ok(log::Type::Out) => ("OUT".into(), None),
        Ok(log::Type::Err) => ("ERR".into(), Some(RED)),
        Err(_) => (log.r#type.to_string(), None),
    }
}

fn without_line_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !b"\r\n".contains(byte));
    &text[..end.map_or(0, |last| last + 1)]
}

/// `2016-07-19T16:08:12.00-0700`: hundredths of a second, cut and not rounded.
fn time<Z>(nanos: i64, zone: &Z) -> String
where
    Z: TimeZone<Offset: std::fmt::Display>,
{
    let time: DateTime<Z> = zone.timestamp_nanos(nanos);
    let hundredths = nanos.rem_euclid(1_000_000_000) / 10_000_000;
    format!(
        "{}.{hundredths:02}{}",
        time.format("%Y-%m-%dT%H:%M:%S"),
        time.format("%z")
    )
}

#[cfg(test)]
mod tests;
