//! Lines as a client reads them: plain text, or server-sent events.

use http::{HeaderMap, header};
use logweir_wire::logplex::{LineView, text};

/// What is sent when a stream of events is quiet: a comment, which readers pass over.
pub(super) const HEARTBEAT: &[u8] = b":\n\n";

/// The form of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines, one after another.
    Plain,
    /// An event for each line, with its newline left out.
    Events,
}

impl Form {
    /// What a client's `Accept` asks for.
    pub(super) fn asked(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter();
        let mut accepted = accepted.filter_map(|accept| accept.to_str().ok());
        match accepted.any(|accept| accept.contains("text/event-stream")) {
            true => Self::Events,
            false => Self::Plain,
        }
    }

    /// The `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/html",
            Self::Events => "text/event-stream",
        }
    }

    /// Appends a line.
    pub(super) fn line(self, line: &LineView<'_>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        match self {
            Self::Plain => text::tail_line(line, out),
            Self::Events => {
                scratch.clear();
                text::tail_line(line, scratch);
                event(scratch, out);
            }
        }
    }

    /// Appends a line that is text already.
    pub(super) fn text(self, line: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain => out.extend_from_slice(line),
            Self::Events => event(line, out),
        }
    }
}

/// Appends an event whose data is a line, which ends in a newline. Line breaks within it
/// part the data; what is no UTF-8 is replaced, since events are nothing else.
fn event(line: &[u8], out: &mut Vec<u8>) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    let mut rest = &*text;
    loop {
        let end = rest.find(['\r', '\n']);
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&rest.as_bytes()[..end.unwrap_or(rest.len())]);
        out.push(b'\n');
        let Some(end) = end else { break };
        let broken = if rest[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + broken..];
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn an_event_is_a_line_without_its_newline() {
        for (line, expected) in [
            ("t app[web.1]: a\n", "data: t app[web.1]: a\n\n"),
            ("a\nb\n", "data: a\ndata: b\n\n"),
            ("a\r\nb\rc\r\n", "data: a\ndata: b\ndata: c\n\n"),
            ("a\n\n", "data: a\ndata: \n\n"),
            ("\n", "data: \n\n"),
        ] {
            let mut out = Vec::new();
            event(line.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{line:?}");
        }
        let mut out = Vec::new();
        event(b"\xFF\n", &mut out);
        assert_eq!(out, "data: \u{FFFD}\n\n".as_bytes());
    }

    #[test]
    fn events_are_for_those_who_accept_them() {
        let mut headers = HeaderMap::new();
        assert_eq!(Form::asked(&headers), Form::Plain);
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        assert_eq!(Form::asked(&headers), Form::Plain);
        let both = HeaderValue::from_static("text/html, text/event-stream;q=0.9");
        headers.append(header::ACCEPT, both);
        assert_eq!(Form::asked(&headers), Form::Events);
    }
}
