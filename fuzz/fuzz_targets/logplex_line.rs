//! Every message of Logplex becomes an envelope that routing takes, comes back byte for byte,
//! and is shown as what it says.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use logweir_proto::{frames::frames, peek::peek};
use logweir_wire::logplex::{
    LineView, frame_of, frame_renamed,
    line::{self, Line},
    message, text,
};

fuzz_target!(|bytes: &[u8]| {
    let mut out = BytesMut::new();
    frame_of("channel", 1, bytes, &mut out);
    let frame = frames(&out).next().expect("a frame").expect("well-formed");
    assert_eq!(frame.bytes.len(), out.len());
    peek(frame.envelope).expect("an envelope");
    let mut back = Vec::new();
    assert!(message(frame.envelope, &mut back));
    assert_eq!(back, bytes);
    let view = LineView::of_envelope(frame.envelope);
    assert_eq!(view, LineView::of_message(bytes));
    if let Some(view) = &view {
        let mut shown = Vec::new();
        text::tail_line(view, &mut shown);
        assert_eq!(shown.last(), Some(&b'\n'));
        text::http_frame(view, false, &mut shown);
        text::syslog_frame(view, "d.1", &mut shown);
        text::v3_frame(view, &mut shown);
    }

    // A token in the place of MSGID is replaced too.
    let token = line::fourth_word(bytes);
    let twice = token.clone().zip(Line::parse(bytes));
    let twice = twice.is_some_and(|(token, line)| &bytes[token] == line.msgid);
    if let Some(place) = token.filter(|_| !twice) {
        let mut expected = bytes[..place.start].to_vec();
        expected.extend_from_slice(b"APP");
        expected.extend_from_slice(&bytes[place.end..]);
        let mut out = BytesMut::new();
        frame_renamed("channel", 1, (bytes, place), "APP", &mut out);
        let frame = frames(&out).next().expect("a frame").expect("well-formed");
        peek(frame.envelope).expect("an envelope");
        back.clear();
        assert!(message(frame.envelope, &mut back));
        assert_eq!(back, expected);
    }

    // Whatever else the exchange carries, its logs are shown or passed over.
    if peek(bytes).is_ok() && message(bytes, &mut Vec::new()) {
        let _ = LineView::of_envelope(bytes);
    }
});
