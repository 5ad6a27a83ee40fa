//! The header after PRI and VERSION: TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID.

use super::civil::Civil;
use super::view::View;
use super::{Style, Written};

/// The longest fields of RFC 5424 §6, in bytes.
const HOSTNAME: usize = 255;
const APP_NAME: usize = 48;
const PROCID: usize = 128;
/// The longest label of a host name.
const LABEL: usize = 63;

/// Tags that make a host name, in its order.
const HOST_TAGS: [&str; 3] = ["organization_name", "space_name", "app_name"];

/// Appends the header from TIMESTAMP to MSGID, and the space after it.
pub(super) fn put(
    view: &View<'_>,
    style: &Style,
    log: bool,
    out: &mut Vec<u8>,
    written: &mut Written,
) {
    timestamp(view.timestamp, out);
    out.push(b' ');
    let labels = HOST_TAGS.map(|name| view.tag(name));
    if labels.iter().all(Option::is_none) {
        field(style.hostname.as_bytes(), HOSTNAME, out, written);
    } else {
        for (at, label) in labels.into_iter().enumerate() {
            if at > 0 {
                out.push(b'.');
            }
            let start = out.len();
            put_word(
                label.unwrap_or_default(),
                |byte| byte.is_ascii_alphanumeric(),
                out,
            );
            out.truncate(out.len().min(start + LABEL));
        }
    }
    out.push(b' ');
    field(view.source_id, APP_NAME, out, written);
    out.push(b' ');
    if log {
        log_procid(view, out, written);
    } else {
        let start = out.len();
        out.push(b'[');
        out.extend_from_slice(view.instance_id);
        out.push(b']');
        out.truncate(out.len().min(start + PROCID));
        mend(out, start, written);
    }
    out.extend_from_slice(b" - ");
}

/// `[TYPE/INSTANCE]`, or `[TYPE]` without an instance.
fn log_procid(view: &View<'_>, out: &mut Vec<u8>, written: &mut Written) {
    let start = out.len();
    out.push(b'[');
    let source_type = view.tag("source_type").unwrap_or_default();
    put_source_type(source_type, out);
    let type_len = out.len() - start - 1;
    if view.instance_id.is_empty() {
        // The original cuts the bracket too.
        out.push(b']');
        out.truncate(out.len().min(start + PROCID));
        return;
    }
    // Three bytes are taken by the brackets and the slash. The original has no room
    // for an instance after a type of 125 bytes, and panics after a longer one.
    if type_len + 3 > PROCID {
        out.truncate(start + 1 + PROCID - 3);
        written.sanitised += 1;
    }
    let room = (PROCID - 3).saturating_sub(type_len);
    out.push(b'/');
    let instance = out.len();
    out.extend_from_slice(&view.instance_id[..view.instance_id.len().min(room)]);
    mend(out, instance, written);
    out.push(b']');
}

/// Appends a source type as process ids have it.
fn put_source_type(source_type: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    put_word(source_type, |byte| byte.is_ascii_graphic(), out);
    out[start..].make_ascii_uppercase();
}

/// A source type as process ids have it.
pub(super) fn source_type_word(source_type: &[u8]) -> Vec<u8> {
    let mut word = Vec::with_capacity(source_type.len());
    put_source_type(source_type, &mut word);
    word
}

/// Appends a header field, `-` if it is empty.
fn field(value: &[u8], longest: usize, out: &mut Vec<u8>, written: &mut Written) {
    if value.is_empty() {
        return out.push(b'-');
    }
    let start = out.len();
    out.extend_from_slice(&value[..value.len().min(longest)]);
    mend(out, start, written);
}

/// Makes what `out` holds from `start` on visible ASCII: another character becomes `-`.
fn mend(out: &mut Vec<u8>, start: usize, written: &mut Written) {
    if out[start..].iter().all(u8::is_ascii_graphic) {
        return;
    }
    let text = String::from_utf8_lossy(&out[start..]).into_owned();
    out.truncate(start);
    for character in text.chars() {
        out.push(match u8::try_from(character) {
            Ok(byte) if byte.is_ascii_graphic() => byte,
            _ => b'-',
        });
    }
    written.sanitised += 1;
}

/// Appends a word of a host name or process id: runs of white space become `-`, what
/// is neither `wanted` nor `-` goes, and `-` at the end too.
fn put_word(text: &[u8], wanted: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    let start = out.len();
    let mut space = false;
    for &byte in text {
        let is_space = matches!(byte, b'\t' | b'\n' | 0x0C | b'\r' | b' ');
        if is_space && !space {
            out.push(b'-');
        } else if !is_space && (byte == b'-' || wanted(byte)) {
            out.push(byte);
        }
        space = is_space;
    }
    while out.len() > start && out.last() == Some(&b'-') {
        out.pop();
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.ffffff]+00:00`, cut to microseconds, without zeros at the end.
fn timestamp(nanos: i64, out: &mut Vec<u8>) {
    let time = Civil::from_unix(nanos);
    let mut text = *b"0000-00-00T00:00:00.000000";
    // Sixty-four bits of nanoseconds end within the years 1677 to 2262.
    digits(&mut text[..4], time.year);
    digits(&mut text[5..7], i64::from(time.month));
    digits(&mut text[8..10], i64::from(time.day));
    digits(&mut text[11..13], time.second / 3600);
    digits(&mut text[14..16], time.second / 60 % 60);
    digits(&mut text[17..19], time.second % 60);
    let micros = time.nanos / 1000;
    digits(&mut text[20..], micros);
    let len = match micros {
        0 => 19,
        _ => text.iter().rposition(|byte| *byte != b'0').unwrap_or(0) + 1,
    };
    out.extend_from_slice(&text[..len]);
    out.extend_from_slice(b"+00:00");
}

/// Fills `text` with the last digits of a number.
fn digits(text: &mut [u8], mut number: i64) {
    for place in text.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}
