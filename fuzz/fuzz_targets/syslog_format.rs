//! Any envelope becomes messages whose headers RFC 5424 allows, and which are read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_proto::peek::{Kind, peek};
use logweir_wire::syslog::parse::{Arrival, Form, envelope};
use logweir_wire::syslog::{MAX_GAUGE, Style, messages};

fuzz_target!(|bytes: &[u8]| {
    let Some((hostname, bytes)) = bytes.split_first() else {
        return;
    };
    let style = Style {
        hostname: char::from(*hostname).to_string(),
        metadata: hostname & 1 == 0,
    };
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    // Bytes that are no envelope must not panic either.
    let written = messages(bytes, &style, &mut out, &mut ends);
    assert_eq!(written.messages, ends.len());
    assert_eq!(ends.last().copied().unwrap_or(0), out.len());
    let Ok(peeked) = peek(bytes) else { return };
    let expected = match peeked.kind {
        None => 0,
        Some(Kind::Gauge) => peeked.gauge_names().len(),
        Some(_) => 1,
    };
    assert_eq!(written.messages + written.left_out, expected);
    assert!(written.messages < 2 || out.len() <= MAX_GAUGE);
    let arrival = Arrival {
        received: 0,
        source_id: "",
    };
    let (mut start, mut back) = (0, Vec::new());
    for end in ends {
        let message = &out[start..end];
        start = end;
        let mut fields = message.splitn(7, |byte| *byte == b' ');
        assert!(matches!(fields.next(), Some(b"<14>1" | b"<11>1")));
        for longest in [32, 255, 48, 128, 1] {
            let field = fields.next().expect("a field");
            assert!((1..=longest).contains(&field.len()));
            assert!(field.iter().all(u8::is_ascii_graphic));
        }
        assert!(fields.next().is_some_and(|rest| rest.ends_with(b"\n")));
        back.clear();
        assert_eq!(envelope(message, &arrival, &mut back), Ok(Form::Rfc5424));
        let again = peek(&back).expect("an envelope");
        assert_eq!(again.kind, peeked.kind);
        assert_eq!(again.timestamp, peeked.timestamp.div_euclid(1000) * 1000);
    }
});
