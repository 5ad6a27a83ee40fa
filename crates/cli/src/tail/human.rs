//! One envelope as one line for people.

use std::fmt::Write as _;

use logweir_client::v2::{self, envelope::Message, log};

use super::{
    clock::{span, timestamp},
    is_notice,
};

/// What the line is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Control characters are written as escapes: on a terminal a log line must not
    /// be able to move the cursor or to set the title.
    pub(crate) escape: bool,
    /// Colours.
    pub(crate) colour: bool,
}

const DIM: &str = "2";
const CYAN: &str = "36";
const RED: &str = "31";
const GREEN: &str = "32";
const ALARM: &str = "1;33";

/// Appends `time [source/instance] KIND text` and a line end.
pub(super) fn line(envelope: &v2::Envelope, style: Style, out: &mut Vec<u8>) {
    let origin = if envelope.instance_id.is_empty() {
        format!("[{}]", envelope.source_id)
    } else {
        format!("[{}/{}]", envelope.source_id, envelope.instance_id)
    };
    style.paint(DIM, timestamp(envelope.timestamp).as_bytes(), out);
    out.push(b' ');
    style.paint(CYAN, origin.as_bytes(), out);
    out.push(b' ');
    let notice = is_notice(envelope);
    let (kind, colour, text) = match &envelope.message {
        Some(Message::Log(log)) => {
            let err = log.r#type == i32::from(log::Type::Err);
            let (kind, colour) = if err { ("ERR", RED) } else { ("OUT", GREEN) };
            (kind, colour, log.payload.to_vec())
        }
        Some(Message::Counter(counter)) => ("COUNTER", DIM, self::counter(counter).into_bytes()),
        Some(Message::Gauge(gauge)) => ("GAUGE", DIM, self::gauge(gauge).into_bytes()),
        Some(Message::Timer(timer)) => ("TIMER", DIM, self::timer(timer).into_bytes()),
        Some(Message::Event(event)) => (
            "EVENT",
            DIM,
            format!("{}: {}", event.title, event.body).into_bytes(),
        ),
        None => ("EMPTY", DIM, Vec::new()),
    };
    style.paint(if notice { ALARM } else { colour }, kind.as_bytes(), out);
    out.push(b' ');
    if notice {
        style.paint(ALARM, &text, out);
    } else {
        style.text(&text, out);
    }
    out.push(b'\n');
}

fn counter(counter: &v2::Counter) -> String {
    let mut text = counter.name.clone();
    if counter.delta > 0 || counter.total == 0 {
        let _ = write!(text, " +{}", counter.delta);
    }
    if counter.total > 0 {
        let _ = write!(text, " total={}", counter.total);
    }
    text
}

fn gauge(gauge: &v2::Gauge) -> String {
    let metrics: Vec<_> = gauge
        .metrics
        .iter()
        .map(|(name, metric)| {
            let gap = if metric.unit.is_empty() { "" } else { " " };
            format!("{name}={}{gap}{}", metric.value, metric.unit)
        })
        .collect();
    metrics.join(", ")
}

fn timer(timer: &v2::Timer) -> String {
    let lasted = i128::from(timer.stop) - i128::from(timer.start);
    format!("{} {}", timer.name, span(lasted))
}

impl Style {
    /// Appends bytes in a colour, where there are colours.
    pub(crate) fn paint(self, colour: &str, bytes: &[u8], out: &mut Vec<u8>) {
        if !self.colour {
            return self.text(bytes, out);
        }
        out.extend_from_slice(format!("\x1b[{colour}m").as_bytes());
        self.text(bytes, out);
        out.extend_from_slice(b"\x1b[0m");
    }

    /// Appends bytes as the style lets them be seen.
    pub(crate) fn text(self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.escape {
            escape(bytes, out)
        } else {
            out.extend_from_slice(bytes)
        }
    }
}

/// Appends text that is safe on a terminal: control characters other than tab, and
/// characters that turn the writing direction, become escapes; what is no UTF-8
/// becomes U+FFFD.
fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    for character in String::from_utf8_lossy(bytes).chars() {
        let turns = matches!(character,
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character == '\t' || !(character.is_control() || turns) {
            out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        } else {
            out.extend(character.escape_default().map(|escaped| escaped as u8));
        }
    }
}

#[cfg(test)]
mod tests;
