//! Lines of Carbon's plaintext protocol: `PATH VALUE TIMESTAMP`, a line for each number of an
//! envelope.
//!
//! The path is `PREFIX.SOURCE_ID.INSTANCE_ID.NAME`. Dots of a name part it as they do in every
//! Graphite; source and instance are one part each. Characters that Carbon or a file name would
//! not take are `_`.

use logweir_proto::{
    decimal::put_shortest,
    v2::{self, envelope::Message},
};
use prost::Message as _;

#[cfg(test)]
mod tests;

/// Longest part of a path in bytes: Whisper makes a file or directory of each.
const PART: usize = 200;

/// Longest name in bytes.
const NAME: usize = 1000;

/// Nanoseconds in a second, and in a millisecond.
const SECOND: i64 = 1_000_000_000;
const MILLISECOND: f64 = 1e6;

/// What became of an envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Paths that are not what the envelope says, and values that are no number: those have no
    /// line.
    pub sanitised: usize,
}

/// Appends the lines of an envelope, and to `ends` where each of them ends: the total of a
/// counter, every value of a gauge, the milliseconds of a timer. Logs and events have none.
pub fn lines(envelope: &[u8], prefix: &str, out: &mut Vec<u8>, ends: &mut Vec<usize>) -> Written {
    let mut written = Written::default();
    let Ok(envelope) = v2::Envelope::decode(envelope) else {
        return written;
    };
    let mut line = |name: &str, value: f64| {
        if !value.is_finite() {
            written.sanitised += 1;
            return;
        }
        let mut as_said = true;
        if !prefix.is_empty() {
            out.extend_from_slice(prefix.as_bytes());
            out.push(b'.');
        }
        as_said &= part(&envelope.source_id, out);
        out.push(b'.');
        as_said &= part(&envelope.instance_id, out);
        out.push(b'.');
        as_said &= parts(name, out);
        out.push(b' ');
        put_shortest(out, value);
        out.push(b' ');
        let seconds = envelope.timestamp.div_euclid(SECOND);
        out.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
        out.push(b'\n');
        ends.push(out.len());
        written.sanitised += usize::from(!as_said);
    };
    match &envelope.message {
        Some(Message::Counter(counter)) => line(&counter.name, float(counter.total)),
        Some(Message::Gauge(gauge)) => {
            for (name, value) in &gauge.metrics {
                line(name, value.value);
            }
        }
        Some(Message::Timer(timer)) => {
            let took = i128::from(timer.stop) - i128::from(timer.start);
            line(&timer.name, millis(took));
        }
        Some(Message::Log(_) | Message::Event(_)) | None => {}
    }
    written
}

/// Graphite's numbers are doubles.
#[allow(clippy::cast_precision_loss)]
fn float(total: u64) -> f64 {
    total as f64
}

#[allow(clippy::cast_precision_loss)]
fn millis(nanos: i128) -> f64 {
    nanos as f64 / MILLISECOND
}

/// A name, which may have parts. Says whether it is there as it was.
fn parts(name: &str, out: &mut Vec<u8>) -> bool {
    let (start, mut as_said) = (out.len(), true);
    for piece in name.split('.') {
        // Carbon would make a directory of what is before two dots.
        if piece.is_empty() || out.len() - start + piece.len() > NAME {
            as_said = false;
            continue;
        }
        if out.len() > start {
            out.push(b'.');
        }
        as_said &= part(piece, out);
    }
    if out.len() == start {
        out.push(b'_');
        return false;
    }
    as_said
}

/// One part of a path. Says whether it is there as it was.
fn part(text: &str, out: &mut Vec<u8>) -> bool {
    if text.is_empty() {
        out.push(b'_');
        return false;
    }
    let mut as_said = true;
    for (at, letter) in text.chars().enumerate() {
        if at == PART {
            return false;
        }
        let fits = letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        as_said &= fits;
        // A letter that fits is one byte.
        let byte = u8::try_from(letter).unwrap_or(b'_');
        out.push(if fits { byte } else { b'_' });
    }
    as_said
}

/// Why a text is no prefix of paths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no prefix: letters, digits, `-`, `_`, and single dots between them were expected"
)]
pub struct PrefixError(String);

/// Checks what is to come before every path; an empty one is none.
///
/// # Errors
/// What would not be the same in a path.
pub fn check_prefix(prefix: &str) -> Result<(), PrefixError> {
    match prefix.is_empty() || parts(prefix, &mut Vec::new()) {
        true => Ok(()),
        false => Err(PrefixError(prefix.to_owned())),
    }
}
