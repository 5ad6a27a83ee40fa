//! Envelopes as the messages of a drain.

use anyhow::Result;
use logweir_proto::v2::{Envelope, envelope::Message};
use logweir_wire::syslog::{Style, messages, octet_counted};
use prost::Message as _;
use serde::Deserialize;

use crate::bytes_field::HexBytes;
use crate::exceptions::Rule;
use crate::verdict::{Verdict, each};

#[derive(Deserialize)]
struct Case {
    envelope: HexBytes,
    hostname: String,
    omit_metadata: bool,
    messages: Vec<HexBytes>,
    tcp_frames: Vec<HexBytes>,
    unordered: bool,
    error: Option<String>,
    panic: bool,
}

/// Messages, and the same as frames; printable.
type Answer = (Vec<String>, Vec<String>);

pub(super) fn judge(lines: &[&str]) -> Vec<Verdict> {
    each(lines, |case: Case| {
        let style = Style {
            hostname: case.hostname.clone(),
            metadata: !case.omit_metadata,
        };
        let (ours, sanitised) = answer(&case.envelope.0, &style);
        if case.panic {
            return cut_source_type(case.envelope.envelope()?, style);
        }
        if case.error.is_some() {
            // The original sends nothing. Ours is what it would send of an envelope
            // whose fields fit.
            let (envelope, style) = fitting(case.envelope.envelope()?, style);
            let (promised, changed) = answer(&envelope.encode_to_vec(), &style);
            return Ok(match Verdict::of(&ours, &promised) {
                Verdict::Same if sanitised > 0 && changed == 0 && !ours.0.is_empty() => {
                    Verdict::Excused(vec![Rule::SyslogFieldsSanitised])
                }
                verdict => verdict,
            });
        }
        let printed = |bytes: &[HexBytes]| bytes.iter().map(|one| print(&one.0)).collect();
        let mut recorded: Answer = (printed(&case.messages), printed(&case.tcp_frames));
        let mut rules = Vec::new();
        if unknown_log_type(&case.envelope.envelope()?) {
            for message in &mut recorded.0 {
                *message = message.replacen("<-1>", "<14>", 1);
            }
            // As long as before: three digits of PRI either way.
            for frame in &mut recorded.1 {
                *frame = frame.replacen("<-1>", "<14>", 1);
            }
            rules.push(Rule::UnknownLogTypeIsOut);
        }
        let (mut messages, mut frames) = ours;
        if case.unordered {
            // By chance there; ours is by name.
            for list in [&mut messages, &mut frames, &mut recorded.0, &mut recorded.1] {
                list.sort();
            }
        }
        Ok(match Verdict::of(&(messages, frames), &recorded) {
            Verdict::Same if !rules.is_empty() => Verdict::Excused(rules),
            verdict => verdict,
        })
    })
}

/// Our messages and frames, and how many fields were changed.
fn answer(envelope: &[u8], style: &Style) -> (Answer, usize) {
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    let written = messages(envelope, style, &mut out, &mut ends);
    let mut start = 0;
    let mut answer = Answer::default();
    for end in ends {
        let mut frame = Vec::new();
        octet_counted(&out[start..end], &mut frame);
        answer.0.push(print(&out[start..end]));
        answer.1.push(print(&frame));
        start = end;
    }
    (answer, written.sanitised)
}

fn print(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn unknown_log_type(envelope: &Envelope) -> bool {
    matches!(&envelope.message, Some(Message::Log(log)) if !(0..=1).contains(&log.r#type))
}

/// After a source type for which the original has no room, and panics: ours is what it
/// sends of one that just fits. The tags would show which it was, so they are left out.
fn cut_source_type(envelope: Envelope, style: Style) -> Result<Verdict> {
    let style = Style {
        metadata: false,
        ..style
    };
    let (ours, _) = answer(&envelope.encode_to_vec(), &style);
    let mut fitting = envelope;
    if let Some(source_type) = fitting.tags.get_mut("source_type") {
        source_type.truncate(125);
    }
    let (promised, _) = answer(&fitting.encode_to_vec(), &style);
    Ok(match Verdict::of(&ours, &promised) {
        Verdict::Same if !ours.0.is_empty() => Verdict::Excused(vec![Rule::LongSourceTypeCut]),
        verdict => verdict,
    })
}

/// The envelope without what the original refuses: bad characters replaced.
fn fitting(mut envelope: Envelope, mut style: Style) -> (Envelope, Style) {
    let header = |text: &str, room: usize| -> String {
        let cut = String::from_utf8_lossy(&text.as_bytes()[..text.len().min(room)]).into_owned();
        replaced(&cut, '-', |byte| byte.is_ascii_graphic())
    };
    envelope.source_id = header(&envelope.source_id, 48);
    style.hostname = header(&style.hostname, 255);
    let room = match (&envelope.message, envelope.tags.get("source_type")) {
        (Some(Message::Log(_)), Some(source_type)) => 125_usize.saturating_sub(source_type.len()),
        _ => 125,
    };
    envelope.instance_id = header(&envelope.instance_id, room);
    if style.metadata {
        let names = |byte: u8| byte.is_ascii_graphic() && !b"=]\"".contains(&byte);
        envelope.tags = std::mem::take(&mut envelope.tags)
            .into_iter()
            .map(|(name, value)| (replaced(&name, '_', names), value))
            .collect();
    }
    (envelope, style)
}

fn replaced(text: &str, by: char, fits: impl Fn(u8) -> bool) -> String {
    text.chars()
        .map(|character| match u8::try_from(character) {
            Ok(byte) if fits(byte) => character,
            _ => by,
        })
        .collect()
}
