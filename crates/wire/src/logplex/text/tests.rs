//! Texts to the byte.

use super::*;

/// 2012-12-10T03:00:48.123456Z.
const NOW: i64 = 1_355_108_448_123_456_000;
const SINCE: i64 = NOW - 60_000_000_000;
const MESSAGE: &[u8] =
    b"<134>1 2012-12-10T03:00:48.123456Z erlang app console.1 - - Logsplat test message 1";

fn view(message: &[u8]) -> LineView<'_> {
    LineView::of_message(message).unwrap()
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn tail_lines() {
    let line = text(|out| tail_line(&view(MESSAGE), out));
    let expected = "2012-12-10T03:00:48.123456Z app[console.1]: Logsplat test message 1\n";
    assert_eq!(line, expected);
    for (content, expected) in [("", "\n"), ("a\n", "a\n"), ("a\nb", "a\nb\n")] {
        let message = format!("<134>1 t erlang app console.1 - - {content}");
        let line = text(|out| tail_line(&view(message.as_bytes()), out));
        assert_eq!(line, format!("t app[console.1]: {expected}"));
    }
}

#[test]
fn frames_of_channel_logs() {
    let message = b"<1>1 aaaa bbbb cccc dddd eeee - 6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    let frame = text(|out| v3_frame(&view(message), out));
    let expected = "64 <1>1 aaaa host cccc dddd - 6ba7b810-9dad-11d1-80b4-00c04fd430c8\n";
    assert_eq!(frame, expected);
    // The newline is added to content that has one.
    let frame = text(|out| v3_frame(&view(b"<1>1 a b c d - - e\n"), out));
    assert_eq!(frame, "21 <1>1 a host c d - e\n\n");
}

#[test]
fn frames_of_http_drains() {
    let frame = text(|out| http_frame(&view(MESSAGE), true, out));
    let message = "<134>1 2012-12-10T03:00:48.123456Z host app console.1 - Logsplat test message 1";
    assert_eq!(frame, format!("{} {message}", message.len()));
    let frame = text(|out| http_frame(&view(MESSAGE), false, out));
    assert_eq!(frame, format!("{} {message}\n", message.len() + 1));
    for strict in [true, false] {
        let frame = text(|out| http_frame(&view(b"<1>1 a b c d - - e\n"), strict, out));
        assert_eq!(frame, "20 <1>1 a host c d - e\n");
    }
}

#[test]
fn frames_of_syslog_drains() {
    let message = "<1>1 a d.1 c d - - e\n";
    for content in ["e", "e\n"] {
        let received = format!("<1>1 a b c d id [sd] {content}");
        let line = view(received.as_bytes());
        let frame = text(|out| syslog_frame(&line, "d.1", out));
        assert_eq!(frame, format!("{} {message}", message.len()));
        assert_eq!(text(|out| syslog_message(&line, "d.1", out)), message);
    }
}

#[test]
fn notices() {
    let lost = "Error L10 (output buffer overflow): 3 messages dropped since \
                2012-12-10T02:59:48+00:00.";
    let http = format!("<172>1 2012-12-10T03:00:48+00:00 host heroku logplex - {lost}");
    let frame = text(|out| l10_http_frame(3, SINCE, NOW, true, out));
    assert_eq!(frame, format!("{} {http}", http.len()));
    let frame = text(|out| l10_http_frame(3, SINCE, NOW, false, out));
    assert_eq!(frame, format!("{} {http}\n", http.len() + 1));

    let syslog = format!("<172>1 2012-12-10T03:00:48+00:00 d.1 heroku logplex - - {lost}\n");
    let frame = text(|out| l10_syslog_frame(3, SINCE, NOW, "d.1", out));
    assert_eq!(frame, format!("{} {syslog}", syslog.len()));

    let line = text(|out| l11_line(3, SINCE, NOW, out));
    let expected = "2012-12-10T03:00:48+00:00 logplex[1]: Error L11 (Tail buffer overflow) -> \
                    This tail session dropped 3 messages since 2012-12-10T02:59:48+00:00.\n";
    assert_eq!(line, expected);

    let message = text(|out| l14_message(NOW, "d.1", "unknown ca", "syslog+tls://h:6514", out));
    let expected = "<188>1 2012-12-10T03:00:48+00:00 d.1 heroku logplex - - Error L14 \
                    (certificate validation): error=\"unknown ca\" uri=\"syslog+tls://h:6514\"\n";
    assert_eq!(message, expected);

    let line = text(|out| l20_line(NOW, out));
    let expected = "2012-12-10T03:00:48+00:00 Logplex: Error L20 (Tail sessions forbidden) Tail \
                    sessions for this app are forbidden due to log volume.\n";
    assert_eq!(line, expected);
}
