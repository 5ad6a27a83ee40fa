//! Syslog: V2 envelopes as RFC 5424 messages, byte for byte as the original's syslog
//! agent writes them ([`messages`]), the framings of RFC 6587 ([`octet_counted`],
//! [`framing`]), and messages back into envelopes ([`parse`]; [`log_cache`] as Log Cache's
//! syslog server does).

use std::io::Write as _;

pub(crate) mod civil;
mod data;
pub mod framing;
mod header;
pub mod log_cache;
pub mod parse;
pub mod strict;
mod view;

use logweir_proto::peek::Kind;

use view::View;

/// How a drain wants its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// HOSTNAME of an envelope without tags that name its organization, space or app.
    /// Empty is `-`.
    pub hostname: String,
    /// Whether tags become structured data (`tags@47450`).
    pub metadata: bool,
}

/// What [`messages`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Messages; as many offsets were appended to `ends`.
    pub messages: usize,
    /// Fields of the envelope that were changed because RFC 5424 has no place for
    /// their bytes. The original refuses such an envelope.
    pub sanitised: usize,
    /// Metrics of a gauge that were left out because all its messages together would
    /// be larger than [`MAX_GAUGE`]: each message repeats every tag.
    pub left_out: usize,
}

/// How many bytes the messages of one gauge may take together: more than any honest
/// gauge needs, and a bound for one that has megabytes of tags and a thousand metrics.
pub const MAX_GAUGE: usize = 16 << 20;

/// Appends the RFC 5424 messages of an envelope: one, none if it has no body, and one
/// for each metric of a gauge, sorted by name. `ends` gets the offset in `out` after
/// each of them. Messages end in a newline and carry no octet count.
///
/// The envelope's bytes are read where they lie; they have passed
/// [`peek`](logweir_proto::peek::peek). Only preferred tags are looked at, as the
/// original does.
///
/// What the format has no place for is changed rather than refused: in the names of
/// tags a bad character becomes `_`, in header fields `-`, and invalid UTF-8 in values
/// becomes U+FFFD.
pub fn messages(
    envelope: &[u8],
    style: &Style,
    out: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> Written {
    let view = View::of(envelope);
    let mut written = Written::default();
    let Some(kind) = view.kind else {
        return written;
    };
    let body = view.body(envelope);
    if kind == Kind::Log {
        log(&view, &body, style, out, &mut written);
        ends.push(out.len());
        written.messages = 1;
    } else {
        data::metric(&view, kind, &body, style, out, ends, &mut written);
    }
    written
}

/// Appends the one message of a log.
fn log(view: &View<'_>, body: &[u8], style: &Style, out: &mut Vec<u8>, written: &mut Written) {
    let (payload, severity) = view::log(body);
    out.extend_from_slice(severity);
    header::put(view, style, true, out, written);
    if style.metadata && !view.tags.is_empty() {
        data::tags(&view.tags, out, written);
    } else {
        out.push(b'-');
    }
    out.push(b' ');
    let start = out.len();
    if payload.contains(&0) {
        out.extend(payload.iter().filter(|byte| **byte != 0));
    } else {
        out.extend_from_slice(payload);
    }
    if out[start..].last() != Some(&b'\n') {
        out.push(b'\n');
    }
}

/// Appends `message` as a frame of syslog over TCP and TLS (RFC 6587 §3.4.1, RFC 5425
/// §4.3): its length in bytes, a space, the message.
pub fn octet_counted(message: &[u8], out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{} ", message.len());
    out.extend_from_slice(message);
}
