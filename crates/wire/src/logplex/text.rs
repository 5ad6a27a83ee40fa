//! What tails and drains are sent of a line, byte for byte as Logplex writes it.

use std::io::Write as _;

use super::{envelope::LineView, time::put_seconds};

#[cfg(test)]
mod tests;

/// PRI of a notice of loss: facility local5, severity warning.
const LOSS_PRI: u8 = 172;

/// Appends what a tail shows: `TIME SOURCE[PS]: CONTENT`, with a newline in the end.
pub fn tail_line(line: &LineView<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&line.time);
    out.push(b' ');
    out.extend_from_slice(&line.source);
    out.push(b'[');
    out.extend_from_slice(&line.ps);
    out.extend_from_slice(b"]: ");
    out.extend_from_slice(line.content);
    end_line(out);
}

/// Appends a frame of v3's channel logs: `LEN <PRI>1 TIME host SOURCE PS - CONTENT`, and a
/// newline that LEN counts, also after content that ends in one.
pub fn v3_frame(line: &LineView<'_>, out: &mut Vec<u8>) {
    counted(out, &http_head(line), &[line.content, b"\n"]);
}

/// Appends a frame of an HTTP drain: `LEN <PRI>1 TIME host SOURCE PS - CONTENT`. Unless
/// `strict`, content without a newline gets one, for receivers that read lines.
pub fn http_frame(line: &LineView<'_>, strict: bool, out: &mut Vec<u8>) {
    let newline = if strict { b"" } else { newline(line.content) };
    counted(out, &http_head(line), &[line.content, newline]);
}

/// Appends a frame of a TCP or TLS drain: [`syslog_message`] after its length and a space.
pub fn syslog_frame(line: &LineView<'_>, drain_token: &str, out: &mut Vec<u8>) {
    let head = syslog_head(line, drain_token);
    counted(out, &head, &[line.content, newline(line.content)]);
}

/// Appends a message of a syslog drain, a datagram of a UDP drain:
/// `<PRI>1 TIME DRAIN-TOKEN SOURCE PS - - CONTENT`, with a newline in the end.
pub fn syslog_message(line: &LineView<'_>, drain_token: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&syslog_head(line, drain_token));
    out.extend_from_slice(line.content);
    out.extend_from_slice(newline(line.content));
}

/// Appends the first frame of an HTTP drain's request after a loss (L10). Times are Unix
/// nanoseconds; `since` is when the first of the lost was dropped.
pub fn l10_http_frame(dropped: u64, since: i64, now: i64, strict: bool, out: &mut Vec<u8>) {
    let mut message = Vec::with_capacity(160);
    let _ = write!(message, "<{LOSS_PRI}>1 ");
    put_seconds(now, &mut message);
    message.extend_from_slice(b" host heroku logplex - ");
    l10(dropped, since, &mut message);
    let newline: &[u8] = if strict { b"" } else { b"\n" };
    counted(out, &message, &[newline]);
}

/// Appends the first frame of a TCP or TLS drain's packet after a loss (L10).
pub fn l10_syslog_frame(dropped: u64, since: i64, now: i64, drain_token: &str, out: &mut Vec<u8>) {
    let mut message = Vec::with_capacity(200);
    let _ = write!(message, "<{LOSS_PRI}>1 ");
    put_seconds(now, &mut message);
    let _ = write!(message, " {drain_token} heroku logplex - - ");
    l10(dropped, since, &mut message);
    counted(out, &message, &[b"\n"]);
}

/// Appends the message that tells a channel what one of its drains has lost (L10), as Heroku
/// words it.
pub fn l10_message(dropped: u64, now: i64, drain_token: &str, out: &mut Vec<u8>) {
    let _ = write!(out, "<{LOSS_PRI}>1 ");
    put_seconds(now, out);
    let _ = write!(
        out,
        " {drain_token} heroku logplex - - Error L10 (output buffer overflow): \
         drain '{drain_token}' dropped {dropped} messages since "
    );
    put_seconds(now, out);
    out.extend_from_slice(b".\n");
}

fn l10(dropped: u64, since: i64, out: &mut Vec<u8>) {
    let _ = write!(
        out,
        "Error L10 (output buffer overflow): {dropped} messages dropped since "
    );
    put_seconds(since, out);
    out.push(b'.');
}

/// Appends the line of a tail that was too slow (L11).
pub fn l11_line(dropped: u64, since: i64, now: i64, out: &mut Vec<u8>) {
    put_seconds(now, out);
    let _ = write!(
        out,
        " logplex[1]: Error L11 (Tail buffer overflow) -> This tail session dropped {dropped} \
         messages since "
    );
    put_seconds(since, out);
    out.extend_from_slice(b".\n");
}

/// Appends the message that tells a channel of a drain's certificate (L14). `url` is without
/// userinfo.
pub fn l14_message(now: i64, drain_token: &str, alert: &str, url: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<188>1 ");
    put_seconds(now, out);
    let _ = writeln!(
        out,
        " {drain_token} heroku logplex - - Error L14 (certificate validation): \
         error=\"{alert}\" uri=\"{url}\""
    );
}

/// Appends the line of a channel that may not be tailed (L20).
pub fn l20_line(now: i64, out: &mut Vec<u8>) {
    put_seconds(now, out);
    out.extend_from_slice(
        b" Logplex: Error L20 (Tail sessions forbidden) Tail sessions for this app are \
          forbidden due to log volume.\n",
    );
}

/// The header up to the content, with the constant host and without structured data.
fn http_head(line: &LineView<'_>) -> Vec<u8> {
    head(line, b"host", b" - ")
}

fn syslog_head(line: &LineView<'_>, drain_token: &str) -> Vec<u8> {
    head(line, drain_token.as_bytes(), b" - - ")
}

fn head(line: &LineView<'_>, host: &[u8], end: &[u8]) -> Vec<u8> {
    let mut head = Vec::with_capacity(128);
    // Writing to a Vec cannot fail.
    let _ = write!(head, "<{}>1 ", line.pri);
    head.extend_from_slice(&line.time);
    for word in [host, &line.source, &line.ps] {
        head.push(b' ');
        head.extend_from_slice(word);
    }
    head.extend_from_slice(end);
    head
}

/// Appends a message as a frame.
fn counted(out: &mut Vec<u8>, head: &[u8], rest: &[&[u8]]) {
    let length = head.len() + rest.iter().map(|part| part.len()).sum::<usize>();
    let _ = write!(out, "{length} ");
    out.extend_from_slice(head);
    for part in rest {
        out.extend_from_slice(part);
    }
}

/// The newline that `content` lacks.
fn newline(content: &[u8]) -> &'static [u8] {
    match content.last() {
        Some(b'\n') => b"",
        _ => b"\n",
    }
}

fn end_line(out: &mut Vec<u8>) {
    if out.last() != Some(&b'\n') {
        out.push(b'\n');
    }
}
